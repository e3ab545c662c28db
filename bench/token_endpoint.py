"""The token endpoint beside bare Flask routes that send the same database commands, for each kind of grant."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import bson
from bson import ObjectId
from flask import Flask
from pymongo import MongoClient, monitoring

import config
from authsvc import clock
from authsvc.app import create_app
from authsvc.devdb import quirks
from authsvc.models.apps import App, AppKind
from authsvc.models.sessions import Session
from authsvc.security import opaque_tokens
from authsvc.services import app_tokens, authorizations
from authsvc.services.token_claims import Ext, Request
from bench import load
from bench.harness import PASSWORD, Row, database, serving
from tests.conftest import wait_until_ready
from tests.support.oauth import AppClient, Code, new_app
from tests.support.service import Service

ROUNDS = 3
SECONDS = 2
CONNECTIONS = 8
COPIES = 1500
"""Requests for a round: each code, and each refresh token, is used once."""
TARGETS = 1000
"""Documents that the bare routes change in turn, so that they write too and do not wait for each other."""
GOAL = 0.6
_NOT_SENT_AGAIN = ("lsid", "$db", "$clusterTime", "txnNumber", "maxTimeMS", "$readPreference")


class _Recorder(monitoring.CommandListener):
    """Keeps the commands that are sent while it is asked to."""

    kept: list[dict[str, Any]] | None = None

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        if self.kept is not None:
            command = {name: value for name, value in event.command.items() if name not in _NOT_SENT_AGAIN}
            self.kept.append(command)

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        pass

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        pass

    @contextmanager
    def record(self) -> Iterator[list[dict[str, Any]]]:
        """Yield a list that fills with what is sent inside."""
        self.kept = commands = []
        yield commands
        self.kept = None


@dataclass
class _Grants:
    """Two apps in the database, what they can exchange, and the commands of each kind of exchange.

    `document` is that of the first one; `code` and `session` are copied for others.
    """

    app: Flask
    notes: AppClient
    nightly: AppClient
    document: App
    code: Code
    session: ObjectId
    commands: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def texts(self, kind: str, uri: str) -> list[str]:
        """Return the texts of requests of a kind; there is another for each exchange."""
        asking = self.nightly if kind == "client credentials" else self.notes
        forms = {"code": self._codes, "refresh": self._refreshes, "client credentials": self._services}[kind](uri)
        return [load.form("/oauth2/token", one, f"{asking.id}:{asking.secret}") for one in forms]

    def _codes(self, uri: str) -> list[dict[str, str]]:
        code = self.code
        with MongoClient[dict[str, Any]](uri, retryWrites=False) as client:
            stored = client.get_default_database()
            stored_one = stored.authorizations.find_one({"codeDigest": opaque_tokens.digest(code.code)})
            assert stored_one is not None
            owners = _people(stored, stored_one["user"], ObjectId(stored_one["session"]), self.notes.id)
            made = [opaque_tokens.generate(authorizations.CODE_PREFIX) for _ in owners]
            stored.authorizations.insert_many(
                {
                    **stored_one,
                    "_id": ObjectId(),
                    "user": user,
                    "session": str(session),
                    "granted": ObjectId(),
                    "digest": str(ObjectId()),
                    "codeDigest": opaque_tokens.digest(text),
                    "codeExpiresAt": clock.now() + timedelta(hours=1),
                }
                for text, (user, session) in zip(made, owners, strict=True)
            )
        return [Code(text, code.verifier, code.redirect_uri, {}).form for text in made]

    def _refreshes(self, uri: str) -> list[dict[str, str]]:
        with MongoClient[dict[str, Any]](uri, retryWrites=False) as client, self.app.test_request_context():
            stored = client.get_default_database()
            stored_one = stored.sessions.find_one({"_id": self.session})
            assert stored_one is not None
            owners = _people(stored, stored_one["user"], stored_one["parent"], self.notes.id)
            made = [
                {**stored_one, "_id": ObjectId(), "user": user, "parent": parent, "email": _email_of(user)}
                for user, parent in owners
            ]
            stored.sessions.insert_many(made)
            sessions = [Session._from_son(one) for one in made]
            wish = Request(self.document, ["openid", "email"], "http://localhost:8000/x")
            pairs = [app_tokens.mint(one, wish, Ext()) for one in sessions]
        return [{"grant_type": "refresh_token", "refresh_token": pair.refresh_token or ""} for pair in pairs]

    def _services(self, _: str) -> list[dict[str, str]]:
        return [{"grant_type": "client_credentials"}] * COPIES * 2


def _people(stored: Any, user: ObjectId, session: ObjectId, app: str) -> list[tuple[ObjectId, ObjectId]]:
    """Make more of somebody, with a session of their own and what they allow an app; return the ids of both."""
    person, own = stored.users.find_one({"_id": user}), stored.sessions.find_one({"_id": session})
    grant = stored.grants.find_one({"user": user, "app": app})
    owners = [(ObjectId(), ObjectId()) for _ in range(COPIES)]
    stored.users.insert_many(
        {**person, "_id": one, "email": _email_of(one), "emailKey": _email_of(one)} for one, _ in owners
    )
    stored.sessions.insert_many({**own, "_id": id_, "user": one, "email": _email_of(one)} for one, id_ in owners)
    stored.grants.insert_many({**grant, "_id": ObjectId(), "user": one} for one, _ in owners)
    return owners


def _email_of(user: ObjectId) -> str:
    return f"{user}@example.com"


def _targets(commands: list[dict[str, Any]], uri: str) -> list[list[dict[str, Any]]]:
    """Copy what each command has changed; return conditions like its own, which the copies meet: one for each.

    To miss would cost the database less than to write, and so would a shorter condition.
    """
    targets: list[list[dict[str, Any]]] = []
    with MongoClient[dict[str, Any]](uri, retryWrites=False) as client:
        stored = client.get_default_database()
        for command in commands:
            conditions: list[dict[str, Any]] = []
            if "update" in command:
                condition = command["updates"][0]["q"]
                key = {"_id": condition["_id"]} if "_id" in condition else condition
                known = {**(stored[command["update"]].find_one(key) or {}), **condition}
                before = {name: value for name, value in known.items() if value is not None}
                own = [name for name in ("_id", "user", "digest", "codeDigest") if name in before]  # no two share one
                copies = [{**before, **{name: ObjectId() for name in own}} for _ in range(TARGETS)]
                stored[command["update"]].insert_many(copies)
                conditions = [{name: copy.get(name) for name in condition} for copy in copies]
            targets.append(conditions)
    return targets


def _prepared(settings: dict[str, str]) -> _Grants:
    quirks.install()  # as the service does on the embedded database
    recorder = _Recorder()
    monitoring.register(recorder)
    app = create_app(config.from_environment({**os.environ, **settings}))
    wait_until_ready(app)
    client = app.test_client(use_cookies=False)
    body = {"name": "A", "email": "bench@example.com", "password": PASSWORD}
    token = client.post("/auth/register", json=body).get_json()["accessToken"]
    api = {"scopes": ["orders:read"], "resources": ["https://orders.example.net"]}
    nightly = new_app(app, client, AppKind.SERVICE, "Nightly", (), **api)
    notes = new_app(app, client)
    with app.app_context():
        document = App.find(notes.id)
        claims = app_tokens.read(notes.sign_in(token)["refresh_token"])
    assert document is not None
    assert claims is not None
    grants = _Grants(app, notes, nightly, document, notes.authorize(token), ObjectId(claims.claims["sid"]))
    code = notes.authorize(token)
    exchanges = {
        "code": lambda: notes.exchange(code),
        "refresh": lambda: notes.refresh(tokens["refresh_token"]),
        "client credentials": lambda: nightly.token({"grant_type": "client_credentials"}),
    }
    tokens: dict[str, Any] = {}
    for kind, exchange in exchanges.items():
        with recorder.record() as commands:
            answer = exchange()
        assert answer.status == 200, answer.text
        tokens = tokens or answer.json
        grants.commands[kind] = commands
    return grants


def token_endpoint() -> list[Row]:
    """Compare exchanges a second with those of the bare routes, in turns."""
    rows: list[Row] = []
    with database() as settings, TemporaryDirectory(prefix="authsvc-bench-") as folder:
        grants, path = _prepared(settings), Path(folder) / "commands"
        targets = {kind: _targets(commands, settings["MONGODB_URI"]) for kind, commands in grants.commands.items()}
        path.write_bytes(bson.encode({"commands": grants.commands, "targets": targets}))
        with (
            Service(**settings) as service,
            serving("bench.bare_tokens:app", {**settings, "BENCH_COMMANDS": str(path)}) as bare,
        ):
            for kind, commands in grants.commands.items():
                pairs = [_round(grants, kind, service.port, bare.port, settings["MONGODB_URI"]) for _ in range(ROUNDS)]
                ours, other = (median(side) for side in zip(*pairs, strict=True))
                ratio = median(one / two for one, two in pairs)
                figure = f"{ours:.0f}/s = {ratio:.0%} of {other:.0f}/s bare, {len(commands)} commands"
                rows.append((f"token endpoint: {kind}", figure, ratio >= GOAL))
    return rows


def _round(grants: _Grants, kind: str, port: int, bare: int, uri: str) -> tuple[float, float]:
    plan = {"connections": CONNECTIONS, "seconds": SECONDS}
    texts = grants.texts(kind, uri)
    ours = load.finish(load.start(**plan, port=port, requests=list(texts), once=True))
    assert ours.refused == 0, ours.statuses
    same = texts[0].replace("/oauth2/token", f"/{kind.replace(' ', '%20')}", 1)
    other = load.finish(load.start(**plan, port=bare, requests=[same]))
    assert other.refused == 0, other.statuses
    return ours.rate, other.rate

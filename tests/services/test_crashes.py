"""A process dies (kill -9) at any step of `happening`: a change with its record and letters, or none. F4, U10."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
import time_machine
from bson import ObjectId
from flask import Flask
from flask.testing import FlaskClient

from authsvc import clock
from authsvc.clients.connector import Connector
from authsvc.events import catalogue, happening
from authsvc.services import logout_notices
from tests.conftest import PASSWORD, Person
from tests.support.accounts import Database
from tests.support.app_devices import ADVANCE, Device, new_device_app
from tests.support.crashes import Crashing
from tests.support.oauth import FORM, TOKEN, AppClient, Code, new_app
from tests.support.operations import NEW, OPERATIONS, Attempt, World, app_allowed, device_allowed, settle
from tests.support.outside import Server
from tests.support.upstreams import Upstream, providers_file, signing_in_with


def by_sign_out(person: Person, _: World) -> dict[str, Any]:
    return {"method": "POST", "path": "/auth/logout", "headers": person.headers}


def by_sign_out_everywhere(person: Person, _: World) -> dict[str, Any]:
    return {"method": "DELETE", "path": "/auth/sessions?scope=all", "headers": person.headers}


def by_disconnecting(person: Person, world: World) -> dict[str, Any]:
    grant = world.mongo.grants.find_one({"user": ObjectId(person.id)})
    assert grant is not None
    return {"method": "DELETE", "path": f"/auth/grants/{grant['_id']}", "headers": person.headers}


def by_disabling(person: Person, world: World) -> dict[str, Any]:
    path, body = f"/admin/users/{person.id}", {"disabled": True}
    return {"method": "PATCH", "path": path, "headers": world.admin().headers, "json": body}


ENDINGS: list[Callable[[Person, World], dict[str, Any]]] = [
    by_sign_out,
    by_sign_out_everywhere,
    by_disconnecting,
    by_disabling,
]


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream() as running:
        yield running


@pytest.fixture(scope="module")
def crashing(
    app: Flask, settings: dict[str, str], upstream: Upstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Crashing]:
    providers = providers_file(tmp_path_factory.mktemp("providers"), upstream.toml())
    with Crashing({**settings, **providers}) as running:
        yield running


@pytest.fixture
def world(app: Flask, client: FlaskClient, mongo: Database, upstream: Upstream) -> Iterator[World]:
    with signing_in_with(app, upstream.settings()):
        yield World(app, client, mongo, upstream)


def about(world: World, attempt: Attempt) -> list[dict[str, Any]]:
    target = {} if attempt.target is None else {"target": attempt.target}
    return list(world.mongo.audit.find({"action": attempt.action, **target}))


@pytest.mark.parametrize("prepare", OPERATIONS, ids=lambda operation: operation.__name__)
def test_a_change_has_its_record_and_letters_or_was_not_made(
    world: World, crashing: Crashing, prepare: Callable[[World], Attempt]
) -> None:
    made: set[bool] = set()
    for step in range(1, 60):
        attempt = prepare(world)
        world.mongo.audit.delete_many({})  # what preparing it left
        before = attempt.state()
        known = {kind: delivered(world, kind, to) for kind, to in attempt.letters.items()}
        status = crashing.request(**attempt.request, die_before=step)
        is_made = attempt.state() != before
        settle(world.app)
        records = about(world, attempt)
        assert len(records) == is_made, (step, records)
        assert [record for record in records if "evidence" in record] == [], step
        somebody = world.mongo.users.distinct("_id")
        assert world.mongo.sessions.count_documents({"endedAt": None, "user": {"$nin": somebody}}) == 0, step
        for kind, to in attempt.letters.items():
            letters = delivered(world, kind, to) - known[kind]
            assert letters == is_made, (step, kind)
        made.add(is_made)
        if status is not None:
            break
    assert status is not None
    assert made == {True, False}


@pytest.mark.parametrize("end", ENDINGS, ids=lambda end: end.__name__)
def test_o49_o50_no_session_at_an_app_outlives_what_it_came_from_and_each_end_is_told(
    world: World, crashing: Crashing, end: Callable[[Person, World], dict[str, Any]]
) -> None:
    ended: set[bool] = set()
    with Server() as server:
        for step in range(1, 60):
            person, notes = world.somebody(), new_app(world.app, world.client)
            world.mongo.apps.update_one({"_id": notes.id}, {"$set": {"backchannelUri": server.url()}})
            notes.sign_in(person.tokens["accessToken"])
            status = crashing.request(**end(person, world), die_before=step)
            settle(world.app)
            heard = tell_apps(world.app, server)
            session = world.mongo.sessions.find_one({"app": notes.id})
            assert session is not None
            is_over = session.get("endedAt") is not None
            origin = world.mongo.sessions.find_one({"_id": session["parent"]}) or {"endedAt": True}
            is_gone = origin.get("endedAt") is not None or not world.mongo.grants.count_documents({"app": notes.id})
            assert is_over or not is_gone, step
            assert heard == is_over, step
            ended.add(is_over)
            if status is not None:
                break
    assert status is not None
    assert ended == {True, False}


@pytest.mark.parametrize("kind", ["page", "device"])
def test_o20_o47_a_code_works_only_with_what_was_allowed_wherever_the_process_dies(
    world: World, crashing: Crashing, kind: str
) -> None:
    """Neither a code without the grant that it rests on, nor a grant without a decision."""
    seen: set[tuple[bool, bool, bool]] = set()
    for step in range(1, 40):
        attempt = app_allowed(world) if kind == "page" else device_allowed(world)
        status = crashing.request(**attempt.request, die_before=step)
        settle(world.app)
        stored = world.mongo.authorizations.find_one({}, sort=[("_id", -1)])
        assert stored is not None
        decided, granted, usable = stored.get("user") is not None, attempt.state() == 1, "codeDigest" in stored
        assert decided >= granted >= usable, (step, stored)
        seen.add((decided, granted, usable))
        if status is not None:
            break
    assert status == 200
    assert seen == {(False,) * 3, (True, False, False), (True, True, False), (True,) * 3}


def test_o47_a_device_whose_answer_was_lost_is_told_soon(world: World, crashing: Crashing) -> None:
    """It waits as long as the answer may still come, then begins again, and does not wait for a quarter of an hour."""
    heard: set[str | None] = set()
    for step in range(1, 40):
        person, tv = world.somebody(), Device.begin(new_device_app(world.app, world.client))
        asked = {"userCode": tv.user_code, "decision": "allow"}
        status = crashing.request("POST", ADVANCE, json=asked, headers=person.headers, die_before=step)
        is_allowed = bool(world.mongo.authorizations.count_documents({"user": ObjectId(person.id)}))
        error = tv.poll().error
        if error == "authorization_pending" and is_allowed:
            with time_machine.travel(clock.now() + timedelta(seconds=62)):
                error = tv.poll().error
            assert error == "expired_token", step
        assert world.mongo.sessions.count_documents({"app": tv.app.id}) == (error is None)
        heard.add(error)
        if status is not None:
            break
    assert status == 200
    assert heard == {"authorization_pending", "expired_token", None}


@dataclass
class Decision:
    """Somebody who is about to allow an app, by its page or by the code of a device."""

    world: World
    person: Person
    app: AppClient
    path: str
    body: dict[str, str]
    headers: dict[str, str]
    form: Callable[[dict[str, Any]], dict[str, Any]]
    """Returns what the app shows for tokens, once it has an answer."""

    def advance(self, decision: str | None = "allow") -> dict[str, Any]:
        """Return the request."""
        body = self.body if decision is None else {**self.body, "decision": decision}
        return {"method": "POST", "path": self.path, "json": body, "headers": self.headers}

    def token_request(self, answer: dict[str, Any]) -> dict[str, Any]:
        """Return the request for tokens."""
        headers, more = self.app.credentials()
        data = urlencode({**self.form(answer), **more})
        return {"method": "POST", "path": TOKEN, "data": data, "headers": {**FORM, **headers}}


def by_page(world: World) -> Decision:
    """Return a decision that is made for the first time."""
    person, notes = world.somebody(), new_app(world.app, world.client)
    request, cookie, verifier = notes.begin()

    def form(answer: dict[str, Any]) -> dict[str, Any]:
        query = dict(parse_qsl(urlsplit(answer.get("redirect", "")).query))
        return Code(query.get("code", ""), verifier, notes.redirect_uri, query).form

    headers = {**person.headers, **cookie}
    return Decision(world, person, notes, "/auth/authorizations/advance", {"request": request}, headers, form)


def by_page_again(world: World) -> Decision:
    """Return a decision about an app that was allowed before."""
    decision = by_page(world)
    decision.app.sign_in(decision.person.tokens["accessToken"])
    return decision


def by_device(world: World) -> Decision:
    """Return a decision about a device."""
    person, tv = world.somebody(), Device.begin(new_device_app(world.app, world.client))
    return Decision(world, person, tv.app, ADVANCE, {"userCode": tv.user_code}, person.headers, lambda _: tv.form)


Request = dict[str, Any]


def leave(of: Decision) -> Request:
    return {"method": "DELETE", "path": "/auth/logout", "headers": of.person.headers}


def leave_everywhere(of: Decision) -> Request:
    return {"method": "DELETE", "path": "/auth/sessions?scope=all", "headers": of.person.headers}


def delete_account(of: Decision) -> Request:
    return {"method": "DELETE", "path": "/auth/me", "headers": of.person.headers}


def change_password(of: Decision) -> Request:
    body = {"currentPassword": PASSWORD, "newPassword": NEW}
    return {"method": "POST", "path": "/auth/me/password", "json": body, "headers": of.person.headers}


def disable_account(of: Decision) -> Request:
    path, headers = f"/admin/users/{of.person.id}", of.world.admin().headers
    return {"method": "PATCH", "path": path, "json": {"disabled": True}, "headers": headers}


def disable_app(of: Decision) -> Request:
    path, headers = f"/admin/apps/{of.app.id}", of.world.admin().headers
    return {"method": "PATCH", "path": path, "json": {"disabled": True}, "headers": headers}


def delete_app(of: Decision) -> Request:
    return {"method": "DELETE", "path": f"/admin/apps/{of.app.id}", "headers": of.world.admin().headers}


def disconnect(of: Decision) -> Request:
    """Take back what there is; if that is nothing, another's."""
    grant = of.world.mongo.grants.find_one({"app": of.app.id}) or {"_id": ObjectId()}
    return {"method": "DELETE", "path": f"/auth/grants/{grant['_id']}", "headers": of.person.headers}


def cancel(of: Decision) -> Request:
    return of.advance("deny")


MEANWHILE: dict[Callable[[Decision], Request], set[str]] = {
    leave: {"page"},  # a device outlasts it
    leave_everywhere: {"page", "device"},
    change_password: {"page", "device"},
    disable_account: {"page", "device"},
    delete_account: {"page", "device"},
    disable_app: {"page", "device"},
    delete_app: {"page", "device"},
    disconnect: set(),
    cancel: set(),
}
"""What may happen while somebody allows an app; and where nothing works afterwards that they allowed."""
ASKED = "allow"
DECISIONS = {
    "for the first time": (by_page, ASKED),
    "again": (by_page_again, ASKED),
    "again, unasked": (by_page_again, None),
    "for a device": (by_device, ASKED),
}


def place_of(which: str) -> str:
    """Return where a decision is made."""
    return "device" if which == "for a device" else "page"


@dataclass
class Outcome:
    """What has come of a decision: whether what the app got works, and what is stored."""

    of: Decision
    works: bool
    grants: int
    records: int
    requests: int

    @classmethod
    def see(cls, of: Decision, answer: dict[str, Any]) -> "Outcome":
        given = of.world.client.open(**of.token_request(answer)).get_json()
        mongo, whose = of.world.mongo, ObjectId(of.person.id)
        works = of.app.userinfo(given.get("access_token", "")).status == 200
        records = mongo.audit.count_documents({"action": "grant.given", "target": whose})
        requests = mongo.authorizations.count_documents({"user": whose})
        return cls(of, works, mongo.grants.count_documents({"app": of.app.id}), records, requests)


@pytest.mark.parametrize("meanwhile", MEANWHILE, ids=lambda change: change.__name__)
@pytest.mark.parametrize("which", DECISIONS)
def test_o11_o20_o47_whatever_happens_between_two_writes_of_a_decision(
    world: World, crashing: Crashing, meanwhile: Callable[[Decision], Request], which: str
) -> None:
    """R104: what an app gets works only if it is connected, and only with an account and an app that are there."""
    prepare, decision = DECISIONS[which]
    for step in range(1, 40):
        of = prepare(world)
        was_there, answer = crashing.interrupt(
            **of.advance(decision), before=step, meanwhile=lambda of=of: world.client.open(**meanwhile(of))
        )
        outcome = Outcome.see(of, answer)
        if not was_there:
            break
        check_outcome(outcome, meanwhile, which)
    assert (outcome.works, outcome.grants, outcome.records) == (True, 1, 1)
    assert step > 2


@pytest.mark.parametrize("change", MEANWHILE, ids=lambda change: change.__name__)
@pytest.mark.parametrize("which", DECISIONS)
def test_o11_o20_o47_a_decision_between_any_two_writes_of_something_else(
    world: World, crashing: Crashing, change: Callable[[Decision], Request], which: str
) -> None:
    """The other way round."""
    prepare, decision = DECISIONS[which]
    answer: dict[str, Any] = {}
    passwords: list[str] = []

    def decide() -> None:
        passwords.append(password_of(of))
        answer.update(world.client.open(**of.advance(decision)).get_json())

    for step in range(1, 60):
        of = prepare(world)
        before = password_of(of)
        answer.clear()
        was_there, _ = crashing.interrupt(**change(of), before=step, meanwhile=decide)
        if not was_there:
            break
        # Whoever changes the password stays signed in, so what they allow after that was stored is in order.
        if change is not change_password or passwords[-1] == before:
            check_outcome(Outcome.see(of, answer), change, which)
    assert step > 1 or (change is disconnect and "again" not in which)


EXCHANGES = [
    pytest.param(which, change, id=f"{which}-{change.__name__}")
    for which in ("for the first time", "for a device")
    for change, places in MEANWHILE.items()
    if place_of(which) in places
]


@pytest.mark.parametrize(("which", "change"), EXCHANGES)
@pytest.mark.parametrize("first", [True, False], ids=["in it", "it"])
def test_o11_o47_whatever_happens_between_two_writes_of_an_exchange_or_the_other_way_round(
    world: World, crashing: Crashing, change: Callable[[Decision], Request], which: str, first: bool
) -> None:
    """R104: nothing works afterwards that a code gave, or a device code."""
    prepare, _ = DECISIONS[which]
    for step in range(1, 60):
        of = prepare(world)
        exchange, other = of.token_request(world.client.open(**of.advance()).get_json()), change(of)
        one, another = (exchange, other) if first else (other, exchange)
        told: list[Any] = []

        def meanwhile(told: list[Any] = told, another: Request = another) -> None:
            told.append(world.client.open(**another).get_json(silent=True))

        was_there, answer = crashing.interrupt(**one, before=step, meanwhile=meanwhile)
        if not was_there:
            break
        given = answer if first else told[0]
        assert of.app.userinfo(given.get("access_token", "none")).status == 401, step
        assert world.mongo.sessions.count_documents({"app": of.app.id, "endedAt": None}) == 0, step
    assert step > 1


def password_of(of: Decision) -> str:
    user = of.world.mongo.users.find_one({"_id": ObjectId(of.person.id)}) or {}
    return str(user.get("password"))


def check_outcome(outcome: Outcome, meanwhile: Callable[[Decision], Request], which: str) -> None:
    """Assert that a decision and what happened in between go together."""
    assert not outcome.works or place_of(which) not in MEANWHILE[meanwhile]
    assert outcome.grants == 1 or not outcome.works
    if meanwhile in (delete_account, delete_app):
        assert outcome.grants == 0
    if meanwhile is delete_account:
        assert outcome.requests == 0
    if meanwhile is disconnect:
        assert outcome.works == (outcome.grants == 1)
        assert not (outcome.works and "unasked" in which)
    if meanwhile is cancel and "again" not in which:
        assert outcome.works == outcome.grants == outcome.records


APP_CHANGES: list[dict[str, Any]] = [
    {"method": "PATCH", "json": {"disabled": True}},
    {"method": "PATCH", "json": {"scopes": ["openid"]}},
    {"method": "DELETE"},
]


@pytest.mark.parametrize("change", APP_CHANGES, ids=["disable", "narrow", "delete"])
def test_o49_o50_what_an_app_has_ends_with_it_wherever_the_process_dies(
    world: World, crashing: Crashing, change: dict[str, Any]
) -> None:
    """What works not any longer has ended a minute later, and the app was told of each session; else of none."""
    made: set[bool] = set()
    with Server() as server:
        for step in range(1, 40):
            notes = new_app(world.app, world.client)
            world.mongo.apps.update_one({"_id": notes.id}, {"$set": {"backchannelUri": server.url()}})
            tokens = [notes.sign_in(world.somebody().tokens["accessToken"]) for _ in range(3)]
            path, headers = f"/admin/apps/{notes.id}", world.admin().headers
            status = crashing.request(**change, path=path, headers=headers, die_before=step)
            is_over = {notes.userinfo(one["access_token"]).status for one in tokens} == {401}
            heard = tell_apps(world.app, server)
            live = world.mongo.sessions.count_documents({"app": notes.id, "endedAt": None})
            assert (live, heard) == ((0, 3) if is_over else (3, 0)), step
            made.add(is_over)
            if status is not None:
                break
    assert status is not None
    assert made == {True, False}


def tell_apps(app: Flask, server: Server) -> int:
    """Deliver the notices that are due once those of a crash had their time; return how many came."""
    before = len(server.requests)
    with app.app_context(), time_machine.travel(clock.now() + timedelta(seconds=62)):
        while logout_notices.deliver(Connector(local=True)):
            pass
    return len(server.requests) - before


def delivered(world: World, kind: str, to: str) -> int:
    """Return how many letters of a kind went to an address."""
    return world.mongo.letters.count_documents({"kind": kind, "to": to, "deliveredAt": {"$ne": None}})


def test_a_machine_whose_clock_is_ahead_takes_no_record_and_no_letter_away(world: World) -> None:
    """It settles what another one is just doing."""
    person = world.somebody()
    user_id = ObjectId(person.id)
    with world.app.app_context():
        event = catalogue.TotpEnabled(actor=user_id, target=user_id, email=person.email, factor="app")
        with happening(event):
            settle(world.app)
            assert world.mongo.audit.count_documents({"action": "totp.enabled"}) == 0
            world.mongo.users.update_one({"_id": user_id}, {"$set": {"totp": {"sealed": "x"}}})
    settle(world.app)
    (record,) = world.mongo.audit.find({"action": "totp.enabled"})
    assert "evidence" not in record
    assert delivered(world, "factor_added", person.email) == 1

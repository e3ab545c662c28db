"""Probes and explanations: /healthz, /readyz, /problems/<code>. F1, F6, C6."""

import secrets
import time
from collections.abc import Callable, Iterator

import pymongo
import pytest
from flask import Flask
from flask.testing import FlaskClient

from authsvc import __version__, lifecycle
from authsvc.models import readiness
from authsvc.services import ops
from tests.conftest import Person, problem
from tests.support.accounts import Database, hashing
from tests.support.wire import routes

NO_DATABASE = 0.000_001
"""What no database answers in: as if there were none."""


@pytest.fixture
def locked_app(app: Flask, make_app: Callable[..., Flask]) -> Iterator[Flask]:
    """Return an application whose SECRET_KEY does not open the signing keys: it never gets ready."""
    with hashing():
        locked = make_app(ready=False, SECRET_KEY=secrets.token_urlsafe(48))
    yield locked
    lifecycle.of(locked).stop.set()


def look(app: Flask) -> None:
    """Do what the background does now and then."""
    with app.app_context():
        ops.watch_indexes()


class TestHealthz:
    def test_it_tells_that_the_process_lives(self, client: FlaskClient):
        answer = client.get("/healthz")
        assert answer.status_code == 200
        assert answer.get_json() == {"status": "ok", "version": __version__}

    def test_the_database_is_not_asked(self, client: FlaskClient, locked_app: Flask):
        """C6"""
        with pymongo.timeout(NO_DATABASE):
            assert client.get("/healthz").status_code == 200
        assert locked_app.test_client().get("/healthz").status_code == 200


class TestReadyz:
    def test_it_tells_that_the_service_serves(self, client: FlaskClient):
        answer = client.get("/readyz")
        assert answer.status_code == 200
        assert answer.get_json() == {"status": "ready"}

    def test_a_dead_database_is_named(self, client: FlaskClient):
        """C6, F1"""
        with pymongo.timeout(NO_DATABASE):
            document = problem(client.get("/readyz"), 503, "not_ready")
        assert [reason["component"] for reason in document["reasons"]] == ["database"]
        assert client.get("/readyz").status_code == 200

    def test_a_lost_index_is_named(self, app: Flask, client: FlaskClient, mongo: Database):
        """C6, F6: once the background has looked, which it does every few seconds."""
        names = [name for name in mongo.users.index_information() if name != "_id_"]
        assert names
        try:
            for name in names:
                mongo.users.drop_index(name)
            look(app)
            document = problem(client.get("/readyz"), 503, "not_ready")
            assert {reason["component"] for reason in document["reasons"]} == {"indexes"}
            assert all(f"users.{name}" in str(document["reasons"]) for name in names)
        finally:
            readiness.ensure_indexes()
        look(app)
        assert client.get("/readyz").status_code == 200

    def test_keys_that_do_not_open_are_named(self, locked_app: Flask):
        """The message names the setting that helps."""
        client, end = locked_app.test_client(), time.monotonic() + 5
        while (reasons := problem(client.get("/readyz"), 503, "not_ready")["reasons"])[0]["component"] == "startup":
            assert time.monotonic() < end
            time.sleep(0.02)
        assert [reason["component"] for reason in reasons] == ["signing_keys"]
        assert "SECRET_KEY_FALLBACKS" in reasons[0]["detail"]
        assert locked_app.config["SECRET_KEY"] not in str(reasons)


class TestNotReady:
    def test_only_probes_and_problems_answer_until_then(self, locked_app: Flask):
        """F1"""
        client = locked_app.test_client()
        for method, path in routes(locked_app):
            answer = client.open(path, method=method, json={})
            if path == "/healthz" or path == "/metrics" or path in ("/problems", "/problems/"):
                assert answer.status_code == 200
            elif path.startswith("/problems/"):
                problem(answer, 404, "not_found")
            else:
                problem(answer, 503, "not_ready")
                assert int(answer.headers["Retry-After"]) >= 1
        assert client.get("/problems/not_ready").status_code == 200

    def test_a_dead_database_is_a_503_and_never_a_401(self, alice: Person):
        """C4, R68, D4"""
        with pymongo.timeout(NO_DATABASE):
            answers = [
                alice.home(),
                alice.refresh(),
                alice.client.get("/auth/me", headers=alice.headers),
                alice.client.get("/auth/sessions", headers=alice.headers),
                alice.client.delete("/auth/logout", headers=alice.headers),
                alice.client.post("/auth/login", json={"email": alice.email, "password": alice.password}),
                alice.client.post("/auth/login", json={"email": "nobody@example.com", "password": "x"}),
            ]
        for answer in answers:
            problem(answer, 503, "database_unavailable")
        assert alice.home().status_code == 200


class TestProblems:
    @pytest.mark.parametrize(
        ("accept", "mimetype"),
        [
            (None, "application/json"),
            ("*/*", "application/json"),
            ("application/json", "application/json"),
            ("application/problem+json", "application/json"),
            ("application/json, text/html;q=0.9", "application/json"),
            ("text/html", "text/html"),
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "text/html"),
            ("text/*", "text/html"),
            ("image/png", "application/json"),
            ("\xff,;=q", "application/json"),
        ],
    )
    def test_it_is_told_in_the_form_that_is_preferred(self, client: FlaskClient, accept: str | None, mimetype: str):
        answer = client.get("/problems/session_ended", headers={} if accept is None else {"Accept": accept})
        assert answer.status_code == 200
        assert answer.mimetype == mimetype
        assert "Accept" in str(answer.headers.getlist("Vary"))
        assert "token_reuse" in answer.text

    def test_what_is_answered_as_json(self, client: FlaskClient):
        document = client.get("/problems/session_ended").get_json()
        assert document["code"] == "session_ended"
        assert document["status"] == 401
        assert document["title"] == "The session has ended"
        assert "`reason` says why" in document["meaning"]

    @pytest.mark.parametrize("code", ["nope", "SESSION_ENDED", "<b>x</b>", "session_ended%00", "__class__", "None"])
    def test_an_unknown_code_is_told_so(self, client: FlaskClient, code: str):
        answer = client.get(f"/problems/{code}", headers={"Accept": "application/json"})
        problem(answer, 404, "not_found")
        page = client.get(f"/problems/{code}", headers={"Accept": "text/html"})
        assert (page.status_code, page.mimetype) == (404, "text/html")
        assert "<b>" not in answer.text + page.text

    def test_the_type_of_every_problem_leads_there(self, client: FlaskClient):
        for answer in (client.get("/"), client.get("/nope"), client.post("/auth/login")):
            assert client.get(answer.get_json()["type"]).get_json()["code"] == answer.get_json()["code"]

"""The samples and examples of `/docs`: each command is run against the service as it stands there."""

import json
import re
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from authsvc.errors import all_problems
from authsvc.web.reference.advice import ADVICE
from authsvc.web.reference.document import GROUPS, Reference
from authsvc.web.reference.problem_pages import example
from tests.conftest import Person
from tests.support.accounts import Database
from tests.support.service import Service


@pytest.fixture(scope="module")
def service(app: Flask, settings: dict[str, str]) -> Iterator[Service]:
    """Return a running service."""
    with Service(**{**settings, "WEB_CONCURRENCY": 1, "RATE_LIMITS": "off"}) as running:
        yield running


@pytest.fixture
def reference(client: FlaskClient) -> Reference:
    """Return what `/docs` shows."""
    return Reference(client.get("/openapi.json").get_json())


class TestGroups:
    def test_every_route_is_in_one_group_and_has_an_address_of_its_own(self, reference: Reference):
        addresses = [route.address for _, routes in reference.groups for route in routes]
        assert len(addresses) == len(set(addresses)) == len(reference.routes)
        assert {group.slug for group, _ in reference.groups} == {group.slug for group in GROUPS}

    def test_a_page_is_made_once(self, client: FlaskClient, app: Flask):
        assert client.get("/docs/sign-in").text == client.get("/docs/sign-in").text
        assert "sign-in" in app.extensions["authsvc.reference.pages"]


class TestSamples:
    def test_the_client_has_every_function_that_is_shown(self, client: FlaskClient, reference: Reference):
        declared = set(re.findall(r"^export (?:function|const) (\w+)", client.get("/authsvc.d.ts").text, re.MULTILINE))
        shown = {name for route in reference.routes for name in re.findall(r"\bauth\.(\w+)", route.samples.client)}
        assert {"login", "register", "call", "fetch"} <= shown
        assert shown <= declared

    def test_an_answer_has_what_is_always_there(self, reference: Reference):
        for route in reference.routes:
            status, text = route.samples.answer
            names = [name for code, _, name, _ in route.answers if code == status and name]
            if names and text:
                required = set(reference.schemas[names[0]].get("required", []))
                assert required <= set(json.loads(text)), route.address


@pytest.mark.external
@pytest.mark.slow
class TestCurl:
    """Every command that is shown, but for what belongs to browsers, providers and other programs."""

    def test_p18_each_is_understood(self, app: Flask, reference: Reference, service: Service):
        """The service may refuse the values of an example, but it knows the route and can read the body."""
        with_browser = ("/federation/", "/auth/federation/", "/auth/passkeys", "/auth/login/passkey", "/account")
        understood = 0
        for route in reference.routes:
            command = route.samples.curl.replace(reference.service, service.url)
            assert command.startswith("curl "), route.address
            if route.path.startswith(with_browser):
                continue
            status, answer = run(command)
            assert (
                status not in (400, 405, 413, 415, 500, 503)
                or '"link_invalid"' in answer
                or ("challenge_invalid" in answer or "user_code_invalid" in answer)
            ), (command, status, answer)
            assert status != 422, (command, answer)
            understood += 1
        assert understood > 50

    def test_p18_the_first_steps_work_as_they_stand(self, reference: Reference, service: Service, mongo: Database):
        mongo.users.delete_many({"email": "ada@example.com"})
        samples = {(route.verb, route.path): route.samples.curl for route in reference.routes}

        def call(verb: str, path: str, **variables: str) -> tuple[int, Any]:
            status, text = run(samples[verb, path].replace(reference.service, service.url), **variables)
            return status, json.loads(text) if text else None

        assert call("post", "/auth/register")[0] == 201
        status, answer = call("post", "/auth/login")
        token = answer["accessToken"]
        assert (status, call("get", "/auth/me", TOKEN=token)[1]["email"]) == (200, "ada@example.com")
        assert call("patch", "/auth/me", TOKEN=token)[1]["name"] == "Ada Lovelace"
        sessions = call("get", "/auth/sessions", TOKEN=token)[1]["items"]
        other = next(session["id"] for session in sessions if not session["current"])
        assert call("delete", "/auth/sessions/{session_id}", TOKEN=token, SESSION_ID=other)[0] == 204
        status, made = call("post", "/auth/access-tokens", TOKEN=token)
        assert (status, made["scopes"]) == (201, ["account:read"])
        assert call("delete", "/auth/access-tokens/{token_id}", TOKEN=token, TOKEN_ID=made["id"])[0] == 204
        assert call("get", "/auth/verify", TOKEN=token)[0] == 204
        assert call("get", "/auth/me/export", TOKEN=token)[0] == 200
        assert call("post", "/auth/me/password", TOKEN=token)[0] == 204
        assert call("delete", "/auth/me", TOKEN=call_token(samples, reference, service))[0] == 204


def call_token(samples: dict[tuple[str, str], str], reference: Reference, service: Service) -> str:
    """Return a token of who has changed the password to the other one of the examples."""
    command = samples["post", "/auth/login"].replace(reference.service, service.url)
    return str(json.loads(run(command.replace("an analytical engine", "a difference engine"))[1])["accessToken"])


def run(command: str, **variables: str) -> tuple[int, str]:
    """Run a command as a shell does. Return the status of the answer, and its body."""
    given = {"TOKEN": "none", "PATH": "/usr/bin:/bin", **variables}
    ids = dict.fromkeys(re.findall(r"\$([A-Z_]+_ID|PROVIDER|PAGE|CODE|GROUP|VERSION|NAME|KIND)", command), "f" * 24)
    shown = subprocess.run(
        ["bash", "-c", command.replace("curl ", "curl -s --noproxy '*' -w '\\n%{http_code}' ", 1)],
        env={**ids, **given},
        capture_output=True,
        timeout=60,
        check=True,
    )
    text, _, status = shown.stdout.decode(errors="replace").rpartition("\n")
    return int(status), text


class TestProblems:
    def test_p18_all_are_listed(self, client: FlaskClient):
        listed = client.get("/problems/").get_json()["items"]
        assert {item["code"] for item in listed} == set(all_problems())
        assert client.get("/problems").get_json() == client.get("/problems/").get_json()

    def test_every_error_has_its_advice(self):
        assert set(ADVICE) == set(all_problems())
        for code, advice in ADVICE.items():
            for text in advice:
                assert re.fullmatch(r"[A-Z`][^\n]+[.]", text), code
                assert text.count("`") % 2 == 0, code

    @pytest.mark.parametrize("code", sorted(all_problems()))
    def test_p18_a_page_says_what_to_do(self, client: FlaskClient, code: str):
        page = client.get(f"/problems/{code}", headers={"Accept": "text/html"})
        assert page.status_code == 200
        for heading in ("What it means", "When it happens", "What a user does", "What a developer does", "Next"):
            assert heading in page.text
        assert f"&#34;code&#34;: &#34;{code}&#34;" in page.text

    def test_an_example_is_a_problem_as_it_is_answered(self, alice: Person, client: FlaskClient):
        """Member by member: what an answer has."""
        answer = client.post(
            "/auth/register", json={"email": "nope", "name": "A", "password": "an analytical engine"}
        ).get_json()
        shown = example(all_problems()["validation_failed"])
        assert set(shown) == set(answer)
        assert {key: shown[key] for key in ("type", "title", "status", "code")} == {
            key: answer[key] for key in ("type", "title", "status", "code")
        }

"""P6: the way back to the app goes through the letters, and never to a stranger."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.conftest import PASSWORD, Person, problem
from tests.support.accounts import EMAIL, Database, counted_work, register
from tests.support.letters import sent

APP = "https://app.example.com"
BASKET = f"{APP}/basket?item=7&colour=blue#top"
RESEND, FORGOT, BY_MAIL = "/auth/email/resend", "/auth/password/forgot", "/auth/login/email"

STRANGE = [
    "//evil.example",
    "/\\evil.example",
    "https:evil.example",
    "https://evil.example/",
    "https://app.example.com.evil.example/",
    "https://app.example.com@evil.example/",
    "javascript:alert(1)",
    "\thttps://app.example.com/",
    "https://app.example.com:8443/",
    "",
    "basket",
]


@pytest.fixture(autouse=True)
def listed(app: Flask) -> Iterator[None]:
    """List the app among those that people may return to."""
    before = app.config["CORS_ORIGINS"]
    app.config["CORS_ORIGINS"] = (*before, APP)
    yield
    app.config["CORS_ORIGINS"] = before


@pytest.fixture
def strict(app: Flask) -> Iterator[None]:
    """Require that addresses are verified."""
    app.config["EMAIL_VERIFICATION"] = "required"
    yield
    app.config["EMAIL_VERIFICATION"] = "optional"


def link_in(app: Flask, kind: str) -> Any:
    """Return the parts of the link in the newest letter of a kind."""
    text = sent(app, kind, EMAIL)[0]["text"]
    (link,) = {word for word in text.split() if "#token=" in word}
    return urlsplit(link)


def target_of(app: Flask, kind: str) -> list[str] | None:
    """Return where the link in the newest letter of a kind leads on to."""
    return parse_qs(link_in(app, kind).query).get("return")


class TestTheLink:
    def test_p6_that_verifies_leads_on_to_the_app(self, client: FlaskClient, app: Flask):
        assert register(client, email=EMAIL, returnTo=BASKET).status_code == 201
        assert target_of(app, "verify") == [BASKET]

    def test_p6_so_it_does_where_addresses_must_be_verified(self, client: FlaskClient, app: Flask, strict: None):
        assert register(client, email=EMAIL, returnTo=BASKET).status_code == 202
        assert target_of(app, "verify") == [BASKET]
        assert register(client, email=EMAIL, returnTo="/there").status_code == 202
        assert target_of(app, "known") == ["/there"]

    @pytest.mark.parametrize(
        ("path", "kind"), [(RESEND, "verify"), (FORGOT, "reset"), (BY_MAIL, "sign_in")], ids=lambda one: one
    )
    @pytest.mark.parametrize("target", [BASKET, "/account/authorize?request=asr_1", f"{APP}/größe/中"])
    def test_p6_that_was_asked_for_leads_on_too(self, alice: Person, app: Flask, path: str, kind: str, target: str):
        assert alice.client.post(path, json={"email": EMAIL, "returnTo": target}).status_code == 202
        assert target_of(app, kind) == [target]

    def test_p6_of_an_invitation_leads_on(self, admin: Person, app: Flask):
        wish = {"name": "Ada", "email": EMAIL, "role": "user", "returnTo": BASKET}
        assert admin.client.post("/admin/users", json=wish, headers=admin.headers).status_code == 201
        assert target_of(app, "invitation") == [BASKET]

    def test_still_works(self, client: FlaskClient, app: Flask):
        register(client, email=EMAIL, returnTo=BASKET)
        token = link_in(app, "verify").fragment.removeprefix("token=")
        assert client.post("/auth/email/verify", json={"token": token}).status_code == 200
        reset = {"token": token, "newPassword": f"{PASSWORD} too"}
        assert client.post("/auth/password/reset", json=reset).status_code == 204

    def test_is_as_it_was_without_one(self, client: FlaskClient, app: Flask):
        register(client, email=EMAIL)
        link = link_in(app, "verify")
        assert (link.path, link.query) == ("/account/verify-email", "")
        client.post(FORGOT, json={"email": EMAIL, "returnTo": None})
        assert link_in(app, "reset").query == ""


class TestStrangers:
    @pytest.mark.parametrize("target", STRANGE)
    @pytest.mark.parametrize("path", [RESEND, FORGOT, BY_MAIL])
    def test_p6_no_link_leads_to_them(self, alice: Person, app: Flask, path: str, target: str):
        before = len(sent(app))
        answer = problem(alice.client.post(path, json={"email": EMAIL, "returnTo": target}), 422, "validation_failed")
        assert [error["pointer"] for error in answer["errors"]] == ["/returnTo"]
        assert len(sent(app)) == before

    @pytest.mark.parametrize("target", ["https://evil.example/", 7, [BASKET], "/" + "x" * 2000, "/" + "中" * 900])
    def test_p6_nobody_registers_for_them(self, client: FlaskClient, mongo: Database, target: Any):
        problem(register(client, email=EMAIL, returnTo=target), 422, "validation_failed")
        assert mongo.users.count_documents({}) == 0

    def test_p6_nobody_is_invited_for_them(self, admin: Person, mongo: Database):
        wish = {"name": "Ada", "email": EMAIL, "role": "user", "returnTo": "//evil.example"}
        problem(admin.client.post("/admin/users", json=wish, headers=admin.headers), 422, "validation_failed")
        assert mongo.users.count_documents({"email": EMAIL}) == 0


@pytest.mark.parametrize("path", [RESEND, FORGOT, BY_MAIL])
@pytest.mark.usefixtures("heard")
def test_r119_known_and_unknown_are_the_same_work(alice: Person, path: str):
    """A letter to nobody is as long as one to somebody."""

    bodies = [{"email": email, "returnTo": BASKET} for email in (EMAIL, "no@example.com")]
    done = []
    for body in bodies:
        with counted_work() as work:
            assert alice.client.post(path, json=body).status_code == 202
        done.append(work)
    assert done[0] == done[1]

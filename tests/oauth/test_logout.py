"""RP-initiated logout: an app asks to sign somebody out. O48, R107."""

import itertools
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient

from authsvc import clock
from tests.conftest import Person, problem
from tests.support import app_kinds
from tests.support.accounts import Database
from tests.support.oauth import FORM, AppClient, new_app

AFTER = "https://app.example.net/signed-out?from=authsvc"
STATE = "s t&=#ü"


class Leaving:
    """An app that sends people to sign out."""

    def __init__(self, app: Flask, client: FlaskClient, mongo: Database) -> None:
        self.client, self.mongo = client, mongo
        self.app: AppClient = new_app(app, client)
        mongo.apps.update_one({"_id": self.app.id}, {"$set": {"logoutUris": [AFTER]}})

    def hint(self, person: Person) -> str:
        return str(self.app.sign_in(person.tokens["accessToken"])["id_token"])

    def ask(self, method: str = "GET", **params: Any) -> str:
        """Send the browser to sign out; return the request's secret."""
        query = urlencode(params, doseq=True)
        if method == "GET":
            answer = self.client.get(f"/oauth2/logout?{query}")
        else:
            answer = self.client.post("/oauth2/logout", data=query, headers=FORM)
        assert answer.status_code == 303, answer.text
        parts = urlsplit(answer.location)
        assert f"{parts.scheme}://{parts.netloc}{parts.path}" == "http://localhost:8000/account/sign-out"
        return parse_qs(parts.query)["request"][0]

    def step(self, request: str, person: Person | None = None) -> dict[str, Any]:
        headers = {} if person is None else person.headers
        answer = self.client.post("/auth/sign-outs/advance", json={"request": request}, headers=headers)
        assert answer.status_code == 200, answer.text
        return dict(answer.get_json())

    def carry_out(self, request: str, person: Person) -> dict[str, Any]:
        """Do what the page does: sign out as everywhere, and ask again."""
        assert person.client.post("/auth/logout", headers=person.headers).status_code == 204
        return self.step(request)


@pytest.fixture
def leaving(app: Flask, client: FlaskClient, mongo: Database) -> Leaving:
    return Leaving(app, client, mongo)


class TestGenuine:
    """O48: a genuine hint and an exact URI: signed out, and back with the state."""

    @pytest.mark.parametrize("method", ["GET", "POST"])
    def test_o48_state_comes_back(self, leaving: Leaving, alice: Person, method: str):
        hint = leaving.hint(alice)
        request = leaving.ask(method, id_token_hint=hint, post_logout_redirect_uri=AFTER, state=STATE, ui_locales="de")
        step = leaving.step(request, alice)
        assert (step["step"], step["app"], step["redirect"]) == ("sign_out", {"name": "Notes"}, None)
        done = leaving.carry_out(request, alice)
        assert done["step"] == "done"
        assert done["redirect"].startswith(AFTER)
        assert parse_qs(urlsplit(done["redirect"]).query) == {"from": ["authsvc"], "state": [STATE]}

    def test_o48_without_state_the_address_is_as_it_stands(self, leaving: Leaving, alice: Person):
        request = leaving.ask(id_token_hint=leaving.hint(alice), post_logout_redirect_uri=AFTER)
        assert leaving.carry_out(request, alice)["redirect"] == AFTER

    def test_o48_of_an_app_with_another_algorithm(
        self, app: Flask, client: FlaskClient, leaving: Leaving, alice: Person, mongo: Database
    ):
        leaving.app = new_app(app, client, id_token_alg="ES256", logout_uris=[AFTER])
        request = leaving.ask(id_token_hint=leaving.hint(alice), post_logout_redirect_uri=AFTER)
        assert leaving.step(request, alice)["step"] == "sign_out"

    def test_o48_an_expired_hint_is_fine(self, leaving: Leaving, alice: Person):
        hint = leaving.hint(alice)
        with time_machine.travel(clock.now() + timedelta(hours=2)):
            request = leaving.ask(id_token_hint=hint, post_logout_redirect_uri=AFTER)
            assert leaving.step(request)["redirect"] == AFTER

    def test_o48_without_an_address_it_ends_here(self, leaving: Leaving, alice: Person):
        request = leaving.ask(id_token_hint=leaving.hint(alice))
        assert leaving.step(request, alice)["step"] == "sign_out"
        assert leaving.carry_out(request, alice)["redirect"] is None

    def test_o48_nobody_signed_in_goes_straight_on(self, leaving: Leaving, alice: Person):
        request = leaving.ask(id_token_hint=leaving.hint(alice), post_logout_redirect_uri=AFTER)
        assert leaving.step(request)["redirect"] == AFTER
        answer = leaving.client.post("/auth/sign-outs/advance", json={"request": request})
        problem(answer, 410, "request_gone")

    def test_o48_somebody_else_than_the_hint_names_is_asked(self, leaving: Leaving, alice: Person, bob: Person):
        request = leaving.ask(id_token_hint=leaving.hint(alice), post_logout_redirect_uri=AFTER)
        step = leaving.step(request, bob)
        assert (step["step"], step["email"], step["redirect"]) == ("ask", bob.email, None)
        assert bob.home().status_code == 200
        assert leaving.carry_out(request, bob)["redirect"] == AFTER


class TestEndsNothing:
    def test_o48_a_request_by_itself_ends_nothing(self, leaving: Leaving, alice: Person, mongo: Database):
        """As an image in somebody's page would send it, with whatever a browser adds."""
        hint = leaving.hint(alice)
        cookie = {"Cookie": f"refresh_token={alice.tokens['refreshToken']}", "Sec-Fetch-Site": "cross-site"}
        for method, headers in itertools.product(("GET", "POST"), ({}, cookie, {**cookie, **alice.headers})):
            query = urlencode({"id_token_hint": hint, "post_logout_redirect_uri": AFTER})
            answer = leaving.client.open(
                f"/oauth2/logout?{query}", method=method, data=query, headers={**FORM, **headers}
            )
            assert answer.status_code == 303
            assert "Set-Cookie" not in answer.headers
        assert mongo.sessions.count_documents({"endedAt": {"$ne": None}}) == 0

    def test_o48_nor_does_the_page_s_question(self, leaving: Leaving, alice: Person, mongo: Database):
        leaving.step(leaving.ask(id_token_hint=leaving.hint(alice)), alice)
        assert alice.home().status_code == 200
        assert mongo.sessions.count_documents({"endedAt": {"$ne": None}}) == 0

    def test_o48_pages_of_other_sites_can_not_ask_it(self, leaving: Leaving, alice: Person):
        request = leaving.ask(id_token_hint=leaving.hint(alice), post_logout_redirect_uri=AFTER)
        headers = {**alice.headers, "Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
        answer = leaving.client.post("/auth/sign-outs/advance", json={"request": request}, headers=headers)
        problem(answer, 403, "cross_origin_refused")

    def test_o48_the_browser_s_sign_out_ends_what_apps_got_in_it(self, leaving: Leaving, alice: Person):
        tokens = leaving.app.sign_in(alice.tokens["accessToken"])
        request = leaving.ask(id_token_hint=tokens["id_token"], post_logout_redirect_uri=AFTER)
        leaving.carry_out(request, alice)
        assert leaving.app.userinfo(tokens["access_token"]).status == 401


def no_hint(_: str) -> dict[str, Any]:
    return {}


def forged(hint: str) -> dict[str, Any]:
    head, body, signature = hint.split(".")
    return {"id_token_hint": f"{head}.{body}.{signature[:-4]}AAAA"}


def no_token(_: str) -> dict[str, Any]:
    return {"id_token_hint": "x"}


def twice(hint: str) -> dict[str, Any]:
    return {"id_token_hint": [hint, hint]}


def of_another_app(hint: str) -> dict[str, Any]:
    return {"id_token_hint": hint, "client_id": "app_000000000000000000000000"}


def unreadable(hint: str) -> dict[str, Any]:
    return {"id_token_hint": b"\xff\xfe", "state": "\0"}


NOT_GENUINE: list[Callable[[str], dict[str, Any]]] = [no_hint, forged, no_token, twice, of_another_app, unreadable]


class TestNotGenuine:
    """R107: without a genuine hint the person is asked; an exact registered URI or none."""

    @pytest.mark.parametrize("params", NOT_GENUINE, ids=lambda params: params.__name__)
    @pytest.mark.parametrize("method", ["GET", "POST"])
    def test_r107_the_person_is_asked_and_goes_nowhere(
        self, leaving: Leaving, alice: Person, params: Callable[[str], dict[str, Any]], method: str
    ):
        bent = params(leaving.hint(alice))
        request = leaving.ask(method, post_logout_redirect_uri=AFTER, **bent)
        assert leaving.step(request, alice)["step"] == "ask"
        assert leaving.carry_out(request, alice) == {"step": "done", "app": None, "email": None, "redirect": None}

    def test_r107_our_own_tokens_are_no_hint(self, leaving: Leaving, alice: Person):
        tokens = leaving.app.sign_in(alice.tokens["accessToken"])
        told = app_kinds.KINDS["logout token"](alice, alice.client.application)  # which is signed by the same key
        for token in (alice.tokens["accessToken"], tokens["access_token"], tokens["refresh_token"], told):
            request = leaving.ask(id_token_hint=token, post_logout_redirect_uri=AFTER)
            assert leaving.step(request, alice)["step"] == "ask"
            assert leaving.step(request)["redirect"] is None

    def test_r107_an_app_that_is_only_named_may_get_the_person_back_once_they_said_yes(
        self, leaving: Leaving, alice: Person
    ):
        request = leaving.ask(client_id=leaving.app.id, post_logout_redirect_uri=AFTER, state="x")
        step = leaving.step(request, alice)
        assert (step["step"], step["app"]) == ("ask", {"name": "Notes"})
        assert leaving.carry_out(request, alice)["redirect"] == f"{AFTER}&state=x"

    @pytest.mark.parametrize(
        "uri",
        [
            *("https://app.example.net/signed-out", AFTER + "&x=1", AFTER + "#x", AFTER.upper(), AFTER + "/"),
            *("https://app.example.net.evil.example/", "https://app.example.net@evil.example/signed-out?from=authsvc"),
            *(
                "javascript:alert(1)",
                "//evil.example",
                "/account/",
                "https://app.example.net/signed-out%3Ffrom=authsvc",
            ),
            "https://app.example.net/callback",
        ],
    )
    def test_r107_an_address_that_is_not_registered_is_not_gone_to(self, leaving: Leaving, alice: Person, uri: str):
        request = leaving.ask(id_token_hint=leaving.hint(alice), post_logout_redirect_uri=uri, state="x")
        assert leaving.carry_out(request, alice)["redirect"] is None

    def test_r107_an_app_that_is_disabled_or_gone_leads_nowhere(self, leaving: Leaving, alice: Person, mongo: Database):
        hint = leaving.hint(alice)
        mongo.apps.update_one({}, {"$set": {"disabledAt": clock.now()}})
        request = leaving.ask(id_token_hint=hint, post_logout_redirect_uri=AFTER)
        assert leaving.step(request, alice)["step"] == "ask"
        mongo.apps.delete_many({})
        assert leaving.step(request)["redirect"] is None

    @pytest.mark.parametrize("secret", ["", "x", "aso_x", "asr_" + "a" * 43])
    def test_o48_a_request_that_is_none_is_gone(self, leaving: Leaving, secret: str):
        answer = leaving.client.post("/auth/sign-outs/advance", json={"request": secret})
        assert answer.status_code in (410, 422), answer.text

    def test_o63_the_state_is_not_in_the_database_as_it_came(self, leaving: Leaving, alice: Person, mongo: Database):
        request = leaving.ask(id_token_hint=leaving.hint(alice), post_logout_redirect_uri=AFTER, state="very-secret")
        stored = str(list(mongo.sign_outs.find()))
        assert "very-secret" not in stored
        assert request not in stored

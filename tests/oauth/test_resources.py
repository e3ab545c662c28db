"""Resources: who may be the audience of an app's access token. O32, O35, O36; RFC 8707."""

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pymongo.database import Database

from authsvc.errors import ValidationFailed
from authsvc.models.apps import AppKind
from authsvc.services import apps
from tests.api.forging import claims_of
from tests.conftest import Person, problem
from tests.support.oauth import CALLBACK, AppClient, bearer, challenge_of, new_app, send

Mongo = Database[dict[str, Any]]

NOTES = "https://notes.example.net/api"
MAPS = "https://maps.example.net/"
OWN_API = "http://localhost:8000/"
TOKEN_AUDIENCE = "http://localhost:8000"
USERINFO = "http://localhost:8000/oauth2/userinfo"


@pytest.fixture
def notes(app: Flask, client: FlaskClient) -> AppClient:
    """Return an app that is registered for two resources."""
    return new_app(app, client, resources=(NOTES, MAPS))


def audience(answer: Any) -> Any:
    """Return whom the access token of an answer is for."""
    assert answer.status == 200, answer.text
    return claims_of(answer.json["access_token"])["aud"]


def error_of(asking: AppClient, **params: Any) -> str:
    """Return why an authorization request is refused."""
    query = {
        "client_id": asking.id,
        "redirect_uri": CALLBACK,
        "response_type": "code",
        "scope": "openid",
        "code_challenge": challenge_of("x" * 43),
        "code_challenge_method": "S256",
        **params,
    }
    answer = send(asking.client, "GET", f"/oauth2/authorize?{urlencode(query, doseq=True)}")
    assert answer.status == 303, answer.text
    return parse_qs(urlsplit(answer.headers["Location"]).query).get("error", [""])[0]


class TestRequest:
    @pytest.mark.parametrize(
        "asked",
        [
            "https://elsewhere.example",
            f"{NOTES}/",
            f"{NOTES}#x",
            f"{NOTES}?",
            NOTES.upper(),
            "notes",
            "\u202e",
            [NOTES, "https://elsewhere.example"],
            OWN_API,
            TOKEN_AUDIENCE,
        ],
    )
    def test_o35_an_app_asks_for_nothing_that_it_is_not_registered_for(self, notes: AppClient, asked: Any) -> None:
        assert error_of(notes, resource=asked) == "invalid_target"

    def test_it_may_be_repeated(self, notes: AppClient) -> None:
        assert error_of(notes, resource=[NOTES, MAPS, NOTES]) == ""

    def test_o35_an_access_token_is_for_one_audience(self, notes: AppClient, alice: Person) -> None:
        """And it opens nothing but that: neither userinfo nor our own API."""
        tokens = notes.sign_in(alice.tokens["accessToken"], resource=NOTES)
        assert claims_of(tokens["access_token"])["aud"] == NOTES
        assert notes.userinfo(tokens["access_token"]).status == 401
        problem(alice.client.get("/auth/me", headers=bearer(tokens["access_token"])), 401, "token_invalid")

    def test_without_a_resource_it_is_for_userinfo(self, notes: AppClient, alice: Person) -> None:
        tokens = notes.sign_in(alice.tokens["accessToken"])
        assert claims_of(tokens["access_token"])["aud"] == USERINFO
        assert notes.userinfo(tokens["access_token"]).status == 200


class TestChoice:
    """What a token request says of the resources that were allowed."""

    def test_one_of_several_must_be_named(self, notes: AppClient, alice: Person) -> None:
        code = notes.authorize(alice.tokens["accessToken"], resource=[NOTES, MAPS])
        assert notes.exchange(code).error == "invalid_target"

    def test_a_token_is_for_one(self, notes: AppClient, alice: Person) -> None:
        code = notes.authorize(alice.tokens["accessToken"], resource=[NOTES, MAPS])
        assert notes.token({**code.form, "resource": [NOTES, MAPS]}).error == "invalid_target"

    def test_the_one_that_is_named_is_the_audience(self, notes: AppClient, alice: Person) -> None:
        code = notes.authorize(alice.tokens["accessToken"], resource=[NOTES, MAPS])
        assert audience(notes.token({**code.form, "resource": [MAPS, MAPS]})) == MAPS

    @pytest.mark.parametrize("asked", [MAPS, "https://elsewhere.example", TOKEN_AUDIENCE, OWN_API, "x y"])
    def test_o32_what_was_not_allowed_is_refused(
        self, notes: AppClient, alice: Person, mongo: Mongo, asked: str
    ) -> None:
        """Though the app is registered for it; and no session is opened."""
        code = notes.authorize(alice.tokens["accessToken"], resource=NOTES)
        assert notes.token({**code.form, "resource": asked}).error == "invalid_target"
        assert mongo.sessions.count_documents({"app": notes.id}) == 0

    def test_nothing_was_allowed(self, notes: AppClient, alice: Person) -> None:
        code = notes.authorize(alice.tokens["accessToken"])
        assert notes.token({**code.form, "resource": NOTES}).error == "invalid_target"

    def test_userinfo_can_always_be_named(self, notes: AppClient, alice: Person) -> None:
        """So an app can have both, one after the other."""
        code = notes.authorize(alice.tokens["accessToken"], resource=NOTES)
        answer = notes.token({**code.form, "resource": USERINFO})
        assert audience(answer) == USERINFO
        assert notes.userinfo(answer.json["access_token"]).status == 200
        assert audience(notes.refresh(answer.json["refresh_token"])) == NOTES


class TestRefresh:
    def test_o32_it_narrows(self, notes: AppClient, alice: Person, mongo: Mongo) -> None:
        """One token at a time, and what was allowed stays."""
        code = notes.authorize(alice.tokens["accessToken"], resource=[NOTES, MAPS])
        answer = notes.token({**code.form, "resource": NOTES})
        for asked in (MAPS, NOTES, USERINFO):
            answer = notes.refresh(answer.json["refresh_token"], resource=asked)
            assert audience(answer) == asked
        (session,) = mongo.sessions.find({"app": notes.id})
        assert session["resources"] == [NOTES, MAPS]

    @pytest.mark.parametrize("asked", [MAPS, TOKEN_AUDIENCE, OWN_API, [NOTES, MAPS]])
    def test_o32_it_never_widens(self, notes: AppClient, alice: Person, asked: Any) -> None:
        """And a request that is refused does not use up the token."""
        tokens = notes.sign_in(alice.tokens["accessToken"], resource=NOTES)
        assert notes.refresh(tokens["refresh_token"], resource=asked).error == "invalid_target"
        assert notes.refresh(tokens["refresh_token"], scope="openid profile").error == "invalid_scope"
        answer = notes.refresh(tokens["refresh_token"])
        assert (audience(answer), claims_of(answer.json["refresh_token"])["generation"]) == (NOTES, 2)

    def test_o32_what_is_taken_from_the_app_is_refused(self, notes: AppClient, alice: Person, mongo: Mongo) -> None:
        tokens = notes.sign_in(alice.tokens["accessToken"], resource=NOTES)
        mongo.apps.update_one({"_id": notes.id}, {"$set": {"resources": [MAPS]}})
        assert notes.refresh(tokens["refresh_token"]).error == "invalid_target"
        assert audience(notes.refresh(tokens["refresh_token"], resource=USERINFO)) == USERINFO


class TestConsent:
    def test_another_resource_is_asked_for(self, notes: AppClient, alice: Person, mongo: Mongo) -> None:
        """O21: and one that was allowed is not; the page is told which ones they are."""
        shown = bearer(alice.tokens["accessToken"])
        notes.sign_in(alice.tokens["accessToken"], resource=NOTES)
        assert mongo.grants.find_one({"app": notes.id})["resources"] == [NOTES]  # type: ignore[index]
        request, cookie, _ = notes.begin(resource=NOTES)
        assert notes.advance(request, {**cookie, **shown}).json["step"] == "done"
        request, cookie, _ = notes.begin(resource=[NOTES, MAPS, USERINFO])
        step = notes.advance(request, {**cookie, **shown}).json
        assert (step["step"], step["resources"]) == ("consent", [NOTES, MAPS])
        assert notes.advance(request, {**cookie, **shown}, "allow").json["step"] == "done"
        assert mongo.grants.find_one({"app": notes.id})["resources"] == [NOTES, MAPS, USERINFO]  # type: ignore[index]


class TestRegistration:
    @pytest.mark.parametrize("uri", [NOTES, MAPS, OWN_API, "urn:example:notes", "api://notes", "https://x.example?a=b"])
    def test_o35_an_absolute_uri_can_be_a_resource(self, app: Flask, clean: None, uri: str) -> None:
        assert make(app, uri).resources == [uri]

    @pytest.mark.parametrize(
        "uri",
        [
            *("", "notes", "/notes", "//notes.example.net", f"{NOTES}#", f"{NOTES}#x", "https://", "https:///x"),
            *("https://me@notes.example.net", "https://notes.example.net:x", "https://nötes.example.net"),
            *(
                'https://notes.example.net/"',
                "https://notes.example.net/ x",
                "https://notes.example.net/\n",
                "https://[",
            ),
            *(f"https://{'x' * 2000}.example", USERINFO, f"{TOKEN_AUDIENCE}/oauth2/token"),
            f"{TOKEN_AUDIENCE}/auth/refresh-token",
        ],
    )
    def test_o35_nothing_else_can(self, app: Flask, clean: None, uri: str) -> None:
        with pytest.raises(ValidationFailed):
            make(app, uri)

    def test_their_number_is_limited(self, app: Flask, clean: None) -> None:
        with pytest.raises(ValidationFailed):
            make(app, *(f"https://{number}.example" for number in range(21)))


def make(app: Flask, *uris: str) -> Any:
    """Register an app for resources."""
    with app.test_request_context():
        return apps.create("Notes", AppKind.WEB, [CALLBACK], resources=uris).app


class TestTokenAudience:
    """O36: our own audience is no app's, unless the operator says so."""

    def test_o36_no_app_has_it_unless_registered(self, app: Flask, notes: AppClient, alice: Person) -> None:
        assert error_of(notes, resource=TOKEN_AUDIENCE) == "invalid_target"
        assert audience(notes.exchange(notes.authorize(alice.tokens["accessToken"]))) != TOKEN_AUDIENCE

    def test_o36_with_it_an_app_does_not_get_in_here(self, app: Flask, alice: Person) -> None:
        own = new_app(app, alice.client, resources=(TOKEN_AUDIENCE,), scopes=("openid", "account:read"))
        tokens = own.sign_in(alice.tokens["accessToken"], resource=TOKEN_AUDIENCE, scope="openid account:read")
        assert claims_of(tokens["access_token"])["aud"] == TOKEN_AUDIENCE
        problem(alice.client.get("/auth/me", headers=bearer(tokens["access_token"])), 401, "token_invalid")

    @pytest.fixture
    def create(self, app: Flask, clean: None) -> Callable[..., Any]:
        """Return what registers an app by the command line."""
        command = ["apps", "create", "Notes", "--kind", "web", "--redirect-uri", CALLBACK]
        return lambda *more: app.test_cli_runner().invoke(args=[*command, *more])

    def test_o36_the_operator_is_warned(self, create: Callable[..., Any], mongo: Mongo) -> None:
        said = create("--resource", TOKEN_AUDIENCE, "--resource", NOTES)
        assert said.exit_code == 0
        assert "TOKEN_AUDIENCE" in said.stderr
        (stored,) = mongo.apps.find()
        assert stored["resources"] == [TOKEN_AUDIENCE, NOTES]

    def test_o36_of_nothing_else(self, create: Callable[..., Any]) -> None:
        assert create("--resource", NOTES, "--resource", OWN_API).stderr == ""

"""From a request to its answer: what the page asks, step by step, and who gets a code."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode

import pytest
from bson import ObjectId
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from authsvc import clock
from authsvc.models.apps import AppKind
from authsvc.security import opaque_tokens
from authsvc.services import apps, authorizations
from tests.conftest import PASSWORD, Person
from tests.support.accounts import Database
from tests.support.app_visits import Visit
from tests.support.factors import post, with_totp
from tests.support.oauth import CALLBACK, Answer, AppClient, basic, bearer, new_app, send
from tests.support.races import race, rounds

ADVANCE = "/auth/authorizations/advance"


def is_gone(answer: Answer) -> None:
    """Check that a request is gone."""
    assert (answer.status, answer.json["code"]) == (410, "request_gone"), answer.text


def age(mongo: Database, seconds: float) -> None:
    """Let everybody have signed in so long ago."""
    mongo.sessions.update_many({}, {"$set": {"authTime": clock.now() - timedelta(seconds=seconds)}})


def codes(mongo: Database) -> int:
    """Return how many codes were given."""
    return mongo.authorizations.count_documents({"codeDigest": {"$exists": True}})


class TestProofKey:
    """O8: what the code was asked with has to be shown, and nothing else (RFC 9700 section 4.8.2)."""

    @pytest.mark.parametrize("shown", [None, "", "short", "a" * 42, "a" * 43, "a" * 129, "ü" * 43, "challenge"])
    def test_o8_a_challenge_without_its_verifier(self, web: AppClient, alice: Person, shown: str | None):
        code = web.authorize(alice.tokens["accessToken"])
        form = {**code.form, "code_verifier": shown or ""}
        if shown == "challenge":
            form["code_verifier"] = parse_qs(urlencode(code.form))["code_verifier"][0][::-1]
        if shown is None:
            del form["code_verifier"]
        for sent in (form, code.form):
            answer = web.token(sent)
            assert (answer.status, answer.error) == (400, "invalid_grant")

    def test_o8_a_verifier_without_a_challenge(self, web: AppClient, alice: Person, mongo: Database):
        """As a request would have it of an app that may leave PKCE out."""
        code = web.authorize(alice.tokens["accessToken"])
        mongo.authorizations.update_one({}, {"$unset": {"params.challenge": 1}})
        assert web.exchange(code).error == "invalid_grant"
        bare = {name: value for name, value in code.form.items() if name != "code_verifier"}
        assert web.token(bare).error == "invalid_grant"


class TestCaller:
    """O19: a code is for whoever is signed in, in the browser that began."""

    def test_o19_nobody_is_asked_to_sign_in(self, web: AppClient, mongo: Database):
        visit = Visit(web)
        for decision in (None, "allow"):
            assert visit.step(decision=decision) == "sign_in"
        assert codes(mongo) == 0

    def test_o19_a_personal_access_token(self, web: AppClient, alice: Person, mongo: Database):
        made = post(alice, "/auth/access-tokens", name="script", scopes=["account:read", "account:write"])
        visit = Visit(web)
        answer = visit.app.advance(visit.request, {**visit.cookie, **bearer(made.get_json()["token"])}, "allow")
        assert (answer.status, answer.json["code"]) == (403, "scope_missing")
        assert codes(mongo) == 0

    def test_o19_tokens_of_an_app(self, web: AppClient, alice: Person, mongo: Database):
        tokens = web.sign_in(alice.tokens["accessToken"], scope="openid email offline_access")
        mongo.authorizations.delete_many({})
        for name in ("access_token", "refresh_token", "id_token"):
            visit = Visit(web)
            answer = web.advance(visit.request, {**visit.cookie, **bearer(tokens[name])}, "allow")
            assert (answer.status, answer.json["code"]) == (401, "token_invalid"), name
        assert codes(mongo) == 0

    def test_o19_what_else_is_no_access_token(self, web: AppClient, alice: Person, mongo: Database):
        visit = Visit(web)
        for token in (alice.tokens["refreshToken"], visit.request, "x", alice.tokens["accessToken"] + "x"):
            answer = web.advance(visit.request, {**visit.cookie, **bearer(token)}, "allow")
            assert (answer.status, answer.json["code"]) == (401, "token_invalid")
        by_secret = web.advance(visit.request, {**visit.cookie, **basic(web.id, web.secret)}, "allow")
        assert by_secret.json["step"] == "sign_in"  # another scheme signs nobody in
        assert codes(mongo) == 0

    def test_o19_whoever_is_signed_out(self, web: AppClient, alice: Person, mongo: Database):
        visit = Visit(web)
        assert visit.step(alice) == "consent"
        alice.client.post("/auth/logout", headers=alice.headers)
        answer = visit.advance(alice, "allow")
        assert (answer.status, answer.json["code"]) == (401, "session_ended")
        assert codes(mongo) == 0

    def test_r104_whoever_is_disabled(self, app: Flask, web: AppClient, alice: Person, mongo: Database):
        """Even if the account was disabled behind the service's back."""
        visit = Visit(web)
        mongo.users.update_one({"_id": ObjectId(alice.id)}, {"$set": {"disabledAt": clock.now()}})
        assert (visit.advance(alice, "allow").status, codes(mongo)) == (401, 0)
        mongo.users.delete_one({"_id": ObjectId(alice.id)})
        assert (visit.advance(alice, "allow").status, codes(mongo)) == (401, 0)

    def test_o51_the_refresh_cookie_signs_nobody_in(self, web: AppClient, alice: Person, mongo: Database):
        visit = Visit(web)
        cookie = {"Cookie": f"{visit.cookie['Cookie']}; refresh_token={alice.tokens['refreshToken']}"}
        assert web.advance(visit.request, cookie, "allow").json["step"] == "sign_in"
        assert codes(mongo) == 0


class TestOnce:
    """O20, R101: a request is answered once, in the browser that began it."""

    def test_o20_another_browser(self, web: AppClient, alice: Person, bob: Person, mongo: Database):
        """R101: Alice begins, Bob is led to it and allows it: it gives nobody anything."""
        visit, other = Visit(web), Visit(web)
        assert visit.step(alice) == "consent"
        for cookie in ({}, other.cookie, {"Cookie": visit.cookie["Cookie"].partition("=")[0] + "=x"}):
            for decision in (None, "allow", "deny"):
                is_gone(web.advance(visit.request, {**cookie, **bob.headers}, decision))
        assert codes(mongo) == 0
        assert "code" in visit.answer(alice, "allow")

    def test_o20_the_cookie_of_another_request_under_the_right_name(self, web: AppClient, bob: Person):
        visit, other = Visit(web), Visit(web)
        name, value = visit.cookie["Cookie"].partition("=")[0], other.cookie["Cookie"].partition("=")[2]
        is_gone(web.advance(visit.request, {"Cookie": f"{name}={value}", **bob.headers}, "allow"))

    def test_o20_a_planted_cookie_beside_it_does_no_harm(self, web: AppClient, alice: Person):
        visit = Visit(web)
        name, own = visit.cookie["Cookie"].split("=", 1)
        cookie = {"Cookie": f"{name}=planted; {name}={own}; {name}="}
        answer = web.advance(visit.request, {**cookie, **alice.headers}, "allow")
        assert answer.json["step"] == "done"
        assert len([told for told in answer.cookies if told.startswith(f"{name}=;")]) > 1

    def test_o20_twice(self, web: AppClient, alice: Person, mongo: Database):
        visit = Visit(web)
        assert "code" in visit.answer(alice, "allow")
        for decision in (None, "allow", "deny"):
            is_gone(visit.advance(alice, decision))
        assert codes(mongo) == 1

    def test_o20_allowed_after_it_was_denied(self, web: AppClient, alice: Person, mongo: Database):
        visit = Visit(web)
        assert visit.answer(alice, "deny")["error"] == "access_denied"
        is_gone(visit.advance(alice, "allow"))
        assert codes(mongo) == 0

    def test_o20_the_cookie_goes_with_the_answer(self, web: AppClient, alice: Person):
        visit = Visit(web)
        assert visit.advance(alice).cookies == []
        (cleared,) = visit.advance(alice, "allow").cookies
        name = visit.cookie["Cookie"].partition("=")[0]
        assert cleared.startswith(f"{name}=; ")
        assert "Max-Age=0" in cleared

    def test_o20_after_an_hour(self, web: AppClient, alice: Person, mongo: Database):
        visit = Visit(web)
        (stored,) = mongo.authorizations.find()
        assert stored["expiresAt"] - stored["createdAt"] == timedelta(hours=1) == authorizations.LIFE
        mongo.authorizations.update_one({}, {"$set": {"expiresAt": clock.now() + timedelta(seconds=5)}})
        assert visit.step(alice) == "consent"
        mongo.authorizations.update_one({}, {"$set": {"expiresAt": clock.now()}})
        is_gone(visit.advance(alice, "allow"))

    def test_o33_the_app_is_gone_meanwhile(self, app: Flask, web: AppClient, alice: Person, mongo: Database):
        disabled, deleted = Visit(web), Visit(web)
        mongo.apps.update_one({"_id": web.id}, {"$set": {"disabledAt": clock.now()}})
        is_gone(disabled.advance(alice, "allow"))
        with app.test_request_context():
            apps.delete(web.id)
        is_gone(deleted.advance(alice, "allow"))

    @pytest.mark.race
    @rounds
    def test_o20_allowed_by_many_at_once(self, app: Flask, web: AppClient, alice: Person, mongo: Database, turn: int):
        """One code, whoever is first."""
        visit = Visit(web)
        answers = race(*[self.call(app, visit, alice, "allow")] * 8)
        assert sorted(answer.status for answer in answers) == [200, *[410] * 7]
        assert codes(mongo) == 1

    @pytest.mark.race
    @rounds
    def test_o20_allowed_and_denied_at_once(
        self, app: Flask, web: AppClient, alice: Person, mongo: Database, turn: int
    ):
        visit = Visit(web)
        calls = [self.call(app, visit, alice, decision) for decision in ("allow", "deny")] * 3
        told = [answer for answer in race(*calls) if answer.status != 410]
        assert len(told) == 1
        assert codes(mongo) == ("code=" in told[0].json["redirect"])
        assert mongo.grants.count_documents({}) == codes(mongo)  # nobody has allowed what was refused

    def call(self, app: Flask, visit: Visit, who: Person, decision: str) -> Callable[[], Answer]:
        """Return what decides about a request, on a connection of its own."""
        body = {"request": visit.request, "decision": decision}
        own = app.test_client(use_cookies=False)
        return lambda: send(own, "POST", ADVANCE, json=body, headers={**visit.cookie, **who.headers})


class TestCookie:
    """O51: what ties a request to its browser."""

    def test_o51_it_is_as_strict_as_can_be(self, web: AppClient):
        answer = send(web.client, "GET", f"/oauth2/authorize?{urlencode(self.params(web))}")
        (cookie,) = answer.cookies
        name, *attributes = cookie.split("; ")
        assert name.startswith("authorization_")
        assert {"HttpOnly", "Path=/auth", "SameSite=Strict", "Max-Age=3600"} <= set(attributes)
        assert not any(part.startswith("Domain") for part in attributes)

    def test_o51_over_https_it_is_secure(self, make_app: Callable[..., Flask], clean: None):
        app = make_app(PUBLIC_URL="https://auth.example.com")
        web = new_app(app, app.test_client(use_cookies=False))
        host = {"Host": "auth.example.com"}
        answer = send(web.client, "GET", f"/oauth2/authorize?{urlencode(self.params(web))}", headers=host)
        (cookie,) = answer.cookies
        assert cookie.startswith("__Secure-authorization_")
        assert "; Secure" in cookie

    def test_o51_two_tabs_ask_at_once(self, app: Flask, browser_client: FlaskClient, alice: Person):
        """Each has its own; the answer to one leaves the other."""
        web = new_app(app, browser_client)
        requests = [web.begin()[0], web.begin()[0]]
        while len({self.name(request) for request in requests}) < 2:  # one in a hundred: the newer one counts
            requests.append(web.begin()[0])
        for request in requests[-2:]:
            assert web.advance(request, alice.headers, "allow").json["step"] == "done"

    def test_o51_however_many_are_begun_other_cookies_stay(self, app: Flask, browser_client: FlaskClient):
        """Any site can begin requests in a browser, which drops old cookies of a host that has more than 180."""
        web = new_app(app, browser_client)
        for _ in range(150):
            web.begin()
        cookies = browser_client._cookies or {}  # type: ignore[attr-defined]  # werkzeug has no way to list them
        assert len(cookies) <= 100
        assert sum(len(f"{cookie.key}={cookie.value}; ") for cookie in cookies.values()) < 6_000

    def params(self, web: AppClient) -> dict[str, str]:
        """Return the parameters of a good request."""
        proof = {"code_challenge": "a" * 43, "code_challenge_method": "S256"}
        return {"client_id": web.id, "redirect_uri": CALLBACK, "response_type": "code", "scope": "openid", **proof}

    def name(self, request: str) -> int:
        """Return what the name of a request's cookie is made of."""
        return int(opaque_tokens.digest(request)[:8], 16) % 100


class TestConsent:
    """O21, R102: who is asked, and about what."""

    def test_o21_an_app_that_nobody_knows(self, web: AppClient, alice: Person):
        answer = Visit(web, scope="openid email").advance(alice).json
        assert answer == {
            "step": "consent",
            "app": {"name": "Notes", "verified": False, "host": "app.example.net", "document": None},
            "scopes": ["openid", "email"],
            "resources": [],
            "email": alice.email,
            "other": "sign_in",
        }

    def test_o21_one_of_the_operator_asks_nobody(self, trusted: AppClient, alice: Person, mongo: Database):
        assert "code" in Visit(trusted).answer(alice)
        assert mongo.grants.count_documents({}) == 0

    def test_o21_what_was_allowed_is_not_asked_again(self, web: AppClient, alice: Person, bob: Person):
        web.sign_in(alice.tokens["accessToken"], scope="openid email profile")
        for scope in ("openid email profile", "openid", "profile email"):
            assert "code" in Visit(web, scope=scope).answer(alice)
        assert Visit(web, scope="openid offline_access").step(alice) == "consent"
        assert Visit(web, scope="openid").step(bob) == "consent"

    def test_o21_what_was_denied_is_asked_again(self, web: AppClient, alice: Person, mongo: Database):
        assert Visit(web).answer(alice, "deny")["error"] == "access_denied"
        assert mongo.grants.count_documents({}) == 0
        assert Visit(web).step(alice) == "consent"

    def test_o21_another_app_is_another_question(self, app: Flask, client: FlaskClient, web: AppClient, alice: Person):
        web.sign_in(alice.tokens["accessToken"])
        assert Visit(new_app(app, client)).step(alice) == "consent"

    def test_o21_an_installed_app_always_asks(self, app: Flask, client: FlaskClient, alice: Person):
        """RFC 8252 section 8.6: anybody can pass for one; and its scheme is named, whatever stands behind that."""
        native = new_app(app, client, AppKind.NATIVE, uris=("com.example.notes://bank.example/cb",))
        for _ in range(2):
            visit = Visit(native)
            told = visit.advance(alice).json
            assert (told["step"], told["app"]["host"]) == ("consent", "com.example.notes")
            assert visit.step(alice, "allow") == "done"
        assert Visit(native, prompt="none").advance(alice).json["redirect"].count("error=consent_required") == 1

    def test_o21_denied_by_somebody_who_is_not_signed_in(self, web: AppClient):
        assert Visit(web, state="s").answer(decision="deny") == {
            "error": "access_denied",
            "state": "s",
            "iss": "http://localhost:8000",
        }

    @pytest.mark.parametrize("app_of", ["web", "trusted"])
    def test_o21_consent_by_prompt(self, app_of: str, alice: Person, request: pytest.FixtureRequest):
        asking: AppClient = request.getfixturevalue(app_of)
        asking.sign_in(alice.tokens["accessToken"])
        visit = Visit(asking, prompt="consent")
        assert visit.step(alice) == "consent"
        assert "code" in visit.answer(alice, "allow")

    def test_r102_a_name_is_text(self, app: Flask, client: FlaskClient, alice: Person):
        """It is neither escaped nor cut here: the page inserts it as text."""
        named = new_app(app, client, name='<b>Notes & "Co"</b>')
        assert Visit(named).advance(alice).json["app"]["name"] == '<b>Notes & "Co"</b>'


class TestAccount:
    """`select_account` and `create`: whoever is signed in may want to be somebody else."""

    @pytest.mark.parametrize(("prompt", "other"), [("select_account", "sign_in"), ("create", "create")])
    def test_whoever_is_signed_in_chooses(self, trusted: AppClient, alice: Person, prompt: str, other: str):
        """An app of the operator, or one that was allowed, asks nothing else."""
        visit = Visit(trusted, prompt=prompt)
        told = visit.advance(alice).json
        assert (told["step"], told["email"], told["other"]) == ("consent", alice.email, other)
        assert "code" in visit.answer(alice, "allow")

    @pytest.mark.parametrize(("prompt", "step"), [("select_account", "sign_in"), ("create", "create")])
    def test_whoever_signs_in_has_chosen(self, trusted: AppClient, alice: Person, prompt: str, step: str):
        visit = Visit(trusted, prompt=prompt)
        assert visit.step() == step
        assert "code" in visit.answer(alice.login())

    def test_an_app_that_nobody_knows_asks_all_the_same(self, web: AppClient, alice: Person):
        visit = Visit(web, prompt="create")
        assert visit.step() == "create"
        assert visit.step(alice.login()) == "consent"


class TestNone:
    """O16: with `prompt=none` nobody is asked anything (OpenID Connect Core section 3.1.2.1)."""

    def test_o16_nobody_is_signed_in(self, web: AppClient, mongo: Database):
        assert Visit(web, prompt="none", state="s").answer()["error"] == "login_required"
        assert codes(mongo) == 0

    def test_o16_a_decision_that_nobody_was_asked_for(self, web: AppClient, alice: Person, mongo: Database):
        assert Visit(web, prompt="none").answer(alice, "allow")["error"] == "consent_required"
        assert (codes(mongo), mongo.grants.count_documents({})) == (0, 0)

    def test_o16_consent_is_missing(self, web: AppClient, alice: Person):
        assert Visit(web, prompt="none").answer(alice)["error"] == "consent_required"

    def test_o16_nothing_is_missing(self, web: AppClient, trusted: AppClient, alice: Person):
        web.sign_in(alice.tokens["accessToken"])
        for asking in (web, trusted):
            assert "code" in Visit(asking, prompt="none").answer(alice)

    def test_o16_the_sign_in_is_too_old(self, trusted: AppClient, alice: Person, mongo: Database):
        age(mongo, 60)
        assert Visit(trusted, prompt="none", max_age="50").answer(alice)["error"] == "login_required"
        assert "code" in Visit(trusted, prompt="none", max_age="70").answer(alice)
        assert Visit(trusted, prompt="none", max_age="0").answer(alice)["error"] == "login_required"


class TestProof:
    """O17, O18: a proof that is recent enough, measured against the time of the request (B8)."""

    def prove(self, who: Person, **proof: str) -> None:
        """Confirm who is signed in, as the page does."""
        answer = post(who, "/auth/reauthenticate", **proof)
        assert answer.status_code == 200, answer.text
        who.tokens["accessToken"] = answer.get_json()["accessToken"]

    @pytest.mark.parametrize("params", [{"prompt": "login"}, {"max_age": "0"}, {"max_age": "1"}], ids=str)
    def test_o17_a_proof_is_asked_for_once(
        self, trusted: AppClient, alice: Person, mongo: Database, params: dict[str, str]
    ):
        age(mongo, 2)
        before = int(clock.now().timestamp())
        visit = Visit(trusted, **params)
        for decision in (None, "allow"):
            told = visit.advance(alice, decision).json
            assert (told["step"], told["email"], told["other"]) == ("prove", alice.email, "sign_in")
        assert codes(mongo) == 0
        self.prove(alice, password=PASSWORD)
        claims = visit.id_token(visit.answer(alice)["code"])
        assert before <= claims["auth_time"] <= claims["iat"]

    def test_o17_one_that_is_recent_enough(self, trusted: AppClient, alice: Person, mongo: Database):
        age(mongo, 100)
        visit = Visit(trusted, max_age="10000")
        claims = visit.id_token(visit.answer(alice)["code"])
        assert 98 <= claims["iat"] - claims["auth_time"] <= 110

    def test_o17_the_time_is_told_always(self, trusted: AppClient, alice: Person):
        visit = Visit(trusted)
        assert "auth_time" in visit.id_token(visit.answer(alice)["code"])

    def test_o17_it_is_measured_when_the_request_begins(self, trusted: AppClient, alice: Person, mongo: Database):
        """However long it takes the person to come back."""
        visit = Visit(trusted, max_age="60")
        mongo.authorizations.update_one({}, {"$inc": {"never": 1}, "$set": {"createdAt": clock.now()}})
        age(mongo, 61)
        assert visit.step(alice) == "prove"
        mongo.authorizations.update_one({}, {"$set": {"createdAt": clock.now() - timedelta(seconds=30)}})
        assert visit.step(alice) == "done"

    def test_o18_a_sign_in_before_the_request_is_none(self, trusted: AppClient, alice: Person):
        signed_in = alice.login()
        assert Visit(trusted, prompt="login").step(signed_in) == "prove"

    def test_o18_a_sign_in_after_it_is_one(self, trusted: AppClient, alice: Person):
        visit = Visit(trusted, prompt="login")
        assert visit.step() == "sign_in"
        assert visit.step(alice.login()) == "done"

    def test_o18_somebody_elses_is_none(self, trusted: AppClient, alice: Person, bob: Person):
        visit = Visit(trusted, prompt="login")
        self.prove(bob, password=PASSWORD)
        assert visit.step(alice) == "prove"

    def test_o18_a_second_factor_if_there_is_one(self, trusted: AppClient, alice: Person, mongo: Database):
        protected = with_totp(alice, mongo)
        visit = Visit(trusted, prompt="login")
        assert visit.step(alice) == "prove"
        refused = post(alice, "/auth/reauthenticate", password=PASSWORD)
        assert (refused.status_code, refused.get_json()["code"]) == (403, "second_factor_required")
        assert visit.step(alice) == "prove"
        self.prove(alice, code=protected.app.code())
        assert "otp" in visit.id_token(visit.answer(alice)["code"])["amr"]

    def test_o18_and_then_consent(self, web: AppClient, alice: Person):
        visit = Visit(web, prompt="login consent")
        assert visit.step(alice, "allow") == "prove"
        self.prove(alice, password=PASSWORD)
        assert visit.step(alice) == "consent"
        assert "code" in visit.answer(alice, "allow")


class TestForm:
    """O15: the answer as a form, for the page to send."""

    def test_o15_a_code(self, web: AppClient, alice: Person):
        visit = Visit(web, response_mode="form_post", state="s&t")
        told = visit.advance(alice, "allow").json
        assert (told["step"], told["action"]) == ("done", CALLBACK)
        assert set(told["fields"]) == {"code", "state", "iss"}
        assert told["fields"]["state"] == "s&t"
        assert "redirect" not in told
        assert visit.id_token(told["fields"]["code"])["sub"] == alice.id

    def test_o15_a_refusal(self, web: AppClient):
        told = Visit(web, response_mode="form_post", prompt="none").advance().json
        assert told["fields"] == {"error": "login_required", "iss": "http://localhost:8000"}


class TestInput:
    """What may be sent to `advance`: it is ours, so strict as all of `/auth`."""

    def test_from_another_site(self, web: AppClient, alice: Person, mongo: Database):
        visit = Visit(web)
        for site, origin in (("cross-site", "https://evil.example"), ("same-site", "http://localhost:1")):
            answer = visit.advance(alice, "allow", **{"Origin": origin, "Sec-Fetch-Site": site})
            assert (answer.status, answer.json["code"]) == (403, "cross_origin_refused")
        assert codes(mongo) == 0

    @pytest.mark.parametrize(
        ("body", "pointer"),
        [
            ({}, "/request"),
            ({"request": ""}, "/request"),
            ({"request": 1}, "/request"),
            ({"request": {"$ne": None}}, "/request"),
            ({"request": "x" * 201}, "/request"),
            ({"request": "x", "decision": "maybe"}, "/decision"),
            ({"request": "x", "decision": None}, "/decision"),
            ({"request": "x", "decision": ["allow"]}, "/decision"),
            ({"request": "x", "user": "x"}, "/user"),
        ],
    )
    def test_what_is_wrong_with_it_is_told(self, client: FlaskClient, body: dict[str, Any], pointer: str):
        answer = client.post(ADVANCE, json=body)
        assert answer.status_code == 422
        assert pointer in {error["pointer"] for error in answer.get_json()["errors"]}

    @given(
        st.dictionaries(st.sampled_from(["request", "decision", "x"]), st.one_of(st.text(), st.integers(), st.none()))
    )
    @settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_o20_whatever_is_sent(self, client: FlaskClient, body: dict[str, Any]):
        assert client.post(ADVANCE, json=body).status_code in (410, 422, 400)

    def test_o20_what_only_looks_like_a_request(self, client: FlaskClient):
        for request in ("asr_", "asc_" + "a" * 49, opaque_tokens.generate("asr_"), "asr_\n", "../x"):
            is_gone(send(client, "POST", ADVANCE, json={"request": request}))

    def test_o20_a_code_is_no_request(self, web: AppClient, alice: Person):
        code = web.authorize(alice.tokens["accessToken"]).code
        is_gone(web.advance(code, alice.headers))

"""What may be asked, and what may come back: bad input, targets, forms, other browsers. O53, O54, O61, O63, R108."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import pytest
import time_machine
from flask import Flask
from pymongo.database import Database as MongoDatabase

from authsvc import clock
from authsvc.services import providers
from authsvc.services.vaults import vault
from tests.conftest import Person, problem
from tests.support.factors import verified
from tests.support.federation import Traveller, someone
from tests.support.sign_ins import limited
from tests.support.upstreams import Upstream, signing_in_with
from tests.support.wire import EVIL

Database = MongoDatabase[dict[str, Any]]
FORM = "application/x-www-form-urlencoded"


class TestBegin:
    def test_the_browser_is_sent_with_everything_that_ties_it(self, traveller: Traveller, upstream: Upstream):
        """RFC 9700 section 4.7: state, nonce and PKCE, each new; the address is of PUBLIC_URL (R108)."""
        answers = [traveller.begin().get_json()["location"] for _ in range(2)]
        queries = [dict(parse_qsl(urlsplit(one).query)) for one in answers]
        for query in queries:
            assert query["redirect_uri"] == "http://localhost:8000/account/federation/work"
            assert query["response_type"] == "code"
            assert query["code_challenge_method"] == "S256"
        for name in ("state", "nonce", "code_challenge"):
            assert queries[0][name] != queries[1][name]

    def test_the_cookie_is_strict_and_out_of_reach_of_scripts(self, traveller: Traveller):
        (cookie,) = traveller.begin().headers.getlist("Set-Cookie")
        assert cookie.startswith("federation_")
        for attribute in ("HttpOnly", "SameSite=Strict", "Path=/"):
            assert attribute in cookie.split("; ")

    def test_a_sibling_can_not_plant_the_cookie(self, traveller: Traveller):
        """A browser takes `__Host-` from nobody but the host itself.

        Otherwise whoever is lured to a provider comes back into an attempt that the sibling's owner began, and their
        account there is linked to somebody else's here.
        """
        config = traveller.client.application.config
        before, config["PUBLIC_URL"] = config["PUBLIC_URL"], "https://auth.example.com"
        try:
            (cookie,) = traveller.begin().headers.getlist("Set-Cookie")
        finally:
            config["PUBLIC_URL"] = before
        assert cookie.startswith("__Host-federation_")
        assert {"Secure", "HttpOnly", "Path=/", "SameSite=Strict"} <= set(cookie.split("; "))
        assert "Domain" not in cookie

    def test_two_tabs_do_not_cut_each_other_off(self, traveller: Traveller):
        other = someone("other", "other@example.com")
        first, second = traveller.visit(), traveller.visit(other)
        while len(traveller.client._cookies) < 2:  # of a hundred pairs of tabs one shares a cookie, and the later wins
            first, second = traveller.visit(), traveller.visit(other)
        assert traveller.complete(second).status_code == 200
        assert traveller.complete(first).status_code == 200

    def test_o63_no_secret_is_stored_as_it_is(self, app: Flask, traveller: Traveller, mongo: Database):
        brought = traveller.visit()
        (attempt,) = mongo.federation_attempts.find()
        (cookie,) = [one.value for one in traveller.client._cookies.values()]
        with app.app_context():
            kept = json.loads(vault("federation").open(attempt["sealed"], attempt["_id"]))
        for secret in (brought["state"], cookie, kept["nonce"], kept["verifier"]):
            assert secret not in str(attempt)

    def test_o61_a_provider_that_is_unknown_or_off_is_not_there(
        self, app: Flask, traveller: Traveller, upstream: Upstream, mongo: Database
    ):
        brought = traveller.visit()
        with signing_in_with(app, upstream.settings(enabled=False)):
            assert traveller.client.get("/auth/providers").get_json() == {"items": []}
            problem(traveller.begin(), 404, "not_found")
            problem(traveller.complete(brought), 404, "not_found")
        traveller.provider = "nobody"
        problem(traveller.begin(), 404, "not_found")
        assert mongo.users.count_documents({}) == 0

    def test_a_provider_that_does_not_answer_leaves_nothing_behind(
        self, traveller: Traveller, upstream: Upstream, mongo: Database, app: Flask
    ):
        with signing_in_with(app, upstream.settings()):  # with nothing in mind
            upstream.intercept = lambda *_: (500, {}, b"")
            problem(traveller.begin(), 503, "upstream_unavailable")
        assert mongo.federation_attempts.count_documents({}) == 0

    @pytest.mark.parametrize("intent", ["link", "reauthenticate"])
    def test_nobody_links_without_being_signed_in(self, traveller: Traveller, intent: str):
        problem(traveller.begin(intent), 401, "token_missing")
        traveller.headers = {"Authorization": "Bearer a.b.c"}
        problem(traveller.begin(intent), 401, "token_invalid")

    @pytest.mark.parametrize("intent", ["link", "reauthenticate"])
    def test_a_token_of_a_script_links_nothing(self, traveller: Traveller, alice: Person, intent: str):
        body = {"name": "x", "scopes": ["account:read", "account:write"]}
        made = alice.client.post("/auth/access-tokens", json=body, headers=alice.headers).get_json()["token"]
        traveller.headers = {"Authorization": f"Bearer {made}"}
        problem(traveller.begin(intent), 403, "scope_missing")

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"intent": "steal"},
            {"intent": None},
            {"intent": "sign_in", "maxAge": -1},
            {"intent": "sign_in", "maxAge": "x"},
            {"intent": "sign_in", "returnTo": 7},
            {"intent": "sign_in", "user": "0" * 24},
            {"intent": "link", "session": "x"},
        ],
        ids=json.dumps,
    )
    def test_anything_else_is_refused(self, traveller: Traveller, body: dict[str, Any]):
        problem(traveller.client.post("/auth/federation/work", json=body), 422, "validation_failed")

    def test_they_are_limited(self, app: Flask, traveller: Traveller):
        with limited(app, federation_address=(2, 60)):
            assert [traveller.begin().status_code for _ in range(3)] == [200, 200, 429]

    def test_pages_of_other_origins_begin_nothing(self, traveller: Traveller):
        traveller.headers = {"Origin": EVIL}
        problem(traveller.begin(), 403, "cross_origin_refused")
        problem(traveller.complete({"state": "x", "code": "x"}), 403, "cross_origin_refused")


class TestReturnTo:
    """They are checked as those of the sign-in page are, and kept here: never in an address."""

    @pytest.mark.parametrize(
        "target",
        [
            "/",
            "/account/authorize?request=asr_abc",
            "/a/b?c=d&e=f#g",
            "https://app.example.com",
            "https://app.example.com/x?y=//z",
            "http://localhost:8000/x",
            "/\u00e4\u65e5",
        ],
    )
    def test_ours_and_those_of_our_apps(self, traveller: Traveller, target: str):
        answer = traveller.arrive(returnTo=target)
        assert answer.get_json()["returnTo"] == target

    @pytest.mark.parametrize(
        "target",
        [
            "",
            "x",
            "//evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "https:evil.example",
            "https:///evil.example",
            "https://evil.example/",
            "https://app.example.com.evil.example/",
            "https://app.example.com@evil.example/",
            "https://evil.example\\@app.example.com/",
            "https://app.example.com:444/",
            "HTTPS://app.example.com/",
            "http://app.example.com/",
            "javascript:alert(1)",
            "data:text/html,x",
            "/\t/evil.example",
            "/ /x",
            "/\n",
            "/\u0000",
            "/\u00a0",
            "https://[::1",
            "https://a:b:c/",
            "https://app.example.com:x/",
            "/" + "x" * 2000,
        ],
    )
    def test_nothing_else(self, traveller: Traveller, target: str):
        problem(traveller.begin(returnTo=target), 422, "validation_failed")

    def test_nothing_that_comes_back_says_where_to_go(self, traveller: Traveller):
        problem(traveller.complete({**traveller.visit(), "returnTo": "/x"}), 422, "validation_failed")


class TestComplete:
    def test_a_refusal_of_the_provider_ends_it(self, traveller: Traveller, mongo: Database):
        """O53: and only the browser that went there can bring it."""
        brought = traveller.visit()
        problem(traveller.complete({"state": brought["state"], "error": "access_denied"}), 403, "provider_refused")
        problem(traveller.complete(brought), 410, "request_gone")
        assert mongo.audit.find_one({"action": "login.failed"})["details"] == {"reason": "provider_refused"}

    def test_o53_a_forged_refusal_changes_nothing(self, traveller: Traveller, elsewhere: Traveller):
        brought = traveller.visit()
        for state in (brought["state"], "asf_x", "x"):
            problem(elsewhere.complete({"state": state, "error": "access_denied"}), 410, "request_gone")
        assert traveller.complete(brought).status_code == 200

    def test_o54_a_state_of_another_provider_is_none(self, app: Flask, traveller: Traveller, upstream: Upstream):
        with signing_in_with(app, upstream.settings(), upstream.settings("evil")):
            brought = traveller.visit()
            problem(traveller.complete(brought, provider="evil"), 410, "request_gone")
            assert traveller.complete(brought).status_code == 200

    def test_o54_another_issuer_in_the_callback_is_refused(self, traveller: Traveller):
        problem(traveller.complete(traveller.visit(), iss="https://evil.example"), 403, "provider_refused")

    def test_a_code_of_another_attempt_is_refused(self, traveller: Traveller, elsewhere: Traveller):
        """Injected codes fail at the verifier (RFC 9700 section 4.5)."""
        stolen = elsewhere.visit(someone("victim", "victim@example.com"))
        problem(traveller.complete({**traveller.visit(), "code": stolen["code"]}), 403, "provider_refused")

    @pytest.mark.parametrize(
        "change",
        [
            {"code": None},
            {"code": ""},
            {"code": 7},
            {"code": "x" * 5000},
            {"state": None},
            {"state": ["x"]},
            {"iss": 1},
            {"provider": ""},
            {"provider": {}},
            {"error": "x"},
            {"user": {"name": "x"}},
            {"transport": "pigeon"},
            {"more": "x"},
        ],
        ids=lambda change: json.dumps(change)[:30],
    )
    def test_bad_input_is_refused_and_uses_nothing_up(self, traveller: Traveller, change: dict[str, Any]):
        brought = traveller.visit()
        problem(traveller.complete({**brought, **change}), 422, "validation_failed")
        assert traveller.complete(brought).status_code == 200

    def test_what_no_key_opens_any_longer_is_gone(self, traveller: Traveller, mongo: Database):
        """After SECRET_KEY was lost."""
        brought = traveller.visit()
        mongo.federation_attempts.update_many({}, {"$set": {"sealed": "x"}})
        problem(traveller.complete(brought), 410, "request_gone")

    def test_it_takes_a_code_or_an_error(self, traveller: Traveller):
        problem(traveller.complete({"state": traveller.visit()["state"]}), 422, "validation_failed")

    @pytest.mark.parametrize("state", ["x", "asf_", "asf_" + "0" * 49, "\u00e4", "asm_" + "0" * 49])
    def test_a_state_that_is_none_of_ours(self, traveller: Traveller, state: str):
        problem(traveller.complete({"state": state, "code": "x"}), 410, "request_gone")

    def test_a_token_of_what_waits_is_no_state_and_the_reverse(
        self, traveller: Traveller, alice: Person, mongo: Database
    ):
        verified(mongo, alice)
        token = traveller.arrive(someone(email=alice.email)).get_json()["confirmLink"]["token"]
        problem(traveller.complete({"state": token, "code": "x"}), 410, "request_gone")
        state = traveller.visit()["state"]
        traveller.headers = alice.headers
        problem(traveller.confirm(state), 410, "request_gone")
        assert traveller.confirm(token).status_code == 200

    def test_the_session_goes_into_the_cookie_as_after_a_password(self, traveller: Traveller):
        """The refresh token is out of reach of scripts, and the browser is known from now on."""
        answer = traveller.complete(traveller.visit(), transport="cookie")
        assert "refreshToken" not in answer.get_json()
        names = [one.partition("=")[0] for one in answer.headers.getlist("Set-Cookie")]
        assert {"refresh_token", "device"} <= set(names)
        assert traveller.client.post("/auth/refresh-token", json={}).status_code == 200

    def test_a_link_waits_for_an_hour(self, traveller: Traveller, alice: Person, mongo: Database):
        verified(mongo, alice)
        token = traveller.arrive(someone(email=alice.email)).get_json()["confirmLink"]["token"]
        with time_machine.travel(clock.now() + timedelta(minutes=60, seconds=1), tick=True):
            traveller.headers = alice.login().headers
            problem(traveller.confirm(token), 410, "request_gone")


class TestFormPost:
    """B11: the form is taken to the page, with what it has behind the `#`; no cookie is read, nothing is used up."""

    def test_it_leads_to_the_page(self, traveller: Traveller):
        fields = {"state": "s&=#", "code": "c +%\u00e4", "user": '{"name":{"firstName":"A"}}', "other": "x"}
        headers = {"Origin": "https://appleid.apple.com", "Sec-Fetch-Site": "cross-site"}
        answer = traveller.client.post("/federation/work", data=urlencode(fields), content_type=FORM, headers=headers)
        assert answer.status_code == 303
        address = urlsplit(answer.headers["Location"])
        assert (address.scheme, address.netloc, address.path, address.query) == (
            "",
            "",
            "/account/federation/work",
            "",
        )
        assert dict(parse_qsl(address.fragment)) == {name: fields[name] for name in ("state", "code", "user")}
        assert answer.headers["Cache-Control"] == "no-store"
        assert "Set-Cookie" not in answer.headers

    @pytest.mark.parametrize(
        "body",
        ["state=a&state=b", "state=%00", "state=" + "x" * 70_000],
        ids=["twice", "NUL", "too long"],
    )
    def test_what_can_not_be_is_refused(self, traveller: Traveller, body: str):
        answer = traveller.client.post("/federation/work", data=body, content_type=FORM)
        assert answer.status_code in (413, 422)

    def test_nothing_but_a_form(self, traveller: Traveller):
        problem(traveller.client.post("/federation/work", json={"state": "x"}), 415, "unsupported_media_type")

    def test_a_name_leads_nowhere_else(self, traveller: Traveller):
        for name in ("%2f%2fevil.example", "..", "a/b", "a%0d%0ab"):
            assert traveller.client.post(f"/federation/{name}", data="state=x", content_type=FORM).status_code == 404

    def test_the_session_is_opened_by_what_it_brought(self, app: Flask, traveller: Traveller, upstream: Upstream):
        brought = traveller.visit()
        answer = traveller.client.post("/federation/work", data=urlencode(brought), content_type=FORM)
        told = {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["Location"]).fragment).items()}
        assert traveller.complete(told).status_code == 200


class TestProviders:
    def test_anybody_may_know_which_buttons_there_are(self, app: Flask, traveller: Traveller, upstream: Upstream):
        with signing_in_with(app, upstream.settings(), upstream.settings("home", label="Home & Co")):
            assert traveller.client.get("/auth/providers").get_json() == {
                "items": [
                    {"name": "work", "label": "Work", "icon": "oidc"},
                    {"name": "home", "label": "Home & Co", "icon": "oidc"},
                ]
            }
            with app.app_context():
                assert [one.name for one in providers.all()] == ["work", "home"]

    def test_none_is_an_empty_list(self, app: Flask, new_traveller: Callable[[], Traveller]):
        with signing_in_with(app):
            assert new_traveller().client.get("/auth/providers").get_json() == {"items": []}

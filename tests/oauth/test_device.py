"""O47, R104, R106: signing in on a device without a browser, from its first question to its tokens (RFC 8628)."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from bson import ObjectId
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given
from hypothesis import settings as options
from hypothesis import strategies as st

from authsvc import clock
from authsvc.models.apps import AppKind, AuthMethod
from authsvc.security import opaque_tokens, user_codes
from authsvc.services import app_changes, apps, device_requests
from authsvc.services.users import state
from tests.conftest import PASSWORD, Person, problem
from tests.support.accounts import Database, throttled
from tests.support.app_devices import ADVANCE, DEVICE, GRANT, Device, ask, new_device_app, type_code
from tests.support.assertions import assertion, public_jwks, shown
from tests.support.factors import post
from tests.support.oauth import FORM, Answer, AppClient, basic, bearer, new_app, send

MAPS, TILES = "https://maps.example.net", "https://tiles.example.net"


@pytest.fixture
def telly(app: Flask, client: FlaskClient) -> AppClient:
    """Return an app for televisions, which the operator does not know."""
    return new_device_app(app, client)


@pytest.fixture
def token(alice: Person) -> str:
    """Return an access token of somebody who is signed in."""
    return str(alice.tokens["accessToken"])


def refused(answer: Answer, error: str, status: int = 400) -> None:
    """Check that a device is refused, as OAuth has it."""
    assert (answer.status, answer.error) == (status, error), answer.text
    assert set(answer.json) == {"error", "error_description"}
    assert answer.headers["Cache-Control"] == "no-store"


def wrong(answer: Answer) -> None:
    """Check that a code is refused, and that nothing says why."""
    assert (answer.status, answer.json["code"]) == (400, "user_code_invalid"), answer.text
    assert set(answer.json) == {"type", "title", "status", "detail", "code", "requestId"}


def claims_of(text: str) -> dict[str, Any]:
    """Return what a token says."""
    return dict(jwt.decode(text, options={"verify_signature": False}))


def wait(mongo: Database, seconds: float) -> None:
    """Let every device have asked so much earlier."""
    for request in mongo.authorizations.find({"polledAt": {"$exists": True}}):
        earlier = request["polledAt"] - timedelta(seconds=seconds)
        mongo.authorizations.update_one({"_id": request["_id"]}, {"$set": {"polledAt": earlier}})


def age(mongo: Database, seconds: float) -> None:
    """Let every request have begun so much earlier."""
    for request in mongo.authorizations.find({"userCode": {"$exists": True}}):
        names = ("createdAt", "codeExpiresAt", "expiresAt")
        earlier = {name: request[name] - timedelta(seconds=seconds) for name in names}
        mongo.authorizations.update_one({"_id": request["_id"]}, {"$set": earlier})


class TestCodes:
    """What a device gets (section 3.2)."""

    def test_o47_the_answer(self, telly: AppClient):
        answer = ask(telly)
        assert answer.status == 200, answer.text
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Content-Type"] == "application/json"
        told = answer.json
        assert re.fullmatch(r"[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}", told["user_code"])
        assert told == {
            "device_code": told["device_code"],
            "user_code": told["user_code"],
            "verification_uri": "http://localhost:8000/account/device",
            "verification_uri_complete": f"http://localhost:8000/account/device?user_code={told['user_code']}",
            "expires_in": 900,
            "interval": 5,
        }
        assert len(told["device_code"]) == 53

    def test_o47_the_address_is_ours_whatever_the_request_says(self, telly: AppClient):
        """R108"""
        told = send(
            telly.client,
            "POST",
            DEVICE,
            data={"client_id": telly.id},
            headers={"Host": "evil.example", "X-Forwarded-Host": "evil.example"},
        ).json
        assert {urlsplit(told[name]).netloc for name in ("verification_uri", "verification_uri_complete")} == {
            "localhost:8000"
        }

    def test_o47_codes_differ_and_only_their_digests_are_stored(self, telly: AppClient, mongo: Database):
        """R108 and promise 8: nobody who reads the database has a code."""
        told = [ask(telly).json for _ in range(5)]
        assert len({one["user_code"] for one in told} | {one["device_code"] for one in told}) == 10
        stored = str(list(mongo.authorizations.find()))
        for one in told:
            assert one["device_code"] not in stored
            assert one["user_code"] not in stored
            assert one["user_code"].replace("-", "") not in stored

    def test_o47_a_code_that_another_has_is_made_again(
        self, telly: AppClient, mongo: Database, monkeypatch: pytest.MonkeyPatch
    ):
        first = ask(telly).json["user_code"]
        offered = iter([first, first, "BCDF-GHJK"])
        monkeypatch.setattr(user_codes, "generate", lambda: next(offered))
        assert ask(telly).json["user_code"] == "BCDF-GHJK"
        assert mongo.authorizations.count_documents({}) == 2

    @pytest.mark.parametrize(
        ("kind", "values"),
        [
            (AppKind.DEVICE, {}),
            (AppKind.NATIVE, {}),
            (AppKind.WEB, {}),
            (AppKind.WEB, {"auth_method": AuthMethod.POST.value}),
        ],
    )
    def test_o47_public_and_confidential_apps(
        self, app: Flask, client: FlaskClient, token: str, kind: AppKind, values: dict[str, Any]
    ):
        asking = new_device_app(app, client, kind, **values)
        assert Device.begin(asking).sign_in(token)["scope"] == "openid email"

    def test_o47_by_a_signed_token(self, app: Flask, client: FlaskClient, token: str):
        """O28: each serves once, here as at the token endpoint."""
        keys = {"auth_method": AuthMethod.PRIVATE_KEY.value, "jwks": public_jwks("ES256")}
        asking = new_device_app(app, client, AppKind.WEB, **keys)
        once = shown(assertion(asking.id))
        first, again = (asking.post(DEVICE, once, headers={}) for _ in range(2))
        assert first.status == 200, first.text
        refused(again, "invalid_client", 401)

    def test_o26_a_confidential_app_shows_its_secret(self, app: Flask, client: FlaskClient, token: str):
        asking = new_device_app(app, client, AppKind.WEB)
        tv = Device.begin(asking)
        tv.allow(token)
        for headers in ({}, basic(asking.id, "aps_wrong"), basic(asking.id, None)):
            refused(asking.post(DEVICE, {"client_id": asking.id}, headers=headers), "invalid_client", 401)
            refused(
                asking.post("/oauth2/token", {**tv.form, "client_id": asking.id}, headers=headers),
                "invalid_client",
                401,
            )
        assert tv.poll().status == 200, "none of that has used it up"

    @pytest.mark.parametrize("kind", [AppKind.WEB, AppKind.SPA, AppKind.NATIVE])
    def test_o47_only_apps_that_are_registered_for_it(self, app: Flask, client: FlaskClient, kind: AppKind):
        """R103"""
        other = new_app(app, client, kind)
        refused(ask(other), "unauthorized_client")
        refused(other.token({"grant_type": GRANT, "device_code": "x"}), "unauthorized_client")

    def test_o47_no_service(self, app: Flask, client: FlaskClient):
        service = new_app(app, client, AppKind.SERVICE, "Nightly", (), scopes=["a:b"])
        refused(ask(service), "unauthorized_client")

    @pytest.mark.parametrize("client_id", [None, "", "app_unknown", "x" * 500, "ü"])
    def test_o27_an_app_that_nobody_knows(self, client: FlaskClient, client_id: str | None):
        form = {} if client_id is None else {"client_id": client_id}
        refused(send(client, "POST", DEVICE, data=form, headers=FORM), "invalid_client", 401)

    def test_o33_an_app_that_is_disabled(self, app: Flask, telly: AppClient):
        with app.test_request_context():
            app_changes.disable(None, telly.id)
        refused(ask(telly), "invalid_client", 401)

    @pytest.mark.parametrize(
        ("params", "error"),
        [
            ({"scope": "openid phone"}, "invalid_scope"),
            ({"scope": "users:write"}, "invalid_scope"),
            ({"scope": " "}, "invalid_scope"),
            ({"resource": "https://other.example"}, "invalid_target"),
            ({"resource": [MAPS, "https://other.example"]}, "invalid_target"),
            ({"resource": "http://localhost:8000"}, "invalid_target"),
            ({"prompt": "none"}, "invalid_request"),
            ({"prompt": "bogus"}, "invalid_request"),
            ({"max_age": "-1"}, "invalid_request"),
            ({"max_age": "1e3"}, "invalid_request"),
            ({"nonce": "n" * 3000}, "invalid_request"),
        ],
    )
    def test_o47_what_it_may_not_ask_for(
        self, app: Flask, client: FlaskClient, mongo: Database, params: dict[str, Any], error: str
    ):
        """As at the authorization endpoint: O35, A17, A20."""
        refused(ask(new_device_app(app, client, resources=[MAPS, TILES]), **params), error)
        assert mongo.authorizations.count_documents({}) == 0

    def test_o47_without_a_scope_it_asks_for_what_it_is_registered_for(
        self, app: Flask, client: FlaskClient, token: str
    ):
        asking = new_device_app(app, client, scopes=["openid", "profile", "offline_access"])
        asking.scope = None
        assert Device.begin(asking).sign_in(token)["scope"] == "openid profile"

    @pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
    def test_o23_only_post(self, telly: AppClient, method: str):
        answer = send(telly.client, method, f"{DEVICE}?client_id={telly.id}")
        refused(answer, "invalid_request", 405)

    @pytest.mark.parametrize(
        ("data", "kind"),
        [
            (b'{"client_id": "x"}', "application/json"),
            (b"client_id=x", "text/plain"),
            (b"--x--", "multipart/form-data; boundary=x"),
            (b"client_id=a&client_id=b", FORM["Content-Type"]),
            (b"client_id=a&scope=openid&scope=openid", FORM["Content-Type"]),
            (b"client_id=%ff", FORM["Content-Type"]),
            (b"client_id=%00", FORM["Content-Type"]),
            (b"&".join(b"a%d=1" % n for n in range(200)), FORM["Content-Type"]),
        ],
    )
    def test_o23_bad_forms(self, client: FlaskClient, data: bytes, kind: str):
        refused(send(client, "POST", DEVICE, data=data, headers={"Content-Type": kind}), "invalid_request")

    def test_o23_nothing_belongs_in_the_query(self, telly: AppClient):
        for query in (f"client_id={telly.id}", "x=y"):
            answer = send(telly.client, "POST", f"{DEVICE}?{query}", data={"client_id": telly.id})
            refused(answer, "invalid_request")

    def test_o23_unknown_parameters_are_ignored(self, telly: AppClient):
        assert ask(telly, audience="x", code_challenge="y", device_name="Telly").status == 200

    def test_o51_pages_of_other_origins_read_nothing_there(self, telly: AppClient):
        answer = send(
            telly.client, "POST", DEVICE, data={"client_id": telly.id}, headers={"Origin": "https://evil.example"}
        )
        assert answer.status == 200
        assert "Access-Control-Allow-Origin" not in answer.headers
        assert answer.cookies == []

    def test_o47_throttled_by_app_and_network(self, app: Flask, client: FlaskClient, telly: AppClient, mongo: Database):
        other = new_device_app(app, client)
        with throttled(app, device_codes=2):
            assert [ask(telly).status for _ in range(3)] == [200, 200, 429]
            answer = ask(telly)
            assert answer.error == "temporarily_unavailable"
            assert int(answer.headers["Retry-After"]) > 0
            assert ask(other).status == 200, "another app has its own room"
            elsewhere = {"REMOTE_ADDR": "203.0.113.9"}
            told = client.post(DEVICE, data={"client_id": telly.id}, environ_base=elsewhere)
            assert told.status_code == 200, "and so has another network"
        assert mongo.authorizations.count_documents({}) == 4

    def test_o47_and_by_network_whatever_the_app(self, app: Flask, client: FlaskClient, telly: AppClient):
        """An app with a metadata document has as many names as somebody wants."""
        others = [new_device_app(app, client) for _ in range(2)]
        with throttled(app, authorize_address=2):
            assert [ask(one).status for one in (telly, *others)] == [200, 200, 429]

    def test_o47_whoever_has_no_credentials_fills_no_room(self, app: Flask, client: FlaskClient):
        asking = new_device_app(app, client, AppKind.WEB)
        with throttled(app, device_codes=1):
            for _ in range(3):
                refused(asking.post(DEVICE, {"client_id": asking.id}, headers={}), "invalid_client", 401)
            assert ask(asking).status == 200


class TestQuestions:
    """What a device is told until it gets tokens (section 3.5)."""

    def test_o47_nobody_has_answered(self, telly: AppClient, mongo: Database):
        tv = Device.begin(telly)
        for _ in range(3):
            refused(tv.poll(), "authorization_pending")
            wait(mongo, 5)

    def test_o47_too_fast(self, telly: AppClient, mongo: Database):
        """Each time by five seconds more, and no longer than it is told."""
        tv = Device.begin(telly)
        refused(tv.poll(), "authorization_pending")
        refused(tv.poll(), "slow_down")
        wait(mongo, 5)
        refused(tv.poll(), "slow_down")
        wait(mongo, 10)
        refused(tv.poll(), "slow_down")
        for _ in range(3):
            wait(mongo, 20)
            refused(tv.poll(), "authorization_pending")

    def test_o47_a_clock_that_is_a_little_off(self, telly: AppClient, mongo: Database):
        tv = Device.begin(telly)
        for _ in range(3):
            refused(tv.poll(), "authorization_pending")
            wait(mongo, 4.2)

    def test_o47_whoever_was_too_fast_gets_the_tokens_all_the_same(self, telly: AppClient, token: str):
        """`slow_down` is about waiting: once there is an answer, it is given."""
        tv = Device.begin(telly)
        for _ in range(5):
            tv.poll()
        assert tv.sign_in(token)["token_type"] == "Bearer"

    def test_o47_two_devices_do_not_slow_each_other_down(self, telly: AppClient):
        one, other = Device.begin(telly), Device.begin(telly)
        refused(one.poll(), "authorization_pending")
        refused(other.poll(), "authorization_pending")

    def test_o47_it_expires(self, telly: AppClient, mongo: Database, token: str):
        tv = Device.begin(telly)
        age(mongo, 899)
        refused(tv.poll(), "authorization_pending")
        age(mongo, 1)
        for _ in range(2):
            refused(tv.poll(), "expired_token")
        wrong(tv.advance(token))
        wrong(tv.advance(token, "allow"))
        refused(tv.poll(), "expired_token")

    def test_o47_it_expires_after_it_was_allowed_too(self, telly: AppClient, mongo: Database, token: str):
        tv = Device.begin(telly)
        tv.allow(token)
        age(mongo, 901)
        refused(tv.poll(), "expired_token")
        assert mongo.sessions.count_documents({"app": telly.id}) == 0

    def test_o47_refused(self, telly: AppClient, token: str, mongo: Database):
        tv = Device.begin(telly)
        answer = tv.advance(token, "deny")
        assert (answer.status, answer.json["step"]) == (200, "denied")
        for _ in range(2):
            refused(tv.poll(), "access_denied")
        for decision in (None, "allow", "deny"):
            wrong(tv.advance(token, decision))
        refused(tv.poll(), "access_denied")
        assert mongo.sessions.count_documents({"app": telly.id}) == mongo.grants.count_documents({}) == 0

    @pytest.mark.parametrize(
        "code",
        [
            None,
            "",
            "x",
            "asd_",
            "asd_" + "0" * 49,
            "ü" * 53,
            "x" * 9000,
            pytest.param(opaque_tokens.generate("asd_"), id="well-formed"),
        ],
    )
    def test_o47_codes_of_nobody(self, telly: AppClient, code: str | None):
        form = {"grant_type": GRANT} if code is None else {"grant_type": GRANT, "device_code": code}
        refused(telly.token(form), "invalid_grant")

    def test_o47_what_the_person_types_is_no_device_code(self, telly: AppClient, token: str):
        tv = Device.begin(telly)
        tv.allow(token)
        for text in (tv.user_code, tv.user_code.replace("-", "")):
            refused(telly.token({"grant_type": GRANT, "device_code": text}), "invalid_grant")

    def test_o47_codes_of_one_kind_do_not_pass_for_another(
        self, app: Flask, client: FlaskClient, token: str, mongo: Database
    ):
        """RFC 9700: neither a device code as an authorization code, nor the reverse, nor a request."""
        asking = new_device_app(app, client, AppKind.WEB)
        tv, code = Device.begin(asking), asking.authorize(token)
        tv.allow(token)
        refused(asking.token({**code.form, "code": tv.codes["device_code"]}), "invalid_grant")
        refused(asking.token({"grant_type": GRANT, "device_code": code.code}), "invalid_grant")
        request, cookie, _ = asking.begin()
        refused(asking.token({"grant_type": GRANT, "device_code": request}), "invalid_grant")
        answer = asking.advance(tv.codes["device_code"], {**cookie, **bearer(token)}, "allow")
        assert (answer.status, answer.json["code"]) == (410, "request_gone")
        assert asking.exchange(code).status == 200
        assert tv.poll().status == 200

    def test_o10_another_app_uses_nothing_up(self, app: Flask, client: FlaskClient, telly: AppClient, token: str):
        other, tv = new_device_app(app, client), Device.begin(telly)
        stolen = Device(other, tv.codes)
        for _ in range(2):
            refused(stolen.poll(), "invalid_grant")
        refused(tv.poll(), "authorization_pending")
        tv.allow(token)
        refused(stolen.poll(), "invalid_grant")
        assert tv.poll().status == 200
        refused(stolen.poll(), "invalid_grant")
        assert telly.userinfo(Device.begin(telly).sign_in(token)["access_token"]).status == 200

    def test_o9_it_works_once_and_the_next_use_ends_what_it_gave(self, telly: AppClient, token: str, mongo: Database):
        tv = Device.begin(telly)
        tokens = tv.sign_in(token)
        assert telly.userinfo(tokens["access_token"]).status == 200
        refused(tv.poll(), "invalid_grant")
        assert telly.userinfo(tokens["access_token"]).status == 401
        refused(telly.refresh(tokens["refresh_token"]), "invalid_grant")
        (session,) = mongo.sessions.find({"app": telly.id})
        assert session["endReason"] == "token_reuse"
        assert mongo.audit.count_documents({"action": "app.code_reused"}) == 1
        wrong(tv.advance(token, "allow"))

    @pytest.mark.parametrize(
        "tail", ["&device_code=x", "&grant_type=x", "&client_id=app_x", "&scope=openid&scope=openid"]
    )
    def test_o23_repeated_parameters(self, telly: AppClient, token: str, tail: str):
        tv = Device.begin(telly)
        tv.allow(token)
        data = f"grant_type={GRANT}&client_id={telly.id}&device_code={tv.codes['device_code']}"
        refused(send(telly.client, "POST", "/oauth2/token", data=data + tail, headers=FORM), "invalid_request")
        assert tv.poll().status == 200


class TestTokens:
    """What it gets: what other apps get."""

    def test_o41_an_id_token_if_it_asks_who_it_is(self, telly: AppClient, alice: Person, token: str):
        tokens = Device.begin(telly, nonce="n1").sign_in(token)
        claims = claims_of(tokens["id_token"])
        assert (claims["sub"], claims["aud"], claims["nonce"]) == (alice.id, telly.id, "n1")
        assert claims["amr"] == ["pwd"]
        assert {"auth_time", "at_hash", "sid"} <= set(claims)
        assert telly.userinfo(tokens["access_token"]).json["email"] == alice.email
        without = Device.begin(telly, scope="email").sign_in(token)
        assert "id_token" not in without

    def test_o30_it_refreshes(self, telly: AppClient, token: str):
        tokens = Device.begin(telly).sign_in(token)
        renewed = telly.refresh(tokens["refresh_token"])
        assert renewed.status == 200, renewed.text
        assert telly.userinfo(renewed.json["access_token"]).status == 200

    def test_o30_unless_it_may_not(self, app: Flask, client: FlaskClient, token: str):
        asking = new_app(app, client, AppKind.DEVICE, "Telly", (), grant_types=[GRANT])
        assert "refresh_token" not in Device.begin(asking).sign_in(token)

    def test_o35_resources(self, app: Flask, client: FlaskClient, token: str):
        asking = new_device_app(app, client, resources=[MAPS, TILES])
        one = Device.begin(asking, resource=MAPS).sign_in(token)
        assert claims_of(one["access_token"])["aud"] == MAPS
        assert claims_of(Device.begin(asking).sign_in(token)["access_token"])["aud"].endswith("/oauth2/userinfo")
        both = Device.begin(asking, resource=[MAPS, TILES])
        both.allow(token)
        for params in ({}, {"resource": [MAPS, TILES]}, {"resource": "https://other.example"}):
            refused(both.poll(**params), "invalid_target")
        tokens = both.poll(resource=TILES)
        assert claims_of(tokens.json["access_token"])["aud"] == TILES, "a refusal has not used it up"
        again = asking.refresh(tokens.json["refresh_token"], resource=MAPS)
        assert claims_of(again.json["access_token"])["aud"] == MAPS

    def test_o35_what_it_asks_for_is_compared_before_anybody_answers(self, app: Flask, client: FlaskClient):
        tv = Device.begin(new_device_app(app, client, resources=[MAPS]))
        refused(tv.poll(), "authorization_pending")

    def test_o50_the_list_of_sessions_and_apps_names_it(self, telly: AppClient, alice: Person, token: str):
        Device.begin(telly).sign_in(token)
        (session,) = (
            one for one in alice.client.get("/auth/sessions", headers=alice.headers).json["items"] if one["app"]
        )
        assert session["app"]["name"] == "Telly"
        (grant,) = alice.client.get("/auth/grants", headers=alice.headers).json["items"]
        assert (grant["app"]["name"], grant["scopes"]) == ("Telly", ["openid", "email"])
        assert grant["lastUsedAt"] is not None

    def test_o50_everything_is_on_record(self, telly: AppClient, token: str, mongo: Database):
        Device.begin(telly).sign_in(token)
        for action in ("grant.given", "app.signed_in"):
            assert mongo.audit.count_documents({"action": action, "details.app": telly.id}) == 1


class TestTyping:
    """R106: the code is typed after the sign-in, by whoever is signed in."""

    def test_r106_nobody_who_is_not_signed_in(self, telly: AppClient, mongo: Database):
        """Section 5.1: codes can't be tried without an account."""
        tv = Device.begin(telly)
        for code in (tv.user_code, "BCDF-GHJK"):
            for decision in (None, "allow", "deny"):
                body = {"userCode": code, **({} if decision is None else {"decision": decision})}
                problem(telly.client.post(ADVANCE, json=body), 401, "token_missing")
        refused(tv.poll(), "authorization_pending")
        assert mongo.authorizations.count_documents({"decidedAt": {"$exists": True}}) == 0

    def test_r106_it_names_app_place_and_time(self, app: Flask, alice: Person, telly: AppClient, token: str):
        telly.headers["User-Agent"] = "Telly/1.0"
        tv = Device.begin(telly)
        told = tv.advance(token)
        assert told.status == 200, told.text
        device = dict(told.json["device"])
        started = device.pop("startedAt")
        assert {**told.json, "device": device} == {
            "step": "consent",
            "userCode": tv.user_code,
            "app": {"name": "Telly", "verified": False, "document": None},
            "device": {
                "ip": "127.0.0.1",
                "userAgent": "Telly/1.0",
                "near": None,
            },
            "scopes": ["openid", "email"],
            "resources": [],
            "email": alice.email,
        }
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", started)
        assert tv.advance(token).json["step"] == "consent", "as often as it is asked"
        refused(tv.poll(), "authorization_pending")

    @pytest.mark.parametrize(
        ("address", "near"),
        [
            ("93.184.216.34", True),
            ("93.184.216.35", False),
            ("2606:2800:220:1::1", None),
            ("127.0.0.1", None),
            ("", None),
        ],
    )
    def test_r106_it_says_whether_the_device_is_near(
        self, client: FlaskClient, telly: AppClient, token: str, address: str, near: bool | None
    ):
        """As far as it can be told: a warning that is often wrong is not read."""
        asked = client.post(DEVICE, data={"client_id": telly.id}, environ_base={"REMOTE_ADDR": address})
        body, here = {"userCode": asked.get_json()["user_code"]}, {"REMOTE_ADDR": "93.184.216.34"}
        told = client.post(ADVANCE, json=body, headers=bearer(token), environ_base=here)
        assert told.get_json()["device"]["near"] is near

    def test_r102_apps_of_the_operator_are_asked_about_too(self, app: Flask, client: FlaskClient, token: str):
        """Section 5.4: whoever sends the code of a device of their own would be signed in by one press."""
        ours = new_device_app(app, client, trusted=True)
        for _ in range(2):
            tv = Device.begin(ours)
            told = tv.advance(token)
            assert (told.json["step"], told.json["app"]["verified"]) == ("consent", True)
            refused(tv.poll(), "authorization_pending")
            assert tv.sign_in(token)["scope"] == "openid email"

    def test_r102_and_again_each_time(self, telly: AppClient, token: str):
        for _ in range(2):
            tv = Device.begin(telly)
            assert tv.advance(token).json["step"] == "consent"
            tv.sign_in(token)

    @pytest.mark.parametrize(
        "spell",
        [
            str.lower,
            str.title,
            lambda code: code.replace("-", ""),
            lambda code: code.replace("-", " "),
            lambda code: " ".join(code.lower()),
            lambda code: f"  {code}\t",
            lambda code: code.replace("-", "\u2013"),
            lambda code: code.replace("-", "\u2011"),
            lambda code: code.replace("-", "\u00a0"),
            lambda code: code.replace("-", "_"),
            lambda code: code.replace("-", "."),
            lambda code: code.replace("-", "\u200b"),
            lambda code: "".join(chr(ord(char) + 0xFEE0) for char in code),
            lambda code: "".join(chr(ord(char) + 0xFEE0) for char in code.lower()),
        ],
    )
    def test_o47_however_it_is_typed(self, telly: AppClient, token: str, spell: Callable[[str], str]):
        """Section 6.1: in any case, with any separators."""
        tv = Device.begin(telly)
        assert tv.advance(token, user_code=spell(tv.user_code)).json["userCode"] == tv.user_code

    @pytest.mark.parametrize(
        "text",
        [
            *("B", "BBBB-BBB", "BBBB-BBBBB", "AEIO-UAEI", "1234-5678", "BBBB-BBB1", "-", "\u202e", "ß" * 4, "ﬆ" * 4),
            *(
                "\u0412" * 8,
                "\u0392" * 8,
                "\U0001f600" * 8,
                "B" * 100,
                "b\u0301" * 8,
                "\u0460" * 8,
                "\u017f" * 8,
                "$where",
                "a@b.example",
            ),
        ],
    )
    def test_o47_what_can_not_be_one(self, telly: AppClient, token: str, text: str):
        Device.begin(telly)
        wrong(type_code(telly.client, token, text))

    @given(text=st.text(max_size=120))
    @options(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_o47_whatever_is_typed(self, telly: AppClient, token: str, text: str):
        answer = type_code(telly.client, token, text)
        assert answer.status in (400, 422), answer.text

    @pytest.mark.parametrize(
        "body",
        [
            *({}, {"userCode": ""}, {"userCode": None}, {"userCode": 5}, {"userCode": ["BCDF-GHJK"]}),
            *({"userCode": "x" * 101}, {"userCode": "BCDF-GHJK", "decision": "yes"}),
            *({"userCode": {"$ne": ""}}, {"userCode": "BCDF-GHJK", "other": 1}, {"user_code": "BCDF-GHJK"}),
        ],
    )
    def test_o47_what_is_no_question(self, alice: Person, body: dict[str, Any]):
        assert alice.client.post(ADVANCE, json=body, headers=alice.headers).status_code == 422

    def test_o47_wrong_expired_used_and_refused_look_the_same(
        self, app: Flask, client: FlaskClient, telly: AppClient, token: str, mongo: Database
    ):
        used, denied, expired, gone = (Device.begin(telly) for _ in range(4))
        used.sign_in(token)
        denied.advance(token, "deny")
        changed = Device.begin(new_device_app(app, client))
        with app.test_request_context():
            app_changes.disable(None, changed.app.id)
        expires = {"codeExpiresAt": clock.now()}
        digest = user_codes.digest(expired.user_code)
        mongo.authorizations.update_one({"userCode": digest}, {"$set": expires})
        mongo.authorizations.delete_one({"userCode": user_codes.digest(gone.user_code)})
        texts = set()
        for code in (*(one.user_code for one in (used, denied, expired, gone, changed)), "BCDF-GHJK", "nonsense"):
            for decision in (None, "allow", "deny"):
                answer = type_code(client, token, code, decision)
                wrong(answer)
                texts.add(re.sub(r'"requestId":"\w+"', "", answer.text))
        assert len(texts) == 1

    def test_o19_a_personal_access_token(self, telly: AppClient, alice: Person):
        made = post(alice, "/auth/access-tokens", name="script", scopes=["account:read", "account:write"])
        tv = Device.begin(telly)
        answer = tv.advance(made.get_json()["token"], "allow")
        assert (answer.status, answer.json["code"]) == (403, "scope_missing")
        refused(tv.poll(), "authorization_pending")

    def test_o19_tokens_of_an_app(self, telly: AppClient, token: str):
        tokens = Device.begin(telly).sign_in(token)
        tv = Device.begin(telly)
        for name in ("access_token", "refresh_token", "id_token"):
            answer = tv.advance(tokens[name], "allow")
            assert (answer.status, answer.json["code"]) == (401, "token_invalid"), name
        refused(tv.poll(), "authorization_pending")

    @pytest.mark.parametrize(
        "headers",
        [
            {"Origin": "https://evil.example"},
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site", "Origin": "https://other.localhost"},
        ],
    )
    def test_r106_no_page_of_another_site_allows_it(self, telly: AppClient, token: str, headers: dict[str, str]):
        """CSRF: by its origin, and since no cookie is enough."""
        tv = Device.begin(telly)
        body = {"userCode": tv.user_code, "decision": "allow"}
        answer = telly.client.post(ADVANCE, json=body, headers={**bearer(token), **headers})
        problem(answer, 403, "cross_origin_refused")
        refused(tv.poll(), "authorization_pending")

    def test_r106_no_cookie_allows_it(self, app: Flask, telly: AppClient, alice: Person):
        browser = app.test_client()
        account = {"email": alice.email, "password": PASSWORD, "transport": "cookie"}
        assert browser.post("/auth/login", json=account).status_code == 200
        tv = Device.begin(telly)
        body = {"userCode": tv.user_code, "decision": "allow"}
        problem(browser.post(ADVANCE, json=body), 401, "token_missing")
        problem(browser.post(ADVANCE, data=body), 401, "token_missing")
        assert browser.get(ADVANCE, query_string=body).status_code == 405
        refused(tv.poll(), "authorization_pending")

    def test_o47_it_is_answered_once(self, telly: AppClient, token: str, bob: Person):
        """Whoever is second gets nothing, and takes nothing away."""
        tv = Device.begin(telly)
        tv.allow(token)
        for decision in (None, "allow", "deny"):
            wrong(tv.advance(token, decision))
            wrong(tv.advance(bob.tokens["accessToken"], decision))
        answer = tv.poll()
        assert claims_of(answer.json["id_token"])["sub"] != bob.id
        assert answer.status == 200


class TestProof:
    """`max_age` and `prompt`, as at the authorization endpoint: measured when the device asked."""

    @pytest.mark.parametrize("params", [{"prompt": "login"}, {"max_age": "0"}, {"max_age": "60"}])
    def test_o18_a_sign_in_that_is_too_old(
        self, telly: AppClient, alice: Person, token: str, mongo: Database, params: dict[str, str]
    ):
        mongo.sessions.update_many({}, {"$set": {"authTime": clock.now() - timedelta(seconds=61)}})
        tv = Device.begin(telly, **params)
        for decision in (None, "allow"):
            assert tv.advance(token, decision).json["step"] == "prove"
        refused(tv.poll(), "authorization_pending")
        proof = alice.client.post("/auth/reauthenticate", json={"password": PASSWORD}, headers=alice.headers)
        fresh = proof.get_json()["accessToken"]
        assert tv.advance(fresh).json["step"] == "consent"
        claims = claims_of(tv.sign_in(fresh)["id_token"])
        assert clock.now().timestamp() - claims["auth_time"] < 30

    def test_o18_one_that_is_not(self, telly: AppClient, token: str):
        assert Device.begin(telly, max_age="10000").advance(token).json["step"] == "consent"

    @pytest.mark.parametrize("prompt", ["consent", "select_account", "create", "consent select_account"])
    def test_whoever_is_asked_in_any_case_is_not_asked_more(self, telly: AppClient, token: str, prompt: str):
        assert Device.begin(telly, prompt=prompt).advance(token).json["step"] == "consent"

    def test_whoever_has_to_prove_may_refuse(self, telly: AppClient, token: str):
        tv = Device.begin(telly, prompt="login", max_age="0")
        assert tv.advance(token, "deny").json["step"] == "denied"
        refused(tv.poll(), "access_denied")


class TestGuesses:
    """Section 5.1: eight consonants are few, so who guesses is stopped, even from the right one."""

    def test_o47_by_account(self, app: Flask, telly: AppClient, token: str, bob: Person):
        tv = Device.begin(telly)
        with throttled(app, user_code_account=3):
            for text in ("BBBB-BBBB", "CCCC-CCCC", "nonsense"):
                wrong(type_code(telly.client, token, text))
            for decision in (None, "allow", "deny"):
                answer = tv.advance(token, decision)
                assert (answer.status, answer.json["code"]) == (429, "too_many_attempts")
                assert int(answer.headers["Retry-After"]) > 0
            assert tv.advance(bob.tokens["accessToken"]).status == 200, "others may"
        refused(tv.poll(), "authorization_pending")

    def test_o47_by_network(self, app: Flask, telly: AppClient, token: str, bob: Person, mongo: Database):
        """Whoever has many accounts."""
        tv = Device.begin(telly)
        with throttled(app, user_code_address=2):
            wrong(type_code(telly.client, token, "BBBB-BBBB"))
            wrong(type_code(telly.client, bob.tokens["accessToken"], "CCCC-CCCC"))
            for one in (token, bob.tokens["accessToken"]):
                assert tv.advance(one).status == 429
            body = {"userCode": tv.user_code}
            elsewhere = telly.client.post(
                ADVANCE, json=body, headers=bearer(token), environ_base={"REMOTE_ADDR": "203.0.113.9"}
            )
            assert elsewhere.status_code == 200
        assert mongo.audit.count_documents({"action": "attempts.throttled"}) == 1

    def test_o47_right_ones_are_not_counted(self, app: Flask, telly: AppClient, token: str):
        with throttled(app, user_code_account=2, user_code_address=2):
            for _ in range(3):
                tv = Device.begin(telly)
                for decision in (None, None, "deny"):
                    assert tv.advance(token, decision).status == 200

    def test_o47_a_right_one_forgives_no_wrong_ones(self, app: Flask, telly: AppClient, token: str):
        """Else whoever has a device of their own could guess on and on."""
        with throttled(app, user_code_account=2):
            for code in ("BBBB-BBBB", Device.begin(telly).user_code, "CCCC-CCCC"):
                type_code(telly.client, token, code)
            assert Device.begin(telly).advance(token).status == 429


class TestChanges:
    """R104, O11: what changes between the answer and the next question leaves nothing."""

    def nothing(self, tv: Device, mongo: Database, *, error: str = "invalid_grant", status: int = 400) -> None:
        """Check that a device gets nothing, now and later."""
        for _ in range(2):
            refused(tv.poll(), error, status)
        assert mongo.sessions.count_documents({"app": tv.app.id, "endedAt": None}) == 0

    @pytest.mark.parametrize("change", ["disable", "delete", "password", "everywhere", "others", "grant", "undo"])
    def test_r104_of_the_account(
        self, app: Flask, telly: AppClient, alice: Person, token: str, mongo: Database, change: str
    ):
        tv = Device.begin(telly)
        tv.allow(token)
        headers = alice.headers
        if change == "disable":
            with app.test_request_context():
                state.disable(None, alice.id)
        elif change == "delete":
            assert alice.client.delete("/auth/me", headers=headers).status_code == 204
        elif change == "password":
            body = {"currentPassword": PASSWORD, "newPassword": "a brand new passphrase"}
            assert alice.client.post("/auth/me/password", json=body, headers=headers).status_code == 204
        elif change == "grant":
            (grant,) = alice.client.get("/auth/grants", headers=headers).get_json()["items"]
            assert alice.client.delete(f"/auth/grants/{grant['id']}", headers=headers).status_code == 204
        elif change == "undo":
            mongo.users.update_one({"_id": ObjectId(alice.id)}, {"$inc": {"linkEpoch": 1}})
        else:
            scope = {"everywhere": "all", "others": "others"}[change]
            assert alice.client.delete(f"/auth/sessions?scope={scope}", headers=headers).status_code in (200, 204)
        self.nothing(tv, mongo)

    @pytest.mark.parametrize("change", ["narrower", "no device grant", "again", "untrusted"])
    def test_r103_of_the_app(self, app: Flask, client: FlaskClient, token: str, mongo: Database, change: str):
        """O33: also if it is as it was again."""
        telly = new_device_app(app, client, AppKind.NATIVE, trusted=True)
        waiting, tv = Device.begin(telly), Device.begin(telly)
        tv.allow(token)
        with app.test_request_context():
            if change == "narrower":
                app_changes.change(None, telly.id, {"scopes": ["openid", "email"]})
            elif change == "untrusted":
                app_changes.change(None, telly.id, {"trusted": False})
            elif change == "no device grant":
                app_changes.change(None, telly.id, {"grant_types": ["authorization_code"]})
            else:
                app_changes.disable(None, telly.id)
                app_changes.enable(None, telly.id)
        error = "unauthorized_client" if change == "no device grant" else "invalid_grant"
        self.nothing(tv, mongo, error=error)
        refused(waiting.poll(), error)
        wrong(waiting.advance(token))

    @pytest.mark.parametrize("change", ["disabled", "deleted"])
    def test_o33_the_app_is_gone(self, app: Flask, telly: AppClient, token: str, mongo: Database, change: str):
        tv = Device.begin(telly)
        tv.allow(token)
        with app.test_request_context():
            if change == "disabled":
                app_changes.disable(None, telly.id)
            else:
                apps.delete(telly.id)
        self.nothing(tv, mongo, error="invalid_client", status=401)

    def test_r104_whoever_was_disabled_can_not_answer(self, app: Flask, telly: AppClient, alice: Person, token: str):
        tv = Device.begin(telly)
        with app.test_request_context():
            state.disable(None, alice.id)
        for decision in (None, "allow", "deny"):
            assert tv.advance(token, decision).status == 401
        refused(tv.poll(), "authorization_pending")


class TestEnds:
    """O50: a television stays signed in when the browser that allowed it signs out, and ends with everything else."""

    def tokens(self, telly: AppClient, token: str, **params: Any) -> Callable[[], int]:
        """Return what tells whether a device is still signed in, by the status of userinfo."""
        made = Device.begin(telly, **params).sign_in(token)
        return lambda: telly.userinfo(made["access_token"]).status

    @pytest.mark.parametrize("scope", ["openid", "openid offline_access"])
    def test_o50_the_browser_signs_out(self, telly: AppClient, alice: Person, token: str, scope: str):
        made = Device.begin(telly, scope=scope).sign_in(token)
        assert alice.client.post("/auth/logout", json={}, headers=alice.headers).status_code == 204
        assert alice.home().status_code == 401
        assert telly.userinfo(made["access_token"]).status == 200
        renewed = telly.refresh(made["refresh_token"])
        assert renewed.status == 200
        assert telly.refresh(renewed.json["refresh_token"]).status == 200

    def test_o50_the_browser_signs_out_before_the_device_asks(self, telly: AppClient, alice: Person, token: str):
        """On a computer that is not one's own, say, right after the answer."""
        tv = Device.begin(telly)
        tv.allow(token)
        assert alice.client.post("/auth/logout", json={}, headers=alice.headers).status_code == 204
        tokens = tv.poll()
        assert tokens.status == 200, tokens.text
        assert telly.refresh(tokens.json["refresh_token"]).status == 200

    def test_o50_the_session_of_the_browser_expires(self, telly: AppClient, token: str, mongo: Database):
        made = Device.begin(telly).sign_in(token)
        mongo.sessions.update_many({"app": None}, {"$set": {"expiresAt": clock.now() - timedelta(days=1)}})
        assert telly.refresh(made["refresh_token"]).status == 200

    def test_o50_the_session_of_the_browser_was_copied(self, app: Flask, telly: AppClient, alice: Person, token: str):
        """Whoever copied it may have allowed the device: before it asks, and after."""
        tv = Device.begin(telly)
        tv.allow(token)
        works = self.tokens(telly, token)
        old = alice.tokens["refreshToken"]
        for _ in range(2):
            pair = alice.client.post("/auth/refresh-token", json={"refreshToken": alice.tokens["refreshToken"]})
            alice.tokens["refreshToken"] = pair.get_json()["refreshToken"]
        assert alice.client.post("/auth/refresh-token", json={"refreshToken": old}).status_code == 401
        assert works() == 401
        refused(tv.poll(), "invalid_grant")

    @pytest.mark.parametrize("way", ["everywhere", "others", "password", "grant", "itself", "app", "disable"])
    def test_o50_it_ends_with(self, app: Flask, telly: AppClient, alice: Person, token: str, way: str):
        works = self.tokens(telly, token)
        headers, client = alice.headers, alice.client
        assert works() == 200
        if way == "password":
            body = {"currentPassword": PASSWORD, "newPassword": "a brand new passphrase"}
            assert client.post("/auth/me/password", json=body, headers=headers).status_code == 204
        elif way == "grant":
            (grant,) = client.get("/auth/grants", headers=headers).get_json()["items"]
            assert client.delete(f"/auth/grants/{grant['id']}", headers=headers).status_code == 204
        elif way == "itself":
            (own,) = (one for one in client.get("/auth/sessions", headers=headers).json["items"] if one["app"])
            assert client.delete(f"/auth/sessions/{own['id']}", headers=headers).status_code == 204
        elif way in ("app", "disable"):
            with app.test_request_context():
                apps.delete(telly.id) if way == "app" else state.disable(None, alice.id)
        else:
            scope = {"everywhere": "all", "others": "others"}[way]
            client.delete(f"/auth/sessions?scope={scope}", headers=headers)
        assert works() == 401

    def test_o49_an_app_with_a_back_channel_is_told(
        self, app: Flask, client: FlaskClient, alice: Person, token: str, mongo: Database
    ):
        asking = new_device_app(app, client, AppKind.WEB, backchannel_uri="https://app.example.net/back")
        Device.begin(asking).sign_in(token)
        assert alice.client.post("/auth/logout", json={}, headers=alice.headers).status_code == 204
        assert mongo.logout_notices.count_documents({}) == 0, "it goes on"
        again = alice.login()
        (own,) = (one for one in client.get("/auth/sessions", headers=again.headers).json["items"] if one["app"])
        assert client.delete(f"/auth/sessions/{own['id']}", headers=again.headers).status_code == 204
        assert mongo.logout_notices.count_documents({}) == 1

    def test_o50_twenty_at_an_app(self, telly: AppClient, token: str, mongo: Database):
        first = Device.begin(telly).sign_in(token)
        for _ in range(20):
            Device.begin(telly).sign_in(token)
        assert telly.userinfo(first["access_token"]).status == 401
        assert mongo.sessions.count_documents({"app": telly.id, "endedAt": None}) == 20

    def test_o45_it_signs_itself_out(self, telly: AppClient, token: str):
        made = Device.begin(telly).sign_in(token)
        assert telly.post("/oauth2/revoke", {"token": made["refresh_token"]}).status == 200
        assert telly.userinfo(made["access_token"]).status == 401


class TestPage:
    def test_r106_it_can_not_be_framed_and_says_nothing_of_a_code(self, client: FlaskClient, telly: AppClient):
        tv = Device.begin(telly)
        address = urlsplit(tv.codes["verification_uri_complete"])
        assert parse_qs(address.query) == {"user_code": [tv.user_code]}
        answer = client.get(f"{address.path}?{address.query}")
        assert answer.status_code == 200
        assert answer.headers["Cache-Control"] == "no-store"
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
        assert "form-action 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert tv.user_code not in answer.text
        refused(tv.poll(), "authorization_pending")


def test_o47_how_often_somebody_guesses_in_a_year() -> None:
    """Section 5.1: a code is one in 2.56e10, and lives for a quarter of an hour."""
    assert len(user_codes.ALPHABET) ** 8 == 25_600_000_000
    assert not set(user_codes.ALPHABET) & set("AEIOUY0123456789")
    assert timedelta(minutes=15) == device_requests.LIFE

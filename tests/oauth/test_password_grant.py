"""The password grant: off, and if it is on, a sign-in by password as any other. O52, R103, R104 (RFC 6749 4.3)."""

import base64
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given
from hypothesis import settings as options
from hypothesis import strategies as st

from authsvc import clock
from authsvc.errors import ValidationFailed
from authsvc.models.apps import AppKind
from authsvc.services import apps, sessions
from authsvc.services.users import state
from tests.api.forging import claims_of, header_of
from tests.conftest import PASSWORD, Person
from tests.support.accounts import EMAIL, Database, counted_work, hashing, login, occupied, throttled
from tests.support.assertions import assertion, public_jwks, shown
from tests.support.factors import verified, with_passkey, with_totp
from tests.support.letters import sent
from tests.support.oauth import FORM, TOKEN, Answer, AppClient, basic, check_refusal, new_app, send
from tests.support.sign_ins import STRANGER, WRONG, try_login

METADATA = "/.well-known/openid-configuration"
GRANT = {"grant_type": "password", "username": EMAIL, "password": PASSWORD}
EMPTY = {"Authorization": "Basic Og=="}
"""What Swagger UI sends if nobody has filled in its fields for an app: an empty id, a colon, an empty secret."""


def grant(client: FlaskClient, headers: dict[str, str] | None = None, ip: str | None = None, **form: str) -> Answer:
    """Return the answer to a sign-in by the password grant; an empty value leaves a member as it is sent: empty."""
    elsewhere = {} if ip is None else {"environ_overrides": {"REMOTE_ADDR": ip}}
    body = urlencode({**GRANT, **form})
    return send(client, "POST", TOKEN, data=body, headers={**FORM, **(headers or {})}, **elsewhere)


@pytest.fixture
def on(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Switch the grant on."""
    monkeypatch.setitem(app.config, "PASSWORD_GRANT", True)


@pytest.fixture
def notes(app: Flask, client: FlaskClient) -> AppClient:
    """Return an app with a secret."""
    return new_app(app, client)


class TestOff:
    """As it is unless the operator says otherwise."""

    @pytest.mark.parametrize("password", [PASSWORD, WRONG])
    @pytest.mark.parametrize("headers", [{}, EMPTY, basic("me", ""), basic("app_unknown", "wrong"), {"Cookie": "a=b"}])
    def test_o52_there_is_no_such_grant(
        self, alice: Person, mongo: Database, headers: dict[str, str], password: str
    ) -> None:
        """R103: whatever is shown, it is looked at by nobody."""
        before = mongo.audit.count_documents({}), mongo.sessions.count_documents({})
        with counted_work() as work:
            answer = grant(alice.client, headers, password=password)
        assert (answer.status, answer.error) == (400, "unsupported_grant_type")
        check_refusal(answer)
        assert not work
        assert (mongo.audit.count_documents({}), mongo.sessions.count_documents({})) == before

    def test_o52_nor_for_an_app(self, notes: AppClient, alice: Person) -> None:
        assert notes.token(GRANT).error == "unsupported_grant_type"

    def test_r103_the_metadata_do_not_list_it(self, client: FlaskClient) -> None:
        assert "password" not in client.get(METADATA).get_json()["grant_types_supported"]

    def test_r103_no_app_can_be_registered_for_it(self, app: Flask, client: FlaskClient) -> None:
        for kind in AppKind:
            with app.test_request_context(), pytest.raises(ValidationFailed):
                apps.create("Notes", kind, ["https://a.example/"], grant_types=["authorization_code", "password"])


@pytest.mark.usefixtures("on")
class TestToken:
    """What it gives."""

    @pytest.mark.parametrize(
        ("headers", "form"),
        [
            ({}, {}),
            (EMPTY, {}),
            ({"Authorization": "Basic "}, {}),
            ({"Authorization": "basic"}, {}),
            (basic("me", ""), {}),
            ({}, {"client_id": "me"}),
            ({}, {"client_id": "me", "client_secret": ""}),
            ({}, {"client_id": "", "client_secret": "", "scope": "", "client_assertion": ""}),
        ],
    )
    def test_o52_with_and_without_a_client_id(
        self, alice: Person, headers: dict[str, str], form: dict[str, str]
    ) -> None:
        """An id without a secret proves nothing, so it is as good as none (Swagger UI, FastAPI)."""
        answer = grant(alice.client, headers, **form)
        assert answer.status == 200, answer.text
        assert set(answer.json) == {"access_token", "token_type", "expires_in"}
        assert answer.json["token_type"] == "Bearer"
        assert answer.json["expires_in"] in (899, 900)
        assert (answer.headers["Cache-Control"], answer.headers["Pragma"]) == ("no-store", "no-cache")
        assert not answer.cookies
        home = alice.client.get("/", headers={"Authorization": f"Bearer {answer.json['access_token']}"})
        assert home.status_code == 200

    def test_o52_an_id_of_a_public_app_is_as_good_as_none(self, app: Flask, alice: Person) -> None:
        for kind in (AppKind.SPA, AppKind.NATIVE):
            page = new_app(app, alice.client, kind)
            assert grant(alice.client, basic(page.id, "")).status == 200

    def test_o52_the_token_is_as_that_of_a_login(self, alice: Person) -> None:
        """A person's own, and nothing of an app's."""
        first, second = alice.login().tokens["accessToken"], grant(alice.client).json["access_token"]
        assert {**header_of(first), "kid": ""} == {**header_of(second), "kid": ""}
        told, same = claims_of(first), ("aud", "iss", "sub", "type", "role", "amr")
        assert set(told) == set(claims_of(second))
        assert {name: told[name] for name in same} == {name: claims_of(second)[name] for name in same}
        assert claims_of(second)["sid"] != told["sid"]

    def test_it_is_put_on_record_and_listed_as_a_login_is(self, alice: Person, mongo: Database) -> None:
        """R96"""
        agent = {"User-Agent": "Tool/1"}
        login(alice.client)
        token = grant(alice.client, agent).json["access_token"]
        first, second = mongo.audit.find({"action": "login.succeeded"}).sort("_id", -1).limit(2)
        varying = ("_id", "at", "requestId", "userAgent", "details")
        assert {name: first[name] for name in first if name not in varying} == {
            name: second[name] for name in second if name not in varying
        }
        assert first["details"].keys() == second["details"].keys()
        listed = alice.client.get("/auth/sessions", headers=alice.headers).get_json()["items"]
        (mine,) = (one for one in listed if one["id"] == claims_of(token)["sid"])
        assert (mine["userAgent"], mine["methods"], mine.get("app")) == ("Tool/1", ["pwd"], None)

    def test_a_letter_tells_of_a_new_place(self, app: Flask, alice: Person, mongo: Database) -> None:
        """R28"""
        verified(mongo, alice)
        assert grant(alice.client, ip="203.0.113.9").status == 200
        (letter,) = sent(app, "new_sign_in")
        assert "203.0.113.9" in letter["text"]
        grant(alice.client, ip="203.0.113.9")
        assert len(sent(app, "new_sign_in")) == 1

    def test_a_session_lasts_as_long_as_its_token(
        self, alice: Person, mongo: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A program that signs in all day pushes nobody out of their browsers."""
        monkeypatch.setattr(sessions, "MAX_LIVE", 4)  # two in browsers, and two tokens at a time
        browser = alice.login()
        with time_machine.travel(clock.now(), tick=False) as traveller:
            for _ in range(6):
                token = grant(alice.client).json["access_token"]
                traveller.shift(timedelta(seconds=450))
        with time_machine.travel(clock.now() + timedelta(hours=1)):
            browser.tokens = browser.refresh().get_json()
            assert browser.home().status_code == 200
            listed = browser.client.get("/auth/sessions", headers=browser.headers).get_json()["items"]
            assert claims_of(token)["sid"] not in {one["id"] for one in listed}
        assert mongo.sessions.count_documents({"endReason": "replaced"}) == 0

    def test_it_signs_out(self, alice: Person) -> None:
        header = {"Authorization": f"Bearer {grant(alice.client).json['access_token']}"}
        assert alice.client.post("/auth/logout", headers=header).status_code == 204
        assert alice.client.get("/", headers=header).status_code == 401
        assert alice.home().status_code == 200

    def test_the_metadata_list_it(self, alice: Person) -> None:
        """O44"""
        assert "password" in alice.client.get(METADATA).get_json()["grant_types_supported"]

    @pytest.mark.parametrize("password", ["a+b c%20&=;# d", "pässwörd 🙂 lang", " padded with blanks "])
    def test_a_password_is_what_was_typed(self, alice: Person, password: str) -> None:
        """R4"""
        person = Person(alice.client, "odd@example.com", password).register()
        assert grant(alice.client, username=person.email, password=password).status == 200
        assert grant(alice.client, username=person.email, password=password.strip() + "x").error == "invalid_grant"

    def test_pages_of_any_origin_may_ask(self, alice: Person) -> None:
        """O51: Swagger UI is elsewhere; no cookie is read or set."""
        elsewhere = {"Origin": "https://docs.example.org", "Sec-Fetch-Site": "cross-site", **EMPTY}
        answer = grant(alice.client, elsewhere)
        assert answer.status == 200
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.usefixtures("on")
class TestRefusals:
    @pytest.mark.usefixtures("heard")
    def test_o52_a_wrong_password_and_an_unknown_account_are_told_alike(self, alice: Person) -> None:
        """R17: the same answer, for the same work."""
        told = []
        with hashing(6):
            for username in (EMAIL, "nobody@example.com", "no address"):
                with counted_work() as work:
                    answer = grant(alice.client, username=username, password=WRONG)
                assert (answer.status, answer.error) == (400, "invalid_grant")
                check_refusal(answer)
                told.append((answer.json, work.rounds, [command.partition(" ")[0] for command in work.commands]))
        assert told[0] == told[1] == told[2]

    def test_r104_a_disabled_account_is_told_so_after_the_right_password_alone(
        self, app: Flask, alice: Person, mongo: Database
    ) -> None:
        with app.app_context():
            state.disable(None, alice.id)
        right, wrong = grant(alice.client), grant(alice.client, password=WRONG)
        assert (right.status, right.error, wrong.status, wrong.error) == (400, "invalid_grant", 400, "invalid_grant")
        assert "disabled" in right.text
        assert wrong.json == grant(alice.client, username="nobody@example.com").json
        assert mongo.sessions.count_documents({"endedAt": None}) == 0
        (record,) = mongo.audit.find({"action": "login.failed", "details.reason": "account_disabled"})
        assert str(record["target"]) == alice.id

    def test_r104_a_deleted_account(self, app: Flask, alice: Person) -> None:
        assert alice.client.delete("/auth/me", headers=alice.headers).status_code == 204
        assert grant(alice.client).json == grant(alice.client, username="nobody@example.com").json

    def test_an_address_that_has_to_be_verified_first(
        self, app: Flask, alice: Person, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(app.config, "EMAIL_VERIFICATION", "required")
        answer = grant(alice.client)
        assert (answer.status, answer.error) == (400, "invalid_grant")
        assert "verified" in answer.text

    @pytest.mark.parametrize("enrol", [with_totp, with_passkey], ids=["totp", "passkey"])
    def test_o52_a_second_factor_is_never_left_out(self, alice: Person, mongo: Database, enrol: Any) -> None:
        """Nor begun: no ticket is made, since nobody could complete it."""
        enrol(alice, mongo)
        before = mongo.sessions.count_documents({})
        answer = grant(alice.client)
        assert (answer.status, answer.error) == (400, "invalid_grant")
        assert "second factor" in answer.text
        assert grant(alice.client, password=WRONG).json == grant(alice.client, username="nobody@example.com").json
        assert mongo.sessions.count_documents({}) == before
        assert mongo.mfa_tickets.count_documents({}) == 0
        (record,) = mongo.audit.find({"action": "login.failed", "details.reason": "second_factor_required"})
        assert str(record["target"]) == alice.id

    @pytest.mark.parametrize(
        ("form", "error"),
        [
            ({"username": ""}, "invalid_request"),
            ({"password": ""}, "invalid_request"),
            ({"password": "x" * 257}, "invalid_request"),
            ({"password": "\0"}, "invalid_request"),
            ({"username": "x" * 60_000}, "invalid_grant"),
            ({"scope": "openid"}, "invalid_scope"),
            ({"scope": "account:read"}, "invalid_scope"),
            ({"resource": "https://api.example.com"}, "invalid_target"),
        ],
    )
    def test_what_is_not_given(self, alice: Person, mongo: Database, form: dict[str, str], error: str) -> None:
        """Less than asked, or more: scopes are not left out in silence (A17)."""
        before = mongo.sessions.count_documents({})
        answer = grant(alice.client, **form)
        assert (answer.status, answer.error) == (400, error)
        check_refusal(answer)
        assert mongo.sessions.count_documents({}) == before

    def test_the_resource_may_be_named_that_it_is_for(self, app: Flask, alice: Person) -> None:
        """RFC 8707"""
        answer = grant(alice.client, resource=app.config["TOKEN_AUDIENCE"])
        assert claims_of(answer.json["access_token"])["aud"] == app.config["TOKEN_AUDIENCE"]

    @pytest.mark.parametrize("name", ["username", "password", "grant_type"])
    def test_parameters_stand_in_the_body_and_once(self, alice: Person, name: str) -> None:
        """O23, R30"""
        whole = urlencode(GRANT)
        more = urlencode({name: GRANT[name]})
        rest = urlencode({one: GRANT[one] for one in GRANT if one != name})
        for path, body in ((TOKEN, f"{whole}&{more}"), (f"{TOKEN}?{more}", whole), (f"{TOKEN}?{more}", rest)):
            answer = send(alice.client, "POST", path, data=body, headers=FORM)
            assert (answer.status, answer.error) == (400, "invalid_request")
        assert send(alice.client, "GET", f"{TOKEN}?{whole}").status == 405

    @options(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        form=st.dictionaries(
            st.sampled_from(["username", "password", "scope", "resource", "client_id", "client_secret"]),
            st.one_of(st.text(max_size=40), st.sampled_from([EMAIL, "\ud800", "a@b\n", "ü@example.com", "x" * 300])),
        ),
        header=st.one_of(
            st.none(),
            st.binary(max_size=20).map(lambda raw: f"Basic {base64.b64encode(raw).decode()}"),
            st.text(st.characters(codec="latin-1", exclude_characters="\r\n\0"), max_size=20),
        ),
    )
    def test_o23_whatever_comes_is_answered_in_terms_of_oauth(
        self, alice: Person, form: dict[str, str], header: str | None
    ) -> None:
        body = urlencode({"grant_type": "password", **form}, errors="surrogatepass")
        headers = {**FORM, **({} if header is None else {"Authorization": header})}
        check_refusal(send(alice.client, "POST", TOKEN, data=body, headers=headers))


@pytest.mark.usefixtures("on")
class TestApps:
    """An app that proves who it is has grants of its own, and never this one."""

    @pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
    def test_r103_a_registered_app(self, app: Flask, alice: Person, mongo: Database, method: str) -> None:
        notes = new_app(app, alice.client, auth_method=method)
        before = mongo.sessions.count_documents({})
        assert (notes.token(GRANT).status, notes.token(GRANT).error) == (400, "unauthorized_client")
        assert mongo.sessions.count_documents({}) == before

    def test_r103_one_with_a_key(self, app: Flask, alice: Person) -> None:
        notes = new_app(app, alice.client, auth_method="private_key_jwt", jwks=public_jwks("ES256"))
        assert grant(alice.client, **shown(assertion(notes.id))).error == "unauthorized_client"

    @pytest.mark.parametrize(
        ("headers", "form", "told"),
        [
            (basic("app_unknown", "secret"), {}, (401, "invalid_client")),
            (basic("", "secret"), {}, (401, "invalid_client")),
            ({"Authorization": "Bearer abc"}, {}, (401, "invalid_client")),
            ({"Authorization": "Basic %%%"}, {}, (401, "invalid_client")),
            ({"Authorization": "Basic YWJj"}, {}, (401, "invalid_client")),
            ({}, {"client_id": "app_unknown", "client_secret": "secret"}, (401, "invalid_client")),
            ({}, {"client_secret": "secret"}, (401, "invalid_client")),
            ({}, {"client_assertion": "x"}, (401, "invalid_client")),
            (basic("app_x", ""), {"client_secret": "secret"}, (400, "invalid_request")),
            (basic("app_x", "secret"), {"client_secret": "secret"}, (400, "invalid_request")),
        ],
    )
    def test_o25_a_secret_has_to_be_right(
        self, alice: Person, headers: dict[str, str], form: dict[str, str], told: tuple[int, str]
    ) -> None:
        """Before anybody's password is looked at."""
        with counted_work() as work:
            answer = grant(alice.client, headers, **form)
        assert (answer.status, answer.error) == told
        check_refusal(answer)
        assert work.rounds == 0

    def test_o33_a_disabled_app(self, app: Flask, notes: AppClient, alice: Person, mongo: Database) -> None:
        mongo.apps.update_one({"_id": notes.id}, {"$set": {"disabledAt": clock.now()}})
        assert notes.token(GRANT).error == "invalid_client"


@pytest.mark.usefixtures("on")
class TestThrottles:
    """O52: the counters are those of the login, and so are their limits."""

    @pytest.fixture
    def far_away(self, alice: Person, mongo: Database) -> Person:
        """Return Alice, who has not signed in from anywhere yet."""
        mongo.devices.delete_many({})
        return alice

    def test_o52_guesses_here_and_there_are_counted_together(self, app: Flask, far_away: Person) -> None:
        client = far_away.client
        with throttled(app, login_account=4):
            for number in range(2):
                assert grant(client, ip=f"203.0.113.{number}", password=WRONG).status == 400
                assert try_login(client, EMAIL, ip=f"198.51.100.{number}").status_code == 401
            answer = grant(client, ip=STRANGER)
            assert (answer.status, answer.error) == (429, "temporarily_unavailable")
            assert int(answer.headers["Retry-After"]) > 0
            check_refusal(answer)
            assert try_login(client, EMAIL, PASSWORD).status_code == 429

    def test_o52_guesses_from_one_network(self, app: Flask, far_away: Person) -> None:
        """R24"""
        with throttled(app, login_address=3):
            for number in range(3):
                assert grant(far_away.client, username=f"{number}@example.com", ip=STRANGER).status == 400
            assert grant(far_away.client, ip=STRANGER).status == 429
            assert try_login(far_away.client, EMAIL, PASSWORD, ip=STRANGER).status_code == 429

    def test_o52_a_stranger_does_not_shut_out_the_owner(self, app: Flask, alice: Person) -> None:
        """R23: at home the network is known."""
        with throttled(app, login_account=1):
            for _ in range(3):
                grant(alice.client, ip=STRANGER, password=WRONG)
            assert grant(alice.client, ip=STRANGER).status == 429
            assert grant(alice.client).status == 200

    def test_right_passwords_are_counted_too(self, app: Flask, alice: Person) -> None:
        """R93: they take as long to hash."""
        with throttled(app, password_right=2):
            assert [grant(alice.client).status for _ in range(3)] == [200, 200, 429]
            assert login(alice.client).status_code == 429

    def test_a_success_gives_the_attempt_back(self, app: Flask, far_away: Person) -> None:
        with throttled(app, login_account=2):
            for _ in range(4):
                assert grant(far_away.client, ip=STRANGER).status == 200

    def test_before_any_hashing(self, app: Flask, far_away: Person) -> None:
        with throttled(app, login_account=1):
            grant(far_away.client, password=WRONG, ip=STRANGER)
            with counted_work() as work:
                assert grant(far_away.client, ip=STRANGER).status == 429
            assert work.rounds == 0

    def test_o51_the_cookie_of_a_known_browser_is_not_read(self, app: Flask, far_away: Person) -> None:
        """No cookie is, under /oauth2: so this browser counts as any other."""
        browser = app.test_client()
        browser.post("/auth/login", json={"email": EMAIL, "password": PASSWORD, "transport": "cookie"})
        secret = next(cookie for cookie in browser._cookies.values() if cookie.key == "device").value
        known = {"Cookie": f"device={secret}"}
        with throttled(app, login_account=1, login_device=5):
            for number, status in enumerate((401, 401, 401)):
                answer = try_login(far_away.client, EMAIL, ip=f"203.0.113.{number}", headers=known)
                assert answer.status_code == status
            assert grant(far_away.client, known, ip="203.0.113.20", password=WRONG).status == 400
            assert grant(far_away.client, known, ip="203.0.113.21", password=WRONG).status == 429

    def test_no_room_to_hash(self, app: Flask, alice: Person) -> None:
        """R93"""
        with hashing(size=1, max_wait=0) as pool, occupied(pool):
            answer = grant(alice.client)
        assert (answer.status, answer.error) == (503, "temporarily_unavailable")
        assert answer.headers["Retry-After"]

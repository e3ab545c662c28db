"""Codes of an authenticator app: enrolling, signing in by them, removing it."""

import base64
from datetime import datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from bson import ObjectId
from flask import Flask
from flask.testing import FlaskClient

from authsvc import clock
from authsvc.security import totp
from authsvc.services import totp as totp_service
from tests.conftest import PASSWORD, Person, problem
from tests.support.accounts import EMAIL, Database, login, stored, throttled, told
from tests.support.factors import Protected, complete, enrol, post, ticket, verified, with_totp
from tests.support.letters import newest, sent

BAD_CODES = [
    123456,
    None,
    "12345",
    "1234567",
    "\uff11\uff12\uff13\uff14\uff15\uff16",
    "12 345",
    "abcdef",
    ["123456"],
    {"$ne": None},
    "",
]


@pytest.fixture
def protected(alice: Person, mongo: Database) -> Protected:
    """Return Alice with an authenticator app."""
    return with_totp(alice, mongo)


class TestEnrol:
    def test_it_shows_a_secret_three_ways(self, alice: Person, mongo: Database):
        answer = post(verified(mongo, alice), "/auth/mfa/totp")
        assert answer.status_code == 200
        assert answer.headers["Cache-Control"] == "no-store"
        shown = answer.get_json()
        assert len(base64.b32decode(shown["secret"])) == 20
        parts = urlsplit(shown["uri"])
        query = parse_qs(parts.query)
        assert (parts.scheme, parts.netloc, query["secret"], query["issuer"]) == (
            "otpauth",
            "totp",
            [shown["secret"]],
            ["localhost"],
        )
        assert shown["qrSvg"].startswith("<svg")
        assert "<script" not in shown["qrSvg"]

    def test_it_counts_for_nothing_before_the_first_right_code(self, alice: Person, mongo: Database):
        app = enrol(verified(mongo, alice))
        assert login(alice.client).status_code == 200
        problem(post(alice, "/auth/mfa/totp/confirm", code="000000"), 403, "mfa_code_invalid")
        assert login(alice.client).status_code == 200
        answer = post(alice, "/auth/mfa/totp/confirm", code=app.code())
        assert answer.status_code == 200
        assert len(set(answer.get_json()["recoveryCodes"])) == 10
        assert login(alice.client).status_code == 202
        assert alice.client.get("/auth/me", headers=alice.headers).get_json()["mfaEnabled"] is True

    def test_the_enrolling_code_is_spent(self, alice: Person, mongo: Database):
        """R83: it can't be used for the first sign-in."""
        app = enrol(verified(mongo, alice))
        code = app.code()
        assert post(alice, "/auth/mfa/totp/confirm", code=code).status_code == 200
        problem(complete(alice.client, ticket(alice.client, alice), code=code), 403, "mfa_code_invalid")

    def test_a_second_secret_takes_the_place_of_the_first(self, alice: Person, mongo: Database):
        first = enrol(verified(mongo, alice))
        second = enrol(alice)
        problem(post(alice, "/auth/mfa/totp/confirm", code=first.code()), 403, "mfa_code_invalid")
        assert post(alice, "/auth/mfa/totp/confirm", code=second.code()).status_code == 200

    def test_it_lapses_after_an_hour(self, alice: Person, mongo: Database):
        app = enrol(verified(mongo, alice))
        mongo.users.update_one({}, {"$set": {"totp.createdAt": clock.now() - timedelta(minutes=61)}})
        problem(post(alice, "/auth/mfa/totp/confirm", code=app.code()), 409, "mfa_not_enabled")

    def test_nothing_to_confirm(self, alice: Person, mongo: Database):
        problem(post(verified(mongo, alice), "/auth/mfa/totp/confirm", code="123456"), 409, "mfa_not_enabled")

    def test_there_is_one_app(self, protected: Protected):
        problem(post(protected.person, "/auth/mfa/totp"), 409, "mfa_already_enabled")
        answer = post(protected.person, "/auth/mfa/totp/confirm", code=protected.app.code())
        problem(answer, 409, "mfa_already_enabled")

    def test_it_needs_a_proved_address(self, alice: Person):
        problem(post(alice, "/auth/mfa/totp"), 403, "email_unverified")

    def test_without_verification_any_address_will_do(self, alice: Person, app: Flask):
        app.config["EMAIL_VERIFICATION"] = "off"
        try:
            enrol(alice)
        finally:
            app.config["EMAIL_VERIFICATION"] = "optional"

    def test_it_needs_a_fresh_sign_in(self, alice: Person, mongo: Database):
        verified(mongo, alice)
        mongo.sessions.update_many({}, {"$set": {"authTime": clock.now() - timedelta(minutes=11)}})
        problem(post(alice, "/auth/mfa/totp"), 403, "fresh_login_required")

    def test_the_secret_is_sealed_and_the_owner_told(self, protected: Protected, app: Flask, mongo: Database):
        document = stored(mongo)
        assert protected.app.secret not in repr(document)
        assert not any(code in repr(document) for code in protected.recovery_codes)
        (letter,) = sent(app, "factor_added", EMAIL)
        assert "authenticator app" in letter["text"]
        assert mongo.audit.count_documents({"action": "totp.enabled", "target": ObjectId(protected.person.id)}) == 1

    @pytest.mark.parametrize("code", BAD_CODES)
    def test_what_is_no_code_is_refused(self, alice: Person, code: object):
        """R83."""
        answer = post(alice, "/auth/mfa/totp/confirm", code=code)
        problem(answer, 422, "validation_failed")
        assert {pointer for pointer, _ in told(answer)} == {"/code"}


class TestSignIn:
    def test_a_password_gives_a_ticket_and_a_code_the_tokens(self, protected: Protected):
        client = protected.person.client
        answer = login(client)
        assert answer.status_code == 202
        assert answer.headers["Cache-Control"] == "no-store"
        pending = answer.get_json()
        assert pending.pop("mfaToken").startswith("asm_")
        assert pending == {"mfaRequired": True, "methods": ["totp", "recovery_code"], "expiresIn": 300}
        answer = complete(client, ticket(client, protected.person), code=protected.app.code())
        assert answer.status_code == 200
        assert answer.get_json()["user"]["mfaEnabled"] is True
        person = Person(client, EMAIL, PASSWORD, tokens=answer.get_json())
        assert person.home().status_code == 200
        sessions = client.get("/auth/sessions", headers=person.headers).get_json()["items"]
        assert sessions[0]["methods"] == ["pwd", "otp", "mfa"]

    def test_it_goes_by_cookie_too(self, browser_client: FlaskClient, protected: Protected):
        mfa_token = ticket(browser_client, protected.person)
        answer = complete(browser_client, mfa_token, code=protected.app.code(), transport="cookie")
        assert "refreshToken" not in answer.get_json()
        assert browser_client.post("/auth/refresh-token").status_code == 200

    def test_a_code_is_good_once(self, protected: Protected):
        """R83, D16: RFC 6238 section 5.2."""
        client, code = protected.person.client, protected.app.code()
        assert complete(client, ticket(client, protected.person), code=code).status_code == 200
        problem(complete(client, ticket(client, protected.person), code=code), 403, "mfa_code_invalid")

    def test_an_older_code_is_no_good_after_a_newer_one(self, protected: Protected):
        client, now = protected.person.client, clock.now()
        with time_machine.travel(now + timedelta(seconds=60), tick=False):
            older, newer = protected.app.code(now + timedelta(seconds=30)), protected.app.code()
            assert complete(client, ticket(client, protected.person), code=newer).status_code == 200
            problem(complete(client, ticket(client, protected.person), code=older), 403, "mfa_code_invalid")

    @pytest.mark.parametrize(("seconds", "status"), [(-60, 403), (-30, 200), (0, 200), (30, 200), (60, 403), (90, 403)])
    def test_one_step_of_drift_is_taken(self, alice: Person, mongo: Database, seconds: int, status: int):
        """R83; ASVS 6.5.5."""
        protected = with_totp(alice, mongo)
        mongo.users.update_one({}, {"$set": {"totp.step": 0}})
        code = protected.app.code(clock.now() + timedelta(seconds=seconds))
        assert complete(alice.client, ticket(alice.client, alice), code=code).status_code == status

    def test_a_clock_that_goes_back_brings_no_code_back(self, protected: Protected):
        """F11."""
        client, code = protected.person.client, protected.app.code()
        mfa_token = ticket(client, protected.person)
        assert complete(client, mfa_token, code=code).status_code == 200
        with time_machine.travel(clock.now() - timedelta(seconds=20)):
            problem(complete(client, ticket(client, protected.person), code=code), 403, "mfa_code_invalid")

    @pytest.mark.parametrize("code", BAD_CODES)
    def test_what_is_no_code_is_refused(self, protected: Protected, code: object):
        """R83: no 5xx, and it spends no attempt."""
        answer = complete(protected.person.client, "asm_x", code=code)
        problem(answer, 422, "validation_failed")

    def test_a_password_reset_does_not_skip_it(self, protected: Protected, app: Flask):
        """R79."""
        client = protected.person.client
        client.post("/auth/password/forgot", json={"email": EMAIL})
        body = {"token": newest(app, "reset", EMAIL), "newPassword": "a brand new passphrase"}
        assert client.post("/auth/password/reset", json=body).status_code == 204
        assert login(client, EMAIL, "a brand new passphrase").status_code == 202

    def test_a_former_secret_key_still_opens_it_and_resealing_makes_that_needless(
        self, protected: Protected, app: Flask, own_ring: None, mongo: Database
    ):
        before = {name: app.config[name] for name in ("SECRET_KEY", "SECRET_KEY_FALLBACKS")}
        client, person = protected.person.client, protected.person
        try:
            app.config.update(SECRET_KEY="another secret " * 3, SECRET_KEY_FALLBACKS=[before["SECRET_KEY"]])
            assert complete(client, ticket(client, person), code=protected.app.code()).status_code == 200
            with app.app_context():
                assert (totp_service.reseal(), totp_service.reseal()) == (1, 0)
            app.config.update(SECRET_KEY_FALLBACKS=[])
            mongo.users.update_one({}, {"$set": {"totp.step": 0}})
            assert complete(client, ticket(client, person), code=protected.app.code()).status_code == 200
        finally:
            app.config.update(before)

    def test_a_secret_that_nothing_opens_is_said_and_not_taken_for_a_wrong_code(
        self, protected: Protected, app: Flask, mongo: Database
    ):
        """C4."""
        client, person = protected.person.client, protected.person
        mfa_token = ticket(client, person)
        mongo.users.update_one({}, {"$set": {"totp.sealed": "AAAA" * 20}})
        answer = complete(client, mfa_token, code=protected.app.code())
        problem(answer, 403, "mfa_code_invalid")
        assert complete(client, mfa_token, recoveryCode=protected.recovery_codes[0]).status_code == 200
        with app.app_context():
            assert totp_service.sealed_otherwise() == (0, 1)
            assert totp_service.reseal() == 0


class TestRemove:
    def remove(self, person: Person):
        return person.client.delete("/auth/mfa/totp", headers=person.headers)

    def test_the_password_is_enough_again(self, protected: Protected, app: Flask, mongo: Database):
        person = protected.person
        assert self.remove(person).status_code == 204
        assert login(person.client).status_code == 200
        assert "totp" not in stored(mongo)
        assert "recoveryCodeHashes" not in stored(mongo)
        assert len(sent(app, "factor_removed", EMAIL)) == 1
        assert mongo.audit.count_documents({"action": "totp.disabled"}) == 1
        problem(self.remove(person), 409, "mfa_not_enabled")

    def test_it_needs_a_fresh_sign_in(self, protected: Protected, mongo: Database):
        mongo.sessions.update_many({}, {"$set": {"authTime": clock.now() - timedelta(minutes=11)}})
        problem(self.remove(protected.person), 403, "fresh_login_required")

    def test_one_that_was_never_confirmed_is_none(self, alice: Person, mongo: Database):
        enrol(verified(mongo, alice))
        problem(self.remove(alice), 409, "mfa_not_enabled")


class TestGuessing:
    def test_wrong_codes_count_over_all_tickets_and_factors(self, protected: Protected, app: Flask):
        """R83, R84: ten, then a quarter of an hour."""
        client, person = protected.person.client, protected.person
        with throttled(app, mfa_account=4):
            for proof in ({"code": "000000"}, {"recoveryCode": "x" * 24}, {"code": "000001"}, {"code": "000002"}):
                problem(complete(client, ticket(client, person), **proof), 403, "mfa_code_invalid")
            for proof in ({"code": protected.app.code()}, {"recoveryCode": protected.recovery_codes[0]}):
                problem(complete(client, ticket(client, person), **proof), 429, "too_many_attempts")
            answer = post(person, "/auth/reauthenticate", code=protected.app.code())
            assert answer.status_code == 200, "a session that is live has a limit of its own"

    def test_the_limit_is_ten_in_fifteen_minutes(self, app: Flask):
        assert app.config["LIMITS"]["mfa_account"] == (10, 900)

    def test_a_right_code_is_not_counted(self, protected: Protected, app: Flask, mongo: Database):
        client = protected.person.client
        with throttled(app, mfa_account=2):
            for _ in range(4):
                mongo.users.update_one({}, {"$set": {"totp.step": 0}})
                answer = complete(client, ticket(client, protected.person), code=protected.app.code())
                assert answer.status_code == 200

    def test_a_wrong_code_is_on_record(self, protected: Protected, mongo: Database):
        client = protected.person.client
        complete(client, ticket(client, protected.person), code="000000")
        event = mongo.audit.find_one({"action": "second_factor.failed"})
        assert (event["outcome"], event["details"]) == ("failure", {"method": "totp"})
        assert event["target"] == ObjectId(protected.person.id)


class TestPrimitive:
    @pytest.mark.parametrize(
        ("moment", "code"),
        [
            ("1970-01-01T00:00:59+00:00", "94287082"),
            ("2005-03-18T01:58:29+00:00", "07081804"),
            ("2005-03-18T01:58:31+00:00", "14050471"),
            ("2009-02-13T23:31:30+00:00", "89005924"),
            ("2033-05-18T03:33:20+00:00", "69279037"),
            ("2603-10-11T11:33:20+00:00", "65353130"),
        ],
    )
    def test_the_vectors_of_rfc_6238_appendix_b(self, moment: str, code: str):
        secret = base64.b32encode(b"12345678901234567890").decode()
        at = datetime.fromisoformat(moment)
        assert totp.code_at(secret, at, digits=8) == code
        assert totp.code_at(secret, at) == code[2:]
        assert totp.matching_step(secret, code[2:], at) == int(at.timestamp()) // 30

    def test_every_secret_is_another(self):
        assert len({totp.new_secret() for _ in range(100)}) == 100

"""Who shares a limit with whom: no stranger uses up what the user needs. U5, U13."""

from typing import Any

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient

from tests.api.forging import now
from tests.conftest import Person, problem
from tests.support.accounts import DAY, EMAIL, Database, Work, counted_work, hashing, register, throttled
from tests.support.authenticator import Authenticator
from tests.support.factors import Protected, enrol, options_for, sign_in_by, verified, with_passkey, with_totp
from tests.support.letters import newest, sent
from tests.support.sign_ins import ELSEWHERE, HOME, NEW, WRONG, ask, limited, prove, sign_in, try_login


def guess_passwords(app: Flask, times: int, *, hours: float = 0.1) -> list[int]:
    """Return the answers to guesses of strangers at many addresses, each as late as the limits allow."""
    client, answers = app.test_client(use_cookies=False), []
    with time_machine.travel(now(), tick=False) as clock:
        for number in range(times):
            answers.append(try_login(client, EMAIL, WRONG, ELSEWHERE[number % len(ELSEWHERE)]).status_code)
            clock.shift(hours * 3600)
    return answers


def guess_codes(app: Flask, password: str, times: int, *, hours: float = 0.1) -> list[int]:
    """Return the answers to guesses at second factors of strangers who know the password."""
    client, answers = app.test_client(use_cookies=False), []
    with time_machine.travel(now(), tick=False) as clock:
        for number in range(times):
            ip = ELSEWHERE[number % len(ELSEWHERE)]
            mfa_token = ask(client, "/auth/login", ip, email=EMAIL, password=password).get_json()["mfaToken"]
            answers.append(ask(client, "/auth/login/mfa", ip, mfaToken=mfa_token, code="000000").status_code)
            clock.shift(hours * 3600)
    return answers


@pytest.fixture
def at_home(app: Flask, alice: Person, mongo: Database) -> FlaskClient:
    """Return the browser in which Alice is known, and signed in nowhere else."""
    mongo.devices.delete_many({})
    browser = app.test_client()
    assert sign_in(browser, alice.password).status_code == 200
    return browser


@pytest.fixture
def protected(alice: Person, mongo: Database) -> Protected:
    """Return Alice with an authenticator app."""
    return with_totp(alice, mongo)


class TestU5WhoProvedTheAddressIsKnownThere:
    def test_a_reset_makes_the_browser_known(self, app: Flask, at_home: FlaskClient):
        """While strangers keep everybody else at 429."""
        with throttled(app, login_account=5):
            for ip in ELSEWHERE[:6]:
                try_login(app.test_client(), EMAIL, WRONG, ip)
            assert prove(app, at_home, "reset").status_code == 204
            for ip in ELSEWHERE[:6]:
                try_login(app.test_client(), EMAIL, WRONG, ip)
            assert sign_in(at_home, NEW, "192.0.2.77").status_code == 200, "by its cookie, in another network"
            bare = app.test_client(use_cookies=False)
            assert sign_in(bare, NEW, HOME).status_code == 200, "by its network"
            assert sign_in(bare, NEW, "192.0.2.88").status_code == 429

    @pytest.mark.parametrize("how", ["reset", "verify"])
    def test_so_does_each_link_that_proves_it_and_all_other_places_are_forgotten(
        self, app: Flask, alice: Person, at_home: FlaskClient, mongo: Database, how: str
    ):
        other = app.test_client()
        sign_in(other, alice.password, "192.0.2.50")
        browser = app.test_client()
        answer = prove(app, browser, how, "192.0.2.60")
        assert answer.status_code in (200, 204)
        assert any(line.startswith("device=") for line in answer.headers.getlist("Set-Cookie"))
        assert mongo.devices.count_documents({}) == 2, "this browser and this network, and no other"
        if how == "verify":  # outside the account's own session it removes the password; the same link sets another
            link = newest(app, "verify", EMAIL)
            assert ask(browser, "/auth/password/reset", "192.0.2.60", token=link, newPassword=NEW).status_code == 204
            assert mongo.devices.count_documents({}) == 2
        password = NEW
        with throttled(app, login_account=1):
            try_login(app.test_client(), EMAIL, WRONG, ELSEWHERE[0])
            assert sign_in(browser, password, "192.0.2.70").status_code == 200
            for strange in (other, at_home):
                assert sign_in(strange, password, "192.0.2.71").status_code == 429

    def test_an_invitation_and_an_undone_change_do_too(self, app: Flask, alice: Person, mongo: Database):
        verified(mongo, alice)
        asked = ask(alice.client, "/auth/me/email", headers=alice.headers, email="new@example.com")
        assert asked.status_code == 202
        link = newest(app, "change", "new@example.com")
        assert ask(alice.client, "/auth/email/verify", headers=alice.headers, token=link).status_code == 200
        mongo.devices.delete_many({})
        answer = ask(alice.client, "/auth/email/revert", "192.0.2.60", token=newest(app, "email_changed", EMAIL))
        assert answer.status_code == 200, answer.text
        assert any(line.startswith("device=") for line in answer.headers.getlist("Set-Cookie"))
        assert mongo.devices.count_documents({}) == 2

    def test_a_stranger_who_only_asks_is_not_known(self, app: Flask, alice: Person, mongo: Database):
        mongo.devices.delete_many({})
        stranger = app.test_client()
        for path in ("/auth/password/forgot", "/auth/email/resend"):
            ask(stranger, path, ELSEWHERE[0], email=EMAIL)
        for path in ("/auth/password/reset", "/auth/email/verify", "/auth/email/revert"):
            body = {"newPassword": NEW} if path.endswith("reset") else {}
            problem(ask(stranger, path, ELSEWHERE[0], token="asl_x", **body), 400, "link_invalid")
        assert mongo.devices.count_documents({}) == 0


class TestU5SecondFactors:
    """Whoever knows the password locks nobody's second factors but a stranger's."""

    @pytest.mark.slow
    @pytest.mark.parametrize("factor", ["code", "recoveryCode", "passkey"])
    def test_a_known_browser_goes_on(
        self, app: Flask, protected: Protected, at_home_protected: FlaskClient, factor: str, mongo: Database
    ):
        device = with_passkey(protected.person, mongo) if factor == "passkey" else Authenticator()
        with limited(app, login_address=(9999, DAY)):
            assert guess_codes(app, protected.person.password, 12, hours=0)[-2:] == [429, 429]
            answer = sign_in(at_home_protected, protected.person.password)
            mfa_token = answer.get_json()["mfaToken"]
            proof = self.proof(protected, device, at_home_protected, mfa_token, factor)
            answer = ask(at_home_protected, "/auth/login/mfa", mfaToken=mfa_token, transport="cookie", **proof)
            assert answer.status_code == 200, answer.text

    @pytest.fixture
    def at_home_protected(self, app: Flask, protected: Protected, mongo: Database) -> FlaskClient:
        """Return the browser in which Alice signed in by app before."""
        mongo.devices.delete_many({})
        browser = app.test_client()
        mfa_token = sign_in(browser, protected.person.password).get_json()["mfaToken"]
        proof = {"recoveryCode": protected.recovery_codes[-1]}
        answer = ask(browser, "/auth/login/mfa", mfaToken=mfa_token, transport="cookie", **proof)
        assert answer.status_code == 200
        return browser

    def proof(
        self, protected: Protected, device: Authenticator, browser: FlaskClient, mfa_token: str, factor: str
    ) -> dict[str, Any]:
        """Return a right second factor."""
        if factor == "code":
            return {"code": protected.app.code()}
        if factor == "recoveryCode":
            return {"recoveryCode": protected.recovery_codes[0]}
        options = options_for(browser, mfaToken=mfa_token)
        return {"challengeId": options["challengeId"], "credential": device.get(options["publicKey"])}

    @pytest.mark.parametrize("act", ["reauthenticate", "confirm"])
    def test_a_live_session_goes_on(self, app: Flask, alice: Person, mongo: Database, act: str):
        """Strangers fail at a passkey's account too, whatever factor it has."""
        if act == "reauthenticate":
            protected = with_totp(alice, mongo)
            path, code = "/auth/reauthenticate", protected.app.code()
        else:
            with_passkey(alice, mongo)
            path, code = "/auth/mfa/totp/confirm", enrol(alice).code()
        mongo.devices.delete_many({})
        with limited(app, login_address=(9999, DAY)):
            assert 429 in guess_codes(app, alice.password, 12, hours=0)
            answer = ask(alice.client, path, headers=alice.headers, code=code)
            assert answer.status_code == 200, answer.text

    def test_one_session_does_not_use_up_another_s(self, app: Flask, protected: Protected, mongo: Database):
        thief = Person(protected.person.client, EMAIL, protected.person.password)
        mfa_token = ask(thief.client, "/auth/login", email=EMAIL, password=thief.password).get_json()["mfaToken"]
        proof = {"recoveryCode": protected.recovery_codes[0]}
        thief.tokens = ask(thief.client, "/auth/login/mfa", mfaToken=mfa_token, **proof).get_json()
        with throttled(app, mfa_account=3, reauthenticate_session=3):
            wrong = [ask(thief.client, "/auth/reauthenticate", headers=thief.headers, code="000000") for _ in range(5)]
            assert [answer.status_code for answer in wrong] == [403, 403, 403, 429, 429]
            own = ask(thief.client, "/auth/reauthenticate", headers=protected.person.headers, code=protected.app.code())
            assert own.status_code == 200

    def test_the_owner_is_told_once_a_day(self, app: Flask, protected: Protected, mongo: Database):
        mongo.devices.delete_many({})
        guess_codes(app, protected.person.password, 3, hours=1)
        (letter,) = sent(app, "password_known", EMAIL)
        assert ELSEWHERE[0] in letter["text"]
        assert "/account/forgot-password" in letter["text"]
        guess_codes(app, protected.person.password, 2, hours=25)
        assert len(sent(app, "password_known", EMAIL)) == 2

    def test_nobody_is_told_of_a_slip_in_the_known_browser(
        self, app: Flask, protected: Protected, at_home_protected: FlaskClient
    ):
        mfa_token = sign_in(at_home_protected, protected.person.password).get_json()["mfaToken"]
        problem(ask(at_home_protected, "/auth/login/mfa", mfaToken=mfa_token, code="000000"), 403, "mfa_code_invalid")
        assert sent(app, "password_known") == []


class TestU5Passwords:
    def test_a_session_elsewhere_does_not_use_up_the_own_one_s(self, app: Flask, alice: Person, at_home: FlaskClient):
        """Five stolen sessions and their wrong passwords; then the owner, in the known browser."""
        answer = sign_in(at_home, alice.password)
        own = {"Authorization": f"Bearer {answer.get_json()['accessToken']}"}
        with limited(app):
            for number in range(6):
                thief = alice.login()
                for _ in range(5):
                    ask(thief.client, "/auth/reauthenticate", ELSEWHERE[number], thief.headers, password=WRONG)
            last = ask(thief.client, "/auth/reauthenticate", ELSEWHERE[9], alice.login().headers, password=WRONG)
            problem(last, 429, "too_many_attempts")
            assert ask(at_home, "/auth/reauthenticate", headers=own, password=alice.password).status_code == 200
            change = {"currentPassword": alice.password, "newPassword": NEW}
            assert ask(at_home, "/auth/me/password", headers=own, **change).status_code == 204

    @pytest.mark.parametrize("kind", ["reset", "verify"])
    def test_asking_for_letters_uses_up_nobody_s(
        self, app: Flask, alice: Person, at_home: FlaskClient, mongo: Database, kind: str
    ):
        """Of a proved account; U6: whoever registered somebody else's is known in as many browsers as they like."""
        stranger = app.test_client(use_cookies=False)
        before = len(sent(app, kind, EMAIL))
        if kind == "reset":
            verified(mongo, alice)
            path, more = "/auth/password/forgot", 6
        else:
            path, more = "/auth/email/resend", 5
        with limited(app):
            for ip in ELSEWHERE[:8]:
                assert ask(stranger, path, ip, email=EMAIL).status_code == 202
            assert len(sent(app, kind, EMAIL)) - before == 5
            assert ask(at_home, path, "192.0.2.99", email=EMAIL).status_code == 202
        assert len(sent(app, kind, EMAIL)) - before == more

    def test_a_network_full_of_requests_for_letters_does_not_stop_a_known_browser(
        self, app: Flask, at_home: FlaskClient
    ):
        stranger = app.test_client(use_cookies=False)
        with throttled(app, letter_address=2):
            for number in range(3):
                answer = ask(stranger, "/auth/password/forgot", HOME, email=f"{number}@example.com")
            problem(answer, 429, "too_many_attempts")
            assert ask(at_home, "/auth/password/forgot", HOME, email=EMAIL).status_code == 202

    def test_links_that_are_wrong_stop_no_right_one(self, app: Flask, at_home: FlaskClient):
        ask(at_home, "/auth/password/forgot", email=EMAIL)
        with throttled(app, link_address=2):
            for status in (400, 400, 429, 429):
                answer = ask(app.test_client(), "/auth/password/reset", HOME, token="asl_x", newPassword=NEW)
                assert answer.status_code == status
            link = newest(app, "reset", EMAIL)
            assert ask(at_home, "/auth/password/reset", HOME, token=link, newPassword=NEW).status_code == 204

    def test_a_network_full_of_passkeys_or_refreshes_does_not_stop_a_known_browser(
        self, app: Flask, alice: Person, at_home: FlaskClient, mongo: Database
    ):
        device = with_passkey(alice, mongo)
        with throttled(app, challenge_address=3, login_address=1, refresh_address=1):
            bare = app.test_client(use_cookies=False)
            problem(sign_in_by(bare, device, flags=0), 401, "passkey_invalid")
            problem(sign_in_by(bare, device), 429, "too_many_attempts")
            assert bare.post("/auth/login/passkey/options", json={}).status_code == 200
            problem(bare.post("/auth/login/passkey/options", json={}), 429, "too_many_attempts")
            assert sign_in_by(at_home, device, transport="cookie").status_code == 200
            assert alice.refresh().status_code == 200
            problem(alice.refresh(), 429, "too_many_attempts")
            assert at_home.post("/auth/refresh-token").status_code == 200


class TestU13Budget:
    """R20, NIST SP 800-63B: a hundred failures in a row, however slowly and from however many addresses."""

    @pytest.mark.slow
    def test_a_stranger_has_a_hundred_passwords(self, app: Flask, alice: Person, mongo: Database):
        """Whole days of guessing, as fast as the limits allow: 96 hours, 5 in 5 minutes."""
        mongo.devices.delete_many({})
        with limited(app):
            answers = guess_passwords(app, 108, hours=0.6)
        assert answers.count(401) == 100
        assert answers[100:] == [429] * 8

    @pytest.mark.slow
    def test_a_stranger_has_a_hundred_codes(self, app: Flask, protected: Protected, mongo: Database):
        mongo.devices.delete_many({})
        with limited(app):
            answers = guess_codes(app, protected.person.password, 104, hours=0.6)
        assert answers.count(403) == 100
        assert answers[100:] == [429] * 4

    @pytest.mark.slow
    @pytest.mark.parametrize("what", ["password", "code"])
    def test_a_session_has_a_hundred(self, app: Flask, alice: Person, mongo: Database, what: str):
        """Of a thief's: until somebody signs in."""
        if what == "code":
            with_totp(alice, mongo)
        with limited(app, reauthenticate_account=(999_999, DAY)), time_machine.travel(now(), tick=False) as clock:
            answers = []
            for _ in range(104):
                alice.tokens = alice.refresh().get_json()
                proof = {"password": WRONG} if what == "password" else {"code": "000000"}
                answer = ask(alice.client, "/auth/reauthenticate", headers=alice.headers, **proof)
                answers.append(answer.status_code)
                clock.shift(600)
        assert (answers.count(403), answers[100:]) == (100, [429] * 4)

    def test_known_places_and_live_sessions_are_not_affected(self, app: Flask, alice: Person, at_home: FlaskClient):
        with limited(app, login_row=(7, DAY), login_account=(999, DAY), login_address=(999, DAY)):
            assert guess_passwords(app, 9, hours=0) == [401] * 7 + [429] * 2
            assert (
                ask(alice.client, "/auth/reauthenticate", headers=alice.headers, password=alice.password).status_code
                == 200
            )
            assert sign_in(at_home, alice.password, "192.0.2.77").status_code == 200
            assert guess_passwords(app, 9, hours=0) == [401] * 7 + [429] * 2, "the row was broken by the owner"

    def test_a_reset_lets_strangers_in_again(self, app: Flask, alice: Person, mongo: Database):
        mongo.devices.delete_many({})
        with limited(app, login_row=(7, DAY), login_account=(999, DAY), login_address=(999, DAY)):
            guess_passwords(app, 9, hours=0)
            new_phone = app.test_client()
            problem(sign_in(new_phone, alice.password, "192.0.2.60"), 429, "too_many_attempts")
            assert prove(app, new_phone, "reset", "192.0.2.60").status_code == 204
            assert sign_in(new_phone, NEW, "192.0.2.61").status_code == 200
            assert try_login(app.test_client(), EMAIL, WRONG, ELSEWHERE[0]).status_code == 401

    def test_a_place_where_a_hundred_failed_is_known_no_longer(self, app: Flask, alice: Person, at_home: FlaskClient):
        """Somebody else sits there, or shares the network."""
        with limited(app, login_row=(7, DAY), login_device=(999, DAY)):
            answers = [sign_in(at_home, WRONG).status_code for _ in range(9)]
            assert answers == [401] * 7 + [429] * 2

    def test_a_success_of_somebody_else_s_breaks_no_row(self, app: Flask, alice: Person, bob: Person, mongo: Database):
        """R25."""
        mongo.devices.delete_many({})
        with limited(app, login_row=(5, DAY), login_account=(999, DAY), login_address=(999, DAY)):
            answers = []
            for _ in range(7):
                answers.append(try_login(alice.client, EMAIL, WRONG).status_code)
                assert try_login(bob.client, bob.email, bob.password).status_code == 200
        assert answers == [401] * 5 + [429] * 2

    def test_a_right_password_without_its_factor_breaks_no_row_of_codes(
        self, app: Flask, protected: Protected, mongo: Database
    ):
        mongo.devices.delete_many({})
        with limited(app, mfa_row=(4, DAY), mfa_account=(999, DAY), login_address=(999, DAY)):
            assert guess_codes(app, protected.person.password, 6, hours=0) == [403] * 4 + [429] * 2

    @pytest.mark.parametrize("email", ["nobody@example.com", "no address"])
    @pytest.mark.usefixtures("heard")
    def test_an_unknown_address_is_answered_alike(self, app: Flask, alice: Person, mongo: Database, email: str):
        """R17: the same answers for the same work, before the end of the row and after it."""
        mongo.devices.delete_many({})
        told: list[tuple[int, Work]] = []
        with limited(app, login_row=(2, DAY)), hashing(6):
            for address, ip in ((EMAIL, "192.0.2.10"), (email, "192.0.2.11")):
                for _ in range(4):
                    with counted_work() as work:
                        answer = try_login(alice.client, address, WRONG, ip)
                    told.append((answer.status_code, work))
        assert told[:4] == told[4:]
        assert [status for status, _ in told[:4]] == [401, 401, 429, 429]

    def test_single_failures_are_soon_forgotten_and_many_are_not(self, app: Flask, alice: Person, mongo: Database):
        """Each is remembered for four days more, so guessing slowly is no faster than one in four days."""
        mongo.devices.delete_many({})
        client = app.test_client(use_cookies=False)
        with limited(app, login_row=(2, 4 * DAY)), time_machine.travel(now(), tick=False) as clock:
            answers = []
            for days in (0, 3.9, 3.9, 0, 4.2, 4.2):
                clock.shift(days * DAY)
                answers.append(try_login(client, EMAIL, WRONG, ELSEWHERE[0]).status_code)
        assert answers == [401, 401, 429, 429, 401, 401]


class TestU13RightPasswords:
    """They are hashed as well, so they are counted as well."""

    def test_an_account_signs_in_so_often(self, app: Flask, alice: Person):
        with throttled(app, password_right=3):
            answers = [try_login(alice.client, EMAIL, alice.password).status_code for _ in range(5)]
        assert answers == [200, 200, 200, 429, 429]

    def test_and_proves_itself_so_often(self, app: Flask, alice: Person):
        with throttled(app, password_right=3):
            proof = {"headers": alice.headers, "password": alice.password}
            answers = [ask(alice.client, "/auth/reauthenticate", **proof).status_code for _ in range(5)]
        assert answers == [200, 200, 200, 429, 429]

    def test_no_wrong_one_counts_there(self, app: Flask, alice: Person):
        with throttled(app, password_right=2):
            for _ in range(5):
                assert try_login(alice.client, EMAIL, WRONG).status_code == 401
            assert try_login(alice.client, EMAIL, alice.password).status_code == 200

    def test_who_knows_the_password_does_not_use_up_a_known_browser_s(
        self, app: Flask, alice: Person, at_home: FlaskClient
    ):
        with throttled(app, password_right=2):
            for ip in ELSEWHERE[:4]:
                answer = try_login(app.test_client(use_cookies=False), EMAIL, alice.password, ip)
            problem(answer, 429, "too_many_attempts")
            assert sign_in(at_home, alice.password, "192.0.2.77").status_code == 200

    def test_sixty_a_minute_are_an_honest_client_s(self, app: Flask):
        assert app.config["LIMITS"]["password_right"] == (60, 60)


class TestU13Links:
    def test_a_stranger_s_registration_ends_no_pending_proof_without_a_letter(
        self, make_app: Any, app: Flask, clean: None
    ):
        """Where addresses must be verified: beyond the limit of letters, as within it."""
        served = make_app(EMAIL_VERIFICATION="required")
        client = served.test_client()
        with throttled(served, verify_account=1):
            assert register(client, email=EMAIL).status_code == 202
            link = newest(served, "verify", EMAIL)
            for _ in range(3):
                assert register(client, email=EMAIL).status_code == 202
            assert sent(served, "known", EMAIL) == []
        assert client.post("/auth/email/verify", json={"token": link}).status_code == 200

"""Signing in by a code from a letter: R114, R116 to R119."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient

from authsvc import clock
from tests.conftest import Person, problem
from tests.support.accounts import EMAIL, Database, counted_work, import_account, register, stored, throttled
from tests.support.email_codes import ask, challenge_of, follow, newest_code, type_code, wrong
from tests.support.factors import complete, verified, with_totp
from tests.support.letters import newest, sent

NEW = "newcomer@example.com"


@pytest.fixture
def proved(alice: Person, mongo: Database) -> Person:
    """Return Alice, whose address is verified."""
    return verified(mongo, alice)


class TestSignIn:
    def test_a_code_signs_in(self, proved: Person, app: Flask, mongo: Database):
        asked = ask(proved.client)
        assert (asked.status_code, set(asked.get_json())) == (202, {"challengeId", "expiresIn"})
        assert asked.get_json()["expiresIn"] == 600
        answer = type_code(proved.client, challenge_of(asked), newest_code(app))
        assert answer.status_code == 200, answer.text
        assert answer.get_json()["user"]["id"] == proved.id
        assert mongo.sessions.find_one({"methods": ["otp"]}) is not None
        assert mongo.audit.count_documents({"action": "login.code_requested"}) == 1
        assert proved.home().status_code == 200  # of an address that was proved before, nothing ends

    def test_it_works_once(self, proved: Person, app: Flask):
        challenge = challenge_of(ask(proved.client))
        code = newest_code(app)
        assert type_code(proved.client, challenge, code).status_code == 200
        problem(type_code(proved.client, challenge, code), 403, "email_code_invalid")

    def test_it_is_good_for_ten_minutes(self, proved: Person, app: Flask):
        """ASVS 6.5.5."""
        challenge = challenge_of(ask(proved.client))
        with time_machine.travel(clock.now() + timedelta(minutes=10, seconds=1)):
            problem(type_code(proved.client, challenge, newest_code(app)), 403, "email_code_invalid")

    def test_a_code_of_another_challenge_is_none(self, proved: Person, bob: Person, app: Flask, mongo: Database):
        verified(mongo, bob)
        ask(proved.client, EMAIL)
        other = challenge_of(ask(proved.client, bob.email))
        code = newest_code(app, to=EMAIL)
        if code != newest_code(app, to=bob.email):  # once in a million
            problem(type_code(proved.client, other, code), 403, "email_code_invalid")

    @pytest.mark.parametrize("typed", ["{0} {1}", "{0}-{1}", " {0}{1}\n", "\u200b{0}\u2009{1}"])
    def test_it_may_be_typed_with_blanks(self, proved: Person, app: Flask, typed: str):
        """P21."""
        challenge = challenge_of(ask(proved.client))
        code = newest_code(app)
        assert type_code(proved.client, challenge, typed.format(code[:3], code[3:])).status_code == 200

    @pytest.mark.parametrize("body", [{"code": "12345"}, {"code": "1234567"}, {"code": 123456}, {"code": "a" * 9_999}])
    def test_what_can_be_no_code_is_told_and_costs_no_try(self, proved: Person, mongo: Database, body: dict[str, Any]):
        challenge = challenge_of(ask(proved.client))
        problem(type_code(proved.client, challenge, **body), 422, "validation_failed")
        assert mongo.email_codes.find_one()["tries"] == 0

    @pytest.mark.parametrize("challenge", ["", "asc_", "asc_" + "0" * 49, "asl_x", "x" * 5_000, "\ufffd"])
    def test_a_challenge_that_is_none(self, client: FlaskClient, challenge: str):
        problem(type_code(client, challenge, "123456"), 403, "email_code_invalid")

    def test_by_cookie_the_browser_is_remembered(self, browser_client: FlaskClient, app: Flask, mongo: Database):
        register(browser_client, email=EMAIL, transport="cookie")
        mongo.users.update_one({}, {"$currentDate": {"emailVerifiedAt": True}})
        challenge = challenge_of(ask(browser_client))
        answer = type_code(browser_client, challenge, newest_code(app), transport="cookie")
        assert "refreshToken" not in answer.get_json()
        assert browser_client.post("/auth/refresh-token", json={}).status_code == 200

    def test_a_new_place_is_told(self, proved: Person, app: Flask):
        """R28."""
        challenge = challenge_of(ask(proved.client))
        elsewhere = {"REMOTE_ADDR": "203.0.113.9"}
        body = {"challengeId": challenge, "code": newest_code(app)}
        answer = proved.client.post("/auth/login/email/code", json=body, environ_base=elsewhere)
        assert answer.status_code == 200
        assert len(sent(app, "new_sign_in", EMAIL)) == 1

    def test_a_disabled_account_gets_no_letter_and_no_session(self, proved: Person, app: Flask, mongo: Database):
        challenge = challenge_of(ask(proved.client))
        code = newest_code(app)
        mongo.users.update_one({}, {"$currentDate": {"disabledAt": True}})
        problem(type_code(proved.client, challenge, code), 403, "account_disabled")
        ask(proved.client)
        assert len(sent(app, "sign_in")) == 1

    @pytest.mark.parametrize("route", ["", "/code", "/link"])
    def test_r117_only_a_post_does_anything(self, client: FlaskClient, route: str):
        assert client.get(f"/auth/login/email{route}").status_code == 405

    def test_the_code_is_stored_as_what_nobody_can_guess(self, proved: Person, app: Flask, mongo: Database):
        """Six digits: a plain hash would be tried out in a second."""
        challenge = challenge_of(ask(proved.client))
        kept = str(mongo.email_codes.find_one()) + str(list(mongo.letters.find()))
        assert newest_code(app) not in kept
        assert challenge not in kept


class TestLink:
    """R117, R118: the other face of a challenge."""

    def test_in_the_browser_that_asked_it_signs_in(self, browser_client: FlaskClient, app: Flask, mongo: Database):
        import_account(mongo, email=EMAIL)
        cookie = ask(browser_client).headers["Set-Cookie"]
        assert {"HttpOnly", "Path=/", "SameSite=Strict", "Max-Age=3600"} <= set(cookie.split("; "))
        answer = follow(browser_client, newest(app, "sign_in"))
        assert answer.status_code == 200, answer.text
        assert answer.get_json()["user"]["email"] == EMAIL

    def test_r118_in_another_it_names_the_account_and_asks(self, proved: Person, app: Flask, mongo: Database):
        ask(proved.client)
        token = newest(app, "sign_in")
        for _ in range(3):
            asked = follow(proved.client, token)
            assert (asked.status_code, asked.get_json()) == (202, {"confirm": {"email": EMAIL}})
            assert asked.headers.getlist("Set-Cookie") == []
        assert mongo.sessions.count_documents({"methods": ["otp"]}) == 0
        assert follow(proved.client, token, confirm=True).status_code == 200
        problem(follow(proved.client, token, confirm=True), 400, "link_invalid")

    def test_so_it_does_where_somebody_else_asked(self, browser_client: FlaskClient, app: Flask, mongo: Database):
        """Login CSRF: somebody sends a link to an account of their own to a browser that asked for another one."""
        import_account(mongo, email=EMAIL)
        ask(browser_client, "nobody@example.com")
        ask(app.test_client())
        assert follow(browser_client, newest(app, "sign_in")).status_code == 202

    @pytest.mark.parametrize("planted", ["x", "", "a; email_code=b"])
    def test_so_it_does_where_cookies_were_planted(self, proved: Person, app: Flask, planted: str):
        own = ask(proved.client).headers["Set-Cookie"].partition(";")[0]
        answer = follow(proved.client, newest(app, "sign_in"), headers={"Cookie": f"{own}; email_code={planted}x"})
        assert answer.status_code == 202

    def test_its_cookie_can_t_be_planted_by_a_sibling(self, make_app: Callable[..., Flask], mongo: Database):
        """A browser takes `__Host-` from nobody but the host itself."""
        cookie = ask(make_app(PUBLIC_URL="https://auth.example.com").test_client()).headers["Set-Cookie"]
        assert cookie.startswith("__Host-email_code=")
        assert {"Secure", "HttpOnly", "Path=/", "SameSite=Strict"} <= set(cookie.split("; "))
        assert "Domain" not in cookie

    def test_two_tabs_of_one_browser_share_the_cookie(self, browser_client: FlaskClient, app: Flask, mongo: Database):
        import_account(mongo, email=EMAIL)
        ask(browser_client)
        token = newest(app, "sign_in")
        ask(browser_client, "nobody@example.com")
        assert follow(browser_client, token).status_code == 200

    def test_wrong_codes_do_not_end_it(self, proved: Person, app: Flask):
        """R116: who has the mailbox always gets in."""
        challenge = challenge_of(ask(proved.client))
        with throttled(app, email_code_account=1, email_code_row=1, email_code_address=1):
            for _ in range(6):
                type_code(proved.client, challenge, wrong(newest_code(app)))
            assert follow(proved.client, newest(app, "sign_in"), confirm=True).status_code == 200

    def test_one_challenge_opens_one_session(self, proved: Person, app: Flask):
        challenge = challenge_of(ask(proved.client))
        code, token = newest_code(app), newest(app, "sign_in")
        assert follow(proved.client, token, confirm=True).status_code == 200
        problem(type_code(proved.client, challenge, code), 403, "email_code_invalid")

    def test_it_is_good_for_an_hour(self, proved: Person, app: Flask):
        """For as long as a stranger can keep the owner from getting another letter."""
        ask(proved.client)
        token = newest(app, "sign_in")
        with time_machine.travel(clock.now() + timedelta(minutes=59)):
            assert follow(proved.client, token).status_code == 202
        with time_machine.travel(clock.now() + timedelta(minutes=61)):
            problem(follow(proved.client, token), 400, "link_invalid")

    def test_r114_a_second_factor_is_asked_for(self, alice: Person, app: Flask, mongo: Database):
        with_totp(alice, mongo)
        ask(alice.client)
        answer = follow(alice.client, newest(app, "sign_in"), confirm=True)
        assert (answer.status_code, answer.get_json()["mfaRequired"]) == (202, True)

    def test_it_signs_up_too(self, client: FlaskClient, app: Flask):
        ask(client, NEW, name="New Comer")
        token = newest(app, "sign_up")
        assert follow(client, token).get_json() == {"confirm": {"email": NEW}}
        assert follow(client, token, confirm=True).get_json()["user"]["name"] == "New Comer"

    @pytest.mark.parametrize("kind", ["verify", "reset"])
    def test_no_other_link_signs_in(self, alice: Person, app: Flask, kind: str):
        """R40."""
        alice.client.post("/auth/password/forgot", json={"email": EMAIL, "challenge": True})
        alice.client.post("/auth/email/resend", json={"email": EMAIL, "challenge": True})
        problem(follow(alice.client, newest(app, kind), confirm=True), 400, "link_invalid")

    def test_nor_does_it_do_what_another_does(self, proved: Person, app: Flask):
        """R40."""
        ask(proved.client)
        token = newest(app, "sign_in")
        for route, more in (("/auth/email/verify", {}), ("/auth/password/reset", {"newPassword": "a new passphrase"})):
            problem(proved.client.post(route, json={"token": token, **more}), 400, "link_invalid")

    @pytest.mark.parametrize("body", [{}, {"token": 1}, {"token": "x", "confirm": "yes"}, {"token": "x", "code": 1}])
    def test_bad_input_is_told(self, client: FlaskClient, body: dict[str, Any]):
        problem(client.post("/auth/login/email/link", json=body), 422, "validation_failed")


class TestSecondFactor:
    def test_r114_it_is_asked_for_afterwards(self, alice: Person, app: Flask, mongo: Database):
        protected = with_totp(alice, mongo)
        challenge = challenge_of(ask(alice.client))
        answer = type_code(alice.client, challenge, newest_code(app))
        assert (answer.status_code, answer.get_json()["methods"]) == (202, ["totp", "recovery_code"])
        done = complete(alice.client, answer.get_json()["mfaToken"], code=protected.app.code())
        assert done.status_code == 200, done.text
        assert mongo.sessions.find_one({"methods": ["otp", "mfa"]}) is not None

    def test_a_wrong_one_is_no_sign_that_the_password_is_known(self, alice: Person, app: Flask, mongo: Database):
        with_totp(alice, mongo)
        mongo.devices.delete_many({})
        ticket = type_code(alice.client, challenge_of(ask(alice.client)), newest_code(app)).get_json()["mfaToken"]
        problem(complete(alice.client, ticket, code="000000"), 403, "mfa_code_invalid")
        assert (len(sent(app, "password_known")), len(sent(app, "sign_in_stopped"))) == (0, 1)

    def test_the_ticket_dies_with_the_address(self, alice: Person, app: Flask, mongo: Database):
        protected = with_totp(alice, mongo)
        ticket = type_code(alice.client, challenge_of(ask(alice.client)), newest_code(app)).get_json()["mfaToken"]
        mongo.users.update_one({}, {"$set": {"email": "moved@example.com"}})
        problem(complete(alice.client, ticket, code=protected.app.code()), 401, "mfa_token_invalid")


class TestUnproved:
    def test_r112_what_a_squatter_set_up_goes(self, alice: Person, app: Flask, mongo: Database):
        """Alice's address was registered by somebody else, who is signed in and has a token."""
        body = {"name": "back door", "scopes": ["account:read"]}
        token = alice.client.post("/auth/access-tokens", json=body, headers=alice.headers).get_json()["token"]
        mongo.users.update_one({}, {"$set": {"passkeys": []}})
        answer = type_code(alice.client, challenge_of(ask(alice.client)), newest_code(app))
        assert (answer.status_code, answer.get_json()["user"]["emailVerified"]) == (200, True)
        assert alice.home().status_code == 401
        assert alice.refresh().status_code == 401
        assert alice.client.get("/auth/me", headers={"Authorization": f"Bearer {token}"}).status_code == 401
        assert alice.client.post("/auth/login", json={"email": EMAIL, "password": alice.password}).status_code == 401
        assert mongo.audit.count_documents({"action": "email.verified"}) == 1

    def test_so_do_its_second_factors(self, alice: Person, app: Flask, mongo: Database):
        with_totp(alice, mongo)
        mongo.users.update_one({}, {"$unset": {"emailVerifiedAt": 1}})
        answer = type_code(alice.client, challenge_of(ask(alice.client)), newest_code(app))
        assert (answer.status_code, answer.get_json()["user"]["mfaEnabled"]) == (200, False)

    @pytest.mark.parametrize("verification", ["required", "off"])
    def test_it_proves_the_address_whatever_is_required(self, alice: Person, app: Flask, verification: str):
        app.config["EMAIL_VERIFICATION"] = verification
        try:
            answer = type_code(alice.client, challenge_of(ask(alice.client)), newest_code(app))
        finally:
            app.config["EMAIL_VERIFICATION"] = "optional"
        assert (answer.status_code, answer.get_json()["user"]["emailVerified"]) == (200, True)


class TestSignUp:
    def test_a_name_makes_an_account(self, client: FlaskClient, app: Flask, mongo: Database):
        asked = ask(client, NEW, name="New Comer")
        assert (asked.status_code, mongo.users.count_documents({})) == (202, 0)
        answer = type_code(client, challenge_of(asked), newest_code(app, "sign_up", NEW))
        assert answer.status_code == 200, answer.text
        user = answer.get_json()["user"]
        assert (user["name"], user["email"], user["emailVerified"]) == ("New Comer", NEW, True)
        assert "password" not in stored(mongo, NEW)
        assert [one["action"] for one in mongo.audit.find().sort("_id")] == [
            "login.code_requested",
            "account.registered",
            "login.succeeded",
        ]

    def test_without_a_name_an_unknown_address_gets_nothing(self, client: FlaskClient, app: Flask, mongo: Database):
        asked = ask(client, NEW)
        assert (asked.status_code, set(asked.get_json())) == (202, {"challengeId", "expiresIn"})
        assert sent(app) == []
        problem(type_code(client, challenge_of(asked), "000000"), 403, "email_code_invalid")
        assert mongo.users.count_documents({}) == 0

    def test_a_known_address_signs_in(self, proved: Person, app: Flask):
        answer = type_code(proved.client, challenge_of(ask(proved.client, name="Other")), newest_code(app))
        assert (answer.get_json()["user"]["id"], answer.get_json()["user"]["name"]) == (proved.id, "Alice")

    def test_who_registered_it_meanwhile_loses_it(self, client: FlaskClient, app: Flask, mongo: Database):
        """R112: the squatter was faster."""
        challenge = challenge_of(ask(client, NEW, name="New Comer"))
        squatter = register(client, email=NEW).get_json()
        answer = type_code(client, challenge, newest_code(app, "sign_up", NEW))
        assert answer.get_json()["user"]["id"] == squatter["user"]["id"]
        assert "password" not in stored(mongo, NEW)
        assert client.get("/", headers={"Authorization": f"Bearer {squatter['accessToken']}"}).status_code == 401

    def test_of_two_challenges_each_opens_the_same_account(self, client: FlaskClient, app: Flask, mongo: Database):
        first = challenge_of(ask(client, NEW, name="One"))
        code = newest_code(app, "sign_up", NEW)
        second = challenge_of(ask(client, NEW, name="Two"))
        one = type_code(client, second, newest_code(app, "sign_up", NEW))
        two = type_code(client, first, code)
        assert one.get_json()["user"]["id"] == two.get_json()["user"]["id"]
        assert mongo.users.count_documents({}) == 1

    @pytest.mark.parametrize(
        "body", [{"email": "root@localhost", "name": "R"}, {"email": NEW, "name": ""}, {"email": "x"}]
    )
    def test_bad_input_is_told(self, client: FlaskClient, body: dict[str, Any]):
        problem(client.post("/auth/login/email", json=body), 422, "validation_failed")

    def test_an_address_that_may_be_taken_back_gets_no_letter(self, proved: Person, app: Flask, mongo: Database):
        asked = proved.client.post("/auth/me/email", json={"email": NEW}, headers=proved.headers)
        assert asked.status_code == 202
        link = {"token": sent(app, "change", NEW)[0]["text"].partition("#token=")[2].split()[0]}
        assert proved.client.post("/auth/email/verify", json=link, headers=proved.headers).status_code == 200
        ask(proved.client, EMAIL, name="Somebody")
        assert sent(app, "sign_up") == []


class TestGuesses:
    def test_r116_one_wrong_code_ends_nothing(self, proved: Person, app: Flask, mongo: Database):
        challenge = challenge_of(ask(proved.client))
        code = newest_code(app)
        for _ in range(4):
            problem(type_code(proved.client, challenge, wrong(code)), 403, "email_code_invalid")
        assert mongo.audit.count_documents({"action": "login.failed", "details.reason": "email_code_invalid"}) == 4
        assert type_code(proved.client, challenge, code).status_code == 200

    def test_r116_five_end_the_challenge(self, proved: Person, app: Flask):
        challenge = challenge_of(ask(proved.client))
        code = newest_code(app)
        for _ in range(5):
            problem(type_code(proved.client, challenge, wrong(code)), 403, "email_code_invalid")
        problem(type_code(proved.client, challenge, code), 403, "email_code_invalid")
        assert type_code(proved.client, challenge_of(ask(proved.client)), newest_code(app)).status_code == 200

    @pytest.mark.parametrize("address", [EMAIL, "nobody@example.com"])
    def test_r116_a_resend_resets_nothing(self, proved: Person, app: Flask, mongo: Database, address: str):
        mongo.devices.delete_many({})
        with throttled(app, email_code_account=10):
            statuses = []
            for _ in range(20):
                challenge = challenge_of(ask(proved.client, address))
                statuses.append(type_code(proved.client, challenge, "000000").status_code)
        assert statuses == [403] * 10 + [429] * 10

    def test_r116_a_newer_challenge_does_not_end_the_one_being_typed(self, proved: Person, app: Flask):
        first = challenge_of(ask(proved.client))
        code = newest_code(app)
        ask(proved.client)
        assert type_code(proved.client, first, code).status_code == 200

    def test_but_once_one_is_used_the_others_end(self, proved: Person, app: Flask):
        first = challenge_of(ask(proved.client))
        code = newest_code(app)
        second = challenge_of(ask(proved.client))
        assert type_code(proved.client, second, newest_code(app)).status_code == 200
        problem(type_code(proved.client, first, code), 403, "email_code_invalid")

    def test_r116_strangers_lock_nobody_out_where_they_are_known(self, proved: Person, app: Flask):
        """R23."""
        with throttled(app, email_code_account=3, email_code_row=3):
            strange = {"REMOTE_ADDR": "203.0.113.66"}
            for _ in range(5):
                body = {"challengeId": challenge_of(ask(proved.client)), "code": wrong(newest_code(app))}
                last = proved.client.post("/auth/login/email/code", json=body, environ_base=strange)
            assert last.status_code == 429
            assert type_code(proved.client, challenge_of(ask(proved.client)), newest_code(app)).status_code == 200

    def test_who_registered_an_address_is_known_nowhere(self, alice: Person, app: Flask):
        """Before it is verified: or a squatter would have as many guesses as browsers."""
        with throttled(app, email_code_account=2):
            challenge = challenge_of(ask(alice.client))
            statuses = []
            for network in range(4):
                body = {"challengeId": challenge, "code": wrong(newest_code(app))}
                alice.client.post("/auth/login", json={"email": EMAIL, "password": alice.password})
                where = {"REMOTE_ADDR": f"203.0.{network}.1"}
                statuses.append(alice.client.post("/auth/login/email/code", json=body, environ_base=where).status_code)
        assert statuses == [403, 403, 429, 429]

    @pytest.mark.parametrize("address", [EMAIL, "nobody@example.com"])
    def test_a_network_guesses_at_many(self, proved: Person, app: Flask, address: str):
        """R24."""
        with throttled(app, email_code_address=3):
            strange = {"REMOTE_ADDR": "203.0.113.66"}
            for _ in range(4):
                body = {"challengeId": challenge_of(ask(proved.client, address)), "code": "000000"}
                last = proved.client.post("/auth/login/email/code", json=body, environ_base=strange)
            assert last.status_code == 429


class TestEqual:
    """R119: nobody learns from an answer, or from the work, whether there is an account."""

    @pytest.mark.parametrize("members", [{}, {"name": "Somebody"}], ids=["sign in", "sign up"])
    @pytest.mark.usefixtures("heard")
    def test_asking(self, proved: Person, bob: Person, app: Flask, mongo: Database, members: dict[str, str]):
        disabled = {"email": bob.email}
        mongo.users.update_one(disabled, {"$currentDate": {"disabledAt": True}})
        work = []
        with throttled(app):
            for email in (EMAIL, bob.email, "nobody.there@example.com"):
                ask(proved.client, email, **members)  # the throttle's documents are made by the first
                with counted_work() as counted:
                    answer = ask(proved.client, email, **members)
                shape = {name: type(value) for name, value in answer.get_json().items()}
                size = len(answer.data)
                work.append((answer.status_code, shape, size, sorted(answer.headers.keys()), counted))
        for one in work[1:]:
            assert one[:4] == work[0][:4]
            assert (one[4].commands, one[4].rounds) == (work[0][4].commands, work[0][4].rounds)

    @pytest.mark.usefixtures("heard")
    def test_typing_a_wrong_code(self, proved: Person, app: Flask):
        mistyped: Callable[[str], Any] = lambda challenge: type_code(proved.client, challenge, "000000")  # noqa: E731
        work = []
        with throttled(app):
            for email in (EMAIL, "nobody.there@example.com"):
                challenge = challenge_of(ask(proved.client, email))
                mistyped(challenge)
                with counted_work() as counted:
                    answer = mistyped(challenge)
                work.append((answer.status_code, len(answer.data), counted.commands, counted.rounds))
        assert work[0] == work[1]

    def test_letters_have_the_same_limits(self, proved: Person, app: Flask):
        with throttled(app, login_codes=2):
            for email in (EMAIL, NEW):
                assert {ask(proved.client, email, name="N").status_code for _ in range(4)} == {202}
        assert (len(sent(app, "sign_in", EMAIL)), len(sent(app, "sign_up", NEW))) == (2, 2)

    def test_letters_to_sign_in_take_no_room_of_those_that_set_a_password(self, proved: Person, app: Flask):
        """Those are good for an hour, the codes for minutes: a stranger's flood would lock the owner out."""
        with throttled(app, asked_letters=2):
            for _ in range(3):
                ask(proved.client)
            proved.client.post("/auth/password/forgot", json={"email": EMAIL})
        assert (len(sent(app, "sign_in")), len(sent(app, "reset"))) == (2, 1)


class TestOff:
    def test_r103_it_can_be_switched_off(self, proved: Person, app: Flask):
        challenge = challenge_of(ask(proved.client))
        app.config["EMAIL_CODES"] = False
        try:
            problem(ask(proved.client), 404, "not_found")
            problem(type_code(proved.client, challenge, newest_code(app)), 404, "not_found")
        finally:
            app.config["EMAIL_CODES"] = True

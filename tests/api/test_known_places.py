"""What being known is worth: to the user whatever strangers do, and to whoever knows the password nothing more."""

from collections import Counter
from collections.abc import Callable

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient

from authsvc.security import opaque_tokens
from authsvc.services import devices
from tests.api.forging import now
from tests.conftest import PASSWORD, Person, problem
from tests.support.accounts import DAY, EMAIL, Database, throttled
from tests.support.authenticator import Authenticator
from tests.support.factors import (
    App,
    enrol,
    options_for,
    post,
    register_passkey,
    sign_in_by,
    verified,
    with_passkey,
    with_totp,
)
from tests.support.letters import newest, sent
from tests.support.sign_ins import ELSEWHERE, HOME, NEW, WRONG, ask, limited, prove, sign_in, try_login

VICTIM = "victim@example.com"
LETTERS = 20
"""How many letters an hour anybody can ask for, to one address."""


def browsers(app: Flask, password: str, number: int, email: str = EMAIL) -> list[FlaskClient]:
    """Return browsers in which somebody has signed in by password, each elsewhere."""
    made = [app.test_client() for _ in range(number)]
    for index, browser in enumerate(made):
        answer = sign_in(browser, password, ELSEWHERE[index % len(ELSEWHERE)], email)
        assert answer.status_code in (200, 202), answer.text
    return made


def device_of(browser: FlaskClient) -> str:
    """Return a browser's device cookie."""
    cookie = browser.get_cookie("device", path="/auth")
    assert cookie is not None
    return str(cookie.value)


def shown(*values: str) -> dict[str, str]:
    """Return a header with these device cookies, in this order."""
    return {"Cookie": "; ".join(f"device={value}" for value in values)}


def codes_of(app: Flask, browser: FlaskClient, password: str, times: int, ip: str = HOME) -> list[int]:
    """Return the answers to wrong codes that follow the right password in a browser."""
    mfa_token = sign_in(browser, password, ip).get_json()["mfaToken"]
    return [ask(browser, "/auth/login/mfa", ip, mfaToken=mfa_token, code="000000").status_code for _ in range(times)]


class TestU6Letters:
    """Being known adds a share, one for all places; and there is one sum of all that anybody can ask for."""

    @pytest.fixture
    def served(self, make_app: Callable[..., Flask], clean: None) -> Flask:
        """Return the service with its limits as they come."""
        return make_app(RATE_LIMITS="on")

    @pytest.mark.slow
    @pytest.mark.parametrize("proved", [False, True])
    def test_signing_in_again_and_again_sends_no_more_letters(self, served: Flask, mongo: Database, proved: bool):
        person = Person(served.test_client(), VICTIM, PASSWORD).register()
        if proved:
            verified(mongo, person)
        with time_machine.travel(now(), tick=False) as clock:
            for browser in browsers(served, PASSWORD, 6, VICTIM):
                for path in ("/auth/email/resend", "/auth/password/forgot") * 6:
                    assert ask(browser, path, email=VICTIM).status_code == 202
                clock.shift(61)
            for ip in ELSEWHERE[:20]:
                ask(served.test_client(), "/auth/password/forgot", ip, email=VICTIM)
                clock.shift(61)
        told = Counter(letter["kind"] for letter in mongo.letters.find({"to": VICTIM}))
        told.pop("new_sign_in", None)
        assert told == ({"verify": 1, "reset": LETTERS - 1} if proved else {"verify": 10, "reset": 10})

    @pytest.mark.slow
    def test_there_is_one_sum_over_all_routes(self, served: Flask, mongo: Database):
        """And beyond it the answers are the same, and the links that were mailed before work."""
        person = verified(mongo, Person(served.test_client(), VICTIM, PASSWORD).register())
        (browser,) = browsers(served, PASSWORD, 1, VICTIM)
        with time_machine.travel(now(), tick=False) as clock:
            for turn in range(15):
                other = Person(served.test_client(), f"other{turn}@example.com", PASSWORD).register()
                assert post(other, "/auth/me/email", email=VICTIM).status_code == 202
                assert ask(served.test_client(), "/auth/password/forgot", ELSEWHERE[turn], email=VICTIM).text == "{}\n"
                assert ask(browser, "/auth/password/forgot", email=VICTIM).text == "{}\n"
                clock.shift(61)
            told = Counter(letter["kind"] for letter in mongo.letters.find({"to": VICTIM}))
            assert told["taken"] + told["reset"] + told["verify"] == LETTERS
            link = newest(served, "reset", VICTIM)
            assert ask(browser, "/auth/password/reset", token=link, newPassword=NEW).status_code == 204
            clock.shift(3600)
            assert ask(browser, "/auth/password/forgot", email=VICTIM).status_code == 202
        assert len(sent(served, "reset", VICTIM)) == told["reset"] + 1
        assert person.email == VICTIM

    def test_what_is_asked_for_in_vain_takes_no_room(self, served: Flask, mongo: Database):
        """Nothing is verified twice: asking for that keeps no letter back."""
        verified(mongo, Person(served.test_client(), VICTIM, PASSWORD).register())
        served.config["LIMITS"] = {**served.config["LIMITS"], "asked_letters": (3, 3600)}
        for ip in ELSEWHERE[:4]:
            ask(served.test_client(), "/auth/email/resend", ip, email=VICTIM)
        assert ask(served.test_client(), "/auth/password/forgot", email=VICTIM).status_code == 202
        assert len(sent(served, "reset", VICTIM)) == 1


class TestU13SecondFactors:
    """A place has codes of its own only if a factor was shown there."""

    def test_no_places_of_before_the_first_factor_have(self, app: Flask, alice: Person, mongo: Database):
        thief = browsers(app, alice.password, 4)
        with_totp(alice, mongo)
        with limited(app):
            answers = [codes_of(app, one, alice.password, 6, ip) for one, ip in zip(thief, ELSEWHERE, strict=False)]
        assert Counter(status for some in answers for status in some) == {403: 10, 429: 14}
        assert len(sent(app, "password_known", EMAIL)) == 1, "and the owner is told, whatever the browser"

    def test_nor_have_places_that_an_earlier_version_noted(self, app: Flask, alice: Person, mongo: Database):
        """Nobody knows by what; for passwords they are known as ever."""
        thief = browsers(app, alice.password, 2)
        with_totp(alice, mongo)
        mongo.devices.update_many({}, {"$unset": {"proof": True}})
        with limited(app):
            answers = [codes_of(app, one, alice.password, 6, ip) for one, ip in zip(thief, ELSEWHERE, strict=False)]
        assert answers == [[403] * 6, [403] * 4 + [429] * 2]
        with throttled(app, login_account=1):
            for _ in range(2):
                try_login(app.test_client(), EMAIL, WRONG, "203.0.113.1")
            assert sign_in(thief[0], alice.password, "203.0.113.2").status_code == 202

    def test_nor_have_sessions_of_before(self, app: Flask, alice: Person, mongo: Database):
        """Whoever knew the password may have opened a hundred; that of the new factor is not affected."""
        thief = [Person(app.test_client(), EMAIL, alice.password).login() for _ in range(4)]
        protected = with_totp(alice, mongo)
        with limited(app):
            answers = [post(one, "/auth/reauthenticate", code="000000").status_code for one in thief for _ in range(5)]
            assert Counter(answers) == {403: 10, 429: 10}
            assert post(alice, "/auth/reauthenticate", code=protected.app.code()).status_code == 200

    def test_a_first_code_is_no_riddle_to_who_was_shown_the_secret(self, app: Flask, alice: Person, mongo: Database):
        """Other sessions use up nothing of it."""
        verified(mongo, alice)
        other = Person(app.test_client(), EMAIL, alice.password).login()
        enrol(other)
        with limited(app):
            wrong = [post(other, "/auth/mfa/totp/confirm", code="000000").status_code for _ in range(11)]
            assert wrong == [403] * 10 + [429]
            assert post(alice, "/auth/mfa/totp/confirm", code=enrol(alice).code()).status_code == 200

    @pytest.mark.parametrize("factor", ["app", "passkey"])
    def test_the_browser_of_the_first_factor_has(self, app: Flask, clean: None, mongo: Database, factor: str):
        """Without another sign-in there, and wherever it is by then."""
        browser = app.test_client()
        registered = ask(browser, "/auth/register", name="A", email=EMAIL, password=PASSWORD, transport="cookie")
        person = verified(mongo, Person(browser, EMAIL, PASSWORD, tokens=registered.get_json()))
        if factor == "app":
            proof = {"code": App(enrol(person).secret).code()}
            proof = {"recoveryCode": post(person, "/auth/mfa/totp/confirm", **proof).get_json()["recoveryCodes"][0]}
        else:
            device = Authenticator()
            assert register_passkey(person, device).status_code == 201
            assert post(person, "/auth/mfa/require").status_code == 204
        with limited(app):
            stranger = app.test_client(use_cookies=False)
            assert codes_of(app, stranger, PASSWORD, 11, ELSEWHERE[0])[-1] == 429
            mfa_token = sign_in(browser, PASSWORD, "192.0.2.99").get_json()["mfaToken"]
            if factor == "passkey":
                options = options_for(browser, mfaToken=mfa_token)
                proof = {"challengeId": options["challengeId"], "credential": device.get(options["publicKey"])}
            answer = ask(browser, "/auth/login/mfa", "192.0.2.99", mfaToken=mfa_token, **proof)
            assert answer.status_code == 200, answer.text

    def test_whoever_reads_the_mail_has_one_share_and_not_one_for_each_letter(
        self, app: Flask, alice: Person, mongo: Database
    ):
        """R79: factors guard an account against whoever has its mailbox."""
        with_totp(alice, mongo)
        mongo.devices.delete_many({})
        answers: list[int] = []
        with limited(app):
            for ip in ELSEWHERE[:3]:
                browser = app.test_client()
                assert prove(app, browser, "reset", ip).status_code == 204
                answers += codes_of(app, browser, NEW, 6, ip)
        assert Counter(answers) == {403: 10, 429: 8}

    def test_nor_does_a_letter_break_a_row_of_codes(self, app: Flask, alice: Person, mongo: Database):
        with_totp(alice, mongo)
        mongo.devices.delete_many({})
        with limited(app, mfa_row=(4, DAY), mfa_account=(999, DAY)):
            for password, wanted in ((alice.password, [403] * 4 + [429]), (NEW, [429] * 5)):
                stranger = app.test_client(use_cookies=False)
                assert codes_of(app, stranger, password, 5, ELSEWHERE[0]) == wanted
                assert prove(app, app.test_client(), "reset").status_code == 204

    def test_who_has_just_proved_the_address_is_not_locked_out_by_strangers(
        self, app: Flask, alice: Person, mongo: Database
    ):
        """U5: they guessed at codes while they knew the password."""
        protected = with_totp(alice, mongo)
        mongo.devices.delete_many({})
        browser = app.test_client()
        with limited(app):
            codes_of(app, app.test_client(use_cookies=False), alice.password, 11, ELSEWHERE[0])
            assert prove(app, browser, "reset").status_code == 204
            mfa_token = sign_in(browser, NEW).get_json()["mfaToken"]
            proof = {"mfaToken": mfa_token, "recoveryCode": protected.recovery_codes[0]}
            assert ask(browser, "/auth/login/mfa", **proof).status_code == 200


class TestU13Browsers:
    def test_a_new_password_leaves_nobody_known_but_here(self, app: Flask, alice: Person, mongo: Database):
        """Whoever knew the old one has no guesses of their own at the new one."""
        mongo.devices.delete_many({})
        own, thief = browsers(app, alice.password, 2)
        token = sign_in(own, alice.password, HOME).get_json()["accessToken"]
        change = {"currentPassword": alice.password, "newPassword": NEW}
        headers = {"Authorization": f"Bearer {token}"}
        assert ask(own, "/auth/me/password", HOME, headers, **change).status_code == 204
        assert mongo.devices.count_documents({}) == 2, "this browser and this network"
        with throttled(app, login_account=1):
            assert try_login(app.test_client(), EMAIL, WRONG, "203.0.113.1").status_code == 401
            assert sign_in(thief, WRONG, ELSEWHERE[1]).status_code == 429
            assert sign_in(own, NEW, "203.0.113.2").status_code == 200

    def test_an_account_is_known_in_so_many_browsers(self, app: Flask, alice: Person, mongo: Database):
        """The one of the oldest sign-in goes."""
        mongo.devices.delete_many({})
        with time_machine.travel(now(), tick=False) as clock:
            made = []
            for number in range(devices.MOST_BROWSERS + 2):
                clock.shift(60)
                made += browsers(app, alice.password, 1)
                if number == 2:  # the first one is used once more
                    assert sign_in(made[0], alice.password).status_code == 200
        assert mongo.devices.count_documents({"secret": {"$exists": True}}) == devices.MOST_BROWSERS
        with throttled(app, login_account=1):
            try_login(app.test_client(), EMAIL, WRONG, "203.0.113.1")
            asking = enumerate((*made[:3], made[-1]), start=2)
            known = [sign_in(one, alice.password, f"203.0.113.{number}").status_code for number, one in asking]
        assert known == [200, 429, 429, 200]

    def test_one_browser_is_not_many_to_whoever_else_signs_in_there(
        self, app: Flask, alice: Person, bob: Person, mongo: Database
    ):
        """Who shows somebody else's device cookie again and again multiplies nothing."""
        (browser,) = browsers(app, alice.password, 1)
        mongo.devices.delete_many({"user": {"$ne": mongo.users.find_one({"email": EMAIL})["_id"]}})
        secret = device_of(browser)
        for _ in range(3):
            body = {"email": bob.email, "password": bob.password, "transport": "cookie"}
            answer = app.test_client(use_cookies=False).post("/auth/login", json=body, headers=shown(secret))
            assert answer.status_code == 200
        own = {"user": mongo.users.find_one({"email": EMAIL})["_id"], "secret": {"$exists": True}}
        assert mongo.devices.count_documents(own) == 1


class TestU9Planted:
    """U5: nobody is locked out by a device cookie that was planted beside their own."""

    @pytest.fixture
    def own(self, app: Flask, alice: Person) -> str:
        return device_of(browsers(app, alice.password, 1)[0])

    def is_known(self, app: Flask, person: Person, *values: str) -> bool:
        """Tell whether somebody is known by these device cookies, while strangers use up what is theirs."""
        with throttled(app, login_account=1):
            try_login(person.client, person.email, WRONG, "198.51.100.1")
            answer = try_login(person.client, person.email, person.password, "192.0.2.99", headers=shown(*values))
        return bool(answer.status_code == 200)

    @pytest.mark.parametrize("junk", [lambda number: f"junk{number}", lambda _: opaque_tokens.generate("")])
    def test_many_planted_cookies_do_not_hide_our_own(
        self, app: Flask, alice: Person, own: str, junk: Callable[[int], str]
    ):
        """From all paths and domains that a browser sends: U9."""
        assert self.is_known(app, alice, *(junk(number) for number in range(30)), own)

    @pytest.mark.slow
    @pytest.mark.parametrize("last", [True, False])
    @pytest.mark.parametrize("number", [1, 5])
    def test_the_planter_s_bucket_is_not_the_victim_s(
        self, app: Flask, alice: Person, bob: Person, own: str, mongo: Database, last: bool, number: int
    ):
        """Whichever sorts first in the database: challenges and sign-ins by passkey."""
        device = with_passkey(alice, mongo)
        planted = [device_of(one) for one in browsers(app, bob.password, number, bob.email)]
        both = shown(*planted, own) if last else shown(own, *planted)
        bare = app.test_client(use_cookies=False)
        with throttled(app, challenge_address=3, login_address=1):
            for secret in planted:
                for _ in range(3):
                    bare.post("/auth/login/passkey/options", json={}, headers=shown(secret))
            for _ in range(5):
                answer = bare.post("/auth/login/passkey/options", json={})
            problem(answer, 429, "too_many_attempts")
            assert bare.post("/auth/login/passkey/options", json={}, headers=both).status_code == 200

        with throttled(app, login_address=1):
            for headers in (*(shown(secret) for secret in planted), {}):
                self.fail_by_passkey(bare, device, headers)
            options = bare.post("/auth/login/passkey/options", json={}).get_json()
            body = {"challengeId": options["challengeId"], "credential": device.get(options["publicKey"])}
            assert bare.post("/auth/login/passkey", json=body, headers=both).status_code == 200

    def fail_by_passkey(self, client: FlaskClient, device: Authenticator, headers: dict[str, str]) -> None:
        options = client.post("/auth/login/passkey/options", json={}).get_json()
        body = {"challengeId": options["challengeId"], "credential": device.get(options["publicKey"], flags=0)}
        problem(client.post("/auth/login/passkey", json=body, headers=headers), 401, "passkey_invalid")

    def test_one_that_is_used_up_is_as_good_as_none(self, app: Flask, alice: Person, bob: Person, mongo: Database):
        """The victim has none of their own: their network's share is there as ever."""
        device = with_passkey(alice, mongo)
        (planter,) = browsers(app, bob.password, 1, bob.email)
        with throttled(app, challenge_address=2):
            for _ in range(2):
                assert planter.post("/auth/login/passkey/options", json={}).status_code == 200
            victim = app.test_client()
            victim.set_cookie("device", device_of(planter), path="/auth")
            assert sign_in_by(victim, device).status_code == 200

    @pytest.mark.parametrize("last", [True, False])
    def test_one_that_was_issued_to_the_same_account_is_not_shared(
        self, app: Flask, alice: Person, own: str, last: bool
    ):
        """Whoever knew the password planted theirs, and fails there: the genuine one has its own guesses."""
        planted = device_of(browsers(app, alice.password, 1)[0])
        both = (planted, own) if last else (own, planted)
        with throttled(app, login_account=1, login_device=2):
            for secret in (planted, planted, None):
                headers = shown(secret) if secret else {}
                try_login(alice.client, EMAIL, WRONG, "203.0.113.9", headers=headers)
            answer = try_login(alice.client, EMAIL, alice.password, "203.0.113.9", headers=shown(*both))
            assert answer.status_code == 200

    def test_nor_adopted_at_the_next_sign_in(self, app: Flask, alice: Person, own: str, mongo: Database):
        """Nobody can tell which of two is genuine: both go, and a new one comes."""
        planted = device_of(browsers(app, alice.password, 1)[0])
        body = {"email": EMAIL, "password": alice.password, "transport": "cookie"}
        client = app.test_client(use_cookies=False)
        answer = client.post("/auth/login", json=body, headers=shown(planted, own))
        lines = [line for line in answer.headers.getlist("Set-Cookie") if line.startswith("device=")]
        (new,) = [value for line in lines if (value := line.removeprefix("device=").partition(";")[0])]
        assert new not in (own, planted)
        assert self.is_known(app, alice, new)
        with throttled(app, login_account=1):
            try_login(alice.client, EMAIL, WRONG, "198.51.100.2")
            assert try_login(alice.client, EMAIL, WRONG, "192.0.2.98", headers=shown(planted)).status_code == 429


class TestU5Changes:
    """What a script or another session does uses up nothing that the owner needs."""

    def safeguards(self, person: Person) -> dict[str, int]:
        """Return the answers to what keeps an account, or wins it back."""
        answers = {
            "passkey": post(person, "/auth/passkeys/options"),
            "app": post(person, "/auth/mfa/totp"),
            "password": post(
                person, "/auth/me/password", currentPassword=person.password, newPassword="quite another passphrase"
            ),
        }
        return {name: answer.status_code for name, answer in answers.items()}

    def test_a_script_s_token(self, app: Flask, alice: Person, mongo: Database):
        verified(mongo, alice)
        made = post(alice, "/auth/access-tokens", name="x", scopes=["account:write"]).get_json()["token"]
        script = {"Authorization": f"Bearer {made}"}
        with throttled(app, change_account=5):
            answers = [alice.client.patch("/auth/me", json={"name": "n"}, headers=script).status_code for _ in range(7)]
            assert answers == [200] * 5 + [429] * 2
            assert alice.client.patch("/auth/me", json={"name": "n"}, headers=alice.headers).status_code == 200
            assert alice.client.get("/auth/me/export", headers=alice.headers).status_code == 200
            assert self.safeguards(alice) == {"passkey": 200, "app": 200, "password": 204}

    def test_many_tokens_have_no_more_than_one(self, app: Flask, alice: Person):
        answers = []
        tokens = [
            post(alice, "/auth/access-tokens", name="x", scopes=["account:write"]).get_json()["token"] for _ in range(3)
        ]
        with throttled(app, change_account=5):
            for token in tokens * 3:
                headers = {"Authorization": f"Bearer {token}"}
                answers.append(alice.client.patch("/auth/me", json={"name": "n"}, headers=headers).status_code)
        assert answers == [200] * 5 + [429] * 4

    def test_an_intruder_s_sessions(self, app: Flask, alice: Person, mongo: Database):
        """As many as they open: all of an account have an end, and what keeps it is not counted there."""
        verified(mongo, alice)
        answers: list[int] = []
        with throttled(app, change_account=5, change_total=12):
            for _ in range(4):
                thief = Person(app.test_client(), EMAIL, alice.password).login()
                for _ in range(4):
                    answer = thief.client.patch("/auth/me", json={"name": "n"}, headers=thief.headers)
                    answers.append(answer.status_code)
            assert answers == [200] * 12 + [429] * 4
            assert self.safeguards(alice) == {"passkey": 200, "app": 200, "password": 204}

    def test_one_session_has_an_end_of_both(self, app: Flask, alice: Person, mongo: Database):
        verified(mongo, alice)
        with throttled(app, change_account=3):
            answers = [post(alice, "/auth/passkeys/options").status_code for _ in range(5)]
        assert answers == [200] * 3 + [429] * 2

"""Who owns an account after an undo, a reset or a proof: nothing that was set up by an intruder opens it (U3, U4)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from bson import ObjectId
from flask import Flask
from flask.testing import FlaskClient

from authsvc import clock
from authsvc.models.users import User
from authsvc.services import links
from tests.conftest import PASSWORD, Person, problem
from tests.support.accounts import EMAIL, OLD, Database, import_account, login, register, stored
from tests.support.authenticator import Authenticator
from tests.support.factors import complete, post, register_passkey, sign_in_by, verified, with_totp
from tests.support.letters import newest, sent

NEW = "a brand new passphrase"
OF_THIEF = "the thief's passphrase"
EVIL = "evil@example.com"
V = "victim@example.com"


def verify(client: FlaskClient, token: str, **headers: str) -> Any:
    return client.post("/auth/email/verify", json={"token": token}, headers=headers)


def reset(client: FlaskClient, token: str, password: str = NEW) -> Any:
    return client.post("/auth/password/reset", json={"token": token, "newPassword": password})


def revert(client: FlaskClient, token: str) -> Any:
    return client.post("/auth/email/revert", json={"token": token})


def move(person: Person, app: Flask, email: str) -> None:
    """Change the address from the session that asks."""
    assert post(person, "/auth/me/email", email=email).status_code == 202
    answer = verify(person.client, newest(app, "change", email), **person.headers)
    assert answer.status_code == 200, answer.text


def again(person: Person, email: str) -> Person:
    """Sign in once more, under another address."""
    return Person(person.client, email, person.password).login()


@dataclass
class Intruder:
    """Somebody who has the password of an account for a while, and everything they set up there."""

    person: Person
    device: Authenticator = field(default_factory=Authenticator)
    access_token: str = ""
    recovery_codes: list[str] = field(default_factory=list)
    tokens: list[dict[str, Any]] = field(default_factory=list)

    def set_up(self, mongo: Database) -> "Intruder":
        """Set up one of everything that opens an account."""
        made = post(self.person, "/auth/access-tokens", name="back door", scopes=["account:read"])
        self.access_token = made.get_json()["token"]
        self.tokens.append(self.person.tokens)
        protected = with_totp(self.person, mongo)
        self.recovery_codes = protected.recovery_codes
        assert register_passkey(self.person, self.device).status_code == 201
        return self

    def is_out(self, *passwords: str, emails: tuple[str, ...] = (EMAIL, EVIL)) -> None:
        """Assert that nothing of the thief's opens the account."""
        client = self.person.client
        for tokens in self.tokens:
            bearer = {"Authorization": f"Bearer {tokens['accessToken']}"}
            assert client.get("/auth/me", headers=bearer).status_code == 401
            answer = client.post("/auth/refresh-token", json={"refreshToken": tokens["refreshToken"]})
            assert answer.status_code == 401
        bearer = {"Authorization": f"Bearer {self.access_token}"}
        assert client.get("/auth/me", headers=bearer).status_code == 401
        problem(sign_in_by(client, self.device), 401, "passkey_invalid")
        for email in emails:
            for password in (PASSWORD, OF_THIEF, *passwords):
                problem(login(client, email, password), 401, "invalid_credentials")


class TestU3UndoLinkLives:
    """(a) However often the address is changed after that."""

    @pytest.fixture
    def clock_at(self) -> Iterator[time_machine.Traveller]:
        with time_machine.travel(clock.now(), tick=True) as traveller:
            yield traveller

    @pytest.mark.slow
    def test_after_25_changes_at_default_limits_the_first_undo_restores_the_account(
        self, alice: Person, app: Flask, mongo: Database, clock_at: Any
    ):
        """The factors were added just before the first change."""
        app.config["RATE_LIMITS"] = True
        try:
            thief = Intruder(alice.login()).set_up(mongo)
            pending = login(alice.client).get_json()["mfaToken"]
            clock_at.shift(timedelta(seconds=1))
            for number in range(25):
                move(thief.person, app, f"evil{number}@example.com")
                clock_at.shift(timedelta(seconds=13))  # five in a minute, by default
                thief.person.tokens = {
                    **thief.person.tokens,
                    **alice.refresh(thief.person.tokens["refreshToken"]).get_json(),
                }
            thief.tokens.append(thief.person.tokens)
            answer = revert(alice.client, newest(app, "email_changed", EMAIL))
            assert (answer.status_code, answer.get_json()["email"]) == (200, EMAIL)
            assert reset(alice.client, newest(app, "email_restored", EMAIL)).status_code == 204
            clock_at.shift(timedelta(minutes=6))
            assert login(alice.client, EMAIL, NEW).status_code == 200  # and no second factor is asked for
            thief.is_out(emails=(EMAIL, "evil0@example.com", "evil24@example.com"))
            problem(complete(alice.client, pending, recoveryCode=thief.recovery_codes[0]), 401, "mfa_token_invalid")
            for number in range(24):
                of_thief = newest(app, "email_changed", f"evil{number}@example.com")
                problem(revert(alice.client, of_thief), 400, "link_invalid")
        finally:
            app.config["RATE_LIMITS"] = False

    @pytest.mark.slow
    def test_u3_an_address_is_reserved_as_long_as_its_undo_link_lives(self, alice: Person, app: Flask, mongo: Database):
        begun = clock.now()
        for number in range(22):
            move(alice, app, f"evil{number}@example.com")
        token = newest(app, "email_changed", EMAIL)
        assert register(alice.client, email=EMAIL).status_code == 409
        with time_machine.travel(begun + timedelta(days=7) - timedelta(seconds=5)):
            assert register(alice.client, email=EMAIL).status_code == 409
            assert revert(alice.client, token).status_code == 200
        with time_machine.travel(clock.now() + timedelta(days=7, seconds=5)):
            problem(revert(alice.client, token), 400, "link_invalid")

    def test_u3_only_undo_links_that_have_expired_are_dropped(self, alice: Person, app: Flask, mongo: Database):
        move(alice, app, "one@example.com")
        with time_machine.travel(clock.now() + timedelta(days=5)):
            move(again(alice, "one@example.com"), app, "two@example.com")
        assert len(stored(mongo, "two@example.com")["undoLinks"]) == 2
        with time_machine.travel(clock.now() + timedelta(days=12, seconds=5)):
            move(again(alice, "two@example.com"), app, "three@example.com")
        assert len(stored(mongo, "three@example.com")["undoLinks"]) == 1

    def test_u3_absurdly_many_changes_are_refused_and_no_undo_link_is_lost(
        self, alice: Person, app: Flask, mongo: Database
    ):
        move(alice, app, EVIL)
        undo = newest(app, "email_changed", EMAIL)
        kept = mongo.links.find_one({"purpose": "revert"})
        assert kept is not None
        more = [
            {**kept, "_id": f"revert:{ObjectId()}", "digest": f"{number:064x}"} for number in range(links.MOST_UNDOS)
        ]
        mongo.links.insert_many(more[1:])
        digests = [kept["digest"], *(one["digest"] for one in more[1:])]
        mongo.users.update_one({}, {"$set": {"undoLinks": digests}})
        answer = post(alice, "/auth/me/email", email="one.more@example.com")
        problem(answer, 429, "too_many_attempts")
        assert int(answer.headers["Retry-After"]) > 0
        assert revert(alice.client, undo).status_code == 200


class TestU3OwnRepair:
    """(d) The owner mends it without the undo: nothing that was mailed to the thief has the last word after that."""

    def stolen(self, alice: Person, app: Flask, mongo: Database) -> Intruder:
        """Let a thief who knows the password set up what opens the account, and move it to an address of theirs."""
        verified(mongo, alice)
        thief = Intruder(alice.login()).set_up(mongo)
        move(thief.person, app, EVIL)
        return thief

    def signed_in(self, alice: Person, thief: Intruder) -> Person:
        """Let the owner sign in under the thief's address, by a recovery code that they kept."""
        ticket = login(alice.client, EVIL).get_json()["mfaToken"]
        answer = complete(alice.client, ticket, recoveryCode=thief.recovery_codes.pop())
        assert answer.status_code == 200, answer.text
        return Person(alice.client, EVIL, PASSWORD, tokens=answer.get_json())

    @pytest.mark.parametrize("own", [True, False], ids=["in the same session", "from a telephone"])
    @pytest.mark.parametrize("with_reset", [True, False], ids=["with a reset", "without"])
    def test_u3_who_changes_it_back_sends_the_thief_no_undo(
        self, alice: Person, app: Flask, mongo: Database, own: bool, with_reset: bool
    ):
        thief = self.stolen(alice, app, mongo)
        owner = self.signed_in(alice, thief)
        assert post(owner, "/auth/me/email", email=EMAIL).status_code == 202
        shown = owner.headers if own else {}
        assert verify(owner.client, newest(app, "change", EMAIL), **shown).status_code == 200
        if with_reset:
            alice.client.post("/auth/password/forgot", json={"email": EMAIL})
            assert reset(alice.client, newest(app, "reset", EMAIL)).status_code == 204
        assert sent(app, "email_changed", EVIL) == []
        assert stored(mongo)["email"] == EMAIL
        (told,) = sent(app, "email_taken_back", EVIL)
        assert "#token=" not in told["text"]
        assert register(alice.client, email=EVIL).status_code == 201, (
            "nothing reserves an address that nothing restores"
        )

    def test_u3_their_own_undo_still_removes_what_the_thief_set_up(self, alice: Person, app: Flask, mongo: Database):
        """Changing it back leaves the factors alone, since those may be the owner's."""
        thief = self.stolen(alice, app, mongo)
        undo = newest(app, "email_changed", EMAIL)
        move(self.signed_in(alice, thief), app, EMAIL)
        assert sign_in_by(alice.client, thief.device).status_code == 200
        assert revert(alice.client, undo).status_code == 200
        assert reset(alice.client, newest(app, "email_restored", EMAIL)).status_code == 204
        assert login(alice.client, EMAIL, NEW).status_code == 200
        thief.is_out()
        problem(revert(alice.client, undo), 400, "link_invalid")

    def test_u3_what_the_thief_does_after_that_can_be_taken_back_as_ever(
        self, alice: Person, app: Flask, mongo: Database
    ):
        thief = self.stolen(alice, app, mongo)
        first = newest(app, "email_changed", EMAIL)
        move(self.signed_in(alice, thief), app, EMAIL)
        again = sign_in_by(alice.client, thief.device).get_json()
        move(Person(alice.client, EMAIL, PASSWORD, tokens=again), app, "evil2@example.com")
        for undo in (newest(app, "email_changed", EMAIL), first):
            assert revert(alice.client, undo).get_json()["email"] == EMAIL
        problem(sign_in_by(alice.client, thief.device), 401, "passkey_invalid")

    def test_u3_a_thief_who_goes_back_to_an_address_of_theirs_ends_no_undo_of_the_owner_s(
        self, alice: Person, app: Flask, mongo: Database
    ):
        verified(mongo, alice)
        for email in (EVIL, "evil2@example.com", EVIL):
            move(alice, app, email)
        assert sent(app, "email_changed", "evil2@example.com") == []
        assert revert(alice.client, newest(app, "email_changed", EMAIL)).get_json()["email"] == EMAIL
        problem(revert(alice.client, newest(app, "email_changed", EVIL)), 400, "link_invalid")

    def test_u3_who_moves_it_to_a_third_address_keeps_the_last_word(self, alice: Person, app: Flask, mongo: Database):
        """The thief's link is younger than the owner's, and does not outlive it."""
        verified(mongo, alice)
        begun = clock.now()
        move(alice, app, EVIL)
        with time_machine.travel(begun + timedelta(days=6), tick=True):
            move(again(alice, EVIL), app, "safe@example.com")
            of_thief = newest(app, "email_changed", EVIL)
        with time_machine.travel(begun + timedelta(days=12, hours=23), tick=True):
            assert revert(alice.client, of_thief).get_json()["email"] == EVIL
            (told,) = sent(app, "email_taken_back", "safe@example.com")
            assert "earlier" in told["text"]
            assert reset(alice.client, newest(app, "email_restored", EVIL), OF_THIEF).status_code == 204
            thief = Person(alice.client, EVIL, OF_THIEF).login()
            assert revert(alice.client, newest(app, "email_changed", EMAIL)).get_json()["email"] == EMAIL
            problem(thief.home(), 401, "session_ended")
            assert reset(alice.client, newest(app, "email_restored", EMAIL)).status_code == 204
            problem(login(alice.client, EVIL, OF_THIEF), 401, "invalid_credentials")
            problem(revert(alice.client, of_thief), 400, "link_invalid")

    def test_u3_a_change_of_the_owner_s_own_can_be_undone_for_seven_days(
        self, alice: Person, app: Flask, mongo: Database
    ):
        """Whatever went before it: the mailbox of before may be gone, and the thief come after it."""
        verified(mongo, alice)
        begun = clock.now()
        move(alice, app, "own@example.com")
        with time_machine.travel(begun + timedelta(days=6), tick=True):
            move(again(alice, "own@example.com"), app, EVIL)
        with time_machine.travel(begun + timedelta(days=12, hours=23), tick=True):
            undo = newest(app, "email_changed", "own@example.com")
            assert revert(alice.client, undo).get_json()["email"] == "own@example.com"

    def test_u3_changes_without_end_reserve_no_address_without_end(self, alice: Person, app: Flask, mongo: Database):
        verified(mongo, alice)
        begun = clock.now()
        email = EMAIL
        for number in range(4):
            with time_machine.travel(begun + timedelta(days=6 * number), tick=True):
                move(again(alice, email), app, f"evil{number}@example.com")
                email = f"evil{number}@example.com"
            if number == 2:
                with time_machine.travel(begun + timedelta(days=13, hours=23), tick=True):
                    assert register(alice.client, email=EMAIL).status_code == 409
        with time_machine.travel(begun + timedelta(days=18), tick=True):
            problem(revert(alice.client, newest(app, "email_changed", EMAIL)), 400, "link_invalid")
            assert register(alice.client, email=EMAIL).status_code == 201

    def test_u3_however_many_undo_links_there_are_the_owner_can_change_it_back(
        self, alice: Person, app: Flask, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr(links, "MOST_UNDOS", 2)
        move(alice, app, EVIL)
        move(alice, app, "evil2@example.com")
        problem(post(alice, "/auth/me/email", email="evil3@example.com"), 429, "too_many_attempts")
        move(alice, app, EMAIL)


class TestU3TheCut:
    """(b) What was set up since the intruder could have been there goes."""

    def test_u3_a_passkey_added_a_second_before_the_change_goes(self, alice: Person, app: Flask, mongo: Database):
        verified(mongo, alice)
        thief = Authenticator()
        with time_machine.travel(clock.now() - timedelta(seconds=2)):
            assert register_passkey(alice, thief).status_code == 201
        move(alice, app, EVIL)
        self.check_undone(alice, app, thief)

    def test_u3_one_added_by_a_session_that_has_ended_goes(self, alice: Person, app: Flask, mongo: Database):
        """Added by one session, the address changed by another, from the same network, weeks later."""
        verified(mongo, alice)
        thief = Authenticator()
        with time_machine.travel(clock.now() - timedelta(days=20)):
            earlier = alice.login()
            assert register_passkey(earlier, thief).status_code == 201
            alice.client.post("/auth/logout", headers=earlier.headers)
        later = signed_in_by(alice, thief)
        mongo.sessions.update_many({}, {"$unset": {"passkeys": True}})  # as if by another passkey, an older one
        move(later, app, EVIL)
        self.check_undone(alice, app, thief)

    def test_u3_the_passkey_that_opened_the_session_goes_however_old_it_is(
        self, alice: Person, app: Flask, mongo: Database
    ):
        verified(mongo, alice)
        thief = Authenticator()
        with time_machine.travel(clock.now() - timedelta(days=90)):
            assert register_passkey(alice.login(), thief).status_code == 201
        mongo.sessions.delete_many({})
        move(signed_in_by(alice, thief), app, EVIL)
        self.check_undone(alice, app, thief)

    def test_u3_so_does_one_that_made_the_session_fresh(self, alice: Person, app: Flask, mongo: Database):
        verified(mongo, alice)
        thief = Authenticator()
        with time_machine.travel(clock.now() - timedelta(days=90)):
            old = alice.login()
            assert register_passkey(old, thief).status_code == 201
        later = signed_in_by(alice, thief)
        mongo.sessions.update_many({}, {"$unset": {"passkeys": True}})
        options = post(later, "/auth/reauthenticate/options").get_json()
        shown = thief.get(options["publicKey"])
        answer = post(later, "/auth/reauthenticate", challengeId=options["challengeId"], credential=shown)
        assert answer.status_code == 200, answer.text
        mongo.sessions.delete_many({"_id": {"$ne": session_id(mongo)}})
        move(later, app, EVIL)
        self.check_undone(alice, app, thief)

    @pytest.mark.parametrize(
        ("own", "goes"),
        [
            ({"REMOTE_ADDR": "198.51.100.7", "HTTP_USER_AGENT": "the owner's"}, False),
            ({"REMOTE_ADDR": "127.0.0.1", "HTTP_USER_AGENT": "the owner's"}, True),
            ({"REMOTE_ADDR": "198.51.100.7", "HTTP_USER_AGENT": "the thief's"}, True),
        ],
        ids=["both are others", "the same network", "the same agent"],
    )
    def test_u3_three_weeks_back_the_session_tells_whose_it_was(
        self, alice: Person, app: Flask, mongo: Database, own: dict[str, str], goes: bool
    ):
        """By its network or its agent: what cannot be told apart goes."""
        verified(mongo, alice)
        mongo.sessions.delete_many({})
        owner = Authenticator()
        before = dict(alice.client.environ_base)
        try:
            with time_machine.travel(clock.now() - timedelta(days=21)):
                alice.client.environ_base.update(own)
                assert register_passkey(alice.login(), owner).status_code == 201
            alice.client.environ_base.update(before, HTTP_USER_AGENT="the thief's")
            later = signed_in_by(alice, owner)
            mongo.sessions.update_many({}, {"$unset": {"passkeys": True}})
            move(later, app, EVIL)
        finally:
            alice.client.environ_base.clear()
            alice.client.environ_base.update(before)
        assert revert(alice.client, newest(app, "email_changed", EMAIL)).status_code == 200
        assert sign_in_by(alice.client, owner).status_code == (401 if goes else 200)

    def test_u3_factors_that_the_owner_had_long_before_stay(self, alice: Person, app: Flask, mongo: Database):
        with_totp(alice, mongo)
        mongo.users.update_one({}, {"$set": {"totp.confirmedAt": clock.now() - timedelta(days=40)}})
        thief = Authenticator()
        assert register_passkey(alice, thief).status_code == 201
        move(alice, app, EVIL)
        assert revert(alice.client, newest(app, "email_changed", EMAIL)).status_code == 200
        problem(sign_in_by(alice.client, thief), 401, "passkey_invalid")
        assert reset(alice.client, newest(app, "email_restored", EMAIL)).status_code == 204
        assert login(alice.client, EMAIL, NEW).get_json()["methods"] == ["totp"]

    def test_u3_of_an_address_that_nobody_had_proved_everything_goes(self, alice: Person, app: Flask, mongo: Database):
        """Whoever gets the letter never had the account: all of it is somebody else's."""
        with_totp(alice, mongo)
        mongo.users.update_one({}, {"$set": {"totp.confirmedAt": clock.now() - timedelta(days=400)}})
        mongo.users.update_one({}, {"$unset": {"emailVerifiedAt": True}})
        move(alice, app, EVIL)
        assert revert(alice.client, newest(app, "email_changed", EMAIL)).status_code == 200
        assert not {"totp", "passkeys", "recoveryCodeHashes", "password"} & stored(mongo).keys()

    def test_u3_an_undo_link_of_an_older_version_still_works(self, alice: Person, app: Flask, mongo: Database):
        """It does not say since when: then it is the week before the change."""
        verified(mongo, alice)
        thief = Authenticator()
        assert register_passkey(alice, thief).status_code == 201
        move(alice, app, EVIL)
        assert mongo.links.update_many({}, {"$unset": {"since": True}}).modified_count
        self.check_undone(alice, app, thief)

    def test_u3_places_and_half_done_sign_ins_are_forgotten(self, alice: Person, app: Flask, mongo: Database):
        thief = Intruder(alice.login()).set_up(mongo)
        assert login(alice.client).status_code == 202
        assert mongo.devices.count_documents({}) + mongo.mfa_tickets.count_documents({}) >= 2
        move(thief.person, app, EVIL)
        assert revert(alice.client, newest(app, "email_changed", EMAIL)).status_code == 200
        for left in (mongo.mfa_tickets, mongo.access_tokens, mongo.passkeys):
            assert left.count_documents({}) == 0, left.name

    def test_u3_an_undo_of_an_address_that_came_back_meanwhile_ends_it_all_the_same(
        self, alice: Person, app: Flask, mongo: Database
    ):
        """There and back: the address is right again, and what was set up in between is not."""
        verified(mongo, alice)
        move(alice, app, EVIL)
        undo = newest(app, "email_changed", EMAIL)
        thief = Authenticator()
        assert register_passkey(alice, thief).status_code == 201
        move(alice, app, EMAIL)
        assert revert(alice.client, undo).status_code == 200
        problem(sign_in_by(alice.client, thief), 401, "passkey_invalid")
        problem(alice.home(), 401, "session_ended")
        problem(login(alice.client), 401, "invalid_credentials")

    def check_undone(self, alice: Person, app: Flask, thief: Authenticator) -> None:
        assert revert(alice.client, newest(app, "email_changed", EMAIL)).status_code == 200
        problem(sign_in_by(alice.client, thief), 401, "passkey_invalid")
        assert reset(alice.client, newest(app, "email_restored", EMAIL)).status_code == 204
        assert login(alice.client, EMAIL, NEW).status_code == 200


def signed_in_by(alice: Person, device: Authenticator) -> Person:
    """Return somebody who has signed in by a passkey."""
    answer = sign_in_by(alice.client, device)
    assert answer.status_code == 200, answer.text
    return Person(alice.client, alice.email, alice.password, alice.name, answer.get_json())


def session_id(mongo: Database) -> Any:
    """Return the id of the newest session."""
    return next(iter(mongo.sessions.find().sort("_id", -1)))["_id"]


class TestU4Proof:
    """A proof outside the account's own session removes the password; the same link then sets one."""

    def test_u4_the_password_of_who_registered_does_not_open_the_account(self, alice: Person, app: Flask):
        token = newest(app, "verify", EMAIL)
        assert verify(alice.client, token).status_code == 200
        problem(login(alice.client), 401, "invalid_credentials")
        assert reset(alice.client, token).status_code == 204
        assert login(alice.client, EMAIL, NEW).status_code == 200
        problem(login(alice.client), 401, "invalid_credentials")

    def test_u4_the_link_sets_one_password_within_the_hour(self, alice: Person, app: Flask):
        token = newest(app, "verify", EMAIL)
        assert verify(alice.client, token).status_code == 200
        problem(verify(alice.client, token), 400, "link_invalid")
        with time_machine.travel(clock.now() + timedelta(minutes=61)):
            problem(reset(alice.client, token), 400, "link_invalid")
        assert reset(alice.client, token).status_code == 204
        problem(reset(alice.client, token, OF_THIEF), 400, "link_invalid")

    def test_u4_before_the_proof_it_sets_none(self, alice: Person, app: Flask):
        problem(reset(alice.client, newest(app, "verify", EMAIL)), 400, "link_invalid")

    def test_u4_everything_else_of_theirs_is_gone_too(self, alice: Person, app: Flask, mongo: Database):
        token = newest(app, "verify", EMAIL)
        squatter = Intruder(alice).set_up(mongo)
        mongo.users.update_one({}, {"$unset": {"emailVerifiedAt": True}})
        assert login(alice.client).status_code == 202
        assert verify(alice.client, token).status_code == 200
        squatter.is_out()
        for left in (mongo.mfa_tickets, mongo.access_tokens, mongo.passkeys):
            assert left.count_documents({}) == 0, left.name
        assert reset(alice.client, token).status_code == 204
        assert login(alice.client, EMAIL, NEW).status_code == 200
        squatter.is_out()

    def test_u4_in_the_account_s_own_session_everything_stays(self, alice: Person, app: Flask):
        token = newest(app, "verify", EMAIL)
        assert verify(alice.client, token, **alice.headers).status_code == 200
        assert alice.home().status_code == 200
        assert login(alice.client).status_code == 200
        problem(reset(alice.client, token), 400, "link_invalid")

    @pytest.mark.parametrize("end", ["/auth/logout", "/auth/sessions?scope=all"])
    def test_u4_a_session_that_has_ended_is_not_the_account_s_own(self, alice: Person, app: Flask, end: str):
        token = newest(app, "verify", EMAIL)
        other = alice.login()
        alice.client.delete(end, headers=other.headers)
        assert verify(alice.client, token, **other.headers).status_code == 200
        problem(login(alice.client), 401, "invalid_credentials")

    def test_u4_where_addresses_must_be_proved_first_too(self, client: FlaskClient, app: Flask):
        app.config["EMAIL_VERIFICATION"] = "required"
        try:
            register(client, email=EMAIL, password=OF_THIEF)
            token = newest(app, "verify", EMAIL)
            assert verify(client, token).status_code == 200
            problem(login(client, EMAIL, OF_THIEF), 401, "invalid_credentials")
            assert reset(client, token).status_code == 204
            assert login(client, EMAIL, NEW).status_code == 200
        finally:
            app.config["EMAIL_VERIFICATION"] = "optional"

    def test_u4_an_imported_account_that_asks_for_its_proof(self, client: FlaskClient, app: Flask, mongo: Database):
        import_account(mongo)
        client.post("/auth/email/resend", json={"email": OLD})
        token = newest(app, "verify", OLD)
        assert verify(client, token).status_code == 200
        problem(login(client, OLD), 401, "invalid_credentials")
        assert reset(client, token).status_code == 204
        assert login(client, OLD, NEW).status_code == 200

    def test_u4_a_password_that_is_refused_uses_nothing_up(self, alice: Person, app: Flask):
        token = newest(app, "verify", EMAIL)
        assert verify(alice.client, token).status_code == 200
        problem(reset(alice.client, token, "short"), 422, "validation_failed")
        assert reset(alice.client, token).status_code == 204

    def test_u4_asking_for_a_password_by_mail_works_as_well(self, alice: Person, app: Flask):
        """Whoever closed the page has the way that everybody has."""
        token = newest(app, "verify", EMAIL)
        assert verify(alice.client, token).status_code == 200
        alice.client.post("/auth/password/forgot", json={"email": EMAIL})
        assert reset(alice.client, newest(app, "reset", EMAIL)).status_code == 204
        problem(reset(alice.client, token, OF_THIEF), 400, "link_invalid")


class TestU3ChangeOfAddress:
    """(c) A change that is confirmed outside the account's own session hands the account over."""

    @pytest.fixture
    def given(self, alice: Person, app: Flask, mongo: Database) -> tuple[Intruder, str]:
        """Let Alice ask for the victim's address, who confirms it; return her, and the link."""
        giver = Intruder(alice).set_up(mongo)
        assert post(alice, "/auth/me/email", email=V).status_code == 202
        token = newest(app, "change", V)
        answer = verify(alice.client, token)
        assert (answer.status_code, answer.get_json()["email"]) == (200, V)
        return giver, token

    def test_u3_who_asked_for_it_can_not_enter_any_more(self, given: tuple[Intruder, str], mongo: Database):
        giver, _ = given
        giver.is_out(emails=(V, EMAIL))
        for left in (mongo.mfa_tickets, mongo.access_tokens, mongo.passkeys):
            assert left.count_documents({}) == 0, left.name

    def test_u3_the_link_sets_the_new_owner_s_password(self, given: tuple[Intruder, str]):
        giver, token = given
        client = giver.person.client
        assert reset(client, token).status_code == 204
        assert login(client, V, NEW).status_code == 200
        giver.is_out(emails=(V, EMAIL))
        problem(reset(client, token, OF_THIEF), 400, "link_invalid")

    def test_u3_in_the_account_s_own_session_everything_stays(self, alice: Person, app: Flask, mongo: Database):
        protected = with_totp(alice, mongo)
        assert post(alice, "/auth/me/email", email=V).status_code == 202
        token = newest(app, "change", V)
        assert verify(alice.client, token, **alice.headers).status_code == 200
        assert login(alice.client, V).status_code == 202
        assert protected.person.home().status_code == 200
        problem(reset(alice.client, token), 400, "link_invalid")

    def test_u3_a_change_that_yields_to_a_reservation_proves_nothing(
        self, alice: Person, app: Flask, mongo: Database, monkeypatch: pytest.MonkeyPatch
    ):
        """The new address was changed away from at this very moment: the old one is as unproved as it was."""
        assert post(alice, "/auth/me/email", email=V).status_code == 202
        seen = iter([False, True])
        monkeypatch.setattr(links, "is_reserved", lambda *_: next(seen))
        problem(verify(alice.client, newest(app, "change", V), **alice.headers), 409, "email_taken")
        assert stored(mongo)["email"] == EMAIL
        assert "emailVerifiedAt" not in stored(mongo)
        assert alice.home().status_code == 200

    def test_u3_an_address_that_is_taken_ends_nothing(self, alice: Person, bob: Person, app: Flask, mongo: Database):
        other = alice.login()
        assert post(alice, "/auth/me/email", email=V).status_code == 202
        token = newest(app, "change", V)
        move(bob, app, V)
        problem(verify(alice.client, token, **alice.headers), 409, "email_taken")
        assert other.home().status_code == 200


RECOVERIES: dict[str, Callable[[Person, Flask], None]] = {}


def recovery(name: str) -> Callable[[Callable[[Person, Flask], None]], Callable[[Person, Flask], None]]:
    def note(step: Callable[[Person, Flask], None]) -> Callable[[Person, Flask], None]:
        RECOVERIES[name] = step
        return step

    return note


@recovery("undo")
def _undo(thief: Person, app: Flask) -> None:
    move(thief, app, EVIL)
    assert revert(thief.client, newest(app, "email_changed", EMAIL)).status_code == 200
    assert reset(thief.client, newest(app, "email_restored", EMAIL)).status_code == 204


@recovery("proof")
def _proof(thief: Person, app: Flask) -> None:
    token = newest(app, "verify", EMAIL)
    User.objects(email=EMAIL).update_one(unset__email_verified_at=True)
    assert verify(thief.client, token).status_code == 200
    assert reset(thief.client, token).status_code == 204


@recovery("reset of an unproved address")
def _reset(thief: Person, app: Flask) -> None:
    User.objects(email=EMAIL).update_one(unset__email_verified_at=True)
    thief.client.post("/auth/password/forgot", json={"email": EMAIL})
    assert reset(thief.client, newest(app, "reset", EMAIL)).status_code == 204


class TestU3Invariant:
    """After each recovery, whatever the intruder has, and whatever they had begun: it opens nothing."""

    @pytest.mark.parametrize("name", RECOVERIES)
    def test_u3_u4_nothing_of_the_intruder_s_opens_the_account(
        self, alice: Person, app: Flask, mongo: Database, name: str
    ):
        thief = Intruder(alice.login()).set_up(mongo)
        begun = self.begin(thief, app)
        RECOVERIES[name](thief.person, app)
        thief.is_out(emails=(EMAIL, EVIL, "elsewhere@example.com"))
        for what, go_on in begun.items():
            answer = go_on()
            assert 400 <= answer.status_code < 500, (what, answer.text)
        thief.is_out(emails=(EMAIL, EVIL, "elsewhere@example.com"))
        answer = login(alice.client, EMAIL, NEW)
        assert answer.status_code == 200, answer.text
        assert answer.get_json()["user"]["mfaEnabled"] is False

    def begin(self, thief: Intruder, app: Flask) -> dict[str, Callable[[], Any]]:
        """Begin whatever can be begun and finished later; return how to finish each."""
        person, client, device = thief.person, thief.person.client, thief.device
        ticket = login(client).get_json()["mfaToken"]
        other = login(client).get_json()["mfaToken"]
        options = client.post("/auth/login/passkey/options", json={"mfaToken": other}).get_json()
        shown = {"challengeId": options["challengeId"], "credential": device.get(options["publicKey"])}
        alone = client.post("/auth/login/passkey/options", json={}).get_json()
        by_key = {"challengeId": alone["challengeId"], "credential": device.get(alone["publicKey"])}
        again = post(person, "/auth/reauthenticate/options").get_json()
        fresh = {"challengeId": again["challengeId"], "credential": device.get(again["publicKey"])}
        making = post(person, "/auth/passkeys/options").get_json()
        second = {
            "challengeId": making["challengeId"],
            "name": "x",
            "credential": Authenticator().create(making["publicKey"]),
        }
        client.post("/auth/password/forgot", json={"email": EMAIL})
        mailed = newest(app, "reset", EMAIL)
        assert post(person, "/auth/me/email", email="elsewhere@example.com").status_code == 202
        change = newest(app, "change", "elsewhere@example.com")
        return {
            "ticket by recovery code": lambda: complete(client, ticket, recoveryCode=thief.recovery_codes[0]),
            "ticket by passkey": lambda: complete(client, other, **shown),
            "passkey alone": lambda: client.post("/auth/login/passkey", json=by_key),
            "proving again": lambda: post(person, "/auth/reauthenticate", **fresh),
            "another passkey": lambda: post(person, "/auth/passkeys", **second),
            "a reset that was asked for": lambda: reset(client, mailed, OF_THIEF),
            "a change of address": lambda: verify(client, change),
            "another token": lambda: post(person, "/auth/access-tokens", name="x", scopes=["account:read"]),
        }

"""No route lets anybody send letters, or store rows, without end. U6."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from itertools import count
from typing import Any

import pytest
import time_machine
from bson import ObjectId
from flask import Flask
from flask.testing import FlaskClient

from authsvc import clock
from authsvc.events import happened
from authsvc.events.catalogue import IdentityLinked, IdentityUnlinked
from authsvc.services import letter_limits, letters, mail
from authsvc.settings import LIMITS
from tests.conftest import PASSWORD, Person, problem
from tests.support.accounts import Database, Work, counted_work, login, register
from tests.support.authenticator import Authenticator
from tests.support.factors import enrol, post, register_passkey, verified, with_totp
from tests.support.letters import newest, sent, token_in
from tests.support.races import race

LINKS, NOTICES = 4, 8
TRIES = 12
"""Smaller than the limits as they come, and so is the number of tries: what is tested is that there is an end."""
VICTIM = "victim@example.com"
WANTED = {"name": "a script", "scopes": ["account:read"]}


@pytest.fixture
def limited(app: Flask, clean: None, monkeypatch: pytest.MonkeyPatch) -> Flask:
    """Return the application with limits of letters, and no others."""
    others = dict.fromkeys(app.config["LIMITS"], (999_999, 3600))
    letters_only = {"link_letters": (LINKS, 3600), "notice_letters": (NOTICES, 3600)}
    monkeypatch.setitem(app.config, "LIMITS", {**others, **letters_only})
    monkeypatch.setitem(app.config, "RATE_LIMITS", True)
    return app


def letters_to(mongo: Database, email: str) -> Counter[str]:
    """Count the letters to an address by their kind."""
    return Counter(letter["kind"] for letter in mongo.letters.find({"to": email}))


class Nowhere:
    """Takes every letter."""

    def send(self, _message: object, _to: str) -> None:
        pass

    def check(self) -> None:
        pass


@dataclass
class Scene:
    """Somebody with an account, and what they need to do what causes letters."""

    app: Flask
    client: FlaskClient
    mongo: Database
    person: Person

    def fresh(self) -> Person:
        """Sign in once more."""
        return self.person.login()

    def deliver(self) -> None:
        """Deliver what is due: letters that are still to go do not outlive their account."""
        with self.app.app_context():
            while mail.deliver(Nowhere()):
                pass

    def admin(self) -> Person:
        """Return an administrator."""
        email = f"{ObjectId()}@example.com"
        made = Person(self.client, email, PASSWORD, "Root").register()
        self.mongo.users.update_one({"email": email}, {"$set": {"role": "admin"}})
        return made.login()


def make_access_tokens(scene: Scene) -> None:
    for _ in range(TRIES):
        assert post(scene.person, "/auth/access-tokens", **WANTED).status_code == 201


def change_password(scene: Scene) -> None:
    for _ in range(TRIES // 2):
        for old, new in ((PASSWORD, "quite another passphrase"), ("quite another passphrase", PASSWORD)):
            body = {"currentPassword": old, "newPassword": new}
            assert post(scene.person, "/auth/me/password", **body).status_code == 204


def set_and_lose_the_password(scene: Scene) -> None:
    mine = {"_id": ObjectId(scene.person.id)}
    for _ in range(TRIES):
        scene.mongo.users.update_one(mine, {"$unset": {"password": True}})
        assert post(scene.person, "/auth/me/password", newPassword=PASSWORD).status_code == 204


def ask_for_another_address(scene: Scene) -> None:
    for number in range(TRIES):
        assert post(scene.person, "/auth/me/email", email=f"{number}@example.com").status_code == 202


def ask_for_the_victim_s(scene: Scene) -> None:
    """Ask to change to the address of somebody else, from many accounts."""
    for number in range(TRIES):
        other = Person(scene.client, f"other{number}@example.com", PASSWORD).register()
        assert post(other, "/auth/me/email", email=scene.person.email).status_code == 202


def forget(scene: Scene) -> None:
    for _ in range(TRIES):
        assert scene.client.post("/auth/password/forgot", json={"email": scene.person.email}).status_code == 202


def resend(scene: Scene) -> None:
    for _ in range(TRIES):
        assert scene.client.post("/auth/email/resend", json={"email": scene.person.email}).status_code == 202


def ask_for_codes(scene: Scene) -> None:
    for _ in range(TRIES):
        assert scene.client.post("/auth/login/email", json={"email": scene.person.email}).status_code == 202


def ask_to_confirm_who_one_is(scene: Scene) -> None:
    for _ in range(TRIES):
        answer = post(scene.person, "/auth/reauthenticate/email")
        assert answer.status_code in (202, 403, 429)  # 403: of an unproved address nobody is asked for a code


def connect_and_disconnect_identities(scene: Scene) -> None:
    """As a provider's answers would have it: tests/federation."""
    user, facts = scene.mongo.users.find_one({"email": VICTIM}), {"identity": "f" * 24, "provider": "x", "label": "X"}
    with scene.app.app_context():
        for _ in range(TRIES):
            for kind in (IdentityLinked, IdentityUnlinked):
                happened(kind(actor=user["_id"], target=user["_id"], email=VICTIM, **facts))


def register_and_delete(scene: Scene) -> None:
    person = scene.person
    for _ in range(TRIES):
        scene.deliver()
        assert scene.client.delete("/auth/me", headers=person.headers).status_code == 204
        person = Person(scene.client, person.email, PASSWORD).register()


def sign_in_from_new_places(scene: Scene) -> None:
    for number in range(TRIES):
        body = {"email": scene.person.email, "password": PASSWORD}
        place = {"REMOTE_ADDR": f"198.51.{number}.7"}
        assert scene.client.post("/auth/login", json=body, environ_overrides=place).status_code == 200


def show_used_up_tokens(scene: Scene) -> None:
    for _ in range(TRIES):
        other = scene.fresh()
        with time_machine.travel(clock.now() + timedelta(seconds=1)):
            assert other.refresh().status_code == 200
        with time_machine.travel(clock.now() + timedelta(minutes=2)):
            problem(other.refresh(), 401, "session_ended")


def enrol_and_remove_an_app(scene: Scene) -> None:
    for _ in range(TRIES):
        app = enrol(scene.person)
        assert post(scene.person, "/auth/mfa/totp/confirm", code=app.code()).status_code == 200
        assert scene.client.delete("/auth/mfa/totp", headers=scene.person.headers).status_code == 204


def replace_recovery_codes(scene: Scene) -> None:
    with_totp(scene.person, scene.mongo)
    for _ in range(TRIES):
        assert post(scene.person, "/auth/mfa/recovery-codes").status_code == 200


def add_and_remove_passkeys(scene: Scene) -> None:
    for _ in range(TRIES):
        made = register_passkey(scene.person, Authenticator())
        assert made.status_code == 201, made.text
        gone = scene.client.delete(f"/auth/passkeys/{made.get_json()['id']}", headers=scene.person.headers)
        assert gone.status_code == 204


def use_recovery_codes(scene: Scene) -> None:
    protected = with_totp(scene.person, scene.mongo)
    for code in protected.recovery_codes:
        proof = {"mfaToken": login(scene.client, scene.person.email).get_json()["mfaToken"], "recoveryCode": code}
        assert scene.client.post("/auth/login/mfa", json=proof).status_code == 200


def reset_factors(scene: Scene) -> None:
    admin = scene.admin()
    for _ in range(TRIES):
        scene.mongo.users.update_one({"_id": ObjectId(scene.person.id)}, {"$set": {"passkeys": [ObjectId()]}})
        answer = scene.client.delete(f"/admin/users/{scene.person.id}/mfa", headers=admin.headers)
        assert answer.status_code == 204


def send_resets(scene: Scene) -> None:
    admin = scene.admin()
    answers = [post(admin, f"/admin/users/{scene.person.id}/password-reset") for _ in range(TRIES)]
    assert [answer.status_code for answer in answers] == [202] * LINKS + [429] * (TRIES - LINKS)


def invite_and_delete(scene: Scene) -> None:
    admin = scene.admin()
    assert scene.client.delete(f"/admin/users/{scene.person.id}", headers=admin.headers).status_code == 204
    wanted = {"name": "Ada", "email": scene.person.email, "role": "user"}
    for number in range(TRIES):
        made = post(admin, "/admin/users", **wanted)
        assert made.status_code == (201 if number < LINKS else 429)
        if number < LINKS:
            scene.deliver()
            scene.client.delete(f"/admin/users/{made.get_json()['id']}", headers=admin.headers)


AMPLIFIERS: list[tuple[Callable[[Scene], None], dict[str, int], dict[str, int]]] = [
    # what is done, how many letters of each kind go to an unproved address, and to a proved one
    (make_access_tokens, {}, {"access_token_made": NOTICES}),
    (change_password, {}, {"password_changed": NOTICES}),
    (set_and_lose_the_password, {}, {"password_set": NOTICES}),
    (ask_for_another_address, {}, {"email_change_requested": NOTICES}),
    (ask_for_the_victim_s, {}, {"taken": LINKS}),
    (forget, {"reset": LINKS}, {"reset": LINKS}),
    (resend, {"verify": LINKS - 1}, {}),
    (ask_for_codes, {"sign_in": LINKS}, {"sign_in": LINKS}),
    (ask_to_confirm_who_one_is, {}, {"reauthentication": LINKS}),
    (connect_and_disconnect_identities, {}, {"identity_linked": NOTICES // 2, "identity_unlinked": NOTICES // 2}),
    (register_and_delete, {"verify": LINKS - 1}, {"account_deleted": 1, "verify": LINKS - 1}),
    (sign_in_from_new_places, {}, {"new_sign_in": NOTICES}),
    (show_used_up_tokens, {}, {"session_stolen": NOTICES}),
    (enrol_and_remove_an_app, {}, {"factor_added": NOTICES // 2, "factor_removed": NOTICES // 2}),
    (replace_recovery_codes, {}, {"factor_added": 1, "recovery_codes_replaced": NOTICES - 1}),
    (add_and_remove_passkeys, {}, {"factor_added": NOTICES // 2, "factor_removed": NOTICES // 2}),
    (use_recovery_codes, {}, {"factor_added": 1, "recovery_code_used": NOTICES - 1}),
    (reset_factors, {}, {"factors_reset": NOTICES}),
    (send_resets, {"reset": LINKS}, {"reset": LINKS}),
    (invite_and_delete, {"invitation": LINKS}, {"account_deleted": 1, "invitation": LINKS}),
]
NEEDS_PROOF = {enrol_and_remove_an_app, replace_recovery_codes, add_and_remove_passkeys, use_recovery_codes}


class TestU6AsItComes:
    """The limits as they come, in the two loops by which the fault was seen."""

    @pytest.mark.slow
    def test_loops_over_access_tokens_and_passwords_send_nothing_to_an_unproved_address(
        self, make_app: Callable[..., Flask], clean: None, mongo: Database
    ) -> None:
        person = Person(make_app(RATE_LIMITS="on").test_client(), VICTIM, PASSWORD, "Victim").register()
        for _ in range(40):
            assert post(person, "/auth/access-tokens", **WANTED).status_code == 201
            body = {"currentPassword": person.password, "newPassword": f"{person.password[:20]} {ObjectId()}"}
            assert post(person, "/auth/me/password", **body).status_code == 204
            person.password = body["newPassword"]
        assert letters_to(mongo, VICTIM) == {"verify": 1}

    def test_the_default_limits(self) -> None:
        found = {name: LIMITS[name] for name in ("link_letters", "notice_letters", "change_account")}
        assert found == {"link_letters": (10, 3600), "notice_letters": (20, 3600), "change_account": (100, 3600)}


class TestU6Amplifiers:
    @pytest.mark.slow
    @pytest.mark.parametrize("proved", [False, True], ids=["unproved", "proved"])
    @pytest.mark.parametrize(
        ("act", "unproved", "to_owner"), AMPLIFIERS, ids=lambda value: getattr(value, "__name__", "")
    )
    def test_no_route_sends_letters_without_end(
        self,
        limited: Flask,
        client: FlaskClient,
        mongo: Database,
        act: Callable[[Scene], None],
        unproved: dict[str, int],
        to_owner: dict[str, int],
        proved: bool,
    ) -> None:
        person = Person(client, VICTIM, PASSWORD, "Victim").register()
        if proved:
            verified(mongo, person)
        elif act in NEEDS_PROOF:
            return  # to an unproved account no factor is added: `email_unverified`
        mongo.letters.delete_many({})
        mongo.devices.delete_many({})
        act(Scene(limited, client, mongo, person))
        sent_to_victim = letters_to(mongo, VICTIM)
        sent_to_victim.pop("new_sign_in", None) if act is not sign_in_from_new_places else None
        assert sent_to_victim == (to_owner if proved else unproved)

    def test_every_kind_of_letter_is_bounded_by_one_of_these(self) -> None:
        caused = {kind for _, *counts in AMPLIFIERS for counted in counts for kind in counted}
        elsewhere = {
            "known": "in place of `verify`, under the same limit",
            "sign_up": "in place of `sign_in`, under the same limit",
            "change": "to the new address: below",
            "password_known": "once a day: LIMIT_ALARM_ACCOUNT",
            "sign_in_stopped": "likewise, for a sign-in without a password",
            "webhook_disabled": "to administrators, of one that they switch on again by hand",
            "passkey_copied": "a passkey is ended by it, and there are 20 at most",
            **dict.fromkeys(letter_limits.OF_THE_WAY_BACK, "only by links that the owner was sent: below"),
        }
        assert caused.isdisjoint(elsewhere)
        assert caused | set(elsewhere) == set(letters.kinds())

    def test_known_and_new_addresses_have_one_limit_where_they_are_not_told_apart(
        self, make_app: Callable[..., Flask], clean: None, mongo: Database
    ) -> None:
        wide = {"LIMIT_VERIFY_ACCOUNT": "999/60", "LIMIT_LINK_LETTERS": f"{LINKS}/3600"}
        strict = make_app(EMAIL_VERIFICATION="required", RATE_LIMITS="on", **wide)
        strict.config["LIMITS"]["register_address"] = (999, 60)
        for _ in range(TRIES):
            assert register(strict.test_client(), email=VICTIM).status_code == 202
        assert letters_to(mongo, VICTIM) == {"verify": 1, "known": LINKS - 1}

    def test_nobody_is_flooded_by_requests_to_change_to_their_address(
        self, limited: Flask, client: FlaskClient, mongo: Database
    ) -> None:
        for number in range(TRIES):
            other = Person(client, f"other{number}@example.com", PASSWORD).register()
            assert post(other, "/auth/me/email", email=VICTIM).status_code == 202
        assert letters_to(mongo, VICTIM) == {"change": LINKS}

    def test_after_an_hour_there_is_room_again(self, limited: Flask, alice: Person, mongo: Database) -> None:
        for _ in range(LINKS + 1):
            alice.client.post("/auth/password/forgot", json={"email": alice.email})
        with time_machine.travel(clock.now() + timedelta(hours=1, seconds=1)):
            alice.client.post("/auth/password/forgot", json={"email": alice.email})
        assert letters_to(mongo, alice.email)["reset"] == LINKS + 1

    def test_without_verification_notices_are_bounded_by_the_hour_alone(
        self, make_app: Callable[..., Flask], clean: None, mongo: Database
    ) -> None:
        off = make_app(EMAIL_VERIFICATION="off", RATE_LIMITS="on", LIMIT_NOTICE_LETTERS=f"{NOTICES}/3600")
        person = Person(off.test_client(), VICTIM, PASSWORD).register()
        for _ in range(TRIES):
            post(person, "/auth/access-tokens", **WANTED)
        assert letters_to(mongo, VICTIM) == {"access_token_made": NOTICES}


class TestU6WhatIsNotCrowdedOut:
    def test_notices_do_not_keep_back_alarms(self, limited: Flask, alice: Person, mongo: Database) -> None:
        """A thief with a session makes tokens until nothing more is mailed, and then changes what matters."""
        verified(mongo, alice)
        for _ in range(TRIES):
            post(alice, "/auth/access-tokens", **WANTED)
        enrol_and_confirm(alice)
        assert letters_to(mongo, alice.email)["factor_added"] == 1

    @pytest.mark.slow
    @pytest.mark.parametrize("flood", [make_access_tokens, change_password, ask_for_another_address, forget])
    def test_nothing_keeps_back_the_link_that_takes_a_change_of_address_back(
        self, limited: Flask, client: FlaskClient, alice: Person, mongo: Database, flood: Callable[[Scene], None]
    ) -> None:
        verified(mongo, alice)
        flood(Scene(limited, client, mongo, alice))
        assert post(alice, "/auth/me/email", email="thief@example.com").status_code == 202
        change = newest(limited, "change", "thief@example.com")
        assert post(alice, "/auth/email/verify", token=change).status_code == 200
        undo = newest(limited, "email_changed", alice.email)
        assert client.post("/auth/email/revert", json={"token": undo}).status_code == 200
        assert letters_to(mongo, alice.email)["email_restored"] == 1

    def test_strangers_do_not_keep_the_owner_from_a_link_that_works(
        self, limited: Flask, alice: Person, mongo: Database
    ) -> None:
        """However often a stranger has asked, the last link that was mailed is good until the next one may go."""
        begun = clock.now()
        for _ in range(TRIES):
            alice.client.post("/auth/password/forgot", json={"email": alice.email})
        link = token_in(sent(limited, "reset", alice.email)[0])
        with time_machine.travel(begun + timedelta(minutes=59)):
            body = {"token": link, "newPassword": "a brand new passphrase"}
            assert alice.client.post("/auth/password/reset", json=body).status_code == 204

    def test_strangers_do_not_keep_an_administrator_from_sending_one(
        self, limited: Flask, client: FlaskClient, alice: Person, mongo: Database
    ) -> None:
        scene = Scene(limited, client, mongo, alice)
        forget(scene)
        admin = scene.admin()
        assert post(admin, f"/admin/users/{alice.id}/password-reset").status_code == 202
        assert letters_to(mongo, alice.email)["reset"] == LINKS + 1

    def test_a_link_that_was_not_mailed_ends_none_that_was(
        self, limited: Flask, client: FlaskClient, alice: Person, mongo: Database
    ) -> None:
        admin = Scene(limited, client, mongo, alice).admin()
        for _ in range(TRIES):
            post(admin, f"/admin/users/{alice.id}/password-reset")
        body = {"token": newest(limited, "reset", alice.email), "newPassword": "a brand new passphrase"}
        assert client.post("/auth/password/reset", json=body).status_code == 204

    def test_what_is_not_mailed_is_on_record(self, limited: Flask, alice: Person, mongo: Database) -> None:
        make_access_tokens(Scene(limited, alice.client, mongo, alice))
        assert mongo.audit.count_documents({"action": "access_token.issued"}) == TRIES
        assert letters_to(mongo, alice.email) == {"verify": 1}

    def test_what_came_to_nothing_uses_no_room_up(self, limited: Flask, alice: Person, mongo: Database) -> None:
        verified(mongo, alice)
        with limited.app_context():
            for _ in range(TRIES):
                with (
                    pytest.raises(ZeroDivisionError),
                    mail.notify_on_success(
                        "password_changed",
                        ObjectId(alice.id),
                        to=alice.email,
                        evidence=lambda: None,
                        **mail.request_facts(),
                    ),
                ):
                    raise ZeroDivisionError
            mail.post("password_changed", ObjectId(alice.id), to=alice.email, **mail.request_facts())
        assert letters_to(mongo, alice.email)["password_changed"] == 1


class TestU6KnownFromUnknown:
    @pytest.mark.parametrize("path", ["/auth/password/forgot", "/auth/email/resend"])
    @pytest.mark.usefixtures("heard")
    def test_beyond_the_limit_the_work_is_the_same(
        self, limited: Flask, alice: Person, mongo: Database, path: str
    ) -> None:
        """R19"""
        mongo.throttles.delete_many({})  # the letter of the registration counted
        works: list[list[Work]] = [[], []]
        for number in range(LINKS + 3):
            for work, email in zip(works, (alice.email, "nobody@example.com"), strict=True):
                with counted_work() as done:
                    assert alice.client.post(path, json={"email": email}).status_code == 202
                if number != LINKS:  # the first refusal is put on record, for each address in its own time
                    work.append(done)
        assert works[0][1:5] == works[1][1:5]
        assert works[0][-2:] == works[1][-2:]

    @pytest.mark.usefixtures("heard")
    def test_a_holder_who_proved_nothing_is_not_told_and_not_told_apart(
        self, limited: Flask, alice: Person, bob: Person
    ) -> None:
        works = []
        for email in ("first@example.com", bob.email, "nobody@example.com"):
            with counted_work() as done:
                assert post(alice, "/auth/me/email", email=email).status_code == 202
            works.append(done)
        assert works[1] == works[2]


class TestU6Rows:
    @pytest.mark.slow
    def test_an_account_has_at_most_100_access_tokens(self, alice: Person, mongo: Database) -> None:
        for _ in range(100):
            assert post(alice, "/auth/access-tokens", **WANTED).status_code == 201
        refused = problem(post(alice, "/auth/access-tokens", **WANTED), 422, "validation_failed")
        assert refused["errors"][0]["code"] == "not_allowed"
        assert mongo.access_tokens.count_documents({}) == 100
        one = mongo.access_tokens.find_one()
        alice.client.delete(f"/auth/access-tokens/{one['_id']}", headers=alice.headers)
        assert post(alice, "/auth/access-tokens", **WANTED).status_code == 201

    @pytest.mark.slow
    def test_nor_has_it_more_if_many_are_made_at_once(self, app: Flask, alice: Person, mongo: Database) -> None:
        for _ in range(95):
            post(alice, "/auth/access-tokens", **WANTED)

        def make() -> int:
            return int(app.test_client().post("/auth/access-tokens", json=WANTED, headers=alice.headers).status_code)

        made = race(*[make] * 16)
        assert mongo.access_tokens.count_documents({}) == 95 + made.count(201) <= 100

    def test_those_that_have_expired_do_not_count(self, alice: Person, mongo: Database) -> None:
        post(alice, "/auth/access-tokens", **WANTED)
        stored = mongo.access_tokens.find_one()
        gone = {"expiresAt": clock.now() - timedelta(minutes=1)}
        mongo.access_tokens.insert_many([{**stored, **gone, "_id": ObjectId(), "digest": str(n)} for n in range(120)])
        assert post(alice, "/auth/access-tokens", **WANTED).status_code == 201

    def test_no_loop_of_one_account_writes_rows_without_end(
        self, app: Flask, alice: Person, mongo: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Whatever an owner does that is recorded, or mailed, or kept, is counted together."""
        monkeypatch.setitem(app.config, "RATE_LIMITS", True)
        monkeypatch.setitem(app.config, "LIMITS", {**app.config["LIMITS"], "change_account": (5, 3600)})
        verified(mongo, alice)
        numbers = count()
        call = partial(alice.client.open, headers=alice.headers)
        loops: dict[str, Callable[[], Any]] = {
            "name": lambda: call("/auth/me", method="PATCH", json={"name": f"Number {next(numbers)}"}),
            "export": lambda: call("/auth/me/export"),
            "access token": lambda: call("/auth/access-tokens", method="POST", json=WANTED),
            "address": lambda: call("/auth/me/email", method="POST", json={"email": f"{next(numbers)}@example.com"}),
            "app": lambda: call("/auth/mfa/totp", method="POST"),
            "a proof": lambda: call("/auth/reauthenticate/options", method="POST"),
            "passkey": lambda: call("/auth/passkeys/options", method="POST"),
            "password": lambda: call(
                "/auth/me/password", method="POST", json={"currentPassword": "x", "newPassword": "a new passphrase"}
            ),
        }
        for name, loop in loops.items():
            mongo.throttles.delete_many({})
            statuses = [loop().status_code for _ in range(8)]
            assert statuses[5:] == [429] * 3, name
            assert 429 not in statuses[:5], name


def enrol_and_confirm(person: Person) -> None:
    """Enrol an app and confirm it."""
    app = enrol(person)
    assert post(person, "/auth/mfa/totp/confirm", code=app.code()).status_code == 200

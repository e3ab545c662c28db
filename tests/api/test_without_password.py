"""Accounts without a password: what they can do, and how they get one."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from bson import ObjectId
from flask import Flask

from authsvc import clock
from authsvc.errors import LastLoginMethod
from authsvc.models.users import Identity, Totp, User
from authsvc.security.passwords import PasswordHash
from authsvc.services import ways_in
from authsvc.settings.identity_providers import ProviderSettings
from tests.conftest import PASSWORD, Person, problem
from tests.support.accounts import EMAIL, WRONG_TYPES, Database, counted_work, login, node_hash, stored, throttled, told
from tests.support.authenticator import Authenticator
from tests.support.factors import post, register_passkey, sign_in_by, with_passkey, with_totp
from tests.support.letters import newest, sent
from tests.support.passwordless import without_password
from tests.support.passwords import NEW, change, forgot, reset
from tests.support.races import race, rounds
from tests.support.upstreams import signing_in_with

KEY = ObjectId()
HASH = PasswordHash(node_hash(PASSWORD))
APP = Totp(sealed="x", created_at=clock.now(), confirmed_at=clock.now())
ISSUER = "https://login.example.com"
IDENTITY = Identity.of("work", ISSUER, "1")
IDENTITY.id = KEY
OTHER = Identity.of("work", ISSUER, "2")
GONE = Identity.of("gone", "https://gone.example.com", "3")
PROVIDERS = (
    ProviderSettings("work", "oidc", "Work", ISSUER, "x", "openid", client_secret="x"),
    ProviderSettings("gone", "oidc", "Gone", GONE.issuer, "x", "openid", client_secret="x", enabled=False),
    ProviderSettings(
        *("microsoft", "microsoft", "Microsoft", "https://login.microsoftonline.com/common/v2.0", "x", "openid"),
        client_secret="x",
        tenant="common",
    ),
)
MEANWHILE: dict[str, dict[str, Any]] = {
    "undone": {"$inc": {"linkEpoch": 1}, "$set": {"email": "former@example.com"}},
    "proved": {"$inc": {"linkEpoch": 1}},
    "disabled": {"$set": {"disabledAt": datetime(2026, 1, 1, tzinfo=UTC)}},
}
"""What a change that ends all sessions writes to the account."""


@pytest.fixture
def nobody_s_word(alice: Person, mongo: Database) -> Person:
    """Return Alice, signed in, whose account has no password."""
    return without_password(mongo, alice)


def set_first(person: Person, new: object = NEW) -> Any:
    return post(person, "/auth/me/password", newPassword=new)


def is_free_to_go(removal: Callable[[], None]) -> bool:
    """Tell whether something may be removed."""
    try:
        removal()
    except LastLoginMethod:
        return False
    return True


def too_late(mongo: Database) -> None:
    """Let everybody have signed in ten minutes ago."""
    mongo.sessions.update_many({}, {"$set": {"authTime": clock.now() - timedelta(minutes=10)}})


class TestSet:
    """By somebody signed in."""

    def test_it_signs_in_from_now_on(self, nobody_s_word: Person):
        assert set_first(nobody_s_word).status_code == 204
        assert login(nobody_s_word.client, password=NEW).status_code == 200

    def test_it_is_on_record_and_its_owner_is_told(self, nobody_s_word: Person, app: Flask, mongo: Database):
        set_first(nobody_s_word)
        (letter,) = sent(app, "password_set")
        assert letter["to"] == EMAIL
        assert "127.0.0.1" in letter["text"]
        assert "had no password until now" in letter["text"]
        assert mongo.audit.count_documents({"action": "password.set"}) == 1

    def test_it_ends_what_a_change_ends(self, nobody_s_word: Person, app: Flask, mongo: Database):
        forgot(nobody_s_word.client)
        mongo.sessions.insert_one({**(mongo.sessions.find_one({}) or {}), "_id": ObjectId()})
        assert set_first(nobody_s_word).status_code == 204
        ended = mongo.sessions.find({"endedAt": {"$ne": None}})
        assert [one["endReason"] for one in ended] == ["password_changed"]
        assert nobody_s_word.home().status_code == 200
        problem(reset(nobody_s_word.client, newest(app, "reset", EMAIL)), 400, "link_invalid")

    def test_it_takes_a_fresh_sign_in(self, nobody_s_word: Person, mongo: Database):
        too_late(mongo)
        problem(set_first(nobody_s_word), 403, "fresh_login_required")
        assert "password" not in stored(mongo)

    def test_a_token_for_scripts_sets_none(self, nobody_s_word: Person):
        made = post(nobody_s_word, "/auth/access-tokens", name="x", scopes=["account:write"]).get_json()
        headers = {"Authorization": f"Bearer {made['token']}"}
        answer = nobody_s_word.client.post("/auth/me/password", json={"newPassword": NEW}, headers=headers)
        problem(answer, 403, "scope_missing")

    def test_who_has_one_has_to_know_it(self, alice: Person, mongo: Database):
        with counted_work() as work:
            assert told(set_first(alice)) == {("/currentPassword", "required")}
        assert work.rounds == 0
        assert login(alice.client).status_code == 200

    def test_a_present_one_that_there_is_not_is_wrong(self, nobody_s_word: Person, mongo: Database):
        problem(change(nobody_s_word), 403, "password_incorrect")
        assert "password" not in stored(mongo)

    @pytest.mark.parametrize(
        ("new", "code"),
        [("short", "too_short"), ("password123", "password_too_common"), (EMAIL, "password_like_account")],
    )
    def test_the_policy_holds(self, nobody_s_word: Person, mongo: Database, new: str, code: str):
        assert told(set_first(nobody_s_word, new)) == {("/newPassword", code)}
        assert "password" not in stored(mongo)

    @pytest.mark.parametrize("wrong", WRONG_TYPES)
    def test_wrong_types_are_refused(self, nobody_s_word: Person, wrong: object):
        assert set_first(nobody_s_word, wrong).status_code == 422

    def test_none_is_no_present_password(self, nobody_s_word: Person):
        assert told(change(nobody_s_word, current=None)) == {("/currentPassword", "wrong_type")}

    def test_it_is_throttled(self, nobody_s_word: Person, app: Flask):
        with throttled(app, change_account=2):
            statuses = [set_first(nobody_s_word, "short").status_code for _ in range(3)]
        assert statuses == [422, 422, 429]

    @pytest.mark.parametrize("left", ["", "!", 7, ["x"], {"$ne": None}], ids=str)
    def test_what_is_no_hash_is_no_password(self, nobody_s_word: Person, mongo: Database, left: object):
        """Of an import whose hash can't be verified: it must not be in the way."""
        mongo.users.update_one({}, {"$set": {"password": left}})
        assert set_first(nobody_s_word).status_code == 204
        assert login(nobody_s_word.client, password=NEW).status_code == 200

    def test_a_second_factor_is_asked_for_afterwards(self, nobody_s_word: Person, mongo: Database):
        device = with_passkey(nobody_s_word, mongo)
        assert set_first(nobody_s_word).status_code == 204
        assert login(nobody_s_word.client, password=NEW).status_code == 202
        assert sign_in_by(nobody_s_word.client, device).status_code == 200

    @pytest.mark.parametrize("change", MEANWHILE.values(), ids=MEANWHILE)
    def test_what_happens_while_it_is_hashed_comes_first(
        self, nobody_s_word: Person, mongo: Database, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any]
    ):
        """R78: an undo in flight leaves no password of a thief behind."""
        write = User.set_password

        def late(*args: Any) -> User | None:
            mongo.users.update_one({}, change)
            mongo.sessions.update_many({}, {"$set": {"endedAt": clock.now(), "endReason": "admin"}})
            return write(*args)

        monkeypatch.setattr(User, "set_password", late)
        assert set_first(nobody_s_word).status_code == 401
        assert mongo.users.count_documents({"password": {"$exists": True}}) == 0
        assert mongo.audit.count_documents({"action": "password.set"}) == 0

    @rounds
    def test_of_sixteen_at_once_one_sets_it(self, nobody_s_word: Person, app: Flask, mongo: Database, turn: int):
        words = [f"passphrase number {turn} {number}" for number in range(16)]

        def attempt(word: str) -> int:
            answer = app.test_client().post(
                "/auth/me/password", json={"newPassword": word}, headers=nobody_s_word.headers
            )
            return int(answer.status_code)

        statuses = race(*(lambda word=word: attempt(word) for word in words))
        assert statuses.count(204) == 1
        assert set(statuses) <= {204, 422}
        right = [word for word in words if login(app.test_client(), password=word).status_code == 200]
        assert right == [words[statuses.index(204)]]
        assert mongo.audit.count_documents({"action": "password.set"}) == 1


HELD: dict[str, tuple[dict[str, Any], bool, bool]] = {
    # what an account has, whether what KEY names may go, and whether its app may
    "a passkey": ({"passkeys": [KEY]}, False, True),
    "two passkeys": ({"passkeys": [KEY, ObjectId()]}, True, True),
    "a passkey and a copied one": ({"passkeys": [KEY], "copied_passkeys": [ObjectId()]}, False, True),
    "a passkey and an app": ({"passkeys": [KEY], "totp": APP}, False, True),
    "a password and a passkey": ({"password": HASH, "passkeys": [KEY]}, True, True),
    "a password, a passkey and a copied one": (
        {"password": HASH, "passkeys": [KEY], "copied_passkeys": [ObjectId()]},
        False,
        True,
    ),
    "these and an app": (
        {"password": HASH, "passkeys": [KEY], "copied_passkeys": [ObjectId()], "totp": APP},
        True,
        True,
    ),
    "a password, a copied passkey and an app": (
        {"password": HASH, "copied_passkeys": [ObjectId()], "totp": APP},
        True,
        False,
    ),
    "these and recovery codes": (
        {"password": HASH, "copied_passkeys": [ObjectId()], "totp": APP, "recovery_code_hashes": ["x"]},
        True,
        True,
    ),
    "a copied passkey": ({"copied_passkeys": [KEY]}, True, True),
    "an app": ({"totp": APP}, True, True),
    "an identity": ({"linked_identities": [IDENTITY]}, False, True),
    "an identity and a passkey": ({"linked_identities": [OTHER], "passkeys": [KEY]}, True, True),
    "an identity and a password": ({"linked_identities": [IDENTITY], "password": HASH}, True, True),
    "two identities": ({"linked_identities": [IDENTITY, OTHER]}, True, True),
    "two identities, one of a provider that is gone": ({"linked_identities": [IDENTITY, GONE]}, False, True),
    "one of a provider that is gone": ({"linked_identities": [GONE]}, True, True),
    "that and a passkey": ({"linked_identities": [GONE], "passkeys": [KEY]}, False, True),
    "an identity, an app and a copied passkey": (
        {"linked_identities": [OTHER], "totp": APP, "copied_passkeys": [KEY]},
        True,
        False,
    ),
}


class TestLastWayIn:
    """O62"""

    @pytest.mark.parametrize(("held", "may_go", "app_may_go"), HELD.values(), ids=HELD)
    def test_it_stays_and_everything_else_may_go(
        self, app: Flask, held: dict[str, Any], may_go: bool, app_may_go: bool
    ):
        user = User(email=EMAIL, email_verified_at=clock.now(), **held)
        with app.app_context(), signing_in_with(app, *PROVIDERS):
            assert is_free_to_go(lambda: ways_in.require_another(user, but=KEY)) is may_go
            assert is_free_to_go(lambda: ways_in.require_another(user)) is app_may_go

    @pytest.mark.parametrize(
        ("issuer", "works"),
        [
            (f"https://login.microsoftonline.com/{UUID(int=7)}/v2.0", True),
            ("https://login.microsoftonline.com/common/v2.0", False),
            (f"https://login.microsoftonline.com/{UUID(int=7)}/v2.0/", False),
            (f"https://evil.example/{UUID(int=7)}/v2.0", False),
        ],
    )
    def test_of_a_provider_of_many_tenants_each_is_an_issuer(self, app: Flask, issuer: str, works: bool):
        with app.app_context(), signing_in_with(app, *PROVIDERS):
            user = User(linked_identities=[Identity.of("microsoft", issuer, "1")])
            assert bool(ways_in.usable_identities(user)) is works

    def test_an_app_stays_that_nothing_else_answers_for(self, alice: Person, mongo: Database):
        """A passkey that was copied still asks for a second factor, and is none."""
        with_totp(alice, mongo)
        mongo.users.update_one({}, {"$set": {"copiedPasskeys": [ObjectId()]}, "$unset": {"recoveryCodeHashes": True}})
        problem(alice.client.delete("/auth/mfa/totp", headers=alice.headers), 409, "last_login_method")
        assert stored(mongo)["totp"]

    def test_a_password_makes_a_passkey_one_of_two(self, nobody_s_word: Person, mongo: Database):
        with_passkey(nobody_s_word, mongo)
        path = f"/auth/passkeys/{stored(mongo)['passkeys'][0]}"
        problem(nobody_s_word.client.delete(path, headers=nobody_s_word.headers), 409, "last_login_method")
        set_first(nobody_s_word)
        assert nobody_s_word.client.delete(path, headers=nobody_s_word.headers).status_code == 204

    @rounds
    def test_of_all_at_once_one_stays(self, nobody_s_word: Person, app: Flask, mongo: Database, turn: int):
        for number in range(4):
            register_passkey(nobody_s_word, Authenticator(), f"number {number}")
        paths = [f"/auth/passkeys/{one}" for one in stored(mongo)["passkeys"]]

        def remove(path: str) -> int:
            return int(app.test_client().delete(path, headers=nobody_s_word.headers).status_code)

        statuses = race(*(lambda path=path: remove(path) for path in paths))
        assert sorted(statuses) == [204, 204, 204, 409]
        assert len(stored(mongo)["passkeys"]) == 1

    def test_a_mailbox_is_none(self, nobody_s_word: Person, mongo: Database):
        """Whether letters come is not the account's to decide: see decision 0051."""
        with_passkey(nobody_s_word, mongo)
        assert stored(mongo)["emailVerifiedAt"]
        path = f"/auth/passkeys/{stored(mongo)['passkeys'][0]}"
        problem(nobody_s_word.client.delete(path, headers=nobody_s_word.headers), 409, "last_login_method")

    def test_whose_factors_are_reset_gets_a_link_if_nothing_is_left(
        self, nobody_s_word: Person, admin: Person, app: Flask, mongo: Database
    ):
        with_passkey(nobody_s_word, mongo)
        path = f"/admin/users/{nobody_s_word.id}/mfa"
        assert admin.client.delete(path, headers=admin.headers).status_code == 204
        assert len(sent(app, "reset", EMAIL)) == 1
        assert admin.client.delete(path, headers=admin.headers).status_code == 204
        assert len(sent(app, "reset", EMAIL)) == 1


class TestReset:
    """By a letter."""

    def test_it_sets_the_first_one(self, nobody_s_word: Person, app: Flask):
        forgot(nobody_s_word.client)
        assert reset(nobody_s_word.client, newest(app, "reset", EMAIL)).status_code == 204
        assert login(nobody_s_word.client, password=NEW).status_code == 200

    def test_it_does_not_stand_for_a_second_factor(self, nobody_s_word: Person, app: Flask, mongo: Database):
        """R79"""
        device = with_passkey(nobody_s_word, mongo)
        forgot(nobody_s_word.client)
        assert reset(nobody_s_word.client, newest(app, "reset", EMAIL)).status_code == 204
        assert login(nobody_s_word.client, password=NEW).status_code == 202
        assert sign_in_by(nobody_s_word.client, device).status_code == 200


class TestRest:
    """What else such an account does, as any other."""

    def test_everything_but_what_takes_the_password(self, nobody_s_word: Person, app: Flask, mongo: Database):
        protected = with_totp(nobody_s_word, mongo)
        assert post(nobody_s_word, "/auth/mfa/recovery-codes").status_code == 200
        mongo.users.update_one({}, {"$set": {"totp.step": 0}})
        assert post(nobody_s_word, "/auth/reauthenticate", code=protected.app.code()).status_code == 200
        assert post(nobody_s_word, "/auth/me/email", email="new@example.com").status_code == 202
        assert sent(app, "change", "new@example.com")
        exported = nobody_s_word.client.get("/auth/me/export", headers=nobody_s_word.headers).get_json()
        assert exported["mfa"]["hasPassword"] is False
        assert nobody_s_word.client.delete("/auth/me", headers=nobody_s_word.headers).status_code == 204
        assert mongo.users.count_documents({}) == 0

    def test_no_password_signs_in_to_it(self, nobody_s_word: Person, mongo: Database):
        """With the work of a wrong one."""
        with counted_work() as work:
            problem(login(nobody_s_word.client, password=PASSWORD), 401, "invalid_credentials")
        assert work.rounds
        problem(post(nobody_s_word, "/auth/reauthenticate", password=PASSWORD), 403, "password_incorrect")

    def test_a_letter_about_a_factor_speaks_of_no_password(self, nobody_s_word: Person, app: Flask, mongo: Database):
        with_passkey(nobody_s_word, mongo, Authenticator())
        (letter,) = sent(app, "factor_added")
        assert "your password on its own" not in letter["text"]

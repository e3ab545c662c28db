"""U10: one order at every site: record, letter, change; what is not done is neither told nor on record."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from bson import ObjectId
from flask import Flask

from authsvc import clock
from authsvc.events import catalogue
from authsvc.events.event import Recorded
from authsvc.models.access_tokens import AccessToken
from authsvc.models.sessions import Session
from authsvc.models.users import User
from tests.conftest import PASSWORD, Person, problem
from tests.support.accounts import EMAIL, Database, login, stored
from tests.support.factors import post, verified
from tests.support.letters import newest, sent
from tests.support.sites import EVIL, NEW, SITES, Scene, Site, _by_admin, _change_pending, _own, _protected


@pytest.fixture
def scene(alice: Person, bob: Person, app: Flask, mongo: Database) -> Scene:
    mongo.users.update_one({"_id": ObjectId(bob.id)}, {"$set": {"role": "admin"}})
    return Scene(verified(mongo, alice), bob.login(), app, mongo)


@contextmanager
def refusing(mongo: Database, collection: str, field: str, value: str) -> Iterator[None]:
    """Let the database refuse to store documents with this value in a collection."""
    own = mongo[collection]
    kept = list(own.find({field: value}))
    own.delete_many({field: value})
    own.insert_one({"_id": f"refused {value}", field: value, "to": "-"})
    own.create_index(field, unique=True, name="refusing", partialFilterExpression={field: value})
    try:
        yield
    finally:
        own.drop_index("refusing")
        own.delete_one({"_id": f"refused {value}"})
        if kept:
            own.insert_many(kept)


WITH_LETTER = [action for action, site in SITES.items() if site.letter]


BY_COMMAND = ("account.created", "app.", "database.", "letter.", "signing_key", "users.")
"""What only an operator does, by a command."""


class TestU10WhatCanNotBeRecordedIsNotDone:
    def test_u10_every_site_is_there(self):
        must = {kind.name for kind in catalogue.every_kind() if kind.recorded is Recorded.ALWAYS}
        assert {name for name in must if not name.startswith(BY_COMMAND)} == SITES.keys()

    @pytest.mark.parametrize("action", SITES)
    def test_u10_no_letter_no_change_no_record(self, scene: Scene, action: str):
        site = SITES[action]
        site.prepare(scene)
        before, recorded = scene.everything(), scene.recorded(action)
        with refusing(scene.mongo, "audit", "action", action):
            problem(site.act(scene), 503, "database_unavailable")
        after = scene.everything()
        if action == "totp.enabled":  # sessions by password alone are fresh no more, whatever comes of it
            before, after = ({**one, "sessions": None} for one in (before, after))
        assert after == before
        assert scene.recorded(action) == recorded
        assert site.act(scene).status_code < 300
        assert scene.recorded(action) == recorded + 1


class TestU10WhatCanNotBeToldIsNotDone:
    @pytest.mark.parametrize("action", WITH_LETTER)
    def test_u10_no_change_and_no_record(self, scene: Scene, action: str):
        site = SITES[action]
        site.prepare(scene)
        before, recorded = scene.everything(), scene.recorded(action)
        with refusing(scene.mongo, "letters", "kind", site.letter):
            problem(site.act(scene), 503, "database_unavailable")
        assert scene.everything() == before
        assert scene.recorded(action) == recorded
        assert site.act(scene).status_code < 300
        assert scene.recorded(action) == recorded + 1
        assert sent(scene.app, site.letter)


class TestU10WhatIsRefusedIsNotOnRecord:
    def test_u10_a_sign_in_that_a_change_of_password_overtook(
        self, alice: Person, mongo: Database, monkeypatch: pytest.MonkeyPatch
    ):
        insert, before = Session.insert, mongo.audit.count_documents({"action": "login.succeeded"})

        def slowly(session: Session) -> None:
            monkeypatch.setattr(Session, "insert", insert)
            answer = post(alice, "/auth/me/password", currentPassword=PASSWORD, newPassword=NEW)
            assert answer.status_code == 204
            insert(session)

        monkeypatch.setattr(Session, "insert", slowly)
        problem(login(alice.client), 401, "invalid_credentials")
        assert mongo.audit.count_documents({"action": "login.succeeded"}) == before
        assert mongo.audit.count_documents({"action": "login.failed", "details.reason": "invalid_credentials"}) == 1
        assert mongo.sessions.count_documents({"endedAt": None}) == 1

    def test_u10_an_access_token_whose_session_ended_meanwhile(
        self, alice: Person, app: Flask, mongo: Database, monkeypatch: pytest.MonkeyPatch
    ):
        insert = AccessToken.insert

        def slowly(token: AccessToken) -> None:
            insert(token)
            alice.client.delete("/auth/sessions?scope=all", headers=alice.headers)

        monkeypatch.setattr(AccessToken, "insert", slowly)
        answer = post(alice, "/auth/access-tokens", name="script", scopes=["account:read"])
        problem(answer, 401, "session_ended")
        assert mongo.audit.count_documents({"action": "access_token.issued"}) == 0
        assert mongo.access_tokens.count_documents({}) == 0
        assert sent(app, "access_token_made") == []

    @pytest.mark.parametrize(
        ("path", "action"),
        [("/auth/access-tokens/{}", "access_token.revoked"), ("/auth/passkeys/{}", "passkey.removed")],
    )
    def test_u10_what_is_not_there(self, alice: Person, mongo: Database, path: str, action: str):
        problem(alice.client.delete(path.format(ObjectId()), headers=alice.headers), 404, "not_found")
        assert mongo.audit.count_documents({"action": action}) == 0

    def test_u10_a_change_to_an_address_that_is_taken(self, scene: Scene):
        _change_pending(scene)
        token = newest(scene.app, "change", EVIL)
        scene.mongo.users.update_one({"_id": ObjectId(scene.bob.id)}, {"$set": {"email": EVIL}})
        problem(post(scene.alice, "/auth/email/verify", token=token), 409, "email_taken")
        assert scene.recorded("email.changed") == 0
        assert sent(scene.app, "email_changed") == []


CONTENDED: dict[str, Site] = {
    **{name: SITES[name] for name in ("totp.enabled", "totp.disabled", "recovery_codes.replaced")},
    **{name: SITES[name] for name in ("passkey.added", "passkey.removed", "email.change_reverted")},
    **{name: SITES[name] for name in ("identity.linked", "identity.unlinked")},
    "totp.begun": Site(_own("POST", "/auth/mfa/totp")),
}


class TestU10Contention:
    """A change that is overtaken each time is 503: nobody is signed out by it, and no link is called invalid."""

    @pytest.mark.parametrize("action", CONTENDED)
    def test_u10_contention_signs_nobody_out(
        self, scene: Scene, mongo: Database, monkeypatch: pytest.MonkeyPatch, action: str
    ):
        site = CONTENDED[action]
        site.prepare(scene)
        live = mongo.sessions.count_documents({"endedAt": None, "user": ObjectId(scene.alice.id)})
        recorded, letters = scene.recorded(action), len(sent(scene.app, site.letter or "none"))
        with monkeypatch.context() as patch:
            for name in ("_change_current", "_move"):
                patch.setattr(User, name, overtaken(mongo, getattr(User, name)))
            problem(site.act(scene), 503, "not_ready")
        assert scene.recorded(action) == recorded
        assert len(sent(scene.app, site.letter or "none")) == letters
        if action != "email.change_reverted":  # which ends sessions before it tries
            assert scene.alice.home().status_code == 200
            assert mongo.sessions.count_documents({"endedAt": None, "user": ObjectId(scene.alice.id)}) == live
        assert site.act(scene).status_code < 300

    def test_u10_a_disabled_account_is_told_so(self, scene: Scene, monkeypatch: pytest.MonkeyPatch, mongo: Database):
        """That is no contention."""
        _protected(scene)
        settled = User._change_current

        def disabled(*given: Any, **more: Any) -> Any:
            mongo.users.update_one({"email": EMAIL}, {"$set": {"disabledAt": clock.now()}})
            return settled(*given, **more)

        monkeypatch.setattr(User, "_change_current", disabled)
        answer = SITES["totp.disabled"].act(scene)
        assert problem(answer, 401, "session_ended")["reason"] == "account_disabled"


def overtaken(mongo: Database, write: Callable[..., Any]) -> Callable[..., Any]:
    """Return a write before which somebody else changes the account, each time."""

    def after_another(*given: Any, **more: Any) -> Any:
        mongo.users.update_many({}, {"$inc": {"factorEpoch": 1, "linkEpoch": 1}})
        return write(*given, **more)

    return after_another


class TestU10DisablingAndEnabling:
    def test_u10_access_ends_after_the_record(self, scene: Scene):
        """What ends is on record after what ended it."""
        answer = _by_admin("PATCH", "/admin/users/{}", disabled=True)(scene)
        assert answer.status_code == 200
        about = scene.mongo.audit.find({"target": ObjectId(scene.alice.id)}).sort("_id", 1)
        actions = [one["action"] for one in about]
        assert actions.index("account.disabled") < actions.index("session.ended")

    @pytest.mark.parametrize("disabled", [True, False])
    def test_u10_what_is_so_already_is_not_put_on_record_again(self, scene: Scene, disabled: bool):
        for _ in range(2):
            assert _by_admin("PATCH", "/admin/users/{}", disabled=True)(scene).status_code == 200
        if not disabled:
            for _ in range(2):
                assert _by_admin("PATCH", "/admin/users/{}", disabled=False)(scene).status_code == 200
        assert scene.recorded("account.disabled") == 1
        assert scene.recorded("account.enabled") == (0 if disabled else 1)

    def test_u10_a_new_name_is_on_record_once(self, scene: Scene):
        with time_machine.travel(clock.now() + timedelta(seconds=1)):
            assert post_name(scene.alice, "Another").status_code == 200
        assert scene.recorded("profile.changed") == 1
        assert stored(scene.mongo)["name"] == "Another"


def post_name(person: Person, name: str) -> Any:
    return person.client.patch("/auth/me", json={"name": name}, headers=person.headers)

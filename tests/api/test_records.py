"""U10: one order at every site: record, letter, change; what is not done is neither told nor on record."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
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
from tests.support.authenticator import Authenticator
from tests.support.factors import enrol, post, register_passkey, verified, with_totp
from tests.support.federation import Traveller, someone
from tests.support.letters import newest, sent
from tests.support.upstreams import Upstream, signing_in_with

NEW = "a brand new passphrase"
EVIL = "evil@example.com"


@dataclass
class Scene:
    """Alice, and Bob, who administers."""

    alice: Person
    bob: Person
    app: Flask
    mongo: Database

    def everything(self) -> dict[str, Any]:
        """Return all that is stored of accounts, and which letters there are; counters and tickets are left out."""
        names = ("users", "links", "access_tokens", "passkeys", "webhooks")
        found: dict[str, Any] = {name: list(self.mongo[name].find().sort("_id", 1)) for name in names}
        found["sessions"] = sorted(str(one["_id"]) for one in self.mongo.sessions.find({"endedAt": None}))
        found["letters"] = sorted(one["kind"] for one in self.mongo.letters.find({"to": {"$ne": "-"}}))
        return found

    def recorded(self, action: str) -> int:
        return self.mongo.audit.count_documents({"action": action, "requestId": {"$exists": True}})


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


@dataclass(frozen=True)
class Site:
    """A change: how to prepare it, how to make it, what it puts on record, and the letter that tells of it."""

    act: Callable[[Scene], Any]
    letter: str = ""
    prepare: Callable[[Scene], Any] = lambda _: None


def _change_pending(scene: Scene) -> None:
    assert post(scene.alice, "/auth/me/email", email=EVIL).status_code == 202


def _changed(scene: Scene) -> None:
    _change_pending(scene)
    assert _confirm(scene).status_code == 200


def _confirm(scene: Scene) -> Any:
    return post(scene.alice, "/auth/email/verify", token=newest(scene.app, "change", EVIL))


def _forgot(scene: Scene) -> None:
    scene.alice.client.post("/auth/password/forgot", json={"email": EMAIL})


def _without_password(scene: Scene) -> None:
    scene.mongo.users.update_one({"_id": ObjectId(scene.alice.id)}, {"$unset": {"password": True}})


def _begun(scene: Scene) -> None:
    app = enrol(scene.alice)
    scene.alice.name = app.code(clock.now())


def _protected(scene: Scene) -> None:
    with_totp(scene.alice, scene.mongo)


def _with_passkey(scene: Scene) -> None:
    assert register_passkey(scene.alice, Authenticator()).status_code == 201


def _remove_passkey(scene: Scene) -> Any:
    (passkey,) = scene.alice.client.get("/auth/passkeys", headers=scene.alice.headers).get_json()["items"]
    return scene.alice.client.delete(f"/auth/passkeys/{passkey['id']}", headers=scene.alice.headers)


def _link(scene: Scene) -> Any:
    with Upstream() as upstream, signing_in_with(scene.app, upstream.settings()):
        traveller = Traveller(scene.app.test_client(), upstream, headers=scene.alice.headers)
        return traveller.arrive(someone("alice-at-work", EMAIL), "link")


def _linked(scene: Scene) -> None:
    assert _link(scene).status_code == 200


def _unlink(scene: Scene) -> Any:
    (identity,) = scene.alice.client.get("/auth/identities", headers=scene.alice.headers).get_json()["items"]
    return scene.alice.client.delete(f"/auth/identities/{identity['id']}", headers=scene.alice.headers)


def _webhook(scene: Scene) -> None:
    body = {"url": "https://hear.example.net/", "events": ["role.changed"]}
    made = scene.bob.client.post("/admin/webhooks", json=body, headers=scene.bob.headers)
    assert made.status_code == 201, made.text


def _disabled_webhook(scene: Scene) -> None:
    _webhook(scene)
    assert _on_webhook("PATCH", disabled=True)(scene).status_code == 200


def _on_webhook(method: str, path: str = "", **body: Any) -> Callable[[Scene], Any]:
    def act(scene: Scene) -> Any:
        (webhook,) = scene.mongo.webhooks.find()
        where = f"/admin/webhooks/{webhook['_id']}{path}"
        return scene.bob.client.open(where, method=method, json=body or None, headers=scene.bob.headers)

    return act


def _own(method: str, path: str, **body: Any) -> Callable[[Scene], Any]:
    return lambda scene: scene.alice.client.open(path, method=method, json=body or None, headers=scene.alice.headers)


def _by_admin(method: str, path: str, **body: Any) -> Callable[[Scene], Any]:
    return lambda scene: scene.bob.client.open(
        path.format(scene.alice.id), method=method, json=body or None, headers=scene.bob.headers
    )


SITES: dict[str, Site] = {
    "login.succeeded": Site(lambda scene: login(scene.alice.client)),
    "access_token.issued": Site(
        _own("POST", "/auth/access-tokens", name="script", scopes=["account:read"]), "access_token_made"
    ),
    "password.changed": Site(
        _own("POST", "/auth/me/password", currentPassword=PASSWORD, newPassword=NEW), "password_changed"
    ),
    "password.set": Site(_own("POST", "/auth/me/password", newPassword=NEW), "password_set", _without_password),
    "password.reset": Site(
        lambda scene: scene.alice.client.post(
            "/auth/password/reset", json={"token": newest(scene.app, "reset"), "newPassword": NEW}
        ),
        "password_changed",
        _forgot,
    ),
    "email.changed": Site(_confirm, "email_changed", _change_pending),
    "email.change_reverted": Site(
        lambda scene: scene.alice.client.post(
            "/auth/email/revert", json={"token": newest(scene.app, "email_changed", EMAIL)}
        ),
        "email_restored",
        _changed,
    ),
    "totp.enabled": Site(
        lambda scene: post(scene.alice, "/auth/mfa/totp/confirm", code=scene.alice.name), "factor_added", _begun
    ),
    "totp.disabled": Site(_own("DELETE", "/auth/mfa/totp"), "factor_removed", _protected),
    "recovery_codes.replaced": Site(_own("POST", "/auth/mfa/recovery-codes"), "recovery_codes_replaced", _protected),
    "second_factor.required": Site(_own("POST", "/auth/mfa/require"), prepare=_with_passkey),
    "passkey.added": Site(lambda scene: register_passkey(scene.alice, Authenticator()), "factor_added"),
    "passkey.removed": Site(_remove_passkey, "factor_removed", _with_passkey),
    "identity.linked": Site(_link, "identity_linked"),
    "identity.unlinked": Site(_unlink, "identity_unlinked", _linked),
    "second_factors.reset": Site(_by_admin("DELETE", "/admin/users/{}/mfa"), "factors_reset", _protected),
    "role.changed": Site(_by_admin("PATCH", "/admin/users/{}", role="admin")),
    "account.invited": Site(
        _by_admin("POST", "/admin/users", name="New", email="new@example.com", role="user"), "invitation"
    ),
    "webhook.created": Site(_by_admin("POST", "/admin/webhooks", url="https://hear.example.net/", events=["*"])),
    "webhook.changed": Site(_on_webhook("PATCH", description="new"), prepare=_webhook),
    "webhook.secret_added": Site(_on_webhook("POST", "/secret"), prepare=_webhook),
    "webhook.enabled": Site(_on_webhook("PATCH", disabled=False), prepare=_disabled_webhook),
    "webhook.deleted": Site(_on_webhook("DELETE"), prepare=_webhook),
}
"""Everything that may not happen unrecorded, over HTTP."""

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

"""Everything that may not happen unrecorded, over HTTP: how to make it happen, and the letter that tells of it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bson import ObjectId
from flask import Flask

from authsvc import clock
from tests.conftest import PASSWORD, Person
from tests.support.accounts import EMAIL, Database, login
from tests.support.authenticator import Authenticator
from tests.support.factors import enrol, post, register_passkey, with_totp
from tests.support.federation import Traveller, someone
from tests.support.letters import newest
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

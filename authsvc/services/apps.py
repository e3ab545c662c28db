"""Apps: registering them, and finding out which one asks."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bson import ObjectId

from authsvc import clock
from authsvc.errors import FieldError, NotFound, ValidationFailed
from authsvc.errors.oauth_refusal import OAuthError, OAuthRefusal
from authsvc.events import happening
from authsvc.events.catalogue import AppCreated, AppDeleted
from authsvc.models.apps import App, AppKind, AuthMethod, Secret
from authsvc.models.ids import new_id
from authsvc.security import opaque_tokens
from authsvc.services import app_lookup, app_rules, callers, step_up
from authsvc.services.callers import Caller
from authsvc.services.paging import Page

PREFIX = "app_"
SECRET_PREFIX = "aps_"  # noqa: S105 - a prefix
MOST_APPS = 1000


@dataclass(frozen=True, slots=True)
class NewApp:
    """A new app with its secret, which is known only now; None for an app that can't keep one."""

    app: App
    secret: str | None


def create(name: str, kind: AppKind, uris: Sequence[str] = (), *, by: Caller | None = None, **values: Any) -> NewApp:
    """Register an app with redirect URIs and other `values`; `by` is None for a command.

    Raises ValidationFailed, and FreshLoginRequired for one that is trusted, needs no PKCE, or may use our own API.
    """
    kind = AppKind(kind)
    fields = {**app_rules.defaults(kind), "redirect_uris": list(uris), **values}
    fields |= {"name": app_rules.canonical_name(name), "jwks": app_rules.canonical_keys(fields["jwks"])}
    app_rules.require_possible(kind, fields, by_operator=by is None)
    if app_rules.weight_of(fields):
        step_up.require_fresh_of(by)
    _require_room(MOST_APPS - 1)
    new = new_secret() if app_rules.keeps_secret(kind, fields["auth_method"]) else None
    app = App(
        # As it begins with the time, apps are listed in the order of their registration.
        id=f"{PREFIX}{new_id()}",
        kind=kind.value,
        secrets=[] if new is None else [new[0]],
        owner=None if by is None else ObjectId(by.user_id),
        created_at=clock.now(),
        **fields,
    )
    with happening(AppCreated(actor=callers.id_of(by), app=app.id, trusted=app.trusted)):
        app.insert()
        try:
            _require_room(MOST_APPS)  # of several at once none may be one too many
        except ValidationFailed:
            App.remove(app.id)
            raise
    return NewApp(app, None if new is None else new[1])


def delete(app_id: str, *, by: Caller | None = None) -> None:
    """Delete an app; nothing that it was given works any longer. Raises NotFound, FreshLoginRequired."""
    app = look_up(app_id)
    step_up.require_fresh_of(by)
    with happening(AppDeleted(actor=callers.id_of(by), app=app.id)):
        if not App.remove(app.id):
            raise NotFound(f"There is no app {app_id}.")


def new_secret() -> tuple[Secret, str]:
    """Return a new secret as it is stored, and its text."""
    text = opaque_tokens.generate(SECRET_PREFIX)
    return Secret(id=new_id(), digest=opaque_tokens.digest(text), created_at=clock.now()), text


def everything(*, documents: bool = False) -> list[App]:
    """Return the registered apps, or those with documents that somebody has allowed or disabled."""
    return App.all(MOST_APPS, documents=documents)


def list_of(limit: int, cursor: str | None, owner: str | None = None, *, documents: bool = False) -> Page:
    """Return a page of registered apps, newest first, or of those with documents.

    `cursor` is the `next` of the page before.
    """
    return Page.of(App.page(limit + 1, cursor, owner, documents), limit, lambda app: app)


def look_up(app_id: str) -> App:
    """Return the app with this id, disabled or not. Raises NotFound."""
    app = App.find(app_id)
    if app is None:
        raise NotFound(f"There is no app {app_id}.")
    return app


def find(app_id: str | None) -> App | None:
    """Return the app with this id, as far as it may be used at this moment (see `app_lookup`)."""
    return app_lookup.find(app_id)


def authenticate(app_id: str, secret: str | None, method: AuthMethod) -> App:
    """Return the app that shows who it is, in the one way that it is registered for. Raises OAuthRefusal.

    An unknown app costs what a wrong secret does.
    """
    app = find(app_id)
    now = clock.now()
    valid = [one.digest for one in app.secrets if one.expires_at is None or one.expires_at > now] if app else []
    digest = opaque_tokens.digest(secret or "")
    # All of them are compared, and at least one: time tells nothing.
    matches = [secrets.compare_digest(digest, one) for one in valid or [opaque_tokens.digest(SECRET_PREFIX)]]
    if app is None or app.auth_method != method or (app.is_confidential and not any(matches)):
        raise OAuthRefusal(OAuthError.INVALID_CLIENT, "The app is unknown, or its credentials are wrong.")
    return app


def _require_room(most: int) -> None:
    """Refuse more apps than that. Raises ValidationFailed."""
    if App.count() > most:
        detail = f"There can be at most {MOST_APPS} apps. Delete one first."
        raise ValidationFailed([FieldError("not_allowed", detail, "")])

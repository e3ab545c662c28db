"""Secrets of apps: two are valid at a time, while one replaces the other."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from authsvc import clock
from authsvc.errors import FieldError, NotFound, ValidationFailed
from authsvc.errors.overtaken import Overtaken
from authsvc.events import happening
from authsvc.events.catalogue import AppSecretAdded, AppSecretRemoved
from authsvc.models.apps import App, AppKind, Secret
from authsvc.services import app_rules, apps, callers, step_up
from authsvc.services.callers import Caller
from authsvc.services.retries import retried

MOST = 2
KEPT = timedelta(hours=24)
"""How long the former secret works beside the new one."""


@dataclass(frozen=True, slots=True)
class NewSecret:
    """A new secret with its text, which is known only now."""

    secret: Secret
    text: str


def valid(app: App, now: datetime) -> list[Secret]:
    """Return the secrets of an app that have not expired, oldest first."""
    return [one for one in app.secrets if one.expires_at is None or one.expires_at > now]


@retried
def add(by: Caller | None, app_id: str) -> NewSecret:
    """Add a secret; the one before it works for another day. `by` is None for a command.

    Raises NotFound, FreshLoginRequired, and ValidationFailed for an app that has two, or can't keep any.
    """
    app = apps.look_up(app_id)
    step_up.require_fresh_of(by)
    now = clock.now()
    others = valid(app, now)
    if not app_rules.keeps_secret(AppKind(app.kind), app.auth_method):
        raise _refusal("This app can't keep a secret.")
    if len(others) >= MOST:
        raise _refusal("An app can have two secrets. Remove one first.")
    for one in others:
        one.expires_at = min(now + KEPT, one.expires_at or now + KEPT)
    new, text = apps.new_secret()
    with happening(AppSecretAdded(actor=callers.id_of(by), app=app.id, secret_id=str(new.id))):
        if app.change(secrets=[*others, new]) is None:
            raise Overtaken
    return NewSecret(new, text)


@retried
def remove(by: Caller | None, app_id: str, secret_id: str) -> None:
    """Remove a secret, which is invalid at once. Raises NotFound, FreshLoginRequired."""
    app = apps.look_up(app_id)
    step_up.require_fresh_of(by)
    secret_id = secret_id.lower()
    others = [one for one in app.secrets if str(one.id) != secret_id]
    if len(others) == len(app.secrets):
        raise NotFound(f"This app has no secret {secret_id}.")
    with happening(AppSecretRemoved(actor=callers.id_of(by), app=app.id, secret_id=secret_id)):
        if app.change(secrets=others) is None:
            raise Overtaken


def _refusal(detail: str) -> ValidationFailed:
    return ValidationFailed([FieldError("not_allowed", detail, "")])

"""The last step of every sign-in: who may, the session, and who is told."""

from collections.abc import Iterator
from contextlib import contextmanager

from bson import ObjectId
from flask import current_app

from authsvc import metrics
from authsvc.errors import AccountDisabled, EmailUnverified, InvalidCredentials, PasskeyInvalid
from authsvc.models.audit import Action
from authsvc.models.users import User
from authsvc.services import audit, devices, mail, sessions, tokens
from authsvc.services.devices import Place
from authsvc.services.tokens import TokenPair


def require_allowed(user: User) -> None:
    """Refuse who has proved who they are and may not sign in. Raises AccountDisabled, EmailUnverified."""
    if user.disabled_at is not None:
        raise AccountDisabled
    if current_app.config["EMAIL_VERIFICATION"] == "required" and not user.is_proved:
        raise EmailUnverified


def open_for(user: User, methods: list[str], *, place: Place | None, passkey: ObjectId | None = None) -> TokenPair:
    """Open a session for who has proved to be a user by `methods`, and tell them of a sign-in from a new place.

    No `place` stands for that of a registration. Raises InvalidCredentials where that holds no longer.
    """
    session = sessions.open_session(user, methods, passkey=passkey)
    if place is not None and place.is_new and devices.is_elsewhere(user):
        mail.post("new_sign_in", user.id, to=user.email, **mail.place())
    devices.remember_network(user, place)
    return tokens.mint(session, user)


@contextmanager
def on_record(user: User | None) -> Iterator[None]:
    """Put a sign-in that fails on record, for an unknown account too."""
    try:
        yield
    except (InvalidCredentials, PasskeyInvalid, AccountDisabled, EmailUnverified) as refusal:
        metrics.LOGINS.labels(refusal.code).inc()
        audit.record(Action.LOGIN_FAILED, target=user.id if user is not None else None, reason=refusal.code)
        raise

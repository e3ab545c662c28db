"""What every change of second factors has in common: who may, who is told, and what becomes of open sessions."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from flask import current_app

from authsvc import clock
from authsvc.errors import EmailUnverified, SessionEnded
from authsvc.models.audit import Action
from authsvc.models.passkeys import Passkey
from authsvc.models.users import User
from authsvc.services import audit, freshness, mail
from authsvc.services.callers import Caller


def owner(who: Caller) -> User:
    """Return the caller's account. Raises SessionEnded where it is gone."""
    user = User.find(who.user_id)
    if user is None:
        raise SessionEnded("account_deleted")
    return user


def may_be_added(user: User) -> None:
    """Refuse a factor for an account whose address nobody has proved, where verification is on.

    Else whoever registers somebody else's address could lock its owner out. Raises EmailUnverified.
    """
    if current_app.config["EMAIL_VERIFICATION"] != "off" and not user.is_proved:
        raise EmailUnverified


@contextmanager
def changing(user: User, letter: str, action: Action, *, actor: str | None = None, **facts: str) -> Iterator[None]:
    """Put a change of factors on record and announce it to the account's owner; what is inside makes it."""
    with (
        mail.announcing(letter, user.id, to=user.email, **facts, **mail.place()),
        audit.recording(action, actor=actor or user.id, target=user.id, **facts),
    ):
        yield


def added(who: Caller, before: User, methods: list[str]) -> None:
    """Make the session that added a factor one of two factors: its user has just proved both.

    Where it is the account's first, sessions that were opened by password alone are not fresh any more.
    """
    if not before.mfa_enabled:
        freshness.outdate(who.user_id, but=who.session_id)
    freshness.strengthen(who, methods)


def undo_since(user: User, moment: datetime) -> None:
    """Remove the factors that were set up after a moment: somebody else had the account then."""
    if user.totp is not None and user.totp.confirmed_at is not None and user.totp.confirmed_at >= moment:
        with changing(user, "factor_removed", Action.TOTP_DISABLED, factor="an authenticator app"):
            User.remove_totp(str(user.id))
    for passkey in Passkey.among(user.passkeys or []):
        if passkey.created_at >= moment:
            with changing(user, "factor_removed", Action.PASSKEY_REMOVED, factor=f"the passkey {passkey.name}"):
                drop_passkey(user, passkey)
    if user.recovery_codes_at is not None and user.recovery_codes_at >= moment:
        User.replace_recovery_codes(str(user.id), [], clock.now())


def drop_passkey(user: User, passkey: Passkey, *, leave_a_way_in: bool = False) -> bool:
    """Remove a passkey; tell False where it counted no more, or is the last way in and has to stay."""
    if User.drop_passkey(str(user.id), passkey.id, leave_a_way_in=leave_a_way_in) is None:
        return False
    Passkey.remove(passkey.id)
    return True

"""Second factors: which an account has, and the rules that every change of them follows."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from flask import current_app

from authsvc.errors import EmailUnverified, MfaNotEnabled, SessionEnded
from authsvc.errors.overtaken import Overtaken
from authsvc.events import happening
from authsvc.events.catalogue import SecondFactorRequired
from authsvc.events.event import Event
from authsvc.models.passkeys import Passkey
from authsvc.models.sessions import EndReason
from authsvc.models.users import User
from authsvc.services import devices, step_up, throttles
from authsvc.services.callers import Caller
from authsvc.services.retries import retried


def owner(who: Caller) -> User:
    """Return the caller's account. Raises SessionEnded if it is gone."""
    user = User.find(who.user_id)
    if user is None:
        raise SessionEnded(EndReason.ACCOUNT_DELETED)
    return user


def status(who: Caller) -> dict[str, Any]:
    """Return which factors the caller has. Raises SessionEnded."""
    return status_of(owner(who))


def status_of(user: User) -> dict[str, Any]:
    """Return which factors an account has."""
    return {
        "has_password": user.password is not None,
        "required": user.mfa_enabled,
        "totp": {"enabled": user.totp_enabled, "confirmed_at": user.totp.confirmed_at if user.totp else None},
        "recovery_codes": {"remaining": len(user.saved_codes)},
        "passkeys": Passkey.among(user.all_passkeys),
    }


def to_add_to(who: Caller) -> User:
    """Return the caller's account, to which a factor is to be added.

    A caller who has a factor already has to be fresh at this moment. Raises EmailUnverified, SessionEnded,
    FreshLoginRequired.
    """
    user = owner(who)
    # Otherwise somebody could register another person's address, and lock its owner out.
    if current_app.config["EMAIL_VERIFICATION"] != "off" and not user.is_verified:
        raise EmailUnverified
    # Read after the account, and again after the request came in: a slow request does not outlive its session.
    session = step_up.live_session(who)
    if user.has_factor:
        step_up.require_fresh_session(session)
    return user


def require(who: Caller) -> None:
    """Ask for a second factor at every sign-in from now on: the owner has saved recovery codes, or wants it anyhow.

    As with the first factor that counts, sessions that were opened by password only are no longer fresh. Raises
    MfaNotEnabled, SessionEnded, TooManyAttempts, NotReady.
    """
    throttles.count_safeguard(who)
    user = owner(who)
    if user.mfa_enabled:
        return
    with happening(SecondFactorRequired.by_owner(user)):
        step_up.outdate(who.user_id, but=who.session_id)  # before, so that no crash leaves one fresh
        settle(who, _requiring)
        step_up.outdate(who.user_id, but=who.session_id)  # after, for those that became fresh in between
        devices.begin_factors(who.user_id)


def _requiring(user: User) -> User | None:
    if not user.has_factor:
        raise MfaNotEnabled
    return User.require_passkeys(user)


@contextmanager
def adding(who: Caller, user: User, event: Event, methods: list[str]) -> Iterator[None]:
    """Add a factor inside; the caller's session then counts as one of two factors, since its user has shown both.

    If it is the account's first, sessions that were opened by password only are no longer fresh, and guesses at codes
    are counted apart only in this browser and network.
    """
    with happening(event):
        if not user.mfa_enabled:  # before, so that no crash leaves one fresh
            step_up.outdate(who.user_id, but=who.session_id)
        yield
        if not user.mfa_enabled:
            step_up.outdate(who.user_id, but=who.session_id)  # after, for those that became fresh in between
            devices.begin_factors(who.user_id)
    step_up.strengthen(who, methods)


@retried
def settle(who: Caller, change: Callable[[User], User | None]) -> User:
    """Make a change that expects the account as it was read, and try again if another one was faster.

    Raises SessionEnded for an account that is gone or disabled, NotReady after eight attempts.
    """
    user = owner(who)
    if user.disabled_at is not None:
        raise SessionEnded(EndReason.ACCOUNT_DISABLED)
    changed = change(user)
    if changed is None:
        raise Overtaken
    return changed

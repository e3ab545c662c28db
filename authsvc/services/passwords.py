"""Passwords: what a new one may be, whether a given one is right, and replacing one."""

import time

from flask import current_app

from authsvc.errors import FieldError, HashingBusy, LinkInvalid, PasswordIncorrect, ValidationFailed
from authsvc.models.audit import Action
from authsvc.models.users import User
from authsvc.security import password_policy
from authsvc.security.passwords import MAX_LENGTH, PasswordHash, hasher
from authsvc.services import audit, links, mail, ownership, requested_links, throttles
from authsvc.services.callers import Caller
from authsvc.services.throttles import Key

_PAUSE_SECONDS = 0.1


def check(password: str, *words: str, pointer: str = "/password") -> None:
    """Refuse a new password that is too short, common, or made of the account's own `words`.

    Length is counted in code points. Raises ValidationFailed with `too_short`, `password_too_common` or
    `password_like_account` at `pointer`.
    """
    shortest = current_app.config["PASSWORD_MIN_LENGTH"]
    if len(password) < shortest:
        _refuse("too_short", f"A password needs at least {shortest} characters.", pointer)
    if len(password) > MAX_LENGTH:
        _refuse("too_long", f"A password has at most {MAX_LENGTH} characters.", pointer)
    if password_policy.is_common(password):
        _refuse("password_too_common", "This password is one of the first that an attacker tries.", pointer)
    if password_policy.is_like_account(password, *words):
        _refuse("password_like_account", "A password must not be made of the account's own name or address.", pointer)


def require_room() -> None:
    """Refuse, before anything is asked or counted, what would wait too long. Raises HashingBusy.

    The refusal takes a moment, in which nothing is done: who comes back as soon as they are refused would otherwise
    take the time that the others' hashes need.
    """
    try:
        hasher().require_room()
    except HashingBusy:
        time.sleep(_PAUSE_SECONDS)
        raise


def verify(user: User | None, password: str) -> User | None:
    """Return the user if the password is right, with a hash of today's cost; None if not, after the same work.

    Of several sign-ins that upgrade one hash the first writes it; the others, and whoever meets a change of password,
    are judged by what then stands.
    """
    stored = user.password if user is not None else None
    verdict = hasher().verify(password, stored, foreign=user is not None and user.has_foreign_hash)
    if user is None or not verdict.right:
        return None
    if not verdict.outdated:
        return user
    upgraded = User.upgrade_hash(user.id, user.password, hasher().hash(password))
    if upgraded is not None:
        return upgraded
    now = User.find(str(user.id))
    return now if now is not None and hasher().verify(password, now.password, foreign=False).right else None


def prove(who: Caller, password: str) -> User:
    """Take the caller's password as proof of who they are; guesses in one session do not use up another's.

    Raises PasswordIncorrect, TooManyAttempts, HashingBusy.
    """
    found = User.find(who.user_id)
    guesses = (
        Key("reauthenticate_session", who.session_id or "", who.user_id),
        Key("reauthenticate_account", who.user_id, who.user_id),
    )
    with throttles.counting(*guesses, failures=(PasswordIncorrect,)):
        user = verify(found, password)
        if user is None:
            audit.record(Action.PASSWORD_INCORRECT, actor=who.user_id, target=who.user_id)
            raise PasswordIncorrect
        return user


def change(who: Caller, current_password: str, new_password: str) -> None:
    """Give the caller a new password, and end all other sessions.

    Access tokens stay: they were made by who knew the password. Raises ValidationFailed, PasswordIncorrect (also where
    it was changed meanwhile), TooManyAttempts, HashingBusy.
    """
    account = User.find(who.user_id)
    names = () if account is None else (account.email, account.name or "")
    check(new_password, *names, pointer="/newPassword")
    if not replace(prove(who, current_password), new_password, but=who.session_id):
        raise PasswordIncorrect


def hashed(password: str) -> PasswordHash:
    """Return the hash of a new password. Raises HashingBusy."""
    return hasher().hash(password)


def replace(user: User, password: str, *, but: str | None = None) -> bool:
    """Give an account a new password and end its sessions but one; False where it was changed meanwhile."""
    new = hasher().hash(password)
    try:
        with (
            audit.recording(Action.PASSWORD_CHANGED, actor=user.id, target=user.id),
            mail.announcing("password_changed", user.id, to=user.email, **mail.place()),
            ownership.ending_access(str(user.id), "password_changed", but=but, tokens=False),
        ):
            if User.replace_password(user.id, user.password, new) is None:
                raise _ChangedMeanwhile
    except _ChangedMeanwhile:
        return False
    links.cancel(str(user.id), "change", "reset", "invite")
    return True


def forget(email: str) -> None:
    """Send the owner of an account a link to set a new password. Raises TooManyAttempts, by network."""
    requested_links.send(
        "reset", email, limit="forgot_account", action=Action.PASSWORD_RESET_REQUESTED, wanted=lambda _: True
    )


def reset(token: str, new_password: str) -> None:
    """Set a new password by a link, and end everything that was open to whoever knew the old one.

    It proves the address, and signs nobody in. Raises LinkInvalid, ValidationFailed, TooManyAttempts, HashingBusy.
    """
    with throttles.counting(throttles.by_network("link_address"), failures=(LinkInvalid,)):
        found = links.find(token, "reset", "invite")
        user = found.user
        check(new_password, user.email, user.name or "", pointer="/newPassword")
        new = hasher().hash(new_password)
        with (
            audit.recording(Action.PASSWORD_RESET, actor=user.id, target=user.id),
            mail.announcing("password_changed", user.id, to=user.email, **mail.place()),
            ownership.changing(str(user.id), "password_reset"),
        ):
            if User.reset_password(user, new) is None:
                raise LinkInvalid
    if not user.is_proved:
        audit.record(Action.EMAIL_VERIFIED, actor=user.id, target=user.id)


class _ChangedMeanwhile(Exception):
    pass


def _refuse(code: str, detail: str, pointer: str) -> None:
    raise ValidationFailed([FieldError(code, detail, pointer)])

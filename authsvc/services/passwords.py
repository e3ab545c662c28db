"""Passwords: what a new one may be, whether a given one is right, and replacing one."""

from flask import current_app

from authsvc.errors import FieldError, ValidationFailed
from authsvc.models.audit import Action
from authsvc.models.users import User
from authsvc.security import password_policy
from authsvc.security.passwords import hasher
from authsvc.services import audit, sessions


def check(password: str, *words: str, pointer: str = "/password") -> None:
    """Refuse a new password that is too short, common, or made of the account's own `words`.

    Length is counted in code points. Raises ValidationFailed with `too_short`, `password_too_common` or
    `password_like_account` at `pointer`.
    """
    shortest = current_app.config["PASSWORD_MIN_LENGTH"]
    if len(password) < shortest:
        _refuse("too_short", f"A password needs at least {shortest} characters.", pointer)
    if password_policy.is_common(password):
        _refuse("password_too_common", "This password is one of the first that an attacker tries.", pointer)
    if password_policy.is_like_account(password, *words):
        _refuse("password_like_account", "A password must not be made of the account's own name or address.", pointer)


def require_room() -> None:
    """Refuse at once, before anything is asked or counted, what would wait too long. Raises HashingBusy."""
    hasher().require_room()


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
    upgraded = User.replace_password(user.id, user.password, hasher().hash(password))
    if upgraded is not None:
        return upgraded
    now = User.find(str(user.id))
    return now if now is not None and hasher().verify(password, now.password, foreign=False).right else None


def replace(user: User, password: str) -> bool:
    """Give the account a new password and end all its sessions; False where it was changed meanwhile."""
    changed = User.replace_password(user.id, user.password, hasher().hash(password))
    if changed is not None:
        audit.record(Action.PASSWORD_CHANGED, actor=user.id, target=user.id)
        sessions.end_all(str(user.id), "password_changed")
    return changed is not None


def _refuse(code: str, detail: str, pointer: str) -> None:
    raise ValidationFailed([FieldError(code, detail, pointer)])

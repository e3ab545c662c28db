"""Change the password: by somebody signed in who knows the present one, or whose account has none."""

from authsvc.errors import FieldError, PasswordIncorrect, ValidationFailed
from authsvc.events import happening
from authsvc.events.catalogue import PasswordSet
from authsvc.methods.password import authenticate
from authsvc.models.users import User
from authsvc.services import factors, passwords, step_up, throttles
from authsvc.services.callers import Caller

_POINTER = "/newPassword"


def change(who: Caller, new_password: str, current_password: str | None = None) -> None:
    """Give the caller a new password, and end all other sessions.

    Only an account that has none needs no present one, but a fresh sign-in. Access tokens stay: they were made by
    somebody who knew the password. Raises ValidationFailed, PasswordIncorrect (also if it was changed in the meantime),
    FreshLoginRequired, SessionEnded, TooManyAttempts, HashingBusy.
    """
    throttles.count_safeguard(who)
    if current_password is None:
        _set_first(who, new_password)
        return
    account = User.find(who.user_id)
    names = () if account is None else (account.email, account.name or "")
    passwords.check(new_password, *names, pointer=_POINTER)
    user = authenticate(who, current_password)
    if not passwords.replace(user, new_password, own_session=who.session_id):
        raise PasswordIncorrect


def _set_first(who: Caller, new_password: str) -> None:
    """Set a password for an account that has none."""
    user = _without_password(who)
    passwords.check(new_password, user.email, user.name or "", pointer=_POINTER)
    with passwords.in_turn(user):
        # Of many who try at once few hash in vain: the others find one set by now.
        user = _without_password(who)
        new = passwords.hashed(new_password)
        with happening(PasswordSet.by_owner(user, own_session=who.session_id)):
            factors.settle(who, lambda _: User.set_password(_without_password(who), new))


def _without_password(who: Caller) -> User:
    """Return the caller's account, if it has no password and the caller is fresh at this moment.

    Raises ValidationFailed, FreshLoginRequired, SessionEnded.
    """
    user = factors.owner(who)
    if user.password is not None:
        raise ValidationFailed([FieldError("required", "This field is required.", "/currentPassword")])
    # Read after the account, and again after hashing: a slow request does not outlive its session.
    step_up.require_fresh_session(step_up.live_session(who))
    return user

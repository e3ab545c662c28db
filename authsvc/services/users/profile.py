"""Accounts: finding one, adding one, and changing its profile."""

from collections.abc import Mapping

from bson import ObjectId

from authsvc import clock, origin
from authsvc.errors import EmailTaken, NotFound, SessionEnded
from authsvc.events import happening
from authsvc.events.catalogue import AccountCreated, AccountRegistered, ProfileChanged
from authsvc.models.ids import new_id
from authsvc.models.sessions import EndReason
from authsvc.models.users import User
from authsvc.security.passwords import PasswordHash
from authsvc.services import links, sign_ups, throttles
from authsvc.services.callers import Caller
from authsvc.services.sign_ups import How, Permit


def find(user_id: str) -> User:
    """Return an account. Raises NotFound."""
    user = User.find(user_id)
    if user is None:
        raise NotFound
    return user


def look_up(text: str) -> User:
    """Return the account with this id or address. Raises NotFound."""
    user = User.find(text) or User.find_by_typed(text)
    if user is None:
        raise NotFound(f"There is no account {text}.")
    return user


def own(who: Caller) -> User:
    """Return the caller's account. Raises SessionEnded if it is gone."""
    return _require_there(User.find(who.user_id))


def change_own(who: Caller, members: Mapping[str, str]) -> User:
    """Set the caller's name, locale or both. Raises SessionEnded if the account is gone, TooManyAttempts."""
    throttles.count_change(who)
    with happening(ProfileChanged(actor=who.user_id, target=who.user_id, changed=sorted(members))):
        return _require_there(User.change_profile(who.user_id, members))


def rename(by: Caller, user_id: str, name: str) -> None:
    """Set the name of an account. Raises NotFound."""
    with happening(ProfileChanged(actor=by.user_id, target=user_id, changed=["name"])):
        if User.rename(user_id, name) is None:
            raise NotFound


def add(user: User, permit: Permit) -> User:
    """Insert an account that may be made; an address that was changed away from lately is still taken.

    Raises EmailTaken.
    """
    if permit.email != user.email:
        raise RuntimeError("the permit is for another account")
    _require_free(user)
    user.insert()
    try:
        _require_free(user)  # changed away from, or stored, in the meantime
    except EmailTaken:
        User.remove(user)
        raise
    return user


def new_verified(user_id: ObjectId, name: str, email: str) -> User:
    """Return an account without a password, to be made for somebody who has proved to own its address."""
    return User(id=user_id, name=name, email=email, email_verified_at=clock.now(), locale=origin.current().language)


def add_verified(user: User, permit: Permit) -> User:
    """Make the account of somebody who has proved to own its address. Raises EmailTaken."""
    with happening(AccountRegistered.by_owner(user)):
        return add(user, permit)


def create(name: str, email: str, role: str, password: PasswordHash, *, verified: bool) -> User:
    """Make an account with a password; `verified` says that its address is known to be its owner's.

    Raises EmailTaken, HookRefused, HookFailed.
    """
    now = clock.now()
    user = User(id=new_id(), name=name, email=email, role=role, password=password, password_changed_at=now)
    user.email_verified_at = now if verified else None
    permit = sign_ups.permit(user, How.COMMAND)
    with happening(AccountCreated.done_to(user, None, role=role)):
        return add(user, permit)


def _require_free(user: User) -> None:
    """Refuse an address that another account has, or may still take back. Raises EmailTaken."""
    if links.is_reserved(user.email) or User.find_twin(user) is not None:
        raise EmailTaken


def _require_there(user: User | None) -> User:
    if user is None:
        raise SessionEnded(EndReason.ACCOUNT_DELETED)
    return user

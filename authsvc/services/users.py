"""Accounts: the caller's own profile, and switching one off."""

from authsvc.errors import SessionEnded
from authsvc.models.audit import Action
from authsvc.models.users import User
from authsvc.services import access_tokens, audit, sessions
from authsvc.services.callers import Caller


def profile(who: Caller) -> User:
    """Return the caller's account. Raises SessionEnded where it is gone."""
    return _there(User.find(who.user_id))


def rename(who: Caller, name: str) -> User:
    """Set the caller's name. Raises SessionEnded where the account is gone."""
    user = _there(User.rename(who.user_id, name))
    audit.record(Action.PROFILE_CHANGED, actor=who.user_id, target=who.user_id, changed=["name"])
    return user


def disable(user_id: str) -> None:
    """Disable an account, end all its sessions and delete its access tokens, in this order."""
    if User.disable(user_id) is not None:
        audit.record(Action.ACCOUNT_DISABLED, target=user_id)
    sessions.end_all(user_id, "account_disabled")
    access_tokens.revoke_all(user_id)


def _there(user: User | None) -> User:
    if user is None:
        raise SessionEnded("account_deleted")
    return user

"""The state of an account: its role, and whether it is disabled; `by` is None for a command."""

from authsvc.errors import OwnRole
from authsvc.errors.overtaken import Overtaken
from authsvc.events import happening
from authsvc.events.catalogue import AccountDisabled, AccountEnabled, RoleChanged
from authsvc.models.sessions import Session
from authsvc.models.users import ADMIN, User
from authsvc.services import callers, step_up
from authsvc.services.callers import Caller
from authsvc.services.retries import retried
from authsvc.services.users import administrators, profile, roles


def change_role(by: Caller | None, user_id: str, role: str) -> User:
    """Give an account another role, on every worker at once.

    Raises NotFound, OwnRole, LastAdmin, ValidationFailed, FreshLoginRequired.
    """
    roles.require_known(role)
    _set_role(by, user_id, role)
    return _copy_role(user_id)


@retried
def disable(by: Caller | None, user_id: str) -> User:
    """Disable an account and end what is open, also if it was disabled before.

    Whoever had its address before may still take that back later. Raises NotFound, LastAdmin, and for the caller's own
    account FreshLoginRequired.
    """
    user = profile.find(user_id)
    step_up.require_fresh_for_own(by, user_id=str(user.id))
    is_new = user.disabled_at is None
    event = AccountDisabled.done_to(user, callers.id_of(by), repeated=not is_new)
    with administrators.keeping_one(user), happening(event):
        if is_new and User.disable(user) is None:
            raise Overtaken
    return profile.find(user_id)


@retried
def enable(by: Caller | None, user_id: str) -> User:
    """Let the owner of a disabled account sign in again.

    Raises NotFound, and for any role except the default one FreshLoginRequired.
    """
    user = profile.find(user_id)
    if user.disabled_at is None:
        return user
    step_up.require_fresh_for_power(by, user.role)
    with happening(AccountEnabled.done_to(user, callers.id_of(by))):
        if User.enable(user.id) is None:
            raise Overtaken
    return profile.find(user_id)


@retried
def _set_role(by: Caller | None, user_id: str, role: str) -> None:
    user = profile.find(user_id)
    if user.role == role:
        return
    if by is not None and by.user_id == str(user.id):
        raise OwnRole
    # A script's token, or a session left open, makes nobody an administrator.
    step_up.require_fresh_of(by)
    event = RoleChanged.done_to(user, callers.id_of(by), role=role, before=user.role)
    with administrators.keeping_one(user, unless=role == ADMIN), happening(event):
        if User.set_role(user, role) is None:
            raise Overtaken


@retried
def _copy_role(user_id: str) -> User:
    """Copy the role into the live sessions; if it is changed in the meantime, copy that one."""
    user = profile.find(user_id)
    Session.copy_role(user_id, user.role)
    if profile.find(user_id).role != user.role:
        raise Overtaken
    return user

"""Somebody else's account: what an administrator, or whoever runs the service (`by` is None), does to it."""

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

from bson import ObjectId

from authsvc import clock
from authsvc.errors import AccountDisabled, EmailTaken, NotFound, NotReady, OwnRole
from authsvc.models.access_tokens import AccessToken
from authsvc.models.audit import Action
from authsvc.models.sessions import Session
from authsvc.models.users import ADMIN, User
from authsvc.security.passwords import PasswordHash
from authsvc.services import (
    access_tokens,
    administrators,
    audit,
    callers,
    links,
    mail,
    ownership,
    roles,
    sessions,
    users,
)
from authsvc.services.callers import Caller
from authsvc.services.paging import Page
from authsvc.services.users import ChangedMeanwhile

_TURNS = 8
_MANY = 10_000


def find(user_id: str) -> User:
    """Return an account. Raises NotFound."""
    user = User.find(user_id)
    if user is None:
        raise NotFound
    return user


def look_up(text: str) -> User:
    """Return the account with this id or address. Raises NotFound."""
    user = User.find(text) or User.find_by_email(text.strip())
    if user is None:
        raise NotFound(f"There is no account {text}.")
    return user


def count_sessions(user: User) -> int:
    """Return how many live sessions a user has."""
    return len(sessions.list_of(str(user.id), sessions.MAX_LIVE, None, current=None).items)


def count_access_tokens(user: User) -> int:
    """Return how many personal access tokens of a user are good."""
    return len(AccessToken.live(str(user.id), clock.now(), limit=_MANY))


def add(user: User) -> User:
    """Insert an account; an address that was changed away from lately is still taken. Raises EmailTaken."""
    if links.is_reserved(user.email):
        raise EmailTaken
    user.insert()
    if links.is_reserved(user.email):  # it was changed away from at this very moment
        User.remove(user)
        raise EmailTaken
    return user


def invite(by: Caller | None, name: str, email: str, role: str) -> User:
    """Make an account without a password, and mail its owner a link that sets one, good for seven days.

    Raises EmailTaken, ValidationFailed.
    """
    roles.require_known(role)
    user = User(id=ObjectId(), name=name, email=email, role=role)
    link = links.issue("invite", user, email)
    try:
        with (
            audit.recording(Action.ACCOUNT_INVITED, actor=_id(by), target=user.id, role=role),
            mail.announcing("invitation", user.id, to=email, link=link),
        ):
            return add(user)
    except EmailTaken:
        links.withdraw(link)
        raise


def create(name: str, email: str, role: str, password: PasswordHash, *, proved: bool) -> User:
    """Make an account with a password; `proved` says that its address is known to be its owner's.

    Raises EmailTaken, ValidationFailed.
    """
    roles.require_known(role)
    now = clock.now()
    user = User(id=ObjectId(), name=name, email=email, role=role, password=password, password_changed_at=now)
    user.email_verified_at = now if proved else None
    with audit.recording(Action.ACCOUNT_CREATED, target=user.id, role=role):
        return add(user)


def change(by: Caller, user_id: str, changes: dict[str, Any]) -> User:
    """Change role, state and name of an account, those that are given.

    Raises NotFound, OwnRole, LastAdmin, ValidationFailed.
    """
    find(user_id)
    if "role" in changes:
        change_role(by, user_id, changes["role"])
    if "disabled" in changes:
        (disable if changes["disabled"] else enable)(by, user_id)
    if "name" in changes and User.rename(user_id, changes["name"]) is not None:
        audit.record(Action.PROFILE_CHANGED, actor=_id(by), target=user_id, changed=["name"])
    return find(user_id)


def change_role(by: Caller | None, user_id: str, role: str) -> User:
    """Give an account another role, on every worker at once. Raises NotFound, OwnRole, LastAdmin, ValidationFailed."""
    roles.require_known(role)

    def to_role(user: User) -> None:
        if user.role == role:
            return
        if by is not None and by.user_id == str(user.id):
            raise OwnRole
        with (
            nullcontext() if role == ADMIN else administrators.keeping_one(user),
            audit.recording(Action.ROLE_CHANGED, actor=_id(by), target=user.id, role=role, before=user.role),
        ):
            if User.set_role(user, role) is None:
                raise ChangedMeanwhile

    _as_found(user_id, to_role)
    return _with_copied_role(user_id)


def disable(by: Caller | None, user_id: str) -> User:
    """Disable an account, and end what is open; who had its address before may still take that back later.

    What is open is ended where it was disabled before, too. Raises NotFound, LastAdmin, and for one's own account
    FreshLoginRequired.
    """

    def to_disabled(user: User) -> None:
        _require_fresh_for_own(by, user)
        with administrators.keeping_one(user), ownership.changing(str(user.id), "account_disabled"):
            if user.disabled_at is None:
                with audit.recording(Action.ACCOUNT_DISABLED, actor=_id(by), target=user.id):
                    if User.disable(user) is None:
                        raise ChangedMeanwhile

    _as_found(user_id, to_disabled)
    return find(user_id)


def enable(by: Caller | None, user_id: str) -> User:
    """Let the owner of a disabled account sign in again. Raises NotFound."""
    user = find(user_id)
    if user.disabled_at is not None:
        with audit.recording(Action.ACCOUNT_ENABLED, actor=_id(by), target=user.id):
            User.enable(user.id)
    return find(user_id)


def remove(by: Caller | None, user_id: str) -> None:
    """Delete an account, and tell its owner. Raises NotFound, LastAdmin, and for one's own FreshLoginRequired."""

    def to_nothing(user: User) -> None:
        _require_fresh_for_own(by, user)
        users.delete(user, actor=_id(by))

    _as_found(user_id, to_nothing)


def send_reset(by: Caller | None, user_id: str) -> None:
    """Mail the owner of an account a link to set a password. Raises NotFound, AccountDisabled."""
    user, link = _reset_link(by, user_id)
    mail.post("reset", user.id, to=user.email, link=link)


def reset_link(user_id: str) -> str:
    """Return a link that sets the password of an account, for who can't get it by mail.

    Raises NotFound, AccountDisabled.
    """
    return _reset_link(None, user_id)[1]


def list_sessions(by: Caller, user_id: str, limit: int, cursor: str | None) -> Page:
    """Return a page of a user's live sessions, newest first. Raises NotFound."""
    return sessions.list_of(str(find(user_id).id), limit, cursor, current=by.session_id)


def end_sessions(by: Caller | None, user_id: str) -> None:
    """Sign a user out everywhere, and let no sign-in half done be completed. Raises NotFound."""
    ownership.end_access(str(find(user_id).id), "admin", tokens=False, actor=_id(by))


def list_access_tokens(user_id: str, limit: int, cursor: str | None) -> Page:
    """Return a page of a user's personal access tokens, newest first. Raises NotFound."""
    return access_tokens.list_of(str(find(user_id).id), limit, cursor)


def revoke_access_tokens(by: Caller | None, user_id: str) -> None:
    """Revoke all of a user's personal access tokens. Raises NotFound."""
    access_tokens.revoke_all(str(find(user_id).id), actor=_id(by))


def _reset_link(by: Caller | None, user_id: str) -> tuple[User, str]:
    user = find(user_id)
    if user.disabled_at is not None:
        raise AccountDisabled
    audit.record(Action.PASSWORD_RESET_REQUESTED, actor=_id(by), target=user.id)
    return user, links.issue("reset", user, user.email)


def _require_fresh_for_own(by: Caller | None, user: User) -> None:
    """Ask of an administrator what everybody is asked for on their own account."""
    if by is not None and by.user_id == str(user.id):
        callers.require_fresh(by)


def _as_found(user_id: str, change: Callable[[User], None]) -> None:
    """Do something to an account as it is found, and once more where somebody else changed it meanwhile."""
    for _ in range(_TURNS):
        try:
            return change(find(user_id))
        except ChangedMeanwhile:
            continue
    raise NotReady("The account is being changed by others: try again.")


def _with_copied_role(user_id: str) -> User:
    """Copy the role into the live sessions; where it was changed meanwhile, that one."""
    user = find(user_id)
    for _ in range(_TURNS):
        Session.copy_role(user_id, user.role)
        now = find(user_id)
        if now.role == user.role:
            break
        user = now
    return user


def _id(by: Caller | None) -> str | None:
    return by.user_id if by is not None else None

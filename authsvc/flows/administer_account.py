"""Administer an account: what an administrator, or a command (`by` is None), does to it."""

from typing import Any

from authsvc.errors import AccountDisabled
from authsvc.errors.overtaken import Overtaken
from authsvc.events import happened, happening
from authsvc.events.catalogue import (
    AccessTokensRevoked,
    EmailVerifiedByAdmin,
    PasswordResetRequested,
    SecondFactorsReset,
    SignedOutByAdmin,
)
from authsvc.models.letters import LetterKind
from authsvc.models.links import LinkPurpose
from authsvc.models.users import DEFAULT, User
from authsvc.services import callers, identities, links, mail, step_up, throttles, ways_in
from authsvc.services.callers import Caller
from authsvc.services.retries import retried
from authsvc.services.users import profile, state

_LETTER_LIMIT = "reset by an administrator"
"""What strangers ask for is counted apart, so that they can't keep an administrator from sending a link."""


def change(by: Caller, user_id: str, changes: dict[str, Any]) -> User:
    """Change `role`, `disabled` and `name` of an account, those that `changes` has.

    Raises NotFound, OwnRole, LastAdmin, ValidationFailed, FreshLoginRequired (before anything is changed).
    """
    user = profile.find(user_id)
    if changes.get("role", user.role) != user.role:
        step_up.require_fresh_of(by)
    if changes.get("disabled") is False and user.disabled_at is not None:
        step_up.require_fresh_for_power(by, user.role)
    if "role" in changes:
        state.change_role(by, user_id, changes["role"])
    if changes.get("disabled") is True:
        state.disable(by, user_id)
    if changes.get("disabled") is False:
        state.enable(by, user_id)
    if "name" in changes:
        profile.rename(by, user_id, changes["name"])
    return profile.find(user_id)


def sign_out(by: Caller | None, user_id: str) -> None:
    """Sign a user out everywhere, and end sign-ins whose second factor is still to come. Raises NotFound."""
    happened(SignedOutByAdmin.done_to(profile.find(user_id), callers.id_of(by)))


def revoke_access_tokens(by: Caller | None, user_id: str) -> None:
    """Revoke all of a user's personal access tokens. Raises NotFound."""
    happened(AccessTokensRevoked.done_to(profile.find(user_id), callers.id_of(by)))


def send_reset_link(by: Caller | None, user_id: str) -> None:
    """Mail the owner of an account a link to set a password. Raises NotFound, AccountDisabled, TooManyAttempts."""
    throttles.count(throttles.for_letter(_LETTER_LIMIT, user_id.lower()))
    user = profile.find(user_id)
    mail.post(LetterKind.RESET, user.id, to=user.email, link=_make_reset_link(by, user))


def reset_link(by: Caller | None, user_id: str) -> str:
    """Return a link that sets the password of an account, for a user who can't get it by mail.

    Raises NotFound, AccountDisabled.
    """
    return _make_reset_link(by, profile.find(user_id))


def reset_second_factors(by: Caller | None, user_id: str) -> None:
    """Remove all second factors of a user who has lost them and is known by other means.

    A user who has nothing left to sign in by gets a link to set a password. Raises NotFound. Raises FreshLoginRequired
    for the caller's own account, as everywhere, and for any role except the default one: somebody may know the password
    of such an account, and would get its role.
    """
    user = profile.find(user_id)
    _require_fresh_for_credentials(by, user)
    with happening(SecondFactorsReset.done_to(user, callers.id_of(by), repeated=not user.has_factor)):
        if user.has_factor:
            User.clear_factors(user_id)
    if user.has_factor:
        _send_way_in(profile.find(user_id))


@retried
def verify_email(by: Caller, user_id: str) -> User:
    """Vouch for the address of an account: it is verified, and stays with whoever holds it, as it is.

    Its links that verify the address end. Raises NotFound, AccountDisabled, NotReady after eight attempts.
    """
    user = profile.find(user_id)
    if user.disabled_at is not None:
        raise AccountDisabled
    if user.is_verified:
        return user
    with happening(EmailVerifiedByAdmin.done_to(user, callers.id_of(by))):
        verified = User.vouch_for_email(user)
        if verified is None:
            raise Overtaken
    return verified


def unlink_identities(by: Caller | None, user_id: str) -> None:
    """Let no identity at another provider sign in to an account any longer. Sessions go on.

    A user who has nothing left to sign in by gets a link to set a password. Raises NotFound, NotReady, and
    FreshLoginRequired as `reset_second_factors` does.
    """
    user = profile.find(user_id)
    _require_fresh_for_credentials(by, user)
    if user.all_identities:
        _send_way_in(identities.unlink_all(str(user.id), callers.id_of(by)))


def _require_fresh_for_credentials(by: Caller | None, user: User) -> None:
    """Ask for a fresh sign-in for one's own account, and for any with another role than the default one."""
    if by is not None and (str(user.id) == by.user_id or user.role != DEFAULT):
        step_up.require_fresh(by)


def _send_way_in(user: User) -> None:
    """Mail a user a link to set a password, if there is nothing else to sign in by, and room for a letter."""
    if not ways_in.is_claimed(user) and throttles.has_room(throttles.for_letter(_LETTER_LIMIT, str(user.id))):
        mail.post(LetterKind.RESET, user.id, to=user.email, link=links.issue(LinkPurpose.RESET, user, user.email))


def _make_reset_link(by: Caller | None, user: User) -> str:
    """Return a link that sets an account's password. Raises AccountDisabled."""
    if user.disabled_at is not None:
        raise AccountDisabled
    happened(PasswordResetRequested.done_to(user, callers.id_of(by)))
    return links.issue(LinkPurpose.RESET, user, user.email)

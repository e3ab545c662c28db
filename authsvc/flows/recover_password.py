"""Recover the password: ask for a link by mail, and set a new password with it."""

from authsvc.errors import LinkInvalid
from authsvc.events import happening
from authsvc.events.catalogue import EmailVerifiedByReset, PasswordReset, PasswordResetRequested
from authsvc.events.event import Event
from authsvc.flows import request_link
from authsvc.methods import email_code
from authsvc.models.links import LinkPurpose
from authsvc.models.users import User
from authsvc.security.passwords import PasswordHash
from authsvc.services import links, passwords, throttles
from authsvc.services.email_codes import Issued
from authsvc.services.links import LiveLink
from authsvc.settings import Limit

_PURPOSES = (LinkPurpose.RESET, LinkPurpose.INVITE)
"""Of the links that set a password."""


def request(email: str, *, challenge: bool = False, return_to: str | None = None) -> Issued | None:
    """Send the owner of an account a link to set a new password. Raises TooManyAttempts, by network."""
    return request_link.request(
        LinkPurpose.RESET,
        email,
        limit=Limit.FORGOT_ACCOUNT,
        event=PasswordResetRequested,
        is_wanted=lambda _: True,
        challenge=challenge,
        return_to=return_to,
    )


def reset(token: str, new_password: str) -> User:
    """Set a new password with a link, and end everything that was open to whoever knew the old one; return the user.

    It verifies the address, and signs nobody in. Second factors are removed only if nobody had verified the address
    before: they guard an account against whoever reads its mail (R79). Raises LinkInvalid, ValidationFailed,
    TooManyAttempts, HashingBusy.
    """
    with throttles.counting_failures(throttles.by_network(Limit.LINK_ADDRESS), LinkInvalid):
        return _set(links.find(token, *_PURPOSES), new_password)


def reset_by_code(challenge_id: str, code: str, new_password: str) -> User:
    """Set a new password with the code beside such a link, likewise.

    Raises EmailCodeInvalid, ValidationFailed, TooManyAttempts, HashingBusy.
    """
    with email_code.link_beside(challenge_id, code, LinkPurpose.RESET) as (_, live):
        return _set(live, new_password)


def _set(live: LiveLink, new_password: str) -> User:
    """Set a new password with a link. Raises LinkInvalid, ValidationFailed, HashingBusy."""
    passwords.check(new_password, live.user.email, live.user.name or "", pointer="/newPassword")
    with passwords.in_turn(live.user):
        # Of many who use the account's links at once few hash in vain: the others find theirs spent by now.
        user = links.find_by_digest(live.link.digest, *_PURPOSES).user
        _reset(user, passwords.hashed(new_password))
    return user


def _reset(user: User, new: PasswordHash) -> None:
    events: list[Event] = [PasswordReset.by_owner(user)]
    if not user.is_verified:
        events.append(EmailVerifiedByReset.by_owner(user))
    with happening(*events):
        if User.reset_password(user, new) is None:
            raise LinkInvalid

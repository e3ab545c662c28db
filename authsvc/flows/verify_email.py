"""Verify an address: with the link that was sent to it, or the code beside that."""

from collections.abc import Callable

from flask import current_app

from authsvc.errors import LinkInvalid
from authsvc.errors.overtaken import Overtaken
from authsvc.events import happening
from authsvc.events.catalogue import EmailVerified, EmailVerifiedElsewhere, VerificationRequested
from authsvc.flows import change_email, request_link
from authsvc.methods import email_code
from authsvc.models.letters import LetterKind
from authsvc.models.links import LinkPurpose
from authsvc.models.users import User
from authsvc.services import email_codes, links, mail, sessions, throttles, ways_in
from authsvc.services.email_codes import Issued, Whose
from authsvc.services.links import LiveLink
from authsvc.services.retries import retried
from authsvc.settings import Limit


def send_link(
    user: User,
    *,
    post: Callable[..., None] = mail.post_without_waking,
    challenge: bool = False,
    return_to: str | None = None,
) -> Issued | None:
    """Send the owner of an account that was just registered the link that verifies its address, unless that is off.

    With `challenge` there is a code beside it, and whoever registered gets the id that it is valid with.
    """
    if not _is_unverified(user):
        return None
    link = links.issue(LinkPurpose.VERIFY, user, user.email, return_to=return_to)
    whose = Whose(user, user.email)
    issued = email_codes.issue_if(challenge, LinkPurpose.VERIFY, whose, link, registered=True)
    post(LetterKind.VERIFY, user.id, to=user.email, link=link, **email_codes.facts_of(issued))
    return issued


def send_first_link(user: User, *, challenge: bool, return_to: str | None) -> Issued | None:
    """Send the owner of an account that was just registered that link, if there is room for such a letter."""
    if not _is_unverified(user):
        return None
    room = throttles.for_letter(LetterKind.VERIFY, user.email, user.id), throttles.to_address(user.email)
    if not throttles.has_room(*room):
        return None
    return send_link(user, post=mail.post_counted, challenge=challenge, return_to=return_to)


def resend(email: str, *, challenge: bool = False, return_to: str | None = None) -> Issued | None:
    """Send the link once more if there is something to verify. Raises TooManyAttempts, by network."""
    return request_link.request(
        LinkPurpose.VERIFY,
        email,
        limit=Limit.VERIFY_ACCOUNT,
        event=VerificationRequested,
        # Verifying an account that its owner has not set up yet would end its invitation.
        is_wanted=lambda user: _is_unverified(user) and ways_in.is_claimed(user),
        challenge=challenge,
        return_to=return_to,
    )


def verify(token: str, session_id: str | None) -> User:
    """Verify an address by a link: the account's own, or the one it is to change to.

    Whoever verifies an address owns the account. In one of its own sessions (`session_id`) that is its present user:
    password, factors and that session stay; other sessions and access tokens end. Elsewhere it may be anybody, and
    anybody may have set up what was there: all of it is removed, and the same token sets a password within the hour.
    Raises LinkInvalid, EmailTaken, TooManyAttempts.
    """
    with throttles.counting_failures(throttles.by_network(Limit.LINK_ADDRESS), LinkInvalid):
        live = links.find(token, LinkPurpose.VERIFY, LinkPurpose.CHANGE)
        own = _own_session(session_id, live.user)
        if live.link.purpose == LinkPurpose.CHANGE:
            user = change_email.confirm(live, own)
        else:
            user = _confirm(live, own, keep=own is not None)
    if own is None:
        links.let_set_password(live.link.digest, user)
    return user


def verify_by_code(challenge_id: str, code: str, session_id: str | None) -> User:
    """Verify an account's own address by the code beside its link, likewise.

    Whoever registered the account and types its first code proves to be the same person who reads its mail, signed in
    or not: the password stays. Raises EmailCodeInvalid, TooManyAttempts.
    """
    with email_code.link_beside(challenge_id, code, LinkPurpose.VERIFY) as (challenge, live):
        own = _own_session(session_id, live.user)
        keep = own is not None or challenge.registered
        user = _confirm(live, own, keep=keep)
    if not keep:
        links.let_set_password(challenge.link, user)
        email_codes.let_set_password(challenge)
    return user


@retried
def prove(user_id: str) -> User | None:
    """Return the account, verified: whoever caused this has shown a secret from the mailbox, in none of its sessions.

    What anybody set up before the address was verified is removed (R112). None if the account is gone.
    """
    user = User.find(user_id)
    if user is None or user.is_verified or user.disabled_at is not None:
        return user
    with happening(EmailVerifiedElsewhere.by_owner(user)):
        proved = User.verify_email(user.id, user.email, keep=False)
        if proved is None:
            raise Overtaken
    return proved


def _is_unverified(user: User) -> bool:
    """Tell whether the address is to be verified and nobody has."""
    return current_app.config["EMAIL_VERIFICATION"] != "off" and not user.is_verified


def _own_session(session_id: str | None, user: User) -> str | None:
    return session_id if session_id is not None and sessions.is_of(session_id, user.id) else None


def _confirm(live: LiveLink, own: str | None, *, keep: bool) -> User:
    """Mark the account's own address as verified; what was set up stays if `keep`. Raises LinkInvalid."""
    event = EmailVerified if keep else EmailVerifiedElsewhere
    with happening(event.by_owner(live.user, own_session=own)):
        user = User.verify_email(live.user.id, live.link.email, keep=keep)
        if user is None:
            raise LinkInvalid
    return user

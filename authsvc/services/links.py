"""Links: one-time secrets that are sent by mail. Opaque, stored as hashes, and spent by what they do."""

import hashlib
import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from flask import current_app

from authsvc import clock
from authsvc.errors import LinkInvalid, TooManyAttempts
from authsvc.models.ids import new_id
from authsvc.models.links import Link, LinkPurpose
from authsvc.models.users import User
from authsvc.security import opaque_tokens, return_targets, stored_addresses

PREFIX = "asl_"
MOST_UNDOS = 250
"""How many changes of address can be undone at once; beyond that no further change is begun, and no link dropped."""

LONGEST_UNDO = timedelta(days=14)
"""For how long a change can be undone at most if others are made after it."""

_SIDE_BY_SIDE = (LinkPurpose.REVERT, LinkPurpose.RESET, LinkPurpose.VERIFY)
"""Purposes whose links replace no earlier one."""

LIVES = {
    LinkPurpose.VERIFY: timedelta(days=2),  # verifies the address of an account
    LinkPurpose.CHANGE: timedelta(days=1),  # verifies the address that it is to change to
    LinkPurpose.REVERT: timedelta(days=7),  # undoes a change of address
    LinkPurpose.RESET: timedelta(minutes=60),  # sets a password
    LinkPurpose.INVITE: timedelta(days=7),  # sets the first password of an account that somebody else made
}
"""How long a link is valid. ASVS 6.5.5 asks for less from codes that people type; these have 256 bits."""

_PAGES = {
    LinkPurpose.VERIFY: "verify-email",
    LinkPurpose.CHANGE: "verify-email",
    LinkPurpose.REVERT: "undo-email",
    LinkPurpose.RESET: "reset-password",
    LinkPurpose.INVITE: "reset-password",
}


@dataclass(frozen=True, slots=True)
class LiveLink:
    """A link that is valid at this moment, and the user it belongs to."""

    link: Link
    user: User


def issue(
    purpose: LinkPurpose,
    user: User,
    email: str,
    *,
    session: str = "",
    epoch: int | None = None,
    since: datetime | None = None,
    return_to: str | None = None,
) -> str:
    """Make a link for a user, to be sent to `email`; return its address.

    Replaces the earlier link for the same purpose, except those that anybody may ask for (of several letters each is
    valid until one is used) and undo links (each undoes one change). It is valid while the `session` that asked for it
    is live, if there is one. `epoch` is for an account as it will be: such a link replaces none, since that may be the
    one that is mailed. `since` is when an intruder may have been there first, for an undo link.
    Its page leads on to `return_to`, which is in the address only.
    """
    made_at = clock.now()
    replaces_none = purpose in _SIDE_BY_SIDE or epoch is not None
    key = f"{purpose}:{new_id()}" if replaces_none else f"{purpose}:{user.id}"
    link = Link(
        key=key,
        purpose=purpose,
        user=user.id,
        email=email,
        session=session,
        since=since,
        made_at=made_at if since is not None else None,
        expires_at=made_at + LIVES[purpose],
    )
    now = user.email if purpose == LinkPurpose.CHANGE else email
    return _stored(link, _state(purpose, now, user.link_epoch if epoch is None else epoch), return_to)


def issue_decoy(purpose: LinkPurpose, email: str, *, return_to: str | None = None) -> str:
    """Do the work of making a link, for nobody; return an address that leads nowhere.

    Replaces the earlier decoy for the same address if a link of an account would.
    """
    replaces_none = purpose in _SIDE_BY_SIDE
    key = f"{purpose}:{new_id()}" if replaces_none else f"{purpose}:-{hashlib.sha256(email.encode()).hexdigest()}"
    return _stored(Link(key=key, purpose=purpose, user=new_id(), email="-", expires_at=clock.now()), "-", return_to)


def find(text: str, *purposes: LinkPurpose) -> LiveLink:
    """Return the link with this secret, if it is for one of the purposes and what it was made for is still so.

    Raises LinkInvalid.
    """
    if not opaque_tokens.is_well_formed(text, PREFIX):
        raise LinkInvalid
    return find_by_digest(opaque_tokens.digest(text), *purposes)


def find_by_digest(digest: str, *purposes: LinkPurpose) -> LiveLink:
    """Return the link with this digest of its secret, likewise. Raises LinkInvalid."""
    link = Link.find_by_digest(digest, clock.now())
    if link is None or link.purpose not in purposes:
        raise LinkInvalid
    user = User.find(str(link.user))
    if user is None or user.disabled_at is not None or not _stands(link, user):
        raise LinkInvalid
    return LiveLink(link, user)


def change_of(user: User) -> Link | None:
    """Return the link that is to change a user's address, if one is valid as far as it tells."""
    waiting = Link.live(user.id, LinkPurpose.CHANGE, clock.now())
    return next((link for link in waiting if _stands(link, user)), None)


def is_reserved(email: str, user_id: str | None = None) -> bool:
    """Tell whether another account has changed away from an address so lately that it may still take it back."""
    # Kept in its canonical form; version 0.1 kept it as it was stored.
    undos = [Link.find_by_email(LinkPurpose.REVERT, form, clock.now()) for form in stored_addresses.spellings(email)]
    return any(link is not None and str(link.user) != user_id for link in undos)


def undos_of(user: User) -> list[Link]:
    """Return the links that can still undo a change of a user's address, oldest first."""
    live = {link.digest: link for link in Link.live(user.id, LinkPurpose.REVERT, clock.now())}
    return [live[digest] for digest in user.undo_links or [] if digest in live]


def going_back(undos: list[Link], email: str) -> list[Link] | None:
    """Return which of the `undos` stay if the address becomes one that they restore; None if it is another.

    Those up to the oldest that restores it. That one too: it still removes what an intruder set up.
    """
    restored = (number for number, link in enumerate(undos) if email in stored_addresses.spellings(link.email))
    oldest = next(restored, None)
    return None if oldest is None else undos[: oldest + 1]


def outlive_the_next(undos: list[Link]) -> None:
    """Let the `undos` live as long as one that is made now: who had the account first has the last word.

    Until 14 days after the oldest of those changes at most, or addresses would be reserved without end.
    """
    if undos and undos[0].made_at is not None:  # of version 0.1: it lives as long as its letter says
        until = min(clock.now() + LIVES[LinkPurpose.REVERT], undos[0].made_at + LONGEST_UNDO)
        Link.prolong(undos[0].user, [link.digest for link in undos], until)


def require_room_for_undo(user: User, email: str) -> None:
    """Refuse another change of address while too many can still be undone. Raises TooManyAttempts.

    A change that is an undo itself needs no room.
    """
    undos = undos_of(user)
    if len(undos) >= MOST_UNDOS and going_back(undos, email) is None:
        wait = math.ceil((min(link.expires_at for link in undos) - clock.now()).total_seconds())
        raise TooManyAttempts("undo_links", MOST_UNDOS, int(LIVES[LinkPurpose.REVERT].total_seconds()), wait)


def let_set_password(digest: str, user: User) -> None:
    """Let the link that has just verified a user's address set the password too, once, for as long as a reset link.

    `user` is the account as verifying left it: links that were sent before are no longer valid.
    """
    link = Link(
        key=f"{LinkPurpose.RESET}:{new_id()}",
        purpose=LinkPurpose.RESET,
        user=user.id,
        email=user.email,
        digest=digest,
        state=_state(LinkPurpose.RESET, user.email, user.link_epoch),
        expires_at=clock.now() + LIVES[LinkPurpose.RESET],
    )
    link.put()


def spend(live: LiveLink, *later: str) -> bool:
    """Delete a link that has done what it was made for, and `later` ones that it has ended (by their digests).

    Tell whether it was this call that did: of several who use a link at once one does.
    """
    for digest in later:
        Link.remove(digest)
    return Link.remove(live.link.digest)


def drop(links: list[Link]) -> None:
    """Delete links that the account no longer knows."""
    for link in links:
        Link.remove(link.digest)


def withdraw(address: str) -> None:
    """Delete a link whose reason did not come about."""
    Link.remove(digest_of(address))


def digest_of(address: str) -> str:
    """Return what is stored of the secret in a link's address."""
    return opaque_tokens.digest(address.rpartition("=")[2])


def drop_dead_resets(user: User) -> None:
    """Delete a user's links to set a password that were made for another password or address than there is now."""
    Link.remove_but(user.id, LinkPurpose.RESET, _state(LinkPurpose.RESET, user.email, user.link_epoch))


def cancel(user_id: str, *purposes: LinkPurpose) -> None:
    """Delete a user's links for these purposes."""
    Link.remove_all(user_id, *purposes)


def _stored(link: Link, state: str, return_to: str | None) -> str:
    text = opaque_tokens.generate(PREFIX)
    link.digest, link.state = opaque_tokens.digest(text), state
    link.put()
    page = f"{current_app.config['LINK_URL']}/{_PAGES[LinkPurpose(link.purpose)]}"
    return f"{page}{return_targets.as_query(return_to)}#token={text}"


def _stands(link: Link, user: User) -> bool:
    """Tell whether what a link was made for is still so: using it changes that, so it works once."""
    if link.purpose == LinkPurpose.REVERT:  # or it was undone already, and a crash may have left the rest to do
        return link.digest in (user.undo_links or []) or link.email == user.email
    if link.purpose == LinkPurpose.VERIFY and user.is_verified:
        return False
    return link.state == _state(link.purpose, user.email, user.link_epoch)


def _state(purpose: str, email: str, epoch: int | None) -> str:
    """Return a digest of what must still be so: the address and, except to verify it, that nothing has changed."""
    since = 0 if purpose in (LinkPurpose.VERIFY, LinkPurpose.REVERT) else epoch or 0
    return hashlib.sha256(repr((str(purpose), email, since)).encode()).hexdigest()

"""Links: one-time secrets that travel by mail. Opaque, kept as hashes, and spent by what they do."""

import hashlib
from dataclasses import dataclass
from datetime import timedelta

from bson import ObjectId
from flask import current_app

from authsvc import clock
from authsvc.errors import LinkInvalid
from authsvc.models.links import Link
from authsvc.models.users import User
from authsvc.security import opaque_tokens

PREFIX = "asl_"

LIVES = {
    "verify": timedelta(days=2),
    "change": timedelta(days=1),
    "revert": timedelta(days=7),
    "reset": timedelta(minutes=60),
    "invite": timedelta(days=7),
}
"""For how long a link for each purpose is good: to prove an address, to prove a new one, to take the change of an
address back, to set a password, to set the first one of an account that somebody else made (ASVS 6.5.5 asks for less
from codes that people type; these have 256 bits)."""

_PAGES = {
    "verify": "verify-email",
    "change": "verify-email",
    "revert": "undo-email",
    "reset": "reset-password",
    "invite": "reset-password",
}


@dataclass(frozen=True, slots=True)
class Found:
    """A link that is good at this moment, and whose it is."""

    link: Link
    user: User


def issue(purpose: str, user: User, email: str, *, session: str = "", epoch: int | None = None) -> str:
    """Make a link for a user, to be sent to `email`; return its address.

    It takes the place of an earlier one, but one that takes a change back: of those each undoes its own change. It is
    good while the `session` that asked for it is live, where one is named. `epoch` is for an account as it will be:
    such a link takes no other's place, since that may be the one that is mailed.
    """
    alone = purpose == "revert" or epoch is not None
    key = f"{purpose}:{ObjectId()}" if alone else f"{purpose}:{user.id}"
    expires_at = clock.now() + LIVES[purpose]
    link = Link(key=key, purpose=purpose, user=user.id, email=email, session=session, expires_at=expires_at)
    now = user.email if purpose == "change" else email
    return _stored(link, _state(purpose, now, user.link_epoch if epoch is None else epoch))


def issue_in_vain(purpose: str, email: str) -> str:
    """Do the work of making a link, for nobody; return an address that leads nowhere.

    It takes the place of the one that was made in vain for the same address before, as that of an account would.
    """
    key = f"{purpose}:-{hashlib.sha256(email.encode()).hexdigest()}"
    return _stored(Link(key=key, purpose=purpose, user=ObjectId(), email="-", expires_at=clock.now()), "-")


def find(text: str, *purposes: str) -> Found:
    """Return the link whose secret this is, if it is for one of the purposes and what it was made for still stands.

    Raises LinkInvalid.
    """
    if not opaque_tokens.is_well_formed(text, PREFIX):
        raise LinkInvalid
    link = Link.find_by_digest(opaque_tokens.digest(text), clock.now())
    if link is None or link.purpose not in purposes:
        raise LinkInvalid
    user = User.find(str(link.user))
    if user is None or user.disabled_at is not None or not _stands(link, user):
        raise LinkInvalid
    return Found(link, user)


def is_reserved(email: str, user_id: str | None = None) -> bool:
    """Tell whether an address was changed away from so lately that its owner may still take that back."""
    link = Link.find_by_email("revert", email, clock.now())
    return link is not None and str(link.user) != user_id


def spend(found: Found, *later: str) -> bool:
    """Delete a link that has done what it was made for, and `later` ones that it has ended (by their digests).

    Tell whether it was this call that did: of several who use a link at once one does.
    """
    for digest in later:
        Link.remove(digest)
    return Link.remove(found.link.digest)


def withdraw(address: str) -> None:
    """Delete a link that was made for what did not happen."""
    Link.remove(digest_of(address))


def digest_of(address: str) -> str:
    """Return what is stored of the secret in a link's address."""
    return opaque_tokens.digest(address.rpartition("=")[2])


def cancel(user_id: str, *purposes: str) -> None:
    """Delete a user's links for these purposes."""
    Link.remove_all(user_id, *purposes)


def _stored(link: Link, state: str) -> str:
    text = opaque_tokens.generate(PREFIX)
    link.digest, link.state = opaque_tokens.digest(text), state
    link.put()
    return f"{current_app.config['PUBLIC_URL']}/account/{_PAGES[link.purpose]}#token={text}"


def _stands(link: Link, user: User) -> bool:
    """Tell whether what a link was made for is still so: using it changes that, so it works once."""
    if link.purpose == "revert":  # or its change is taken back already, and what belongs to that may be left to do
        return link.digest in (user.undo_links or []) or link.email == user.email
    if link.purpose == "verify" and user.is_proved:
        return False
    return link.state == _state(link.purpose, user.email, user.link_epoch)


def _state(purpose: str, email: str, epoch: int | None) -> str:
    """Return a digest of what must still be so: the address and, but for proving it, that nothing was changed since."""
    since = 0 if purpose in ("verify", "revert") else epoch or 0
    return hashlib.sha256(repr((purpose, email, since)).encode()).hexdigest()

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
}
"""For how long a link for each purpose is good: to prove an address, to prove a new one, to take the change of an
address back, to set a password (ASVS 6.5.5 asks for less from codes that people type; these have 256 bits)."""

_PAGES = {"verify": "verify-email", "change": "verify-email", "revert": "undo-email", "reset": "reset-password"}


@dataclass(frozen=True, slots=True)
class Found:
    """A link that is good at this moment, and whose it is."""

    link: Link
    user: User


def issue(purpose: str, user: User, email: str) -> str:
    """Make a link for a user, to be sent to `email`; return its address.

    It takes the place of an earlier one, but one that takes a change back: of those each undoes its own change.
    """
    key = f"revert:{ObjectId()}" if purpose == "revert" else f"{purpose}:{user.id}"
    expires_at = clock.now() + LIVES[purpose]
    return _stored(
        Link(key=key, purpose=purpose, user=user.id, email=email, expires_at=expires_at), _state(purpose, user)
    )


def issue_in_vain(purpose: str) -> str:
    """Do the work of making a link, for nobody; return an address that leads nowhere."""
    nobody = ObjectId()
    key = f"{purpose}:{nobody}"
    return _stored(Link(key=key, purpose=purpose, user=nobody, email="-", expires_at=clock.now()), "-")


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
    if user is None or user.disabled_at is not None or _state(link.purpose, user) != link.state:
        raise LinkInvalid
    return Found(link, user)


def is_reserved(email: str, user_id: str | None = None) -> bool:
    """Tell whether an address was changed away from so lately that its owner may still take that back."""
    link = Link.find_by_email("revert", email, clock.now())
    return link is not None and str(link.user) != user_id


def spend(found: Found) -> None:
    """Delete a link that has done what it was made for."""
    Link.remove(found.link.digest)


def withdraw(address: str) -> None:
    """Delete a link that was made for what did not happen."""
    Link.remove(opaque_tokens.digest(address.rpartition("=")[2]))


def cancel(user_id: str, *purposes: str) -> None:
    """Delete a user's links: those for these purposes, or all."""
    Link.remove_all(user_id, *purposes)


def _stored(link: Link, state: str) -> str:
    text = opaque_tokens.generate(PREFIX)
    link.digest, link.state = opaque_tokens.digest(text), state
    link.put()
    return f"{current_app.config['PUBLIC_URL']}/account/{_PAGES[link.purpose]}#token={text}"


def _state(purpose: str, user: User) -> str:
    """Return what must still be so when a link is used, as a digest: using it changes that, so it works once.

    The link that takes a change of address back asks for nothing: whatever was changed since, it undoes.
    """
    watched = {
        "verify": (user.email, user.email_verified_at is None, user.password),
        "change": (user.email,),
        "reset": (user.email, user.password),
        "revert": (),
    }[purpose]
    return hashlib.sha256(repr((purpose, *map(str, watched))).encode()).hexdigest()

"""Which letters may go: how many of which class to one address."""

from bson import ObjectId
from flask import current_app

from authsvc import logs, metrics
from authsvc.models.letters import LetterKind
from authsvc.models.users import User
from authsvc.security import stored_addresses
from authsvc.services import devices, throttles
from authsvc.services.throttles import Bucket
from authsvc.settings import Limit

ASKED_FOR = frozenset(
    {
        *(LetterKind.VERIFY, LetterKind.CHANGE, LetterKind.RESET, LetterKind.KNOWN),
        *(LetterKind.INVITATION, LetterKind.TAKEN, LetterKind.SIGN_IN, LetterKind.SIGN_UP, LetterKind.REAUTHENTICATION),
    }
)
TO_SIGN_IN = frozenset({LetterKind.SIGN_IN, LetterKind.SIGN_UP})
_COUNTED = frozenset({LetterKind.RESET, LetterKind.INVITATION, LetterKind.REAUTHENTICATION})
"""Whoever asks for these is told if there is no room for more: an administrator, or somebody signed in."""
OF_THE_WAY_BACK = frozenset({LetterKind.EMAIL_CHANGED, LetterKind.EMAIL_RESTORED, LetterKind.EMAIL_TAKEN_BACK})
MINOR = frozenset({LetterKind.ACCESS_TOKEN_MADE, LetterKind.NEW_SIGN_IN, LetterKind.EMAIL_CHANGE_REQUESTED})
"""Notices that a signed-in user can cause many of. All others are alarms, which these must not crowd out."""

_log = logs.get(__name__)


def may_be_told(user: User) -> bool:
    """Tell whether notices go to this user: an unverified address gets only the link that verifies it."""
    # Its owner may not be the person who registered it. If verification is off no address is ever verified.
    return user.is_verified or current_app.config["EMAIL_VERIFICATION"] == "off"


def has_room(kind: str, limit: Limit, user: User | None, email: str) -> bool:
    """Count a request for a letter, and tell whether there is room for it: in `limit`, and among those of its kind.

    Anybody may ask, and `user` is None for an unknown address. Raises TooManyAttempts, by network.
    """
    target = user.id if user is not None else None
    recognition = devices.recognise(user)
    by_network = throttles.by_network(Limit.LETTER_ADDRESS)
    throttles.count(throttles.any_of(Limit.LETTER_ADDRESS, recognition.known) if recognition.by_cookie else by_network)
    # Strangers don't use up the limit of the places where the user is known. All those places share one. Somebody who
    # registers an address that is not theirs is known anywhere they like, so an account must be one that gets notices.
    is_friend = user is not None and not recognition.is_new and may_be_told(user)
    asker = f"known places of {target}" if is_friend else email
    return throttles.has_room(Bucket(limit, asker, target), throttles.for_letter(kind, asker, target))


def admits(kind: LetterKind, owner: ObjectId, to: str, *, verified: bool = False) -> tuple[bool, Bucket | None]:
    """Tell whether a letter may go now, and in which bucket it was counted, if it was.

    Each address has three classes of letters, counted apart, so that none can be filled up to keep another back. Those
    that somebody asks for are also counted when their links are made, an administrator's, and of
    somebody signed in, only then. Those that give an
    account back always go to a verified address: only its owner can cause them.
    """
    if kind in ASKED_FOR:
        return kind in _COUNTED or throttles.has_room(throttles.to_address(to)), None
    user, to = User.find(str(owner)), stored_addresses.mailbox(to)
    own = stored_addresses.mailbox(user.email or "") if user is not None and user.is_verified else ""
    verified = verified or own.lower() == to.lower()
    if kind in OF_THE_WAY_BACK:
        if verified or kind != LetterKind.EMAIL_CHANGED:
            return True, None
        bucket = throttles.for_letter(kind, to, owner)
    elif user is not None and (verified or may_be_told(user)):
        bucket = Bucket(Limit.NOTICE_LETTERS, f"{'minor' if kind in MINOR else 'alarm'} {to}", owner)
    else:
        bucket = None
    if bucket is not None and throttles.has_room(bucket):
        return True, bucket
    metrics.LETTERS.labels("suppressed").inc()
    _log.info("letter.suppressed", kind=kind, user=str(owner), cause="unproved" if bucket is None else bucket.limit)
    return False, None

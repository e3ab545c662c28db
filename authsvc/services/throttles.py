"""Throttles: how often something may be tried, counted before the work and over all workers and machines.

The limits and their settings are those of `settings.LIMITS`; a limit of 10/60 lets 10 pass in the minute that begins
with the first of them. Those of `settings.ROWS` have no window: a success breaks the row.
"""

import hashlib
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from bson import ObjectId
from flask import current_app

from authsvc import clock, metrics, origin, settings
from authsvc.errors import Problem, TooManyAttempts
from authsvc.events import happened
from authsvc.events.catalogue import AttemptsThrottled
from authsvc.models.throttles import Throttle
from authsvc.security import stored_addresses
from authsvc.security.networks import network_of
from authsvc.services.callers import Caller
from authsvc.settings import Limit


@dataclass(frozen=True, slots=True)
class Bucket:
    """Attempts that are counted together under a limit; `user` is the account they concern, if it is known.

    `otherwise` is the bucket that counts once this one is full: a caller may be known by several things, and somebody
    else may have planted some of them.
    """

    limit: Limit
    whose: str
    user: str | ObjectId | None = None
    otherwise: "Bucket | None" = None


def any_of(
    limit: Limit, whose: Sequence[str], user: str | ObjectId | None = None, last: Bucket | None = None
) -> Bucket:
    """Return the bucket of the first of several buckets that has room, or `last` if none has."""
    bucket = last
    for one in reversed(whose):
        bucket = Bucket(limit, one, user, bucket)
    if bucket is None:
        raise ValueError("nobody's attempts")
    return bucket


def by_network(limit: Limit) -> Bucket:
    """Return the bucket of the caller's network."""
    return Bucket(limit, network_of(origin.current().ip))


def for_letter(kind: str, email: str, user: str | ObjectId | None = None) -> Bucket:
    """Return the bucket of the letters of a kind that anybody can ask for, to one address.

    It has to have room before a link is made: a new link takes the place of the one that was mailed before.
    """
    return Bucket(Limit.LINK_LETTERS, f"{kind} {email}", user)


def to_address(email: str, *, decoy: bool = False, to_sign_in: bool = False) -> Bucket:
    """Return the bucket of all letters to one address that anybody can ask for, of whatever kind, as they are written.

    Decoys are counted too, for the same work, and take nobody's room. Letters to sign in are counted apart: those that
    set a password are good for as long as the limit's window, so whoever has the mailbox always has one.
    """
    to = stored_addresses.mailbox(email)
    apart = [name for name, is_so in (("in vain", decoy), ("to sign in", to_sign_in)) if is_so]
    return Bucket(Limit.ASKED_LETTERS, " ".join([*apart, to]))


def count_change(who: Caller) -> None:
    """Count something that an account's owner does and that writes or mails something. Raises TooManyAttempts.

    Each session counts for itself, and all access tokens together: no script uses up what its owner needs.
    """
    own = Bucket(Limit.CHANGE_ACCOUNT, who.session_id or f"tokens of {who.user_id}", who.user_id)
    count(own, Bucket(Limit.CHANGE_TOTAL, who.user_id, who.user_id))


def count_safeguard(who: Caller) -> None:
    """Count a step by which an owner keeps an account, or wins it back: of password and factors.

    Nothing that is done in other sessions or by scripts uses that up. Raises TooManyAttempts.
    """
    count(Bucket(Limit.CHANGE_ACCOUNT, f"safeguards of {who.session_id}", who.user_id))


def count(*buckets: Bucket) -> None:
    """Count an attempt under each bucket. Raises TooManyAttempts, and counts nothing, if one is full."""
    _take(buckets)


def has_room(*buckets: Bucket) -> bool:
    """Count an attempt under each bucket, and tell whether there was room: for what is left out in silence."""
    try:
        _take(buckets)
    except TooManyAttempts:
        return False
    return True


def is_first(bucket: Bucket) -> bool:
    """Tell whether there was room under a bucket, and count it even if nothing else is throttled: for letters."""
    return _count(bucket, clock.now()) is None


@contextmanager
def counting(*buckets: Bucket, failures: tuple[type[Problem], ...]) -> Iterator[None]:
    """Count an attempt before it is made, and give it back unless it ends in one of `failures`.

    A success breaks the rows among the buckets. Raises TooManyAttempts.
    """
    attempt = _take(buckets)
    try:
        yield
    except failures:
        raise
    except BaseException:
        _give_back(attempt)
        raise
    _give_back([bucket for bucket in attempt if bucket.limit not in settings.ROWS])
    forgive(*(bucket for bucket in attempt if bucket.limit in settings.ROWS))


@contextmanager
def counting_unless(bucket: Bucket, *refusals: type[Problem]) -> Iterator[None]:
    """Count an attempt before it is made, and give it back only if it ends in one of `refusals`.

    Raises TooManyAttempts.
    """
    attempt = _take((bucket,))
    try:
        yield
    except refusals:
        _give_back(attempt)
        raise


@contextmanager
def counting_failures(bucket: Bucket, *failures: type[Exception]) -> Iterator[None]:
    """Count an attempt once it has failed: for secrets that nobody can guess, where a good one always passes.

    Raises TooManyAttempts in place of a failure too many.
    """
    try:
        yield
    except failures:
        count(bucket)
        raise


def forgive(*buckets: Bucket) -> None:
    """Forget what was counted under these buckets."""
    if current_app.config["RATE_LIMITS"] and buckets:
        Throttle.remove_all([_digest(bucket) for bucket in buckets])


def _take(buckets: tuple[Bucket, ...]) -> list[Bucket]:
    so_far: list[Bucket] = []
    if not current_app.config["RATE_LIMITS"]:
        return so_far
    now = clock.now()
    for first in buckets:
        bucket, end = first, _count(first, now)
        while end is not None and bucket.otherwise is not None:
            bucket = bucket.otherwise
            end = _count(bucket, now)
        if end is not None:
            _give_back(so_far)
            metrics.THROTTLED.labels(bucket.limit).inc()
            if Throttle.first_refusal(_digest(bucket)):  # once in a window: who floods does not fill the records
                happened(AttemptsThrottled(target=bucket.user, limit=bucket.limit))
            most, seconds = current_app.config["LIMITS"][bucket.limit]
            raise TooManyAttempts(bucket.limit, most, seconds, math.ceil((end - now).total_seconds()))
        so_far.append(bucket)
    return so_far


def _count(bucket: Bucket, now: datetime) -> datetime | None:
    most, seconds = current_app.config["LIMITS"][bucket.limit]
    take = Throttle.take_in_row if bucket.limit in settings.ROWS else Throttle.take
    return take(_digest(bucket), most, timedelta(seconds=seconds), now)


def _give_back(buckets: list[Bucket]) -> None:
    for bucket in buckets:
        Throttle.give_back(_digest(bucket))


def give_back(bucket: Bucket) -> None:
    """Count an attempt under this bucket less, since it came to nothing."""
    if current_app.config["RATE_LIMITS"]:
        _give_back([bucket])


def _digest(bucket: Bucket) -> str:
    seconds = current_app.config["LIMITS"][bucket.limit][1]
    return hashlib.sha256(f"{bucket.limit}\0{bucket.whose}\0{seconds}".encode()).hexdigest()

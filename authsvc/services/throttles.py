"""Throttles: how often something may be tried, counted before the work and over all workers and machines.

The limits and their settings are those of `settings.LIMITS`; a limit of 10/60 lets 10 pass in the minute that begins
with the first of them. Those of `settings.ROWS` have no window: a success breaks the row.
"""

import hashlib
import math
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NoReturn

from bson import ObjectId
from flask import current_app

from authsvc import clock, metrics, origin, settings
from authsvc.errors import DatabaseUnavailable, HashingBusy, Problem, TooManyAttempts
from authsvc.events import happened
from authsvc.events.catalogue import AttemptsThrottled
from authsvc.models.throttles import Allowance, Counter, Throttle
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

    @property
    def each(self) -> Iterator["Bucket"]:
        """Return this bucket and those that count in its place, in turn."""
        bucket: Bucket | None = self
        while bucket is not None:
            yield bucket
            bucket = bucket.otherwise


_forgiven: ContextVar[list[Bucket] | None] = ContextVar("forgiven", default=None)
"""What was forgiven within the attempt that is being made, if one is."""
_full_until: OrderedDict[str, datetime] = OrderedDict()
"""Counters that this process found full, and until when: read first, so that a flood of refusals only reads."""
_MOST_REMEMBERED = 4096
_TURNS = 32


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
    return _count_all((bucket,), clock.now())[1] is None


@contextmanager
def counting(*buckets: Bucket, failures: tuple[type[Problem], ...], successes: Bucket | None = None) -> Iterator[None]:
    """Count an attempt before it is made, and give it back unless it ends in one of `failures`.

    Under `successes` those are counted that were judged and are no failures. A success breaks the rows among the
    buckets, and with them, in the same command, what is forgiven inside. Raises TooManyAttempts.
    """
    attempt = _take((*buckets, successes) if successes is not None else buckets)
    right, guesses = ([], attempt) if successes is None else (attempt[-1:], attempt[:-1])
    forgiven: list[Bucket] = []
    token = _forgiven.set(forgiven)
    try:
        yield
    except failures:
        _settle(right)
        raise
    except HashingBusy:
        _settle(attempt)
        raise
    except BaseException:
        _settle(guesses)
        raise
    finally:
        _forgiven.reset(token)
    rows = [bucket for bucket in guesses if bucket.limit in settings.ROWS]
    _settle([bucket for bucket in guesses if bucket not in rows], [*rows, *forgiven])


@contextmanager
def counting_unless(failure: type[Problem], *buckets: Bucket) -> Iterator[None]:
    """Count an attempt before it is made, and give it back if it ends in a failure that is not the caller's.

    Raises TooManyAttempts.
    """
    count(*buckets)
    try:
        yield
    except failure:
        _settle(buckets)
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
    """Forget what was counted under these buckets, within an attempt once that has succeeded."""
    forgiven = _forgiven.get()
    if forgiven is not None:
        forgiven += buckets
    else:
        _settle([], buckets)


def give_back(bucket: Bucket) -> None:
    """Count an attempt under this bucket less, since it came to nothing."""
    _settle([bucket])


def _settle(given_back: Sequence[Bucket], forgotten: Sequence[Bucket] = ()) -> None:
    if current_app.config["RATE_LIMITS"]:
        forgotten_digests = {_allowance(bucket).digest: None for bucket in forgotten}
        Throttle.settle([_allowance(bucket).digest for bucket in given_back], forgotten_digests, clock.now())


def _take(buckets: Sequence[Bucket]) -> list[Bucket]:
    """Count an attempt under each bucket, and return under which. Raises TooManyAttempts, and counts nothing."""
    if not current_app.config["RATE_LIMITS"]:
        return list(buckets)
    now = clock.now()
    counted, full = _count_all(buckets, now)
    if full is not None:
        _refuse(full, counted, now)
    return counted


@dataclass(frozen=True, slots=True)
class _Full:
    """A bucket without room: none of those that would count in its place has any either."""

    bucket: Bucket
    counter: Counter


def _count_all(buckets: Sequence[Bucket], now: datetime) -> tuple[list[Bucket], _Full | None]:
    """Count an attempt under each bucket, up to the first that is full; return under which it was counted.

    Raises DatabaseUnavailable if others count so fast that no look at a counter is true any more.
    """
    counted: list[Bucket] = []
    each = [_allowance(one) for bucket in buckets for one in bucket.each]
    read = _read(buckets) if any(_must_be_read(allowance, now) for allowance in each) else None
    for _ in range(_TURNS):
        rest: list[Bucket] = []
        for bucket in buckets[len(counted) :]:
            chosen = _with_room(bucket, read or {}, now)
            if isinstance(chosen, _Full):
                return counted, chosen
            rest.append(chosen)
        counted += rest[: Throttle.take([_allowance(bucket) for bucket in rest], read, now)]
        if len(counted) == len(buckets):
            return counted, None
        read = _read(buckets[len(counted) :])
    _settle(counted)
    raise DatabaseUnavailable  # so many at once that each look at a counter was outdated: nobody tried too often


def _with_room(first: Bucket, read: Mapping[str, Counter], now: datetime) -> Bucket | _Full:
    """Return the first of a bucket and those in its place that has room, as far as was read."""
    full: list[_Full] = []
    for bucket in first.each:
        allowance = _allowance(bucket)
        counter = read.get(allowance.digest)
        if counter is None or not counter.is_full(allowance, now):
            return bucket
        _remember_full(allowance, counter.ends_at)
        full.append(_Full(bucket, counter))
    return full[-1]


def _refuse(full: _Full, counted: Sequence[Bucket], now: datetime) -> NoReturn:
    bucket, counter = full.bucket, full.counter
    if counted:
        _settle(counted)
    metrics.THROTTLED.labels(bucket.limit).inc()
    allowance = _allowance(bucket)
    # Once in a window: who floods does not fill the records, and refusals don't contend for the document.
    if not counter.has_refusals and Throttle.note_refusal(allowance.digest):
        happened(AttemptsThrottled(target=bucket.user, limit=bucket.limit))
    most, seconds = current_app.config["LIMITS"][bucket.limit]
    raise TooManyAttempts(bucket.limit, most, seconds, math.ceil((counter.ends_at - now).total_seconds()))


def _must_be_read(allowance: Allowance, now: datetime) -> bool:
    """Tell whether to read a counter before it is counted: how long a row lasts depends on what is in it."""
    until = _full_until.get(allowance.digest)
    return allowance.in_row or (until is not None and now < until)


def _remember_full(allowance: Allowance, end: datetime) -> None:
    _full_until[allowance.digest] = end
    while len(_full_until) > _MOST_REMEMBERED:
        _full_until.popitem(last=False)


def _read(buckets: Sequence[Bucket]) -> dict[str, Counter]:
    return Throttle.read(_allowance(one).digest for bucket in buckets for one in bucket.each)


def _allowance(bucket: Bucket) -> Allowance:
    most, seconds = current_app.config["LIMITS"][bucket.limit]
    digest = hashlib.sha256(f"{bucket.limit}\0{bucket.whose}\0{seconds}".encode()).hexdigest()
    return Allowance(digest, most, timedelta(seconds=seconds), bucket.limit in settings.ROWS)

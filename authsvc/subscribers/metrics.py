"""Counting: the metrics that come from events."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from authsvc import metrics
from authsvc.events.catalogue import (
    AccountRegistered,
    AttemptsThrottled,
    CodeReused,
    LoginFailed,
    LoginSucceeded,
    RefreshTokenReused,
    SecondFactorAsked,
    SecondFactorFailed,
    SessionEnded,
    SessionOutdated,
)
from authsvc.events.event import Event, Recorded
from authsvc.models.driver_errors import DATABASE_ERRORS
from authsvc.services import daily_counts


@contextmanager
def counting(event: Event) -> Iterator[None]:
    """Count an event once it is confirmed, or if its outcome is unknown; one that is refused did not happen."""
    try:
        yield
    except DATABASE_ERRORS:
        _count(event)
        raise
    _count(event)
    if not event.repeated:
        if type(event) in _BY_DAY:
            daily_counts.note(_BY_DAY[type(event)])
        _COUNTERS.get(type(event), _nothing)(event)


def _count(event: Event) -> None:
    if event.recorded is not Recorded.BY_EFFECT and not event.repeated:
        metrics.SECURITY_EVENTS.labels(event.name).inc()


def _nothing(_: Event) -> None:
    pass


def _sessions_ended(event: Event) -> None:
    reason, count = getattr(event, "reason", ""), getattr(event, "count", 1)
    metrics.SESSIONS_ENDED.labels(reason).inc(count)


_COUNTERS: Mapping[type[Event], Callable[..., None]] = {
    LoginSucceeded: lambda _: metrics.LOGINS.labels("succeeded").inc(),
    LoginFailed: lambda event: metrics.LOGINS.labels(event.reason).inc(),
    SecondFactorAsked: lambda _: metrics.LOGINS.labels("second_factor_asked").inc(),
    SecondFactorFailed: lambda _: metrics.LOGINS.labels("mfa_code_invalid").inc(),
    CodeReused: _sessions_ended,
    SessionEnded: _sessions_ended,
    SessionOutdated: _sessions_ended,
    RefreshTokenReused: _sessions_ended,
}

_BY_DAY: Mapping[type[Event], str] = {
    AccountRegistered: "registered",
    LoginSucceeded: "sign_ins",
    LoginFailed: "failed_sign_ins",
    SecondFactorFailed: "failed_sign_ins",
    AttemptsThrottled: "throttled",
}

"""The audit trail: every security event, recorded in one place (ASVS 16.3)."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from bson import ObjectId

from authsvc import clock, logs, metrics, origin
from authsvc.errors import DatabaseUnavailable
from authsvc.events.event import Event, Id, Outcome, Recorded
from authsvc.models.audit import AuditEvent
from authsvc.models.base import bounded
from authsvc.models.driver_errors import DATABASE_ERRORS, UNKNOWN_OUTCOMES
from authsvc.models.evidence import Evidence
from authsvc.subscribers.changes import evidence

_log = logs.get(__name__)


@contextmanager
def recording(events: tuple[Event, ...]) -> Iterator[None]:
    """Record what is done inside before it is done; if that is refused, withdraw the records.

    If the process dies in between, or the database does not say what became of it, they are settled later (see
    `services.audit.settle`). Raises DatabaseUnavailable, and nothing is done, for events that are recorded `ALWAYS`.
    """
    recorded = [one for one in events if one.recorded is not Recorded.BY_EFFECT and not one.repeated]
    if not recorded:
        yield
        return
    records = list(map(_record, recorded))
    _store(recorded, records)
    try:
        yield
    except UNKNOWN_OUTCOMES:
        _log_events(recorded, records)
        raise
    except Exception:
        AuditEvent.withdraw(*(record.id for record in records))
        raise
    _confirm([record for record in records if record.evidence is not None])
    _log_events(recorded, records)


def _record(event: Event) -> AuditEvent:
    request = origin.current()
    return AuditEvent(
        action=event.name,
        at=clock.now(),
        actor=_id(event.actor),
        target=_id(event.target),
        ip=request.ip,
        user_agent=request.user_agent,
        request_id=request.request_id,
        outcome=event.outcome.value,
        details=event.details(),
        evidence=_evidence(event),
    )


def _evidence(event: Event) -> Evidence | None:
    try:
        return evidence(event)
    except DATABASE_ERRORS as error:  # what can't be read can't be changed: no use in waiting for the change to fail
        metrics.DATABASE_ERRORS.inc()
        _log.error("audit.not_written", action=event.name, cause=logs.where(error))
        raise DatabaseUnavailable from error


@bounded  # as a whole: a database that does not answer is not waited for once more to withdraw the records
def _store(events: Sequence[Event], records: list[AuditEvent]) -> None:
    try:
        AuditEvent.insert_all(records)
    except DATABASE_ERRORS as error:
        metrics.DATABASE_ERRORS.inc()
        names = sorted({event.name for event in events})
        _log.error("audit.not_written", action=" ".join(names), cause=logs.where(error))
        if any(event.recorded is Recorded.ALWAYS for event in events):
            with suppress(*DATABASE_ERRORS):  # the database may have stored them, and not said so
                AuditEvent.withdraw(*(record.id for record in records))
            raise DatabaseUnavailable from error  # and no driver's error: nothing has been done


def _confirm(records: list[AuditEvent]) -> None:
    if not records:
        return
    try:
        if AuditEvent.confirm(*(record.id for record in records)) == len(records):
            return
        for record in records:
            if not AuditEvent.confirm(record.id):
                record.restore()
    except DATABASE_ERRORS as error:  # what they tell of is done, and `services.audit.settle` will find that
        metrics.DATABASE_ERRORS.inc()
        names = sorted({record.action for record in records})
        _log.warning("audit.not_confirmed", action=" ".join(names), cause=logs.where(error))


def _log_events(events: Sequence[Event], records: list[AuditEvent]) -> None:
    for event, record in zip(events, records, strict=True):
        log = _log.info if event.outcome is Outcome.SUCCESS else _log.warning
        log(event.name, actor=_text(record.actor), target=_text(record.target), ip=record.ip, **record.details)


def _text(value: ObjectId | None) -> str | None:
    return str(value) if value is not None else None


def _id(value: Id) -> ObjectId | None:
    return ObjectId(value) if value is not None else None

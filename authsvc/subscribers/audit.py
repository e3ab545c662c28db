"""The audit trail: every security event, recorded in one place (ASVS 16.3)."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from bson import ObjectId

from authsvc import clock, logs, metrics, origin
from authsvc.errors import DatabaseUnavailable
from authsvc.events.event import Event, Id, Outcome, Recorded
from authsvc.models.audit import AuditEvent
from authsvc.models.driver_errors import DATABASE_ERRORS
from authsvc.models.evidence import Evidence
from authsvc.subscribers.changes import evidence

_log = logs.get(__name__)


@contextmanager
def recording(event: Event) -> Iterator[None]:
    """Record what is done inside before it is done; if that is refused, withdraw the record.

    If the process dies in between, or the database does not say what became of it, the record is settled later (see
    `services.audit.settle`). Raises DatabaseUnavailable, and nothing is done, for events that are recorded `ALWAYS`.
    """
    if event.recorded is Recorded.BY_EFFECT or event.repeated:
        yield
        return
    record = _record(event)
    record.evidence = _evidence(event)
    _store(event, record)
    try:
        yield
    except DATABASE_ERRORS:
        _log_event(event, record)
        raise
    except Exception:
        AuditEvent.withdraw(record.id)
        raise
    _confirm(record)
    _log_event(event, record)


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
    )


def _evidence(event: Event) -> Evidence | None:
    try:
        return evidence(event)
    except DATABASE_ERRORS as error:  # what can't be read can't be changed: no use in waiting for the change to fail
        metrics.DATABASE_ERRORS.inc()
        _log.error("audit.not_written", action=event.name, cause=logs.where(error))
        raise DatabaseUnavailable from error


def _store(event: Event, record: AuditEvent) -> None:
    try:
        record.insert()
    except DATABASE_ERRORS as error:
        metrics.DATABASE_ERRORS.inc()
        _log.error("audit.not_written", action=event.name, cause=logs.where(error))
        if event.recorded is Recorded.ALWAYS:
            with suppress(*DATABASE_ERRORS):
                AuditEvent.withdraw(record.id)  # the database may have stored it, and not said so
            raise DatabaseUnavailable from error  # and no driver's error: nothing has been done


def _confirm(record: AuditEvent) -> None:
    if record.evidence is None:
        return
    try:
        if not AuditEvent.confirm(record.id):
            record.restore()
    except DATABASE_ERRORS as error:  # what it tells of is done, and `services.audit.settle` will find that
        metrics.DATABASE_ERRORS.inc()
        _log.warning("audit.not_confirmed", action=record.action, cause=logs.where(error))


def _log_event(event: Event, record: AuditEvent) -> None:
    log = _log.info if event.outcome is Outcome.SUCCESS else _log.warning
    log(event.name, actor=_text(record.actor), target=_text(record.target), ip=record.ip, **record.details)


def _text(value: ObjectId | None) -> str | None:
    return str(value) if value is not None else None


def _id(value: Id) -> ObjectId | None:
    return ObjectId(value) if value is not None else None

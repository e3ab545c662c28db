"""Webhooks: an event is told to other programs with the change that it is about, or not at all."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial

from bson import ObjectId

from authsvc.events import catalogue
from authsvc.events.event import Event, Id
from authsvc.services import webhook_messages
from authsvc.services.webhook_kinds import INTERNAL
from authsvc.subscribers.changes import evidence

_LAST_SEEN = (catalogue.AccountDeleted,)
"""Of these the account is told as it was: afterwards there is none."""
_INSTEAD: Mapping[type[Event], type[Event]] = {catalogue.RegistrationRepeated: catalogue.AccountRegistered}
"""What happens instead of another event where nobody may learn which of them it was: it takes the same work (R18).

Nor is there any work right afterwards: webhooks are told when the outbox is looked through anyway.
"""


@contextmanager
def telling_webhooks(event: Event) -> Iterator[None]:
    """Store a message before what is done inside, and let it go once that is done (R123)."""
    instead_of = _INSTEAD.get(type(event))
    if instead_of is not None:
        with webhook_messages.work_as_if_told(
            instead_of.name, details=event.details(), evidence=partial(evidence, event)
        ):
            yield
        return
    if event.repeated or type(event) in INTERNAL:
        yield
        return
    with webhook_messages.tell_on_success(
        event.name,
        account=_id(event.target),
        actor=_id(event.actor),
        details=event.details(),
        keeps_account=isinstance(event, _LAST_SEEN),
        evidence=partial(evidence, event),
        wake=type(event) not in _INSTEAD.values(),
    ):
        yield


def _id(value: Id) -> ObjectId | None:
    return ObjectId(value) if value is not None else None

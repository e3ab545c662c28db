"""Webhook messages: what happened is stored in the step of the change, numbered, and given to who hears it."""

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from bson import ObjectId
from flask import Flask

from authsvc import clock, logs, metrics
from authsvc.errors.not_delivered import NotYet
from authsvc.errors.overtaken import Overtaken
from authsvc.events.catalogue import AccountDeleted
from authsvc.models.deliveries import NOBODY
from authsvc.models.driver_errors import DATABASE_ERRORS
from authsvc.models.evidence import HELD_FOR, Evidence
from authsvc.models.ids import new_id
from authsvc.models.users import User
from authsvc.models.webhook_deliveries import WAITS_FOR, WebhookDelivery
from authsvc.models.webhook_messages import AccountSequence, WebhookMessage
from authsvc.models.webhooks import Webhook
from authsvc.services import webhook_table
from authsvc.services.webhook_outboxes import deliveries, messages
from authsvc.services.webhook_turns import A_MOMENT, require_turn

TEST = "webhook.test"
"""The name of what an administrator sends to see whether it arrives."""

_HANDS = 2

_log = logs.get(__name__)


@contextmanager
def tell_on_success(
    kind: str,
    *,
    account: ObjectId | None,
    actor: ObjectId | None,
    details: dict[str, Any],
    keeps_account: bool,
    evidence: Callable[[], Evidence | None],
    wake: bool = True,
) -> Iterator[None]:
    """Tell webhooks of what is done inside: the message is stored first, and goes out once it is done.

    If the process dies in between, or the outcome is unknown, it goes out after a minute if `evidence` shows that
    it was done. If it is refused, nobody hears of it. `keeps_account` keeps what the account was like before. `wake`
    gives it to webhooks at once, not at the next look. Raises DatabaseUnavailable, before anything is done, if it can't
    be stored.
    """
    if not webhook_table.listening(kind):
        yield
        return
    message = _new_message(kind, account, actor, details)
    if keeps_account and account is not None:
        message.snapshot = snapshot_of(User.find(str(account)))
    with messages.put_on_success(message, evidence, wake=wake):
        yield


@contextmanager
def work_as_if_told(kind: str, *, details: dict[str, Any], evidence: Callable[[], Evidence | None]) -> Iterator[None]:
    """Do the work of `tell_on_success`, and tell nobody: whether something was done must not show by it (R18)."""
    if not webhook_table.listening(kind):
        yield
        return
    message = _new_message(kind, new_id(), None, details)
    message.to = NOBODY
    with messages.put_on_success(message, evidence, wake=False):
        yield


@contextmanager
def tell_of_new_accounts(kind: str, accounts: Sequence[ObjectId]) -> Iterator[set[ObjectId]]:
    """Tell webhooks of those accounts that are made inside, which adds them to what is yielded.

    As `tell_on_success`, for very many at once: in a few commands.
    """
    made: set[ObjectId] = set()
    if not accounts or not webhook_table.listening(kind):
        yield made
        return
    held = [_new_message(kind, account, None, {}) for account in accounts]
    for message in held:
        message.evidence = Evidence(collection="users", key=message.account, fields=["_id"])
    WebhookMessage.hold_all(held, clock.now() + HELD_FOR)
    yield made  # whatever is raised: what was made is told after a minute, and the rest is dropped then
    try:
        WebhookMessage.release_all([one for one in held if one.account in made], clock.now())
        WebhookMessage.drop_all([one.id for one in held if one.account not in made])
    except DATABASE_ERRORS as error:  # the accounts are made: the evidence tells of which
        metrics.DATABASE_ERRORS.inc()
        _log.warning("webhook_message.not_released", kind=kind, cause=logs.where(error))
    messages.wake()


def new_test(webhook: Webhook, actor: ObjectId | None) -> WebhookDelivery:
    """Return a delivery to one webhook that tells nothing, and is due at once."""
    message = _new_message(TEST, None, actor, {"webhook": str(webhook.id)})
    return _delivery(message, webhook, None)


def start_delivery(app: Flask, stop: threading.Event) -> None:
    """Give messages to webhooks, and tell those, in the background until `stop` is set."""

    def work() -> None:
        with app.app_context():
            messages.work(_distribute, stop)

    for number in range(_HANDS):
        threading.Thread(target=work, name=f"authsvc-webhook-messages-{number}", daemon=True).start()


def give_next() -> bool:
    """Give a message that is due to its webhooks; tell whether there was one."""
    return messages.try_next(_distribute)


def snapshot_of(user: User | None) -> dict[str, Any] | None:
    """Return an account as webhooks see it; None if it is gone."""
    if user is None:
        return None
    return {
        "id": str(user.id),
        "name": user.name,
        "email": user.email,
        "emailVerified": user.is_verified,
        "role": user.role,
        "locale": user.language,
        "mfaEnabled": user.mfa_enabled,
        "disabled": user.disabled_at is not None,
        "createdAt": _text(user.created_at) if user.created_at is not None else None,
    }


def _new_message(
    kind: str, account: ObjectId | None, actor: ObjectId | None, details: dict[str, Any]
) -> WebhookMessage:
    now = clock.now()
    message_id = new_id(now)
    return WebhookMessage(
        id=message_id,
        kind=kind,
        to=str(account or message_id),  # one about no account waits for no other
        account=account,
        actor=actor,
        at=now,
        details=details,
        created_at=now,
    )


def _distribute(message: WebhookMessage) -> None:
    """Make a delivery for each webhook that hears of a message, in the order of the messages of its account.

    It may be done twice: a message keeps its number, and a webhook gets it once. Raises NotYet.
    """
    sequence = None
    if message.account is not None:
        sequence = _number_in_turn(message)
    if message.kind == AccountDeleted.name:
        AccountSequence.expire(message.to, clock.now() + WAITS_FOR)  # a little may still be told: of its sessions
    for webhook in Webhook.all(webhook_table.MOST):
        if webhook.heard(message.kind, message.at):
            _delivery(message, webhook, sequence).insert_once()
    deliveries.wake()


def _number_in_turn(message: WebhookMessage) -> int:
    """Return the number of a message, once the one before it has been given out. Raises NotYet.

    One that has its number no longer waits for those with older ids: on a machine whose clock is behind such a one may
    come later, while whoever numbered this one has died, or failed, before it was given out.
    """
    earlier = message.earlier()
    if earlier is not None and not AccountSequence.has_numbered(message.to, message.id):
        require_turn(earlier)
    soon = clock.now() + A_MOMENT
    try:
        number, before = AccountSequence.number_of(message.to, message.id)
    except Overtaken as error:
        raise NotYet(soon) from error
    if before is not None and WebhookMessage.waits(before):
        raise NotYet(soon)
    return number


def _delivery(message: WebhookMessage, webhook: Webhook, sequence: int | None) -> WebhookDelivery:
    now = clock.now()
    return WebhookDelivery(
        id=new_id(),
        kind=message.kind,
        to=str(webhook.id),
        message=message.id,
        lane=f"{webhook.id} {message.to}",
        order=sequence or 0,
        body=_body(message, sequence),
        created_at=now,
        due_at=now,
        expires_at=now + WAITS_FOR,
    )


def _body(message: WebhookMessage, sequence: int | None) -> str:
    """Return what is sent: the event, the account as it is now or was last, and its number among the account's."""
    account = message.snapshot
    if account is None and message.account is not None:
        account = snapshot_of(User.find(str(message.account)))
    data = {
        "account": account if account is not None or message.account is None else {"id": str(message.account)},
        "sequence": sequence,
        "actor": str(message.actor) if message.actor is not None else None,
        "details": message.details,
    }
    return json.dumps({"type": message.kind, "timestamp": _text(message.at), "data": data}, separators=(",", ":"))


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

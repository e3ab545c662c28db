"""A hook: a program of the operator that is asked, and not told, by a signed question (Standard Webhooks 1.0).

Only an answer that is exactly what was asked for counts; anything else is a failure that the log names. A hook that is
slow holds up only so many of those who wait for it: more are refused at once.
"""

import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from json import dumps
from typing import Any, TypeVar

from authsvc import clock, logs, metrics
from authsvc.clients.connector import Answer, Connector
from authsvc.errors import HookFailed
from authsvc.errors.not_reached import NotReached
from authsvc.security import standard_webhooks, strict_json

SECONDS = 2.0
MOST_BYTES = 8192
"""Of an answer."""
MOST_AT_ONCE = 32
"""Questions to one hook, in one worker."""
_JSON = "application/json"

T = TypeVar("T")
Read = Callable[[Mapping[str, Any]], T]
"""Returns what an answer says. Raises ValueError, whose message says what is wrong and quotes nothing of it."""

_log = logs.get(__name__)


class Hook:
    """Asks one hook. `name` is what the log, the metrics and `type` of each question call it."""

    def __init__(self, name: str, url: str, keys: Sequence[bytes], connector: Connector) -> None:
        self.name = name
        self._url = url
        self._keys = keys
        self._connector = connector
        self._free = threading.BoundedSemaphore(MOST_AT_ONCE)

    @property
    def seconds(self) -> float:
        """Return how long an answer may take."""
        return self._connector.seconds

    def ask(self, data: Mapping[str, Any], read: Read[T]) -> T:
        """Return what the hook answers to a question about this data. Raises HookFailed; the log has why."""
        if not self._free.acquire(blocking=False):
            raise self._failure("too many wait for it")
        try:
            return self._asked(data, read)
        except NotReached as error:
            raise self._failure(str(error)) from error
        finally:
            self._free.release()

    def fault(self, data: Mapping[str, Any], read: Read[object]) -> str | None:
        """Return why a question to the hook fails, for its operator; None if it is answered."""
        try:
            self._asked(data, read)
        except NotReached as error:
            return str(error)
        return None

    def _asked(self, data: Mapping[str, Any], read: Read[T]) -> T:
        now = clock.now()
        body = dumps({"type": self.name, "timestamp": as_text(now), "data": data}, separators=(",", ":")).encode()
        message_id = f"msg_{secrets.token_hex(16)}"
        headers = standard_webhooks.headers(self._keys, message_id, int(now.timestamp()), body)
        answer = self._connector.post(self._url, body, {**headers, "Accept": _JSON})
        try:
            return read(_members(answer))
        except ValueError as error:
            raise NotReached(str(error)) from error

    def _failure(self, cause: str) -> HookFailed:
        _log.warning("hook.failed", hook=self.name, cause=cause)
        metrics.HOOKS.labels(self.name, "failed").inc()
        return HookFailed()


def as_text(moment: datetime) -> str:
    """Return a time as it is written in questions: RFC 3339, in UTC, with milliseconds."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _members(answer: Answer) -> Mapping[str, Any]:
    """Return the members of an answer. Raises ValueError."""
    if answer.status != 200:
        raise ValueError(f"it was answered with {answer.status}")
    if answer.headers.get("content-type", "").partition(";")[0].strip().lower() != _JSON:
        raise ValueError("the answer is not application/json")
    if answer.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise ValueError("the answer is compressed")
    try:
        value = strict_json.parse(answer.body)
    except ValueError:
        raise ValueError("the answer is not JSON") from None
    if not isinstance(value, dict):
        raise ValueError("the answer is not a JSON object")
    return value

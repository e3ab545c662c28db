"""Logging: one line for each event, JSON in production; secrets and email addresses are removed from every event."""

import json
import re
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import date, time, timedelta
from functools import lru_cache
from pathlib import PurePath
from typing import Any
from uuid import UUID

import structlog

from authsvc import origin
from authsvc.secret_words import is_secret

Event = MutableMapping[str, Any]

_PLAIN = (int, float, type(None))
_WITH_TEXT = (date, time, timedelta, UUID, PurePath)
"""Types that are written as text; of any other value only the type is logged."""

_DEEPEST = 6

_tersely: ContextVar[bool] = ContextVar("tersely", default=False)
_LEVELS = {"DEBUG": 10, "INFO": 20, "WARNING": 30, "ERROR": 40}
_MORE_SECRET_NAMES = re.compile(r"passwd|password|authorization|email|otp", re.IGNORECASE)
_IDS = frozenset({"session", "passkey"})
"""Names that sound like a secret, under which the service itself logs an id."""
# Each is linear in the length of the text: it is tried once for each run of its first characters (a lookbehind ends
# all other tries at once), and possessive quantifiers (`++`, `*+`) do not backtrack.
_SECRET_TEXTS: tuple[tuple[tuple[str, ...], re.Pattern[str]], ...] = (
    # a database address with its password
    (("mongodb",), re.compile(r"mongodb(?:\+srv)?://\S++", re.ASCII)),
    # an e-mail address
    (
        ("@",),
        re.compile(r"(?<![^\s@<>\"'=,;:])[^\s@<>\"'=,;:]++@[^\s@<>\"'=,;]+\.[^\s@<>\"'=,;]++", re.ASCII),
    ),
    # a password hash of any program: `$2b$…`, `$pbkdf2-sha256$…`, `$P$…`
    (("$",), re.compile(r"\$[A-Za-z0-9][\w-]{0,30}+\$[^\s\"']++", re.ASCII)),
    # one of an LDAP server or Spring Security
    (("{",), re.compile(r"\{[A-Za-z][\w@-]{1,40}+\}[\w+/=$.-]{16,}+", re.ASCII)),
    # one of Django or Werkzeug
    (
        ("$",),
        re.compile(r"(?<![\w:])(?=[\w:]*?(?:argon2|bcrypt|pbkdf2|scrypt|md5|sha1))[\w:]++\$[^\s\"']++", re.ASCII),
    ),
    # a JWT
    (("eyJ",), re.compile(r"(?<![\w-])(?=[\w-]*?eyJ)[\w-]++\.[\w-]*+\.?[\w-]*+", re.ASCII)),
    # a personal access token, the secret of a link, the ticket of a sign-in, an app's request, code, device code,
    # sign-out and secret
    (
        ("asv_", "asl_", "asm_", "asr_", "asc_", "asd_", "aso_", "aps_"),
        re.compile(r"(?:as[vlmrcdo]|aps)_\w++", re.ASCII),
    ),
    # what signs webhooks and questions to hooks
    (("whsec_",), re.compile(r"whsec_[A-Za-z0-9+/=_-]++", re.ASCII)),
)
"""Patterns of secrets, each with signs that it can't do without: most texts contain none, which is quick to check.

They are applied in this order.
"""

_SIGNS = tuple(sign for signs, _ in _SECRET_TEXTS for sign in signs)


_REQUESTS = "authsvc.api.requests"  # the name that log searches know; the module is `api.hooks`
_PLAIN_WORDS = re.compile(r"[A-Za-z0-9 ._:-]+", re.ASCII)
_stamped = structlog.processors.TimeStamper("iso", utc=True, key="time")


@dataclass(slots=True)
class _Output:
    """Whether `log_request` may write its line itself."""

    takes_lines: bool = False


_output = _Output()


def configure(level: str, *, as_json: bool) -> None:
    """Write events of `level` and above to standard error: as JSON lines, or as text for people."""
    _output.takes_lines = as_json and _LEVELS[level] <= _LEVELS["INFO"]
    render: Callable[..., Any] = (
        structlog.processors.JSONRenderer(ensure_ascii=True)
        if as_json
        else structlog.processors.LogfmtRenderer(
            key_order=["time", "level", "event"], drop_missing=True, bool_as_flag=False
        )
    )
    structlog.configure(
        processors=[
            _drop_quiet_events,
            _with_origin,
            structlog.processors.add_log_level,
            _stamped,
            _redact,
            render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=lambda *_: _StandardError(),
        cache_logger_on_first_use=False,
    )


def get(name: str) -> Any:
    """Return the logger of a module: `.info("session.ended", reason="logout")`."""
    return structlog.get_logger(module=name)


def log_request(
    *, method: str, route: str, status: int, milliseconds: float, ip: str | None, user: str | None, problem: str | None
) -> None:
    """Log a request and its answer. `method` and `route` are the service's own words, never the client's.

    Every request has this line. If all its other values are plain words it is built here, without the search for
    secrets and line breaks; otherwise it is an event like any other. Both write the same bytes.
    """
    request_id = origin.current().request_id
    who = {name: word for name, word in (("ip", ip), ("user", user), ("problem", problem)) if word is not None}
    # A proxy's header may have become the address, and the client may have chosen the request id.
    words = " ".join((*who.values(), request_id))
    if not _output.takes_lines or _tersely.get() or _is_suspicious(words) or not _PLAIN_WORDS.fullmatch(words):
        get(_REQUESTS).info("request", method=method, route=route, status=status, milliseconds=milliseconds, **who)
        return
    members = "".join(f'"{name}": "{word}", ' for name, word in who.items())
    time = _stamped(None, "info", {})["time"]
    _StandardError().msg(
        f'{_head(method, route, status)}, "milliseconds": {milliseconds}, {members}'
        f'"event": "request", "request_id": "{request_id}", "level": "info", "time": "{time}"}}'
    )


@lru_cache(maxsize=4096)
def _head(method: str, route: str, status: int) -> str:
    return json.dumps({"module": _REQUESTS, "method": method, "route": _safe(route, 0), "status": status})[:-1]


@contextmanager
def only_warnings() -> Iterator[None]:
    """Drop events below a warning for a while: a command reports its work itself."""
    token = _tersely.set(True)
    try:
        yield
    finally:
        _tersely.reset(token)


def where(error: BaseException) -> str:
    """Return the types and places of an exception, without its messages, which may quote user input (ASVS 16.2.5)."""
    chain: list[str] = []
    cause: BaseException | None = error
    while cause is not None and len(chain) < 5:
        frames = traceback.extract_tb(cause.__traceback__)[-6:]
        stack = " > ".join(f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames)
        chain.append(f"{type(cause).__module__}.{type(cause).__name__} at {stack}")
        cause = cause.__cause__ or cause.__context__
    return " | because of ".join(chain)


class _StandardError:
    """Writes lines; neither a closed pipe nor a full disk stops a request."""

    def msg(self, line: str) -> None:
        """Write a line."""
        try:
            sys.stderr.write(line + "\n")
            sys.stderr.flush()
        except (OSError, ValueError):
            return

    debug = info = warning = error = critical = msg


def _drop_quiet_events(_logger: Any, method: str, event: Event) -> Event:
    if _tersely.get() and method in ("debug", "info"):
        raise structlog.DropEvent
    return event


def _with_origin(_logger: Any, _method: str, event: Event) -> Event:
    event["request_id"] = origin.current().request_id
    return event


def _redact(_logger: Any, _method: str, event: Event) -> Event:
    """Remove None values, anything that may be a secret by name or shape, and characters that would break the line."""
    for name in [name for name, value in event.items() if value is None]:
        del event[name]
    for name, value in event.items():
        if not isinstance(value, _PLAIN):
            event[name] = _safe_member(name, value, _DEEPEST)
    return event


def _safe(value: Any, deepest: int) -> Any:
    """Return a value without secrets, and its members too, down to `deepest` levels."""
    if isinstance(value, str):
        return _printable(_without_secrets(value))
    if isinstance(value, _PLAIN):
        return value
    if deepest and isinstance(value, Mapping):
        return {_safe(str(name), 0): _safe_member(str(name), inner, deepest - 1) for name, inner in value.items()}
    if deepest and isinstance(value, list | tuple | set | frozenset):
        return [_safe(inner, deepest - 1) for inner in value]
    if isinstance(value, _WITH_TEXT):
        return _safe(str(value), 0)
    return f"[{type(value).__name__}]"


def _safe_member(name: str, value: Any, deepest: int) -> Any:
    secret = not isinstance(value, _PLAIN) and _is_secret(name)
    return "[redacted]" if secret else _safe(value, deepest)


@lru_cache(maxsize=256)
def _is_secret(name: str) -> bool:
    """Tell whether a name sounds like a secret; that of an id does not."""
    if name in _IDS or name.endswith("_id"):
        return False
    return is_secret(name) or _MORE_SECRET_NAMES.search(name) is not None


def _without_secrets(text: str) -> str:
    for signs, secret in _SECRET_TEXTS:
        if any(sign in text for sign in signs):
            text = secret.sub("[redacted]", text)
    return text


def _is_suspicious(text: str) -> bool:
    """Tell whether a text may contain a secret, by a quick check."""
    return any(sign in text for sign in _SIGNS)


def _printable(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)

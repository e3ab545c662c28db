"""Logging: one line per event, JSON in production; no secret and no e-mail address gets through, whoever logs it."""

import re
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date, time, timedelta
from functools import lru_cache
from pathlib import PurePath
from typing import Any
from uuid import UUID

import structlog

from authsvc import origin

Event = MutableMapping[str, Any]

_PLAIN = (int, float, type(None))
_WORDED = (date, time, timedelta, UUID, PurePath)
"""What is written as its own text; of anything else that is no text only the type is told."""

_DEEPEST = 6

_SIGNS = ("@", "$", "eyJ", "asv_", "asl_", "mongodb")
"""What a text has that `_SECRET_TEXTS` finds something in."""

_tersely: ContextVar[bool] = ContextVar("tersely", default=False)
_LEVELS = {"DEBUG": 10, "INFO": 20, "WARNING": 30, "ERROR": 40}
_SECRET_NAMES = re.compile(r"password|passwd|secret|token|cookie|authorization|email|otp", re.IGNORECASE)
_SECRET_TEXTS = re.compile(
    r"eyJ[\w-]*\.[\w-]*\.?[\w-]*"  # a JWT
    r"|as[vl]_\w+"  # a personal access token, the secret of a link
    r"|\$(?:2[aby]|argon2\w*|pbkdf2\w*|scrypt)\$[^\s\"']+"  # a password hash
    r"|(?:argon2|bcrypt|pbkdf2|scrypt)[\w:]*\$[^\s\"']+"  # one of Django or Werkzeug
    r"|mongodb(?:\+srv)?://\S+"  # a database address with its password
    r"|[^\s@<>\"'=,;:]+@[^\s@<>\"'=,;]+\.[^\s@<>\"'=,;]+",  # an e-mail address
    re.ASCII,
)


def configure(level: str, *, as_json: bool) -> None:
    """Write events of `level` and above to standard error: as JSON lines, or as text for people."""
    render: Callable[..., Any] = (
        structlog.processors.JSONRenderer(ensure_ascii=True)
        if as_json
        else structlog.processors.LogfmtRenderer(
            key_order=["time", "level", "event"], drop_missing=True, bool_as_flag=False
        )
    )
    structlog.configure(
        processors=[
            _left_out,
            _with_origin,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper("iso", utc=True, key="time"),
            _redacted,
            render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=lambda *_: _StandardError(),
        cache_logger_on_first_use=False,
    )


def get(name: str) -> Any:
    """Return the logger of a module: `.info("session.ended", reason="logout")`."""
    return structlog.get_logger(module=name)


@contextmanager
def only_warnings() -> Iterator[None]:
    """Leave out what is below a warning, for a while: a command says by itself what it did."""
    token = _tersely.set(True)
    try:
        yield
    finally:
        _tersely.reset(token)


def where(error: BaseException) -> str:
    """Tell an exception's types and places without its messages, which may quote what a user sent (ASVS 16.2.5)."""
    chain: list[str] = []
    cause: BaseException | None = error
    while cause is not None and len(chain) < 5:
        frames = traceback.extract_tb(cause.__traceback__)[-6:]
        places = " > ".join(f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames)
        chain.append(f"{type(cause).__module__}.{type(cause).__name__} at {places}")
        cause = cause.__cause__ or cause.__context__
    return " | because of ".join(chain)


class _StandardError:
    """Writes lines; a reader that is gone, or a full disk, stops no request."""

    def msg(self, line: str) -> None:
        """Write a line."""
        try:
            sys.stderr.write(line + "\n")
            sys.stderr.flush()
        except (OSError, ValueError):
            return

    debug = info = warning = error = critical = msg


def _left_out(_logger: Any, method: str, event: Event) -> Event:
    if _tersely.get() and method in ("debug", "info"):
        raise structlog.DropEvent
    return event


def _with_origin(_logger: Any, _method: str, event: Event) -> Event:
    event["request_id"] = origin.current().request_id
    return event


def _redacted(_logger: Any, _method: str, event: Event) -> Event:
    """Take out what is not there, what may be a secret, by its name or its shape, and what would break the line."""
    for name in [name for name, value in event.items() if value is None]:
        del event[name]
    for name, value in event.items():
        if not isinstance(value, _PLAIN):
            event[name] = _safe_member(name, value, _DEEPEST)
    return event


def _safe(value: Any, deepest: int) -> Any:
    """Return what may be written of a value, and of what is in it, down to so many levels."""
    if isinstance(value, str):
        return _printable(_without_secrets(value))
    if isinstance(value, _PLAIN):
        return value
    if deepest and isinstance(value, Mapping):
        return {_safe(str(name), 0): _safe_member(str(name), inner, deepest - 1) for name, inner in value.items()}
    if deepest and isinstance(value, list | tuple | set | frozenset):
        return [_safe(inner, deepest - 1) for inner in value]
    if isinstance(value, _WORDED):
        return _safe(str(value), 0)
    return f"[{type(value).__name__}]"


def _safe_member(name: str, value: Any, deepest: int) -> Any:
    secret = not isinstance(value, _PLAIN) and _is_secret(name)
    return "[redacted]" if secret else _safe(value, deepest)


@lru_cache(maxsize=256)
def _is_secret(name: str) -> bool:
    """Tell whether a name promises a secret; that of an id is none."""
    return _SECRET_NAMES.search(name) is not None and not name.endswith("_id")


def _without_secrets(text: str) -> str:
    suspicious = any(sign in text for sign in _SIGNS)  # which is quick to tell: most lines hold none
    return _SECRET_TEXTS.sub("[redacted]", text) if suspicious else text


def _printable(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)

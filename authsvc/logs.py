"""Logging: one line per event, no secret and no address in it."""

import logging
import traceback

from authsvc import origin


class _OneLine(logging.Formatter):
    """Escape what would break a line: an event is one line, whatever a client put into it."""

    def format(self, record: logging.LogRecord) -> str:
        record.request_id = origin.current().request_id
        text = super().format(record)
        return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def configure(level: str) -> None:
    """Send authsvc's events at `level` and above to standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(_OneLine("%(asctime)s %(levelname)s %(name)s [%(request_id)s] %(message)s"))
    logger = logging.getLogger("authsvc")
    logger.handlers[:] = [handler]
    logger.propagate = False
    logger.setLevel(level)


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

"""How gunicorn logs: in the form of the application's events, and quoting nothing of a request."""

import json
import logging
import os
import re
import time
from typing import Any

from gunicorn.glogging import Logger as GunicornLogger


class JsonLines(logging.Formatter):
    """Formats gunicorn's messages as the application's events."""

    converter = staticmethod(time.gmtime)

    def format(self, record: logging.LogRecord) -> str:
        """Return one line."""
        event = {
            "time": f"{self.formatTime(record, '%Y-%m-%dT%H:%M:%S')}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "module": record.name,
            "event": record.getMessage(),
            "cause": record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else None,
        }
        return json.dumps({name: value for name, value in event.items() if value is not None})


class Logger(GunicornLogger):  # type: ignore[misc]
    """Logs that a request was refused and why, but none of its bytes, which may be the rest of a body."""

    def setup(self, cfg: Any) -> None:
        """Write JSON lines, but text in development."""
        super().setup(cfg)
        if os.environ.get("APP_ENV") != "development":
            for handler in self.error_log.handlers:
                handler.setFormatter(JsonLines())

    def warning(self, msg: str, *args: Any, **kwargs: Any) -> None:
        """Log a warning."""
        if msg.startswith("Invalid request from ip="):
            msg = re.split("[\"']", msg, maxsplit=1)[0]
        super().warning(msg, *args, **kwargs)

"""The settings that gunicorn needs before config.py has checked them all.

An invalid one counts as not set here; config.py then refuses it, before anything listens.
"""

import os
import re

from authsvc import settings


def port() -> str:
    """Return the port to listen at."""
    text = os.environ.get("PORT") or "8000"
    return text if settings.is_port(text) else "8000"


def metrics() -> str:
    """Return what METRICS says: on, off, or an address."""
    return os.environ.get("METRICS") or ("off" if settings.is_production(os.environ) else "on")


def keepalive() -> int:
    """Return how many seconds a connection may be idle."""
    return _number(os.environ.get("KEEPALIVE") or "75", 75)


def workers() -> int:
    """Return the number of workers, and set it for the workers, which share the cores."""
    text = os.environ.get("WEB_CONCURRENCY") or str(min(settings.cores(), settings.MOST_WORKERS))
    os.environ["WEB_CONCURRENCY"] = text
    return _number(text, 1)


def _number(text: str, default: int) -> int:
    return int(text) if re.fullmatch("[1-9][0-9]{0,3}", text) else default

"""A WSGI program for gunicorn: authsvc, whose steady clock can be moved, in every worker or in one of them.

The file CLOCK_AHEAD/<pid> holds by how many seconds that worker's clock is ahead.
"""

import os
from pathlib import Path

from authsvc import clock

_elapsed = clock.elapsed


def _moved() -> float:
    ahead = Path(os.environ["CLOCK_AHEAD"]) / str(os.getpid())
    return _elapsed() + (float(ahead.read_text()) if ahead.exists() else 0.0)


clock.elapsed = _moved

from wsgi import app  # noqa: E402 - every module looks the clock up when it asks

__all__ = ["app"]

"""What an application does in the background ends with its process."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[1]
_SLOW_DRIVER = """
import time

from pymongo.synchronous import monitor

at_once = monitor._RttMonitor.__init__


def slowly(*args, **options):
    time.sleep(0.3)
    at_once(*args, **options)


monitor._RttMonitor.__init__ = slowly

import wsgi

time.sleep(0.1)
"""


@pytest.mark.slow
def test_a_process_that_ends_while_the_driver_opens_its_client_prints_nothing(tmp_path: Path) -> None:
    """The driver closes at exit what it has not made yet, and says so with a traceback: here it is slowed down."""
    settings = {"APP_ENV": "development", "MONGODB_URI": "mongodb://127.0.0.1:9/authsvc", "SECRET_KEY": "k" * 48}
    environ = {**os.environ, **settings, "PYTHONPATH": str(_ROOT)}
    command = [sys.executable, "-c", _SLOW_DRIVER]
    ended = subprocess.run(command, capture_output=True, text=True, env=environ, cwd=tmp_path, timeout=60)
    assert (ended.returncode, ended.stderr) == (0, "")

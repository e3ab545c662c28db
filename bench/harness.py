"""The common part of all figures: a service on a fresh database, timing, and the rows of the table."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir

from authsvc.devdb import Database
from bench import load
from tests.support.service import Service

ROUNDS = 12
WORKERS = 2
PASSWORD = "correct horse battery"
ORIGIN = "http://localhost:8000"
MAIL = f"file:{gettempdir()}/authsvc-bench-mail"

Row = tuple[str, str, bool | None]
"""The subject, the figure, and whether the goal is met, if there is one."""


@contextmanager
def database() -> Iterator[dict[str, str]]:
    """Start a fresh embedded database; yield the settings of a service on it, with cheap hashes and no throttles."""
    with TemporaryDirectory(prefix="authsvc-bench-") as folder, Database(Path(folder) / "mongodb") as server:
        yield on(server.uri)


def on(uri: str) -> dict[str, str]:
    """Return the settings of a service on this database."""
    fixed = {"APP_ENV": "testing", "SECRET_KEY": "bench" * 8, "PUBLIC_URL": ORIGIN, "MAIL_URL": MAIL}
    return {**fixed, "MONGODB_URI": uri, "RATE_LIMITS": "off", "BCRYPT_ROUNDS": "4", "WEB_CONCURRENCY": str(WORKERS)}


@contextmanager
def deployment(**settings: object) -> Iterator[Service]:
    """Serve on a fresh database, with two workers and hashes of cost 12."""
    with database() as fresh, Service(**{**fresh, "BCRYPT_ROUNDS": ROUNDS, **settings}) as service:
        yield service


@contextmanager
def serving(program: str, settings: dict[str, str]) -> Iterator[Service]:
    """Serve another program under the same gunicorn settings."""
    service = Service(program=(program,), **settings)
    service.start(ready=False)
    try:
        end = time.monotonic() + 20
        while not listening(service.port):
            assert time.monotonic() < end, service.log()
            time.sleep(0.1)
        time.sleep(2)
        yield service
    finally:
        service.stop()


def listening(port: int) -> bool:
    """Tell whether something accepts connections on the port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def timed(call: Callable[[], bool]) -> float:
    """Return how long a call took, in seconds; it must succeed."""
    begin = time.monotonic()
    assert call(), "the call failed"
    return time.monotonic() - begin


def rate_of(port: int, path: str, token: str) -> float:
    """Return the successful answers a second of a route."""
    request = load.http("GET", path, token=token)
    result = load.finish(load.start(port=port, connections=16, seconds=3, requests=[request]))
    assert result.refused == 0, result.statuses
    return result.rate

"""How the service starts and stops: the hooks that gunicorn calls."""

import gc
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from gevent import get_hub
from gunicorn.workers import ggevent

from authsvc import lifecycle
from authsvc.serving import balancing, environment, listening

ROOT = Path(__file__).parents[2]
_READY_SECONDS = 2.0
THREADS = 48
"""How many names gevent resolves at once. Those that others choose (`Lookups`) can occupy 32; mail and the database
have the rest."""


class OwnDatabase(Protocol):
    """A database that the service brings with it, for as long as it runs."""

    def start(self, url: str) -> None:
        """Start it for the service at this address. Raises RuntimeError with the reason."""

    def release(self) -> None:
        """In a worker, leave it to the master."""

    def stop(self) -> None:
        """End it, after the workers."""

    @property
    def uri(self) -> str:
        """Return its address."""


_database: OwnDatabase | None = None


def bring(database: OwnDatabase) -> None:
    """Start this database with the service, and end it with it."""
    global _database  # noqa: PLW0603 - there is one service in a process
    # A reload reads gunicorn's settings again, but not this module: the one that runs stays.
    _database = _database or database


def on_starting(server: Any) -> None:
    """Check the settings once, and start the database of our own, before anything listens."""
    _allow_many_connections(2 * server.cfg.worker_connections)
    if _database is not None:
        try:
            _database.start(f"http://localhost:{environment.port()}")
        except RuntimeError as error:
            sys.exit(f"authsvc: {error}")
        os.environ["MONGODB_URI"] = _database.uri
    if environment.metrics() != "off":
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="authsvc-metrics-")
    refused = subprocess.run([sys.executable, str(ROOT / "config.py")], check=False).returncode
    if refused:
        on_exit(server)
        sys.exit(refused)


def when_ready(server: Any) -> None:
    """Print the address of the service."""
    where = "the embedded database in instance/" if _database is not None else "MONGODB_URI"
    with suppress(OSError):  # nobody may be listening
        at = listening.reachable_at(server.LISTENERS)
        lines = [f"authsvc serves on {at} with {where}; stop it with Ctrl-C", *_first_pages(at.partition(" and ")[0])]
        print("\n".join(lines), file=sys.stderr, flush=True)  # noqa: T201


def _first_pages(at: str) -> list[str]:
    """Return where to look first, in development."""
    if os.environ.get("APP_ENV") != "development" or not at.startswith("http"):
        return []
    pages = {"/account/": "sign up and sign in", "/dev/outbox": "the letters", "/docs": "the routes, to try"}
    if os.environ.get("ACCOUNT_PAGES") == "off":
        del pages["/account/"]
    return [f"  {f'{at}{path}':<34} {what}" for path, what in pages.items()]


def pre_fork(_server: Any, worker: Any) -> None:
    """Give the new worker a place in the shared counts."""
    balancing.give_place(worker)


def child_exit(_server: Any, worker: Any) -> None:
    """Free the place of a worker that has ended, and remove the gauges of what it was doing."""
    balancing.free_place(worker)
    for gauge in Path(os.environ.get("PROMETHEUS_MULTIPROC_DIR", os.devnull)).glob(f"gauge_live*_{worker.pid}.db"):
        gauge.unlink(missing_ok=True)


def post_fork(_server: Any, worker: Any) -> None:
    """Take connections in turns, leave the database's lock to the master, and end on a signal from now on."""
    gc.disable()  # until the application is there: it would find nothing, and cost a tenth of the start
    # Until it has handlers of its own a worker has the master's, which would only note that it was told to end.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)
    balancing.take_connections(worker)
    if _database is not None:
        _database.release()


def post_worker_init(worker: Any) -> None:
    """Take no connection before the application can serve; after two seconds it does so, and answers 503."""
    gc.freeze()  # what is there by now stays: no collection has to look at it again
    gc.enable()
    if isinstance(worker, ggevent.GeventWorker):
        worker.turn = balancing.Turn()
        get_hub().threadpool.maxsize = THREADS
    background = lifecycle.find(worker.wsgi)
    if background is not None:
        background.wait_until_ready(_READY_SECONDS)
        background.deliver_mail()
    balancing.end_start(worker)


def pre_request(worker: Any, req: Any) -> None:
    """Bound each wait for a client that stops sending its body or reading the answer; let others have a turn."""
    req.unreader.sock.settimeout(worker.cfg.graceful_timeout)
    if isinstance(worker, ggevent.GeventWorker):
        worker.turn.end_if_long()


def on_exit(_server: Any) -> None:
    """End the database of our own, now that the workers have stopped, and remove what was counted."""
    shutil.rmtree(os.environ.get("PROMETHEUS_MULTIPROC_DIR", ""), ignore_errors=True)
    if _database is not None:
        _database.stop()


def _allow_many_connections(enough: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < enough:
        most = enough if hard == resource.RLIM_INFINITY else min(enough, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))

"""How gunicorn serves authsvc.

It imports nothing that starts a thread or opens a socket: the workers patch the standard library for gevent later.
"""

import json
import logging
import mmap
import os
import re
import resource
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from gevent.server import StreamServer
from gunicorn import util
from gunicorn.glogging import Logger as GunicornLogger
from gunicorn.workers import ggevent

from authsvc import answer_headers, embedded, settings

_HERE = Path(__file__).parent
_PRODUCTION = os.environ.get("APP_ENV") not in ("development", "testing")
_PORT = os.environ.get("PORT") or "8000"
_CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
_METRICS = os.environ.get("METRICS") or ("off" if _PRODUCTION else "on")
_WORKERS = os.environ.get("WEB_CONCURRENCY") or str(min(_CORES, settings.MOST_WORKERS))
_CONNECTIONS = 4000
_SLOTS = 2 * settings.MOST_WORKERS  # a reload starts the new ones first
_READY_SECONDS = 2.0

wsgi_app = "wsgi:app"
chdir = str(_HERE)
proc_name = "authsvc"
# What a setting can't be is left out here, and refused by config.py, in one line, before anything listens.
bind = [f"{'0.0.0.0' if _PRODUCTION else '127.0.0.1'}:{_PORT if settings.is_port(_PORT) else 8000}"]
bind += [_METRICS] if settings.is_address(_METRICS) else []
worker_class = "gevent"
workers = int(_WORKERS) if re.fullmatch("[1-9][0-9]{0,3}", _WORKERS) else 1
worker_connections = _CONNECTIONS
keepalive = 5  # also what a client has to send its headers in
timeout = 30
graceful_timeout = 15  # longer than any request may take
preload_app = False  # the database client must be made after the fork
control_socket_disable = True  # it would open one socket in HOME, shared by every service of this user
forwarded_allow_ips = ""  # TRUSTED_PROXIES decides, in the application
accesslog = None


class JsonLines(logging.Formatter):
    """What gunicorn says, in the form of the application's events."""

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
    """Tells that a request was refused and why, and not what it held: that may be the rest of a body."""

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


logger_class = Logger
errorlog = "-"
loglevel = "info" if os.environ.get("LOG_LEVEL", "").upper() == "DEBUG" else "warning"

os.environ["WEB_CONCURRENCY"] = _WORKERS


_held = memoryview(mmap.mmap(-1, 2 * _SLOTS)).cast("H")
"""For each worker, in memory that all share: 1 + the connections it holds; 0 where there is no worker."""


class BalancedServer(StreamServer):  # type: ignore[misc]
    """Leaves a new connection to a worker that holds fewer, for five milliseconds.

    All workers wait at one socket, and the kernel wakes them in a fixed order: as shipped one worker took 31 of 32
    connections, and with them all the work.
    """

    held: "memoryview[int]"
    slot: int

    def _do_read(self) -> None:
        if self.held[self.slot] <= min(filter(None, self.held)):
            super()._do_read()
            return
        self.stop_accepting()
        self._timer = self.loop.timer(0.005)
        self._timer.start(self._take)

    def _take(self) -> None:
        super()._do_read()
        self._start_accepting_if_started()

    def do_handle(self, *args: Any) -> None:
        self.held[self.slot] += 1
        super().do_handle(*args)

    def do_close(self, *args: Any) -> None:
        self.held[self.slot] -= 1
        super().do_close(*args)


def refuse(sock: Any, status: int, reason: str, _message: str) -> None:
    """Answer what never gets to the application with a problem document too (RFC 9457), which quotes nothing of it."""
    problem = {"type": "about:blank", "title": reason, "status": status, "requestId": secrets.token_hex(16)}
    body = json.dumps(problem, separators=(",", ":")) + "\n"
    headers = {
        "Connection": "close",
        "Content-Type": "application/problem+json",
        "Content-Length": str(len(body)),
        "X-Request-ID": problem["requestId"],
        **answer_headers.for_service_at(os.environ.get("PUBLIC_URL", "")),
    }
    lines = [f"HTTP/1.1 {status} {reason}", *(f"{name}: {value}" for name, value in headers.items()), "", body]
    util.write_nonblock(sock, "\r\n".join(lines).encode())


def on_starting(server: Any) -> None:
    """Check the settings once, and start the embedded database, before anything listens."""
    _allow_many_connections()
    if embedded.wanted(os.environ):
        owner = embedded.claim(_HERE / "instance")
        try:
            owner.start(f"http://localhost:{_PORT}")
        except embedded.CantStart as error:
            sys.exit(f"authsvc: {error}")
        os.environ["MONGODB_URI"] = owner.database.uri
    if _METRICS != "off":
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="authsvc-metrics-")
    refused = subprocess.run([sys.executable, str(_HERE / "config.py")], check=False).returncode
    if refused:
        on_exit(server)
        sys.exit(refused)


def when_ready(server: Any) -> None:
    """Say where it serves."""
    where = "the embedded database in instance/" if embedded.claimed() else "MONGODB_URI"
    with suppress(OSError):  # nobody may be listening
        print(
            f"authsvc serves on http://localhost:{_PORT} with {where}; stop it with Ctrl-C", file=sys.stderr, flush=True
        )


def pre_fork(server: Any, worker: Any) -> None:
    """Give the worker to be a place in the shared counts."""
    worker.held, worker.slot = _held, list(_held).index(0)
    _held[worker.slot] = 1


def child_exit(server: Any, worker: Any) -> None:
    """Free the place of a worker that has ended, however it did, and forget what it had in hand."""
    worker.held[worker.slot] = 0
    for gauge in Path(os.environ.get("PROMETHEUS_MULTIPROC_DIR", os.devnull)).glob(f"gauge_live*_{worker.pid}.db"):
        gauge.unlink(missing_ok=True)


def post_fork(server: Any, worker: Any) -> None:
    """Take connections in turns, leave the embedded database's lock to the master, and end when told to from now on.

    Until it has handlers of its own a worker has the master's, which would only note that it was told to end.
    """
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)
    BalancedServer.held, BalancedServer.slot = worker.held, worker.slot
    ggevent.StreamServer = BalancedServer
    util.write_error = refuse
    owner = embedded.claimed()
    if owner is not None:
        owner.release()


def post_worker_init(worker: Any) -> None:
    """Take no connection before the application can serve, or has had time enough to: then it answers 503.

    Deliver letters from now on: workers do, commands and tests don't.
    """
    wait = getattr(worker.wsgi, "extensions", {}).get("authsvc.wait_until_ready")
    if wait is not None:
        wait(_READY_SECONDS)
        worker.wsgi.extensions["authsvc.deliver_mail"]()


def pre_request(worker: Any, req: Any) -> None:
    """Bound each wait for a client that stops in the middle of its body, or of reading the answer."""
    req.unreader.sock.settimeout(graceful_timeout)


def on_exit(server: Any) -> None:
    """End the embedded database, now that the workers have stopped, and drop what was counted."""
    shutil.rmtree(os.environ.get("PROMETHEUS_MULTIPROC_DIR", ""), ignore_errors=True)
    owner = embedded.claimed()
    if owner is not None:
        owner.stop()


def _allow_many_connections() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    enough = 2 * _CONNECTIONS
    if soft != resource.RLIM_INFINITY and soft < enough:
        most = enough if hard == resource.RLIM_INFINITY else min(enough, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))

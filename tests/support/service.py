"""The real thing: gunicorn and its workers, as processes."""

import atexit
import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import psutil
import requests

from tests.support.forking import ROOT, Forked, fork, tied
from tests.support.leaks import log_leaks

__all__ = ["ROOT", "Service", "Visitor", "free_port", "uri_of"]


def uri_of(settings: dict[str, str], database: str) -> str:
    """Return the URI of another database on the server of the settings."""
    return urlsplit(settings["MONGODB_URI"])._replace(path=f"/{database}").geturl()


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Service:
    """gunicorn serving authsvc on a port of its own; the keyword arguments are settings. Leaves no process behind."""

    def __init__(
        self,
        *,
        program: tuple[str, ...] = (),
        cwd: Path = ROOT,
        fresh: bool = False,
        log_to: str | None = None,
        machine: list[str] | None = None,
        host: str = "127.0.0.1",
        **settings: object,
    ) -> None:
        """`log_to` is another place for what it writes; without a `PORT` it takes a free one.

        It is forked, unless it is to be started as operators start it (`fresh`), from another folder, or on another
        `machine`: that is what a command there begins with. `host` is then where it listens.
        """
        wanted = settings.get("PORT")
        self.port = wanted if isinstance(wanted, int) else free_port()
        only_ipv6 = any("[::1]" in argument for argument in program)
        self.url = f"http://{'[::1]' if only_ipv6 else host}:{self.port}"
        self._machine = machine or []
        self._program = (*program, f"--bind={host}:{self.port}") if machine else program
        self._cwd = cwd
        self._fresh = fresh or cwd != ROOT or bool(machine)
        self._settings = {"PORT": self.port, "WEB_CONCURRENCY": 2, "BCRYPT_ROUNDS": 4, **settings}
        self._log = Path(tempfile.mkstemp(prefix="authsvc-", suffix=".log")[1])
        self._log_to = log_to
        self.process: subprocess.Popen[bytes] | Forked | None = None

    def start(self, *, ready: bool = True) -> Self:
        """Start it, and wait until it is ready."""
        environ = {**os.environ, **{name: str(value) for name, value in self._settings.items()}}
        with Path(self._log_to or self._log).open("ab") as output, Path(os.devnull).open("rb") as nothing:
            if self._fresh:
                self.process = subprocess.Popen(
                    [*tied(), *self._machine, sys.executable, "-m", "gunicorn", *self._program],
                    cwd=self._cwd,
                    env=environ,
                    stdin=nothing,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                )
            else:
                streams = [nothing.fileno(), output.fileno(), output.fileno()]
                self.process = fork("gunicorn", [*self._program], environ, streams)
        atexit.register(self.stop)
        if ready:
            self.wait_ready()
        return self

    def wait_ready(self, seconds: float = 20) -> None:
        """Wait until every worker is there and says it is ready, on connections held open so that each gets some."""
        end = time.monotonic() + seconds
        while not self._all_ready():
            assert time.monotonic() < end, f"not ready: {self.log()}"
            assert self.process is not None
            assert self.process.poll() is None, f"ended: {self.log()}"
            time.sleep(0.05)

    def _all_ready(self) -> bool:
        wanted = int(str(self._settings["WEB_CONCURRENCY"]))
        with ExitStack() as held:
            sessions = [held.enter_context(requests.Session()) for _ in range(3 * wanted)]
            try:
                answers = [session.get(f"{self.url}/readyz", timeout=5) for session in sessions]
            except requests.RequestException:
                return False
            # The connections of another machine can't be seen from here.
        everywhere = bool(self._machine) or all(self._serves(worker) for worker in self.workers())
        return everywhere and len(self.workers()) == wanted and {answer.status_code for answer in answers} == {200}

    def _serves(self, worker: psutil.Process) -> bool:
        try:
            held = worker.net_connections("tcp")
        except psutil.NoSuchProcess:
            return False
        return any(one.laddr.port == self.port and one.status == psutil.CONN_ESTABLISHED for one in held)

    def log(self) -> str:
        """Return what it wrote to the console."""
        return self._log.read_text(errors="replace")

    def master(self) -> psutil.Process:
        """Return the master process."""
        assert self.process is not None
        return psutil.Process(self.process.pid)

    def workers(self) -> list[psutil.Process]:
        """Return the worker processes: what the master has forked, and not what it runs beside them."""
        return [child for child in self.master().children() if _is_worker(child)]

    def signal(self, signum: int) -> None:
        """Send a signal to the master."""
        self.master().send_signal(signum)

    def wait(self, seconds: float = 30) -> int:
        """Wait for the end and return the exit code."""
        assert self.process is not None
        return self.process.wait(seconds)

    def kill_tree(self) -> None:
        """Kill master, workers and all their children at once."""
        tree = [self.master(), *self.master().children(recursive=True)]
        for process in tree:
            process.kill()
        psutil.wait_procs(tree, 10)
        self.wait()

    def stop(self) -> None:
        """End it and everything that belongs to it, without ado: how it stops is `TestStop`'s to test.

        Fails where its log holds what no log may (R95), whatever the test was about.
        """
        if self.process is not None and self.process.poll() is None:
            self.kill_tree()
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)  # workers whose master was killed
        atexit.unregister(self.stop)
        written = self.log() if self._log.exists() else ""
        self._log.unlink(missing_ok=True)
        leaks = log_leaks(written, links_are_printed=self._prints_letters())
        assert not leaks, "\n".join(leaks)

    def _prints_letters(self) -> bool:
        mail = str(self._settings.get("MAIL_URL", ""))
        return mail == "console:" or (not mail and self._settings.get("APP_ENV") == "development")

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.stop()
            raise

    def __exit__(self, *_: object) -> None:
        self.stop()


def _is_worker(child: psutil.Process) -> bool:
    try:
        return "gunicorn" in child.cmdline()
    except psutil.NoSuchProcess:  # or it has ended and is not collected yet
        return False


class Visitor:
    """A client of a running service: JSON over a connection of its own for each request, unless it keeps one alive."""

    def __init__(self, url: str, *, keep_alive: bool = False, patience: float = 30) -> None:
        """`patience` is how many seconds it waits for an answer."""
        self.url = url
        self._patience = patience
        self._session = requests.Session() if keep_alive else None

    def request(self, method: str, path: str, **options: Any) -> requests.Response:
        """Send a request."""
        send = self._session.request if self._session is not None else requests.request
        return send(method, self.url + path, timeout=self._patience, **options)

    def register(self, email: str, password: str = "correct horse battery") -> requests.Response:
        """Create an account."""
        return self.request("POST", "/auth/register", json={"name": "Somebody", "email": email, "password": password})

    def login(self, email: str, password: str = "correct horse battery") -> requests.Response:
        """Sign in."""
        return self.request("POST", "/auth/login", json={"email": email, "password": password})

    def refresh(self, token: str) -> requests.Response:
        """Exchange a refresh token."""
        return self.request("POST", "/auth/refresh-token", json={"refreshToken": token})

    def logout(self, access_token: str) -> requests.Response:
        """End a session."""
        return self.request("DELETE", "/auth/logout", headers={"Authorization": f"Bearer {access_token}"})

    def home(self, access_token: str) -> requests.Response:
        """Call the protected route."""
        return self.request("GET", "/", headers={"Authorization": f"Bearer {access_token}"})

    def me(self, access_token: str) -> requests.Response:
        """Read the profile."""
        return self.request("GET", "/auth/me", headers={"Authorization": f"Bearer {access_token}"})

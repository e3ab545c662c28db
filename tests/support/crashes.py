"""A service that dies, as by `kill -9`, or stops for a while, right before one of the writes that a request causes.

One process is ready to serve and forks for each request, so that a death takes no start of Python. Run as a program it
is that process: it reads a JSON object a line and answers each with one.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self

from flask.testing import FlaskClient
from pymongo import monitoring

import config
from authsvc.app import create_app
from tests.support.service import ROOT

MOST = 32_768
"""Bytes of an answer that are told: so many fit into a pipe that nobody reads yet."""
WRITES = ("insert", "update", "delete", "findAndModify")


class Crashing:
    """Requests to a service that lives for one request each, and not to its end if it is to die before a write."""

    def __init__(self, settings: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.crashes"],
            cwd=ROOT,
            env={**os.environ, **settings},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def request(self, method: str, path: str, *, die_before: int | None = None, **more: Any) -> int | None:
        """Return the status of an answer; None if the process was killed before its write number `die_before`."""
        answer = self._ask({"method": method, "path": path, "before": die_before, "send": signal.SIGKILL, **more})
        assert answer["signal"] in (0, signal.SIGKILL), answer
        return answer["status"] if answer["signal"] == 0 else None

    def interrupt(
        self, method: str, path: str, *, before: int, meanwhile: Callable[[], None], **more: Any
    ) -> tuple[bool, Any]:
        """Let something happen right before write number `before`; return whether it did, and what was answered."""
        answer = self._ask({"method": method, "path": path, "before": before, "send": signal.SIGSTOP, **more})
        was_stopped = "stopped" in answer
        if was_stopped:
            meanwhile()
            answer = self._ask({})
        assert answer["signal"] == 0, answer
        return was_stopped, json.loads(answer["text"] or "null")

    def _ask(self, what: Mapping[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(what) + "\n")
        self._process.stdin.flush()
        return dict(json.loads(self._process.stdout.readline()))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._process.communicate(timeout=10)


class _Writes(monitoring.CommandListener):
    """Sends this process a signal right before its main thread sends its write number `before`."""

    before: int | None = None
    signal: int = signal.SIGKILL

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        is_mine = threading.current_thread() is threading.main_thread()
        if self.before is None or not is_mine or event.command_name not in WRITES:
            return
        self.before -= 1
        if self.before == 0:
            os.kill(os.getpid(), self.signal)

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        pass

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        pass


def _ready_client() -> FlaskClient:
    client = create_app(config.from_environment(os.environ)).test_client(use_cookies=False)
    for _ in range(300):
        if client.get("/readyz").status_code == 200:
            return client
        time.sleep(0.05)
    raise TimeoutError("the service did not get ready")


def _main() -> None:
    writes = _Writes()
    monitoring.register(writes)
    client = _ready_client()
    for line in sys.stdin:
        asked = json.loads(line)
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            writes.before, writes.signal = asked["before"], asked["send"]
            what = {name: asked.get(name) for name in ("method", "json", "data", "headers")}
            answer = client.open(asked["path"], **what)
            os.write(writer, f"{answer.status_code} {answer.get_data(as_text=True)}".encode()[:MOST])
            os._exit(0)
        os.close(writer)
        _, how = os.waitpid(child, os.WUNTRACED)
        if os.WIFSTOPPED(how):
            print(json.dumps({"stopped": child}), flush=True)
            next(sys.stdin)
            os.kill(child, signal.SIGCONT)
            _, how = os.waitpid(child, 0)
        with os.fdopen(reader) as said:
            status, _, text = said.read().partition(" ")
        print(json.dumps({"status": int(status) if status else None, "text": text, "signal": how}), flush=True)


if __name__ == "__main__":
    _main()

"""Processes that are forked from one that has imported what they need, which takes most of their start.

See `tests.support.zygote`, which is that process.
"""

import atexit
import os
import pickle
import select
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Literal

ROOT = Path(__file__).parents[2]
Program = Literal["flask", "gunicorn"]

_TIED = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG
if os.getppid() == int(sys.argv[1]):
    os.execv(sys.argv[2], sys.argv[2:])
"""
"""Become the given program, which the kernel ends when the thread that started it ends: a killed run leaves nothing."""
_INTERPRETER = ("PYTHON", "LC_", "LANG")
"""Prefixes of the variables that Python reads when it starts: each set of them needs a zygote of its own."""


def tied() -> list[str]:
    """Return what ties a program to this process, where the system can."""
    return [sys.executable, "-c", _TIED, str(os.getpid())] if sys.platform == "linux" else []


class Forked:
    """A process that was forked, with what tests use of `subprocess.Popen`. It is told to end if this process ends."""

    def __init__(self, report: socket.socket) -> None:
        self._report = report
        self.pid = int.from_bytes(report.recv(4))
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Return the exit code, None while it runs."""
        if self.returncode is None and select.select([self._report], [], [], 0)[0]:
            self.returncode = int.from_bytes(self._report.recv(4), signed=True)
            self._report.close()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code when it has ended. Raises subprocess.TimeoutExpired."""
        if self.returncode is None and not select.select([self._report], [], [], timeout)[0]:
            raise subprocess.TimeoutExpired([str(self.pid)], timeout or 0)
        code = self.poll()
        assert code is not None
        return code


class _Zygote:
    def __init__(self, program: Program, environ: dict[str, str]) -> None:
        self._ours, theirs = socket.socketpair()
        self._lock = threading.Lock()
        command = [*tied(), sys.executable, "-m", "tests.support.zygote", program]
        with theirs:
            self._process = subprocess.Popen(command, cwd=ROOT, env=environ, stdin=theirs, stdout=subprocess.DEVNULL)
        atexit.register(self.end)

    def end(self) -> None:
        """End it, by closing its socket."""
        self._ours.close()
        self._process.wait(10)

    def fork(self, arguments: list[bytes], environ: dict[bytes, bytes], streams: list[int]) -> Forked:
        """Have it fork."""
        request = pickle.dumps((arguments, environ))
        report, theirs = socket.socketpair()
        with theirs, self._lock:
            socket.send_fds(self._ours, [len(request).to_bytes(4)], [*streams, theirs.fileno()])
            self._ours.sendall(request)
        return Forked(report)


_zygotes: dict[tuple[str, ...], _Zygote] = {}
_starting = threading.Lock()


def fork(program: Program, arguments: list[str | bytes], environ: dict[str, str], streams: list[int]) -> Forked:
    """Run a program in this folder; the streams are the file descriptors of its standard input, output and error."""
    return _zygote_for(program, environ).fork(
        [os.fsencode(argument) for argument in arguments],
        {os.fsencode(name): os.fsencode(value) for name, value in environ.items()},
        streams,
    )


def _zygote_for(program: Program, environ: dict[str, str]) -> _Zygote:
    own = {name: value for name, value in environ.items() if name.startswith(_INTERPRETER)}
    key = (program, *(f"{name}={value}" for name, value in sorted(own.items())))
    with _starting:
        if key not in _zygotes:
            others = {name: value for name, value in os.environ.items() if not name.startswith(_INTERPRETER)}
            _zygotes[key] = _Zygote(program, {**others, **own})
        return _zygotes[key]

"""Processes that live no longer than the one that started them, and how to end one for certain."""

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO

STOP_SECONDS = 5.0
_PR_SET_PDEATHSIG = 1
_LINUX: bool = sys.platform == "linux"


def spawn(command: list[str], output: IO[bytes], scratch: Path) -> subprocess.Popen[bytes]:
    """Start the server in a session of its own (Ctrl-C must reach gunicorn first), bound to this process's life."""
    mode, stdin = (["die-with-parent", str(os.getpid())], subprocess.DEVNULL) if _LINUX else (["keep"], subprocess.PIPE)
    return subprocess.Popen(
        [sys.executable, __file__, *mode, *command],
        stdin=stdin,
        stdout=output,
        stderr=output,
        env={**os.environ, "TMPDIR": str(scratch)},
        start_new_session=True,
    )


def identity(pid: int) -> str | None:
    """Return what distinguishes a process from a later one with the same pid: start time and command line."""
    try:
        if _LINUX:
            stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
            command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            return f"{stat[19]} {command}"
        ask = ["ps", "-o", "lstart=,command=", "-p", str(pid)]
        return subprocess.run(ask, capture_output=True, text=True, check=False).stdout.strip() or None
    except OSError:
        return None


def is_gone(pid: int, process: subprocess.Popen[bytes] | None = None) -> bool:
    """Tell whether a process has ended with all its threads, collected by its parent or not."""
    if process is not None and process.poll() is not None:
        return True
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()[0]
        return state == "Z" and len(os.listdir(f"/proc/{pid}/task")) <= 1
    except ProcessLookupError:
        return True
    except FileNotFoundError:
        return _LINUX


def end(pid: int, process: subprocess.Popen[bytes] | None = None) -> None:
    """End a process: SIGTERM, and SIGKILL if that takes too long."""
    for signum in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.kill(pid, signum)
        if wait_until(lambda: is_gone(pid, process), STOP_SECONDS):
            break
    if process is not None:
        process.poll()  # it may be gone and not collected yet


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Wait until a condition holds, and return whether it did in time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def _die_with_parent(parent: int, command: list[str]) -> None:
    """Become the server, which the kernel ends when the thread that started this process ends."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() == parent:
        os.execv(command[0], command)


def _keep(command: list[str]) -> None:
    """Run the server until standard input, whose other end the owner holds, is closed by the owner's end."""
    server = subprocess.Popen(command, stdin=subprocess.DEVNULL)

    def stop(*_: object) -> None:
        end(server.pid)  # a server that was told so in its first milliseconds may wait for ever

    # Only this thread collects the server: of two, the later one would not learn how it ended.
    collector = threading.Thread(target=lambda: os._exit(server.wait()), daemon=True)
    collector.start()
    signal.signal(signal.SIGTERM, stop)
    sys.stdin.read()
    stop()
    collector.join()


if __name__ == "__main__":
    if sys.argv[1] == "die-with-parent":
        _die_with_parent(int(sys.argv[2]), sys.argv[3:])
    else:
        _keep(sys.argv[2:])

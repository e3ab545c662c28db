"""Commands as operators run them: each a process of its own.

Starting Python and importing takes a second; a fork does not.
"""

import os
import signal
import subprocess
import tempfile
from contextlib import ExitStack
from typing import Any

from tests.support.forking import fork
from tests.support.measured import measured


def flask_bytes(
    settings: dict[str, str], *args: str | bytes, typed: bytes = b"", timeout: float = 60, **environ: str
) -> "subprocess.CompletedProcess[bytes]":
    """Run `flask …` in the environment of a service, with further settings; return its exit code and output.

    Kills it after `timeout` seconds, and raises subprocess.TimeoutExpired.
    """
    with ExitStack() as stack:
        streams = [stack.enter_context(tempfile.TemporaryFile()) for _ in range(3)]
        streams[0].write(typed)
        streams[0].seek(0)
        wanted = {**os.environ, **measured(), **settings, **environ}
        command = fork("flask", [*args], wanted, [stream.fileno() for stream in streams])
        try:
            status = command.wait(timeout)
        except subprocess.TimeoutExpired:
            os.kill(command.pid, signal.SIGKILL)
            raise
        for stream in streams:
            stream.seek(0)
        return subprocess.CompletedProcess(["flask", *args], status, streams[1].read(), streams[2].read())


def flask(settings: dict[str, str], *args: str, typed: str = "", **options: Any) -> "subprocess.CompletedProcess[str]":
    """Run `flask …` as `flask_bytes` does; return its output as text."""
    done = flask_bytes(settings, *args, typed=typed.encode(), **options)
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())

"""The server: one process of SecantusDB on 127.0.0.1."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Self

from authsvc.devdb import processes

START_SECONDS = 120.0
"""Limit of a start: with a hundred thousand of everything on a busy machine it takes half a minute."""
_LISTENING = re.compile(rb"listening on 127\.0\.0\.1:(\d+)")
_OTHER_RELEASE = b"IncompatibleStorageFormatError"


class CantStart(RuntimeError):
    """The database can't be started. The message says why, and what to do."""


class Database:
    """A server process on 127.0.0.1 that lives no longer than its owner.

    Without a `folder` the data is in memory, and stays when it has expired. `record` is the file that tells others the
    pid and the port.
    """

    def __init__(self, folder: Path | None, *, record: Path | None = None, durable: bool = True) -> None:
        """Without `durable`, a crash loses what was written last; making indexes is far faster."""
        self._folder = folder
        self._durable = durable
        self._record = record
        self._scratch: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._expiry: subprocess.Popen[bytes] | None = None
        self.port = 0

    @property
    def uri(self) -> str:
        """Return the URI of the database `authsvc` in it."""
        return self.uri_of("authsvc")

    def uri_of(self, name: str) -> str:
        """Return the URI of a database in it, without retryable writes."""
        # At each of those the server searches all that it remembers of the last 10,000: a write cost five times as
        # much, and there is no network here that could lose an answer.
        return f"mongodb://127.0.0.1:{self.port}/{name}?retryWrites=false"

    @property
    def pid(self) -> int:
        """Return the process id."""
        if self._process is None:
            raise RuntimeError("not started")
        return self._process.pid

    def start(self, port: int = 0) -> None:
        """Start the server on a free port, or on `port`, and wait until it takes connections. Raises CantStart."""
        if self._process is not None and self._process.poll() is None:
            processes.end(self._process.pid, self._process)  # it takes no connection, but may not quite be gone
        home = self._home()
        log = home / "mongodb.log"
        config = home / "mongodb.toml"
        config.write_text("# empty on purpose: no other configuration file is looked for\n", encoding="utf-8")
        command = [
            sys.executable,
            "-P",
            str(_program()),
            "--host",
            "127.0.0.1",
            "--port",
            str(port),
            "--config",
            str(config),
        ]
        command += ["--storage-path", str(self._folder or ":memory:")]
        if self._folder is not None and self._durable:
            command.append("--sync-on-commit")  # without that, `kill -9` lost acknowledged writes
        with log.open("ab") as output:
            offset = output.tell()
            self._process = processes.spawn(command, output, home)
            self.port = self._await(log, offset)
            if self._folder is not None and (self._expiry is None or self._expiry.poll() is not None):
                expiry = Path(__file__).with_name("expiry.py")
                self._expiry = processes.spawn([sys.executable, "-P", str(expiry), self.uri], output, home)
        if self._record is not None:
            _write_record(self._record, self._process.pid, self.port)

    def alive(self) -> bool:
        """Tell whether the server takes connections: its exit status may have been collected by somebody else."""
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True

    def stop(self) -> None:
        """End the server, gently if it can, and remove what was temporary."""
        for process in (self._expiry, self._process):
            if process is not None:
                processes.end(process.pid, process)
        self._expiry = None
        if self._record is not None:
            self._record.unlink(missing_ok=True)
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)
            self._scratch = None

    def kill(self) -> None:
        """End the server as a crash would."""
        os.kill(self.pid, signal.SIGKILL)
        processes.wait_until(lambda: processes.is_gone(self.pid, self._process), processes.STOP_SECONDS)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _home(self) -> Path:
        """Return the folder for logs and leftovers, beside the data or temporary."""
        if self._folder is not None:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            return self._folder.parent
        if self._scratch is None:
            self._scratch = Path(tempfile.mkdtemp(prefix="authsvc-database-"))
        return self._scratch

    def _await(self, log: Path, offset: int) -> int:
        process = self._process
        end = time.monotonic() + START_SECONDS
        while process is not None and process.poll() is None and time.monotonic() < end:
            port = _listening_port(log, offset)
            if port is not None:
                self.port = port
                if self.alive():
                    return port
            time.sleep(0.05)
        with log.open("rb") as text:  # before it is removed, if it is temporary
            text.seek(offset)
            is_of_another = _OTHER_RELEASE in text.read()
        self.stop()
        if is_of_another:
            raise CantStart(_advice(self._folder))
        raise CantStart(f"the embedded database did not start; its log is {log}")


def _advice(folder: Path | None) -> str:
    return (
        f"{folder} was written by another release of the embedded database, which this one can't read: run "
        "`flask users export users.jsonl` with the release of authsvc that wrote it, move the folder away, and run "
        "`flask users import users.jsonl` here"
    )


def _program() -> Path:
    if find_spec("secantus") is None:
        raise CantStart("the embedded database is not installed: set MONGODB_URI, or install requirements-dev.txt")
    return Path(__file__).with_name("server.py")


def _listening_port(log: Path, offset: int) -> int | None:
    with log.open("rb") as text:
        text.seek(offset)
        match = _LISTENING.search(text.read())
    return int(match[1]) if match else None


def _write_record(record: Path, pid: int, port: int) -> None:
    draft = record.with_suffix(".draft")
    draft.write_text(json.dumps({"pid": pid, "port": port, "identity": processes.identity(pid)}), encoding="utf-8")
    draft.replace(record)

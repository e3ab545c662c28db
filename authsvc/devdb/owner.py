"""Who owns the server: one process at a time, which starts it again when it dies and ends it when it ends."""

import fcntl
import json
import os
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from authsvc.devdb import processes
from authsvc.devdb.database import START_SECONDS, CantStart, Database

_WATCH_SECONDS = 1.0


class Owner:
    """Owns the database of one `instance/` folder for the life of a service; there is one owner at a time."""

    def __init__(self, instance: Path) -> None:
        self._instance = instance
        self._lock: IO[str] | None = None
        self._stopping = threading.Event()
        self._turn = threading.Lock()  # a restart that is under way when the owner stops must leave no process behind
        self.database = Database(instance / "mongodb", record=instance / "mongodb.json")

    @property
    def uri(self) -> str:
        """Return the URI of the database, once it is started."""
        return self.database.uri

    def start(self, url: str) -> None:
        """Take the lock, end what a killed owner left behind, start the database and keep it running.

        Raises CantStart, with the pid and the address of the service that holds the lock.
        """
        self._instance.mkdir(mode=0o700, exist_ok=True)
        self._take_lock(url)
        _end_orphan(self._instance / "mongodb.json")
        self.database.start()
        # A thread that only connects and, rarely, spawns: harmless to the forks of the master beside it.
        threading.Thread(target=self._watch, name="embedded-database", daemon=True).start()

    def stop(self) -> None:
        """End the database; to be called after the workers have stopped."""
        self._stopping.set()
        with self._turn:
            self.database.stop()
        self.release()

    def release(self) -> None:
        """Close the lock: in a worker this leaves it to the master, so that it ends with the master."""
        if self._lock is not None:
            self._lock.close()

    def _take_lock(self, url: str) -> None:
        lock = (self._instance / "mongodb.lock").open("a+", encoding="utf-8")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            holder = lock.read().strip() or "starting"
            lock.close()
            raise CantStart(f"authsvc is already running here ({holder})") from None
        lock.truncate(0)
        lock.write(f"pid {os.getpid()}, {url}")
        lock.flush()
        self._lock = lock

    def _watch(self) -> None:
        while not self._stopping.wait(_WATCH_SECONDS):
            with self._turn:
                if not self.database.alive() and not self._stopping.is_set():
                    self._restart()

    def _restart(self) -> None:
        try:
            _end_orphan(self._instance / "mongodb.json")
            self.database.start(self.database.port)
        except (CantStart, OSError) as error:
            print(f"authsvc: {error}; trying again", file=sys.stderr, flush=True)  # noqa: T201


def running(record: Path) -> str | None:
    """Return the URI of the server in a record, waiting for one that starts; None if it does not run."""
    database = Database(None)

    def runs() -> bool:
        with suppress(OSError, ValueError, KeyError):
            server: dict[str, Any] = json.loads(record.read_text(encoding="utf-8"))
            database.port = server["port"]
            return server["identity"] == processes.identity(server["pid"]) and database.alive()
        return False

    return database.uri if processes.wait_until(runs, START_SECONDS) else None


def _end_orphan(record: Path) -> None:
    """End a server that outlived its owner: only if pid, start time and command line are those recorded."""
    try:
        server: dict[str, Any] = json.loads(record.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return
    pid = server["pid"]
    if server["identity"] is not None and processes.identity(pid) == server["identity"]:
        processes.end(pid)
    record.unlink(missing_ok=True)

"""An embedded server that asks who is there, which the service's own never does."""

import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Self

from pymongo import MongoClient

from tests.support.service import free_port

ADMIN = "root:pw"


class Guarded:
    """A server with users, each with roles in the database `authsvc`; `uri` signs in as one of them."""

    def __init__(self, folder: Path, **users: list[str]) -> None:
        self._folder = folder
        self._users = users
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()

    def uri(self, who: str = ADMIN) -> str:
        """Return the URI of its database for a name and a password."""
        return f"mongodb://{who}@127.0.0.1:{self.port}/authsvc?authSource=admin&retryWrites=false"

    def _start(self, *options: str) -> None:
        config = self._folder / "guarded.toml"
        config.touch()
        program = Path(sys.executable).with_name("secantusd-py")
        command = [str(program), "--host", "127.0.0.1", "--port", str(self.port), "--config", str(config)]
        command += ["--storage-path", str(self._folder / "guarded"), *options]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + 30
        while not self._listens():
            assert time.monotonic() < end
            time.sleep(0.05)

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def _stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(20)

    def __enter__(self) -> Self:
        self._start()
        with MongoClient[dict[str, Any]](f"mongodb://127.0.0.1:{self.port}/") as client:
            client.admin.command("createUser", "root", pwd="pw", roles=["root"])
            for name, roles in self._users.items():
                given = [{"role": role, "db": "authsvc"} for role in roles]
                client.admin.command("createUser", name, pwd="pw", roles=given)
        self._stop()
        self._start("--auth")
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

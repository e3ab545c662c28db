"""The examples at work: each started by the command that the documentation gives for it."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from tests.support.behind import application
from tests.support.programs import require
from tests.support.races import eventually
from tests.support.service import ROOT, Service, free_port

EXAMPLES = ROOT / "examples"
_PAGE = (ROOT / "docs/start/protect-a-service.md").read_text()
COMMANDS = re.findall(r"^# .*examples/(\w+)/\S+\n(.+)$", _PAGE, re.MULTILINE)
NEEDS = {"express": ("node", "npm"), "nginx": ("nginx",), "caddy": ("caddy",), "fastapi": (), "flask": ()}


@dataclass(frozen=True)
class Running:
    """An example at work: its port, and what the application behind it was asked, if it is a proxy."""

    port: int
    asked: list[dict[str, Any]]

    @property
    def url(self) -> str:
        """Return its address."""
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def started(name: str, service: Service, folder: Path) -> Iterator[str]:
    """Run an example as documented; yield its address."""
    require(*NEEDS[name])
    with running(name, service, folder) as example:
        yield example.url


@contextmanager
def running(name: str, service: Service, folder: Path, programs: Path | None = None) -> Iterator[Running]:
    """Run an example as documented, with the programs of a folder first; yield it once it refuses strangers."""
    folder.mkdir(parents=True, exist_ok=True)
    with application() as (behind, asked), ExitStack() as stack, (folder / "log").open("w+") as log:
        example = Running(free_port(), asked)
        _copy(folder, service.port, example.port, behind)
        environ = {
            **os.environ,
            "AUTHSVC": f"http://localhost:{service.port}",
            "PORT": str(example.port),
            "APPLICATION": f"localhost:{behind}",
            "PATH": f"{programs or '/nowhere'}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        }
        process = subprocess.Popen(
            ["bash", "-c", dict(COMMANDS)[name]],
            cwd=folder,
            env=environ,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        stack.callback(end, process)
        eventually(lambda: process.poll() is not None or requests.get(example.url, timeout=5).status_code == 401, 90)
        assert process.poll() is None, (folder / "log").read_text()
        yield example


def _copy(folder: Path, authsvc: int, port: int, behind: int) -> None:
    """Copy the examples, with the ports of this run where they are written out."""
    shutil.copytree(EXAMPLES, folder / "examples", ignore=shutil.ignore_patterns("node_modules"))
    config = folder / "examples/nginx/nginx.conf"
    config.write_text(
        config.read_text()
        .replace("127.0.0.1:8000", f"127.0.0.1:{authsvc}")
        .replace("127.0.0.1:3000", f"127.0.0.1:{port}")
        .replace("127.0.0.1:3001", f"127.0.0.1:{behind}")
    )


def end(process: "subprocess.Popen[bytes]") -> None:
    """End an example and all that it started."""
    with suppress(ProcessLookupError):  # it could not start: what it wrote says why
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(15)

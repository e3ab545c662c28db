"""An Express service beside ours: tokens that it signs and believes, and nothing else. It needs node and npm."""

import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import jwt

from bench import load
from bench.harness import WORKERS, listening
from bench.sides import Side, family
from tests.support.forking import tied
from tests.support.service import ROOT, free_port

FOLDER = ROOT / "tests" / "express"


@contextmanager
def express(*, sessions: int = 1) -> Iterator[Side | None]:
    """Serve by Express, with as many processes as we have workers; yield None if there is no node, or no packages."""
    node = shutil.which("node")
    if node is None or not _has_packages():
        yield None
        return
    secret, port = secrets.token_hex(32), free_port()
    command = [*tied(), node, "service.js", str(port), secret, str(WORKERS)]
    process = subprocess.Popen(command, cwd=FOLDER, env={**os.environ, "NODE_ENV": "production"})
    try:
        end = time.monotonic() + 20
        while not listening(port):
            assert time.monotonic() < end, "Express does not start"
            time.sleep(0.1)
        claims = {"sub": "0" * 24, "role": "user", "exp": int(time.time()) + 3600}
        tokens = [jwt.encode({**claims, "jti": str(number)}, secret, "HS256") for number in range(sessions)]
        texts = [load.http("GET", "/", token=token) for token in tokens]
        yield Side(port, texts, lambda: family(process.pid))
    finally:
        process.terminate()
        process.wait(10)


def _has_packages() -> bool:
    """Install them if need be; tell whether they are there."""
    if (FOLDER / "node_modules" / "express").exists():
        return True
    if shutil.which("npm") is None:
        return False
    command = ["npm", "ci", "--silent", "--no-audit", "--no-fund"]
    return subprocess.run(command, cwd=FOLDER, check=False, timeout=300).returncode == 0

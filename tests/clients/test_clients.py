"""What people write clients with: the same journey by each, against the real service. U14, U16, U17, U18.

A program prints a line for each step: its name, the status, the content type, and the code of a problem.
"""

import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from flask import Flask

from tests.conftest import PASSWORD
from tests.support.programs import require
from tests.support.service import Service

pytestmark = pytest.mark.external

HERE = Path(__file__).parent
IDLE = "6"
"""Seconds without a request: longer than most servers' keep-alive, shorter than most clients'."""

PATIENCE = 280
"""Seconds: the first time, Go compiles its library too."""

CLIENTS = {
    "requests": (sys.executable, "python/requests_client.py"),
    "httpx": (sys.executable, "python/httpx_client.py"),
    "node": ("node", "node/client.mjs"),
    "go": ("go", "run", "go/client.go"),
    "java": ("java", "java/Client.java"),
    "curl": ("bash", "curl/client.sh"),
}
NEEDS = {"curl": ("bash", "curl"), "java": ("javac",), "go": ("go",), "node": ("node",)}
JSON, PROBLEM = "application/json", "application/problem+json"
STEPS = {
    "register": (201, JSON, "-"),
    "charset": (200, JSON, "-"),
    "refresh": (200, JSON, "-"),
    "refresh-chunked": (200, JSON, "-"),
    "cookie": (200, JSON, "-"),
    "cookie-refresh": (200, JSON, "-"),
    "cookie-refresh-chunked": (200, JSON, "-"),
    "accept": (200, JSON, "-"),
    "post-chunked": (204, JSON, "-"),
    "problem": (401, PROBLEM, "token_missing"),
    "expect": (200, JSON, "-"),
    "idle": (200, JSON, "-"),
    "delete": (204, JSON, "-"),
    "ended": (401, PROBLEM, "session_ended"),
}


@dataclass(frozen=True)
class Run:
    """What a program wrote, and how it ended."""

    code: int
    lines: list[str]
    complaint: str

    def told(self, step: str) -> tuple[int, str, str]:
        """Return what a step gave: status, content type, code of a problem."""
        (line,) = [line for line in self.lines if line.startswith(f"{step} ")] or [f"{step} 0 missing {self.complaint}"]
        _, status, kind, code = line.split(" ", 3)
        return int(status), kind.partition(";")[0], code


@pytest.fixture(scope="module")
def service(app: Flask, settings: dict[str, str]) -> Iterator[Service]:
    """Return the service, by its defaults as far as clients can tell."""
    with Service(**{**settings, "WEB_CONCURRENCY": 2}) as running:
        yield running


@pytest.fixture(scope="module")
def runs(service: Service) -> dict[str, Run]:
    """Return what each client that is installed went through, all of them at once."""
    go = {"GO111MODULE": "off", "GOTOOLCHAIN": "local"}

    def run(name: str) -> Run:
        email = f"{name}-{secrets.token_hex(4)}@example.com"
        command = [*CLIENTS[name], service.url, email, PASSWORD, IDLE]
        done = subprocess.run(
            command, cwd=HERE, env={**os.environ, **go}, capture_output=True, text=True, timeout=PATIENCE
        )
        return Run(done.returncode, done.stdout.splitlines(), done.stderr)

    installed = [name for name in CLIENTS if all(map(shutil.which, NEEDS.get(name, ())))]
    with ThreadPoolExecutor(len(installed)) as pool:
        return dict(zip(installed, pool.map(run, installed), strict=True))


@pytest.fixture(params=CLIENTS)
def journey(request: pytest.FixtureRequest, runs: dict[str, Run]) -> Run:
    """Return what one client went through; in CI they are all there."""
    require(*NEEDS.get(request.param, ()))
    return runs[request.param]


@pytest.mark.timeout(PATIENCE + 20)
class TestJourney:
    def test_it_comes_to_its_end(self, journey: Run):
        assert journey.code == 0, journey.complaint
        assert [line.partition(" ")[0] for line in journey.lines] == list(STEPS)

    @pytest.mark.parametrize("step", STEPS)
    def test_every_step_is_answered_as_the_contract_says(self, journey: Run, step: str):
        """U14 (Java and `curl --http2` offer an upgrade), U16 (bodies of no bytes without a length), U17, U18."""
        assert journey.told(step) == STEPS[step]

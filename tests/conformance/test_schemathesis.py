"""The OpenAPI document and the service say the same: schemathesis reads the one and asks the other (U38)."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from pymongo import MongoClient

from tests.conftest import PASSWORD
from tests.support.service import Service, uri_of

HERE = Path(__file__).parent
ADMIN = "root@example.com"
CALLERS = {
    "nobody": ["--max-examples=3"],
    "user": ["--max-examples=5"],
    "admin": ["--max-examples=5", "--include-path-regex=^/(admin/|auth/verify|auth/introspect)"],
}
"""Who asks, and how much: one run of the three takes less than a minute."""


@pytest.fixture(scope="module")
def service(settings: dict[str, str]) -> Iterator[Service]:
    """Return a service with an administrator."""
    uri = uri_of(settings, f"authsvc_conformance_{os.getpid()}")
    with Service(**{**settings, "MONGODB_URI": uri, "RATE_LIMITS": "off"}) as running:
        body = {"name": "Root", "email": ADMIN, "password": PASSWORD}
        requests.post(f"{running.url}/auth/register", json=body, timeout=10).raise_for_status()
        with MongoClient[dict[str, object]](uri) as client:
            client.get_default_database().users.update_one({"email": ADMIN}, {"$set": {"role": "admin"}})
        yield running
        with MongoClient[dict[str, object]](uri) as client:
            client.drop_database(client.get_default_database().name)


@pytest.mark.parametrize("caller", CALLERS)
def test_u38_the_document_is_true(service: Service, caller: str, tmp_path: Path) -> None:
    """U38: all checks, with requests by themselves and in sequences, the same at each run."""
    given = {
        "CALLER": caller,
        "SERVICE_URL": service.url,
        "ADMIN_EMAIL": ADMIN,
        "ADMIN_PASSWORD": PASSWORD,
        "PYTHONPATH": str(HERE),
    }
    program = [str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(HERE / "schemathesis.toml")]
    asked = [
        *program,
        "run",
        f"{service.url}/openapi.json",
        "--checks=all",
        "--exclude-checks=use_after_free",  # `callers.py` has it, with an exception for lists
        "--no-color",
        *CALLERS[caller],
    ]
    done = subprocess.run(asked, env={**os.environ, **given}, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr
    selected = re.search(r"Selected: (\d+)/\d+\s+Tested: (\d+)", done.stdout)
    assert selected is not None, done.stdout
    assert selected[1] == selected[2] != "0"
    for phase in ("Coverage", "Fuzzing", "Stateful"):
        assert f"✅ {phase}" in done.stdout, done.stdout[-2_000:]

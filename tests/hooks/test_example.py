"""`examples/hook`, run as its README says, and asked by a real authsvc."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests
from flask import Flask
from pymongo.database import Database

from authsvc import clock
from tests.api.forging import claims_of
from tests.support.hooks import SECRET
from tests.support.races import eventually
from tests.support.service import ROOT, Service, Visitor, free_port

EXAMPLE = ROOT / "examples/hook/app.py"


@contextmanager
def running(secret: str) -> Iterator[str]:
    """Run the example; yield its address."""
    port = free_port()
    environ = {**os.environ, "HOOK_SECRET": secret, "PORT": str(port), "DOMAINS": "example.com example.org"}
    program = subprocess.Popen([sys.executable, str(EXAMPLE)], env=environ, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}/"
    try:
        eventually(lambda: requests.post(url, data=b"{}", timeout=5).status_code == 401)
        yield url
    finally:
        program.terminate()
        program.wait(10)


def test_it_is_short() -> None:
    assert len(EXAMPLE.read_text(encoding="utf-8").splitlines()) < 40


@pytest.mark.slow
def test_it_decides_who_signs_up_and_what_tokens_say(
    settings: dict[str, str], app: Flask, clean: None, mongo: Database[dict[str, Any]]
) -> None:
    with running(SECRET) as url:
        own = {"WEB_CONCURRENCY": 1, "HOOK_SIGN_UP": url, "HOOK_TOKEN": url, "HOOK_SECRET": SECRET}
        with Service(**{**settings, **own}) as service:
            visitor = Visitor(service.url)
            refused = visitor.register("eve@example.net")
            assert refused.status_code == 403
            assert refused.json()["reason"] == "Please use an address at example.com or example.org."
            for email, plan in (("ada@example.com", "pro"), ("bob@example.org", "free")):
                answer = visitor.register(email)
                assert answer.status_code == 201, answer.text
                assert claims_of(answer.json()["accessToken"])["ext"] == {"plan": "free"}, "it may be anybody"
                mongo.users.update_one({"email": email}, {"$set": {"emailVerifiedAt": clock.now()}})
                refreshed = visitor.refresh(answer.json()["refreshToken"])
                assert claims_of(refreshed.json()["accessToken"])["ext"] == {"plan": plan}


@pytest.mark.slow
@pytest.mark.parametrize("body", [b"", b"null", b"{", b"\xff"])
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"webhook-id": "a", "webhook-timestamp": "1", "webhook-signature": "v1,x"},
        {"webhook-id": "a", "webhook-timestamp": "x", "webhook-signature": "v1"},
        {"webhook-id": "a", "webhook-timestamp": "9999999999", "webhook-signature": "v1,"},
    ],
)
def test_it_believes_nobody_else(hook_url: str, headers: dict[str, str], body: bytes) -> None:
    assert requests.post(hook_url, data=body, headers=headers, timeout=5).status_code == 401


@pytest.fixture(scope="module")
def hook_url() -> Iterator[str]:
    """Return the address of the example at work."""
    with running(SECRET) as url:
        yield url

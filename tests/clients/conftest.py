"""What most clients need: the service at an address of its own, and a person with an account."""

import secrets
from collections.abc import Iterator

import pytest
from flask import Flask

from tests.support.app_visits import Somebody
from tests.support.service import Service, free_port


@pytest.fixture(scope="module")
def service(app: Flask, settings: dict[str, str]) -> Iterator[Service]:
    """Return the service under the address that it gives as its own: libraries compare the issuer with it."""
    port = free_port()
    own = {"PORT": port, "PUBLIC_URL": f"http://127.0.0.1:{port}", "WEB_CONCURRENCY": 2}
    with Service(**{**settings, **own}) as running:
        yield running


@pytest.fixture
def somebody(service: Service, clean: None) -> Somebody:
    """Return a person with an account."""
    return Somebody.register(service.url, f"{secrets.token_hex(6)}@example.com")

"""A real gunicorn with two workers, and a network to its database that can be told to fail."""

import secrets
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import Flask
from pymongo.database import Database as MongoDatabase

from tests.support.fault_proxy import FaultProxy
from tests.support.invariants import faults_in
from tests.support.leaks import stored_leaks
from tests.support.service import Service, Visitor


@pytest.fixture
def served(clean: None, mongo: MongoDatabase[dict[str, Any]]) -> MongoDatabase[dict[str, Any]]:
    """Return the database that all share, empty: the running services, and `app`, which is the operator beside them."""
    return mongo


@pytest.fixture(scope="package")  # and no longer: its workers deliver letters that other tests put into the outbox
def service(app: Flask, settings: dict[str, str]) -> Iterator[Service]:
    """Return a running service with a grace time, and with every way to sign in."""
    with Service(**{**settings, "WEB_CONCURRENCY": 2, "PASSWORD_GRANT": "on"}) as running:
        yield running


@pytest.fixture(scope="package")
def strict_service(app: Flask, settings: dict[str, str]) -> Iterator[Service]:
    """Return a running service without a grace time."""
    with Service(**{**settings, "WEB_CONCURRENCY": 2, "REFRESH_REUSE_GRACE": 0}) as running:
        yield running


@pytest.fixture(scope="package")
def service_to_kill(app: Flask, settings: dict[str, str]) -> Iterator[Service]:
    """Return a running service whose workers may be killed, and whose hashes take long enough for that."""
    with Service(**{**settings, "WEB_CONCURRENCY": 2, "BCRYPT_ROUNDS": 9}) as running:
        yield running


@pytest.fixture(scope="package")
def shared_network(settings: dict[str, str]) -> Iterator[FaultProxy]:
    """Return a network to the database for all tests that break nothing but that."""
    with FaultProxy(urlsplit(settings["MONGODB_URI"]).port or 0) as network:
        yield network


@pytest.fixture(scope="package")
def shared_behind(app: Flask, shared_network: FaultProxy, settings: dict[str, str]) -> Iterator[Service]:
    """Return a running service whose database is behind that network."""
    own = {"WEB_CONCURRENCY": 2, "MONGODB_URI": through(shared_network, settings)}
    with Service(**{**settings, **own}) as running:
        yield running


def has_its_own(request: pytest.FixtureRequest) -> bool:
    """Tell whether a test needs a network of its own: it starts a service, or one with settings of its own."""
    settings = getattr(request.node, "callspec", None)
    return "behind_proxy" not in request.fixturenames or (settings is not None and "behind_proxy" in settings.params)


@pytest.fixture
def proxy(settings: dict[str, str], request: pytest.FixtureRequest) -> Iterator[FaultProxy]:
    """Return a healthy network to the database."""
    if has_its_own(request):
        with FaultProxy(urlsplit(settings["MONGODB_URI"]).port or 0) as network:
            yield network
        return
    network = request.getfixturevalue("shared_network")
    yield network
    network.heal()


@pytest.fixture
def behind_proxy(
    proxy: FaultProxy,
    settings: dict[str, str],
    served: MongoDatabase[dict[str, Any]],
    request: pytest.FixtureRequest,
) -> Iterator[Service]:
    """Return a running service whose database is behind that network; a parameter are settings of its own."""
    if has_its_own(request):
        own = {"WEB_CONCURRENCY": 2, **getattr(request, "param", {}), "MONGODB_URI": through(proxy, settings)}
        with Service(**{**settings, **own}) as running:
            yield running
            proxy.heal()
        return
    running = request.getfixturevalue("shared_behind")
    running.wait_ready()
    yield running
    proxy.heal()
    running.wait_ready()


def through(proxy: FaultProxy, settings: dict[str, str]) -> str:
    """Return the URI of the database behind a network."""
    return f"mongodb://127.0.0.1:{proxy.port}{urlsplit(settings['MONGODB_URI']).path}?directConnection=true"


@pytest.fixture
def visitor(service: Service) -> Visitor:
    """Return a client of the service."""
    return Visitor(service.url)


@pytest.fixture
def email() -> str:
    """Return an address that nobody has."""
    return f"{secrets.token_hex(6)}@example.com"


@pytest.fixture(autouse=True)
def _nothing_broken(served: MongoDatabase[dict[str, Any]]) -> Iterator[None]:
    """Check after each test that the database is as it should be."""
    yield
    assert faults_in(served) == []
    assert stored_leaks(served) == []

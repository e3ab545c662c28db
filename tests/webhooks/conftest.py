"""Programs that webhooks tell."""

from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.conftest import Person
from tests.support.accounts import Database
from tests.support.crashes import Crashing
from tests.support.hearers import Hearer
from tests.support.operations import World
from tests.support.outside import Server
from tests.support.upstreams import Upstream, providers_file, signing_in_with


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    """Return a provider that people sign in with."""
    with Upstream() as running:
        yield running


@pytest.fixture
def world(app: Flask, client: FlaskClient, mongo: Database, upstream: Upstream) -> Iterator[World]:
    """Return what operations are prepared in."""
    with signing_in_with(app, upstream.settings()):
        yield World(app, client, mongo, upstream)


@pytest.fixture(scope="module")
def crashing(
    app: Flask, settings: dict[str, str], upstream: Upstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Crashing]:
    """Return a service that can be killed before any of its writes."""
    providers = providers_file(tmp_path_factory.mktemp("providers"), upstream.toml())
    with Crashing({**settings, **providers}) as running:
        yield running


@pytest.fixture
def server() -> Iterator[Server]:
    """Return a server that takes what it is told."""
    with Server() as server:
        yield server


@pytest.fixture
def hearer(app: Flask, admin: Person, alice: Person, server: Server) -> Hearer:
    """Return a program that hears of everything, from after Alice has signed up."""
    return Hearer(app, admin, server, ["*"])


@pytest.fixture
def new_hearer(app: Flask, admin: Person, alice: Person, server: Server) -> Callable[..., Hearer]:
    """Return a function that makes a program that hears of some events."""
    return lambda *events, at=server: Hearer(app, admin, at, list(events))

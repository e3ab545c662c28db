"""Providers that people sign in with."""

from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.support.federation import Traveller
from tests.support.upstreams import Upstream, signing_in_with


@pytest.fixture(scope="session")
def server() -> Iterator[Upstream]:
    """Return an OpenID provider on this machine."""
    with Upstream() as upstream:
        yield upstream


@pytest.fixture
def upstream(app: Flask, server: Upstream) -> Iterator[Upstream]:
    """Return the provider `work`, as it was."""
    server.bent, server.userinfo, server.metadata = {}, {}, {}
    server.intercept = lambda *_: None
    with signing_in_with(app, server.settings()):
        yield server


@pytest.fixture
def new_traveller(app: Flask, clean: None, upstream: Upstream) -> Callable[[], Traveller]:
    """Return a maker of browsers of their own."""
    return lambda: Traveller(app.test_client(use_cookies=True), upstream)


@pytest.fixture
def traveller(new_traveller: Callable[[], Traveller]) -> Traveller:
    """Return a browser."""
    return new_traveller()


@pytest.fixture
def elsewhere(new_traveller: Callable[[], Traveller]) -> Traveller:
    """Return another browser."""
    return new_traveller()


@pytest.fixture
def plain(app: Flask, clean: None) -> FlaskClient:
    """Return a client without cookies."""
    return app.test_client(use_cookies=False)

"""An upstream, and the provider that the service makes of it."""

from collections.abc import Iterator

import pytest
from flask import Flask

from authsvc.clients.identity.base import IdentityProvider
from authsvc.services import providers
from tests.support.upstreams import Upstream, signing_in_with


@pytest.fixture(scope="package")
def lasting_upstream() -> Iterator[Upstream]:
    with Upstream() as upstream:
        yield upstream


@pytest.fixture
def upstream(lasting_upstream: Upstream) -> Upstream:
    """Return an OpenID provider on this machine."""
    lasting_upstream.reset()
    return lasting_upstream


@pytest.fixture
def provider(app: Flask, upstream: Upstream) -> Iterator[IdentityProvider]:
    """Return that provider as the service knows it."""
    with signing_in_with(app, upstream.settings()), app.app_context():
        yield providers.find("work")

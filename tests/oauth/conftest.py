"""The apps that most tests here begin with."""

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.support.oauth import AppClient, new_app


@pytest.fixture
def web(app: Flask, client: FlaskClient) -> AppClient:
    """Return an app with a server, which the operator does not know."""
    return new_app(app, client)


@pytest.fixture
def trusted(app: Flask, client: FlaskClient) -> AppClient:
    """Return an app of the operator."""
    return new_app(app, client, name="Ours", trusted=True)

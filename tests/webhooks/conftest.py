"""Programs that webhooks tell."""

from collections.abc import Callable, Iterator

import pytest
from flask import Flask

from tests.conftest import Person
from tests.support.hearers import Hearer
from tests.support.outside import Server


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

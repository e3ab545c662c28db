"""Two machines that run authsvc against a third with the database, as far as one database process can show.

Each has a wire to this process, its clients, and one to the database. A replica set is for `tests/replica_set`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database

import config
from tests.support import machines
from tests.support.invariants import faults_in
from tests.support.leaks import stored_leaks
from tests.support.machines import Node
from tests.support.mail_server import MailServer
from tests.support.races import eventually
from tests.support.service import Visitor

GUESSES = 7
"""How many wrong passwords an account bears; no other limit bites."""


@dataclass
class Pair:
    """Both machines, with a client of each and the mail server that each has; and the database, which judges."""

    nodes: tuple[Node, Node]
    mail: tuple[MailServer, MailServer]
    database: Database[dict[str, Any]]

    @property
    def visitors(self) -> tuple[Visitor, Visitor]:
        """Return a client of each."""
        one, other = self.nodes
        return Visitor(one.url), Visitor(other.url)

    def repair(self) -> None:
        """Mend the wires, and start what was killed; wait until all is well."""
        for server in self.mail:
            server.behaviour = "take"
        for node in self.nodes:
            node.front.mend()
            node.back.mend()
            if node.process is None or node.process.poll() is not None:
                node.start(ready=False)
        for node in self.nodes:
            node.wait_ready(60)


@pytest.fixture(scope="package", params=["off", "on"], ids=["read", "kept"])
def shared_pair(
    settings: dict[str, str], tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Pair]:
    """Start the machines, both at once, on an empty database; they keep sessions or read them at each request."""
    machines.require()
    limits = {f"LIMIT_{name.upper()}": "100000/86400" for name in config.LIMITS}
    own = {**limits, "LIMIT_LOGIN_ACCOUNT": f"{GUESSES}/86400", "RATE_LIMITS": "on", "WEB_CONCURRENCY": "2"}
    own["SESSION_CACHE"] = request.param
    with machines.Network() as network:
        keeper = network.machine("db")
        judge = network.wire(None, keeper)
        with machines.database_at(keeper, tmp_path_factory.mktemp("database")) as port:
            mail, nodes = [], []
            for name in ("a", "b"):
                machine = network.machine(name)
                front, back = network.wire(None, machine), network.wire(machine, keeper)
                mail.append(MailServer(host=front.near.address))
                place = {"MONGODB_URI": _uri(back.far.address, port), "MAIL_URL": mail[-1].url}
                nodes.append(Node(machine, front, back, **{**settings, **own, **place}))
            yield from _running(nodes, mail, _uri(judge.far.address, port))


def _uri(host: str, port: int) -> str:
    # Direct: the server names an address of its own, which is one of its machine alone.
    return f"mongodb://{host}:{port}/authsvc?directConnection=true"


def _running(nodes: list[Node], mail: list[MailServer], uri: str) -> Iterator[Pair]:
    try:
        for part in (*mail, *nodes):
            part.start() if isinstance(part, MailServer) else part.start(ready=False)
        for node in nodes:
            node.wait_ready(60)
        with MongoClient[dict[str, Any]](uri, tz_aware=True) as client:
            yield Pair((nodes[0], nodes[1]), (mail[0], mail[1]), client.get_default_database())
    finally:
        for part in (*nodes, *mail):
            part.stop()


@pytest.fixture
def pair(shared_pair: Pair) -> Iterator[Pair]:
    """Return the machines, both well; after the test all is repaired, and the database is as it should be."""
    yield shared_pair
    shared_pair.repair()
    eventually(lambda: faults_in(shared_pair.database) == [])
    assert stored_leaks(shared_pair.database) == []

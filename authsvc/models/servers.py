"""Which database server answers, how it is set up, and what is known of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mongoengine.connection import get_connection

from authsvc.models.base import deadline

_ANSWER_SECONDS = 4.0

FERRETDB, DOCUMENTDB, SECANTUSDB, PERCONA, MONGODB = (
    "FerretDB",
    "DocumentDB for PostgreSQL",
    "SecantusDB",
    "Percona Server for MongoDB",
    "MongoDB",
)
_OTHER = "a server that does not say what it is"

_UNFIT = {
    (FERRETDB, "1"): (
        "is not atomic: of several writers with the same condition more than one wins, and increments are lost; "
        "nothing that has expired is removed"
    )
}
"""Servers that can't be used, by their name and the first number of their version."""

_RUN = {FERRETDB, DOCUMENTDB, SECANTUSDB, PERCONA, MONGODB}

_NOT_RUN = {
    "sharded": "on a sharded cluster: leave `users` on one shard",
    "replica set": "through the failover of a replica set",
}
_NEVER_RUN = {
    MONGODB: "on MongoDB itself",
    PERCONA: "on Percona Server for MongoDB",
}
"""What the tests of the project have not been run on, by topology and by server."""


@dataclass(frozen=True, slots=True)
class Server:
    """A server by its name, its version, and how it is set up: `standalone`, `replica set rs0` or `sharded cluster`."""

    name: str
    version: str
    topology: str

    def __str__(self) -> str:
        return f"{self.name} {self.version}, {self.topology}"

    @property
    def is_known(self) -> bool:
        """Tell whether anything is known of servers of this name."""
        return self.name in _RUN

    @property
    def fault(self) -> str | None:
        """Return why this server can't be used, None if nothing is known against it."""
        return _UNFIT.get((self.name, self.version.partition(".")[0]))

    @property
    def unknown(self) -> list[str]:
        """Return what the tests of the project were never run on, of what this server is."""
        is_alone = self.topology.endswith(" of 1")
        ways = [words for topology, words in _NOT_RUN.items() if self.topology.startswith(topology) and not is_alone]
        return [*([_NEVER_RUN[self.name]] if self.name in _NEVER_RUN else []), *ways]


def identify() -> Server:
    """Return which server answers. Raises a database error."""
    with deadline(_ANSWER_SECONDS):
        admin = get_connection().admin
        built, hello = admin.command("buildInfo"), admin.command("hello")
    return Server(*_name_and_version(built, hello), _topology(hello))


def name_of(built: Mapping[str, Any], hello: Mapping[str, Any]) -> str:
    """Return the name of a server by what it answers to `buildInfo` and `hello`."""
    return _name_and_version(built, hello)[0]


def _name_and_version(built: Mapping[str, Any], hello: Mapping[str, Any]) -> tuple[str, str]:
    claimed = str(built.get("version", "?"))
    if "secantusVersion" in built:
        return SECANTUSDB, str(built["secantusVersion"])
    ferret = built.get("ferretdb") or {}
    if ferret or "ferretdbVersion" in built:
        version = ferret.get("version") if isinstance(ferret, dict) else built.get("ferretdbVersion")
        return FERRETDB, str(version or built.get("ferretdbVersion") or "?").removeprefix("v")
    if isinstance(inside := hello.get("internal"), dict):  # its gateway calls itself a router
        versions = inside.get("documentdb_versions") or [f"that speaks {claimed}"]
        return DOCUMENTDB, str(versions[0])
    if "psmdbVersion" in built:
        return PERCONA, str(built["psmdbVersion"])
    return (MONGODB, claimed) if "javascriptEngine" in built and "storageEngines" in built else (_OTHER, claimed)


def _topology(hello: Mapping[str, Any]) -> str:
    if isinstance(hello.get("internal"), dict):
        return "behind its gateway"
    if hello.get("msg") == "isdbgrid":
        return "sharded cluster"
    if "setName" in hello:
        members = [*hello.get("hosts", ()), *hello.get("passives", ()), *hello.get("arbiters", ())]
        return f"replica set {hello['setName']} of {max(1, len(members))}"
    return "behind a load balancer" if "serviceId" in hello else "standalone"

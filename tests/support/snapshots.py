"""Accounts as they are after their registration, put back instead of registering again: that would take half the time.

What is put back is what a registration over HTTP has stored, a few seconds ago.
"""

import copy
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import jwt
from pymongo import InsertOne
from pymongo.database import Database as MongoDatabase

FRESH_SECONDS = 5
"""How old a snapshot may be, so that what was just done was just done."""

CLIENT_BULK_WRITE = 25
"""The wire version from which on one command writes to many collections: MongoDB 8.0."""


@dataclass(frozen=True, slots=True)
class _Snapshot:
    tokens: dict[str, Any]
    documents: dict[str, list[dict[str, Any]]]
    wall: float = field(default_factory=time.time)
    elapsed: float = field(default_factory=time.monotonic)

    def is_fresh(self) -> bool:
        """Tell whether it was made just now, by a clock that nobody has set since."""
        elapsed = time.monotonic() - self.elapsed
        return elapsed < FRESH_SECONDS and abs(time.time() - self.wall - elapsed) < 1


class Snapshots:
    """The snapshots of one database, by name; the documents of all that have one are in these collections."""

    def __init__(self, database: MongoDatabase[dict[str, Any]], collections: Iterable[str]) -> None:
        self._database = database
        self._collections = tuple(collections)
        self._by_name: dict[str, _Snapshot] = {}
        self._in_one_command = database.client.admin.command("hello")["maxWireVersion"] >= CLIENT_BULK_WRITE

    def tokens(self, name: str, register: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Return the tokens of an account that is put back, or that this registers; nothing of it is there yet."""
        snapshot = self._by_name.get(name)
        if snapshot is None or not self._is_good(snapshot):
            snapshot = self._by_name[name] = self._take(register)
        else:
            self._put_back(snapshot)
        return copy.deepcopy(snapshot.tokens)

    def _take(self, register: Callable[[], dict[str, Any]]) -> _Snapshot:
        before = {name: set(self._database[name].distinct("_id")) for name in self._collections}
        tokens = register()
        stored = {name: list(self._database[name].find()) for name in self._collections}
        return _Snapshot(
            copy.deepcopy(tokens),
            {name: [one for one in stored[name] if one["_id"] not in before[name]] for name in self._collections},
        )

    def _put_back(self, snapshot: _Snapshot) -> None:
        documents = copy.deepcopy(snapshot.documents)
        if self._in_one_command:
            space = self._database.name
            self._database.client.bulk_write(
                [InsertOne(one, namespace=f"{space}.{name}") for name, stored in documents.items() for one in stored]
            )
            return
        for name, stored in documents.items():
            if stored:
                self._database[name].insert_many(stored)

    def _is_good(self, snapshot: _Snapshot) -> bool:
        """Tell whether what is put back is as if it were registered now."""
        return snapshot.is_fresh() and self._is_newest(snapshot) and self._is_key_there(snapshot)

    def _is_newest(self, snapshot: _Snapshot) -> bool:
        """Tell whether its account is younger than all that are there: lists of accounts are in that order."""
        there = [one["_id"] for one in self._database.users.find({}, {"_id": 1})]
        return all(one["_id"] > other for one in snapshot.documents["users"] for other in there)

    def _is_key_there(self, snapshot: _Snapshot) -> bool:
        """Tell whether the key that has signed the tokens is kept still."""
        key_id = jwt.get_unverified_header(snapshot.tokens["accessToken"])["kid"]
        return self._database.signing_keys.find_one({"kid": key_id}, {"_id": 1}) is not None

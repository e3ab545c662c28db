"""The cost of `flask users import`, beside a plain `insert_many` of the same documents."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory
from typing import Any

from bson import ObjectId
from bson.json_util import JSONOptions, loads
from pymongo import MongoClient

from authsvc.models.users import User, keys
from bench.harness import Row, database
from tests.support.service import ROOT

USERS = int(os.environ.get("USERS", "100000"))
BATCH = 1_000
LEAST = 0.6
_AWARE = JSONOptions(tz_aware=True)


def user_transfer() -> list[Row]:
    """Import a file into a fresh database, in turns with plain inserts of its documents."""
    with TemporaryDirectory(prefix="authsvc-bench-") as folder:
        file = write_users(Path(folder) / "users.jsonl", USERS)
        bare, ours = [insert_rate(file)], [import_rate(file)]
        bare.append(insert_rate(file))
        ours.append(import_rate(file))
        with database() as settings:
            import_seconds(settings, file)
            again = USERS / import_seconds(settings, file, expected=0)
    figure = f"{fmean(ours):,.0f}/s = {fmean(ours) / fmean(bare):.0%} of {fmean(bare):,.0f}/s by insert_many"
    return [
        (f"users imported, of {USERS:,}", figure, fmean(ours) / fmean(bare) >= LEAST),
        ("the same file again", f"{again:,.0f}/s", None),
    ]


def write_users(file: Path, users: int) -> Path:
    """Write so many users as mongoexport does; return the file."""
    with file.open("w") as out:
        for number in range(users):
            out.write(
                json.dumps(
                    {
                        "_id": {"$oid": str(ObjectId())},
                        "name": f"User {number}",
                        "email": f"user-{number}@example.com",
                        "password": "$2b$12$" + "." * 53,
                        "role": "user",
                        "createdAt": {"$date": "2019-05-04T03:02:01.654Z"},
                        "__v": 0,
                    }
                )
                + "\n"
            )
    return file


def import_rate(file: Path) -> float:
    """Return users a second of an import into a fresh database, from the command to its end."""
    with database() as settings:
        return USERS / import_seconds(settings, file)


def import_seconds(settings: dict[str, str], file: Path, *, expected: int | None = None) -> float:
    """Import a file by the command; return its seconds."""
    command = [sys.executable, "-m", "flask", "users", "import", str(file), "--json"]
    begin = time.monotonic()
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **settings}, stdout=subprocess.PIPE, check=True)
    lasted = time.monotonic() - begin
    report = json.loads(done.stdout)
    assert report["taken"] == (report["line"] if expected is None else expected), report
    return lasted


def insert_rate(file: Path, most: int = USERS) -> float:
    """Return documents a second of plain inserts into a fresh database, with the same indexes and write concern."""
    with database() as settings, MongoClient(settings["MONGODB_URI"], w="majority", journal=True) as client:
        users = client.get_default_database().users
        for index in User._meta["index_specs"]:
            users.create_index(**{"keys": index["fields"], **{name: index[name] for name in index.keys() - {"fields"}}})
        spent = 0.0
        for batch in islice(batches(file), -(-most // BATCH)):
            begin = time.monotonic()
            users.insert_many(batch, ordered=False)
            spent += time.monotonic() - begin
        return users.estimated_document_count() / spent


def batches(file: Path) -> Iterator[list[dict[str, Any]]]:
    """Yield the documents of a file in batches, as an import stores them; reading them is not measured."""
    batch: list[dict[str, Any]] = []
    with file.open() as lines:
        for line in lines:
            document = loads(line, json_options=_AWARE)
            batch.append({**document, **keys.of_account(document)})
            if len(batch) == BATCH:
                yield batch
                batch = []
    if batch:
        yield batch

"""The baseline of the token endpoint: Flask routes that send the same database commands, and do nothing else."""

import os
from itertools import count
from pathlib import Path
from typing import Any

import bson
from bson import ObjectId
from flask import Flask, jsonify, request
from pymongo import MongoClient

app = Flask("bare_tokens")
_database = MongoClient[dict[str, Any]](os.environ["MONGODB_URI"]).get_default_database()
_recorded: dict[str, Any] = bson.decode(Path(os.environ["BENCH_COMMANDS"]).read_bytes())
_turns = count()


@app.post("/<kind>")
def answer(kind: str):
    """Read the form, send the commands of this kind of grant, and answer as much as the token endpoint does."""
    assert request.form["grant_type"]
    for command, targets in zip(_recorded["commands"][kind], _recorded["targets"][kind], strict=True):
        _database.command(_renewed(command, targets))
    return jsonify(access_token="x" * 600, refresh_token="x" * 500, id_token="x" * 900, expires_in=900)


def _renewed(command: dict[str, Any], targets: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a command as it is sent again: what it inserts has other ids, and what it changes is there to change."""
    if "documents" in command:
        return {**command, "documents": [_anew(one) for one in command["documents"]]}
    if not targets:
        return command
    (update,) = command["updates"]
    # Under other names, so that the document meets the condition the next time too; something always changes.
    change = {operator: {f"{name}_": value for name, value in what.items()} for operator, what in update["u"].items()}
    change["$inc"] = {**change.get("$inc", {}), "turns": 1}
    return {**command, "updates": [{**update, "q": targets[next(_turns) % len(targets)], "u": change}]}


def _anew(document: dict[str, Any]) -> dict[str, Any]:
    """Return a document to insert again, of somebody else: else what reads all of a user's would read ever more."""
    return {**document, **{name: ObjectId() for name in ("_id", "user") if name in document}}

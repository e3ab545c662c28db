"""The baseline of authsvc: Flask routes that do nothing, or one database read."""

import os
from typing import Any

from flask import Flask, jsonify
from pymongo import MongoClient

from authsvc.models.sessions import STATE_FIELDS

app = Flask("baseline")
_sessions = MongoClient[dict[str, Any]](os.environ["MONGODB_URI"]).get_default_database().sessions
_session_id = (_sessions.find_one({}, {"_id": 1}) or {}).get("_id")


@app.get("/")
def home():
    """Answer what the protected route answers."""
    return jsonify(message="It works!")


@app.get("/read")
def read():
    """Answer it after the read that an authenticated request makes."""
    assert _sessions.find_one({"_id": _session_id}, STATE_FIELDS)
    return jsonify(message="It works!")

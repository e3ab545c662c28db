"""What authsvc is compared with: Flask routes that do nothing, or one database read."""

import os
from typing import Any

from flask import Flask, jsonify
from pymongo import MongoClient

from authsvc.models.sessions import STANDING

app = Flask("bare")
_sessions = MongoClient[dict[str, Any]](os.environ["MONGODB_URI"]).get_default_database().sessions
_known = (_sessions.find_one({}, {"_id": 1}) or {}).get("_id")


@app.get("/")
def home():
    """Answer what the protected route answers."""
    return jsonify(message="It works!")


@app.get("/read")
def read():
    """Answer it after the read that an authenticated request makes."""
    assert _sessions.find_one({"_id": _known}, STANDING)
    return jsonify(message="It works!")

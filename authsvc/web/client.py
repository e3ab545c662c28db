"""The client for browsers: one ES module and its TypeScript declarations, which any page may import."""

from pathlib import Path

from flask import Response

from authsvc.http import sharing
from authsvc.http.blueprint import Blueprint
from authsvc.http.guards import for_people
from authsvc.web import files

blp = Blueprint("client", __name__, stateless=True, description="The client for browsers.")

_FOLDER = Path(__file__).parent / "static"
_MAX_AGE = 300


@blp.get("/authsvc.js")
@for_people
@blp.response(200, description="A JavaScript module")
def module() -> Response:
    """Return the client for browsers, an ES module."""
    return _send("authsvc.min.js")


@blp.get("/authsvc.d.ts")
@for_people
@blp.response(200, description="TypeScript declarations")
def types() -> Response:
    """Return the TypeScript declarations of the client."""
    return _send("authsvc.d.ts")


def _send(name: str) -> Response:
    response = files.send(_FOLDER / name, max_age=_MAX_AGE)
    sharing.let_anyone_read(response)  # modules are fetched with CORS
    return response

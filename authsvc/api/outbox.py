"""The latest letters, readable: only in development."""

from pathlib import Path
from typing import Any

from flask import Response, jsonify, render_template

from authsvc.errors import NotFound
from authsvc.http import pages
from authsvc.http.blueprint import Blueprint
from authsvc.http.guards import public
from authsvc.schemas.export import OutboxSchema
from authsvc.schemas.letters import LetterPreviewQuerySchema, OutboxQuerySchema
from authsvc.services import letter_previews, mail

blp = Blueprint("outbox", __name__, description="The latest letters, in development.")

_MOST = 50
_STYLE = (Path(pages.__file__).parent / "templates" / "outbox.css").read_text(encoding="utf-8")


@blp.get("/dev/outbox")
@public
@blp.arguments(OutboxQuerySchema, location="query")
def outbox(query: dict[str, Any]) -> Response:
    """Show the latest letters, or those to an address, as a page or as JSON, whichever the client prefers."""
    letters = mail.latest(_MOST, to=query["to"])
    if pages.preferred():
        chosen = next((one for one in letters if one["id"] == query["letter"]), letters[0] if letters else None)
        html = render_template("outbox.html", style=_STYLE, letters=letters, open=chosen, to=query["to"])
        response = pages.with_frames(html, style=_STYLE)
    else:
        response = jsonify(OutboxSchema().dump({"items": letters}))
    response.vary.add("Accept")
    response.headers["Cache-Control"] = "no-store"
    return response


@blp.get("/dev/outbox/<id:letter_id>")
@public
@blp.arguments(LetterPreviewQuerySchema, location="query")
@blp.problems(NotFound)
def letter(query: dict[str, Any], letter_id: str) -> Response:
    """Show the HTML of a letter, for a frame of that page."""
    return pages.letter(letter_previews.framed(mail.html_of(letter_id), query["scheme"]))

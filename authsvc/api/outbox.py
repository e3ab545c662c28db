"""The latest letters, readable: only in development."""

from flask import Response, jsonify, render_template

from authsvc.http import pages
from authsvc.http.blueprint import Blueprint
from authsvc.http.guards import public
from authsvc.schemas.export import OutboxSchema
from authsvc.services import mail

blp = Blueprint("outbox", __name__, description="The latest letters, in development.")

_MOST = 20


@blp.get("/dev/outbox")
@public
def outbox() -> Response:
    """Show the latest letters, as a page or as JSON, whichever the client prefers."""
    letters = mail.latest(_MOST)
    page = pages.respond(render_template("outbox.html", letters=letters)) if pages.preferred() else None
    response = page if page is not None else jsonify(OutboxSchema().dump({"items": letters}))
    response.vary.add("Accept")
    response.headers["Cache-Control"] = "no-store"
    return response

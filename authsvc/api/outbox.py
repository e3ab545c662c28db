"""The last letters, readable: in development alone."""

from flask import Response, jsonify, render_template, request

from authsvc.api import pages
from authsvc.api.documenting import Blueprint
from authsvc.api.guards import public
from authsvc.schemas.export import OutboxSchema
from authsvc.services import mail

blp = Blueprint("outbox", __name__, description="The last letters, in development.")

_MOST = 20


@blp.get("/dev/outbox")
@public
def outbox() -> Response:
    """Show the last letters, as a page or as JSON, whichever the client prefers."""
    letters = mail.latest(_MOST)
    wants_page = request.accept_mimetypes.best_match(["application/json", "text/html"]) == "text/html"
    page = pages.respond(render_template("outbox.html", letters=letters)) if wants_page else None
    response = page if page is not None else jsonify(OutboxSchema().dump({"items": letters}))
    response.vary.add("Accept")
    response.headers["Cache-Control"] = "no-store"
    return response

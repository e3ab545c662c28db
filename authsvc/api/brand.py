"""What follows from the operator's brand: the colours of pages, and letters with sample data."""

from typing import Any

from flask import Response

from authsvc.errors import NotFound
from authsvc.http import pages
from authsvc.http.blueprint import Blueprint
from authsvc.http.guards import for_people, public
from authsvc.schemas.letters import LetterPreviewQuerySchema
from authsvc.services import brand, letter_previews

blp = Blueprint("looks", __name__, stateless=True, description="The operator's brand on pages, and in letters.")


@blp.get("/account/brand.css")
@for_people
@blp.response(200, description="A style sheet")
def colours() -> Response:
    """Return the operator's colour as pages use it: as it can be read on light and on dark ground."""
    return Response(brand.style_sheet(), mimetype="text/css")


@blp.get("/account/letter-preview/<kind>")
@public
@blp.arguments(LetterPreviewQuerySchema, location="query")
@blp.response(200, description="A letter")
@blp.problems(NotFound)
def letter_preview(query: dict[str, Any], kind: str) -> Response:
    """Show a letter with sample data, in a frame of one of our pages: it holds nothing of anybody."""
    return pages.letter(letter_previews.preview(kind, **query).html)

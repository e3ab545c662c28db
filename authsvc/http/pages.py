"""Pages rendered on the server: no script, and one inline style sheet, which the policy names by its hash."""

import base64
import hashlib
import re
from pathlib import Path

from flask import Response, render_template, request
from markupsafe import Markup, escape

STYLE = (Path(__file__).parent / "templates" / "style.css").read_text(encoding="utf-8")

_LONGEST_ACCEPT = 1_024
"""Characters of an Accept header that is read: browsers send 150, and Werkzeug's time grows with the square."""


def preferred() -> bool:
    """Tell whether the client would rather have a page than JSON (RFC 9110 section 12.5.1)."""
    readable = len(request.headers.get("Accept", "")) <= _LONGEST_ACCEPT
    return readable and request.accept_mimetypes.best_match(["application/json", "text/html"]) == "text/html"


def with_code(text: str) -> Markup:
    """Return a text with what stands between backticks marked up as code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped first


def respond(html: str, *, status: int = 200) -> Response:
    """Return a page that runs no script, and may be cached for a few minutes if it is no error."""
    policy = (
        f"default-src 'none'; style-src {_hash(STYLE)}; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    )
    caching = {"Cache-Control": "public, max-age=300"} if status == 200 else {}
    return Response(html, status, {"Content-Security-Policy": policy, **caching}, mimetype="text/html")


def missing(what: str) -> Response:
    """Return a page that says that nobody can do this here, since the pages for it are switched off."""
    return respond(render_template("pages_off.html", what=what), status=404)


def _hash(text: str) -> str:
    """Return what names a text in a policy (CSP level 3, section 2.3.1)."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

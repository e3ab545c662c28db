"""Pages rendered on the server: no script, one inline style sheet that the policy names by its hash."""

import base64
import hashlib
import re
from pathlib import Path

from flask import Response
from markupsafe import Markup, escape

STYLE = (Path(__file__).parent / "templates" / "style.css").read_text()
_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
_POLICY = f"default-src 'none'; style-src 'sha256-{_HASH}'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"


def with_code(text: str) -> Markup:
    """Return a text with what stands between backticks marked up as code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped first


def respond(html: str) -> Response:
    """Return a page that may be cached for a few minutes and runs nothing."""
    headers = {"Content-Security-Policy": _POLICY, "Cache-Control": "public, max-age=300"}
    return Response(html, headers=headers, mimetype="text/html")

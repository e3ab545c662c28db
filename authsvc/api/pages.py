"""Pages rendered on the server: one inline style sheet, and a script where it must be, each named by the policy."""

import base64
import hashlib
import re
from pathlib import Path

from flask import Response
from markupsafe import Markup, escape

STYLE = (Path(__file__).parent / "templates" / "style.css").read_text()


def with_code(text: str) -> Markup:
    """Return a text with what stands between backticks marked up as code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped first


def respond(html: str, *, script: str = "") -> Response:
    """Return a page that may be cached for a few minutes and runs nothing but `script`, which may talk to us alone."""
    own = f"script-src {_hash(script)}; connect-src 'self'; " if script else ""
    rest = "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    policy = f"default-src 'none'; {own}style-src {_hash(STYLE)}; {rest}"
    headers = {"Content-Security-Policy": policy, "Cache-Control": "public, max-age=300"}
    return Response(html, headers=headers, mimetype="text/html")


def _hash(text: str) -> str:
    """Return what names a text in a policy (CSP level 3, section 2.3.1)."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

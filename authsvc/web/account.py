"""The account pages: HTML that holds nobody's data, and the modules, styles and pictures that it names.

All that is anybody's comes to a script from the API, as it would to any other client.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import Response, current_app, render_template, request
from marshmallow import Schema, fields

from authsvc.api.documenting import Blueprint
from authsvc.api.guards import public
from authsvc.errors import NotFound

blp = Blueprint("account", __name__, stateless=True, template_folder="templates", description="The account pages.")

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".jpg": "image/jpeg",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".webp": "image/webp",
}
_FILES = {path.name: path.read_bytes() for path in sorted((Path(__file__).parent / "static" / "account").iterdir())}
_VERSION = hashlib.sha256(b"".join(_FILES.values())).hexdigest()[:12]
"""Modules name each other by relative addresses, so one folder named by what is in it can be kept for ever."""

# What a page may do: run and show what comes from here, and talk to us alone. Forms are sent by script.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
}


@dataclass(frozen=True, slots=True)
class _Page:
    script: str
    modules: tuple[str, ...]


_BASE = ("dom", "forms", "return", "words")
_LETTER = _Page("letters", _BASE)
_PAGES = {
    "sign-in": _Page("sign-in", _BASE),
    "sign-up": _Page("sign-up", _BASE),
    "forgot-password": _LETTER,
    "reset-password": _LETTER,
    "verify-email": _LETTER,
    "undo-email": _LETTER,
}
_HOME = _Page("home", (*_BASE, "dialogs", "places", "profile", "security", "shown", "tokens"))
_SECTIONS = (
    ("profile", "Profile", "user"),
    ("security", "Security", "shield"),
    ("sessions", "Devices", "screen"),
    ("tokens", "Tokens", "key"),
    ("activity", "Activity", "clock"),
    ("data", "Your data", "box"),
)
SCOPES = (
    ("account:read", "Read your account, its sessions and activity", False),
    ("account:write", "Change your name", False),
    ("tokens:introspect", "Ask whether a token is good", False),
    ("users:read", "Read all accounts", True),
    ("users:write", "Change all accounts", True),
    ("audit:read", "Read what happened to all accounts", True),
)
"""What a token may do, in words, and whether that takes an administrator."""


class ArrivalSchema(Schema):
    """What a link to a page may say; the page's script reads it."""

    error_messages = {"unknown": "unknown_field: Unknown parameter."}

    return_to = fields.String(
        data_key="return", metadata={"description": "where to go after the sign-in: a path, or at `CORS_ORIGINS`"}
    )
    ended = fields.String(metadata={"description": "why a session ended"})


@blp.get("/account/")
@public
@blp.response(200, description="A page")
def home() -> Response:
    """Show the page on which somebody looks after their account."""
    return _rendered("home", _HOME)


@blp.get("/account")
@public
@blp.response(200, description="A page")
def home_by_another_name() -> Response:
    """Show the same page: a redirect would be to whatever host the request names."""
    return _rendered("home", _HOME)


@blp.get("/account/<page>")
@public
@blp.arguments(ArrivalSchema, location="query")
@blp.response(200, description="A page")
@blp.problems(NotFound)
def show(_arrival: dict[str, Any], page: str) -> Response:
    """Show a page to sign up, to sign in, or where a link in a letter leads."""
    if page not in _PAGES:
        raise NotFound
    return _rendered(page, _PAGES[page])


@blp.get("/account/assets/<version>/<name>")
@public
@blp.response(200, description="A module, a style sheet or a picture of the pages")
@blp.problems(NotFound)
def asset(version: str, name: str) -> Response:
    """Return a file of the pages: for good, under the version that they name, and else to be asked for each time."""
    if name not in _FILES:
        raise NotFound
    caching = "public, max-age=31536000, immutable" if version == _VERSION else "no-cache"
    return _file(_FILES[name], Path(name).suffix, caching)


@blp.get("/account/theme.css")
@public
@blp.response(200, description="A style sheet")
@blp.problems(NotFound)
def theme() -> Response:
    """Return the operator's style sheet, which comes after that of the pages."""
    return _operators("ACCOUNT_THEME")


@blp.get("/account/logo")
@public
@blp.response(200, description="A picture")
@blp.problems(NotFound)
def logo() -> Response:
    """Return the operator's logo."""
    return _operators("ACCOUNT_LOGO")


def _rendered(name: str, page: _Page) -> Response:
    config = current_app.config
    assets = f"/account/assets/{_VERSION}"
    html = render_template(
        f"account/{name}.html",
        page=name,
        script=page.script,
        modules=page.modules,
        assets=assets,
        name=config["ACCOUNT_NAME"],
        logo="/account/logo" if config["ACCOUNT_LOGO"] else f"{assets}/logo.svg",
        theme="/account/theme.css" if config["ACCOUNT_THEME"] else "",
        returns=config["CORS_ORIGINS"],
        verification=config["EMAIL_VERIFICATION"],
        least=config["PASSWORD_MIN_LENGTH"],
        sections=_SECTIONS,
        scopes=SCOPES,
    )
    return Response(html, headers=_HEADERS, mimetype="text/html")


def _operators(setting: str) -> Response:
    """Return a file that a setting names, as it is now. Raises NotFound."""
    path = Path(current_app.config[setting])
    if not path.is_file():
        raise NotFound
    return _file(path.read_bytes(), path.suffix, "no-cache")


def _file(content: bytes, suffix: str, caching: str) -> Response:
    response = Response(content, headers={"Cache-Control": caching}, content_type=_TYPES[suffix])
    response.add_etag()
    return response.make_conditional(request)  # type: ignore[return-value]

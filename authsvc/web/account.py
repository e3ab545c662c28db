"""The account pages: HTML without personal data, and the scripts, styles and pictures that it loads.

Personal data reaches the scripts through the API, as it would any other client.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlencode

from flask import Response, current_app, render_template, request

from authsvc.errors import NotFound
from authsvc.http.blueprint import Blueprint
from authsvc.http.guards import for_people
from authsvc.web import files

blp = Blueprint("account", __name__, stateless=True, template_folder="templates", description="The account pages.")

_ASSETS = Path(__file__).parent / "static" / "account"
# Modules import each other by relative addresses. So it is their folder whose name changes with what is in any of them.
_VERSION = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(_ASSETS.iterdir()))).hexdigest()[:12]
_YEAR = 31_536_000

# A page may run and show what comes from here, and talk only to us. Scripts send its forms.
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
# The page that leads to apps. It may send a form to one, which may redirect it on: browsers apply `form-action` to that
# too. A window that an app has opened stays connected to it. What it sends says from which origin it comes.
_LEADING_TO_APPS = {
    "Content-Security-Policy": _POLICY.replace("form-action 'none'; ", ""),
    "Cache-Control": "no-store",
    "Referrer-Policy": "origin",
}
# The pages on the way back to that one stay connected too: once it is cut, nothing connects a window again.
_BACK_TO_APPS = {name: value for name, value in _HEADERS.items() if name != "Cross-Origin-Opener-Policy"}
_LEADS_BACK = re.compile(r"/account/authorize\?request=asr_[0-9A-Za-z]{1,100}", re.ASCII)


@dataclass(frozen=True, slots=True)
class _Page:
    script: str
    modules: tuple[str, ...]
    headers: Mapping[str, str] = field(default_factory=lambda: _HEADERS)


_BASE = ("dom", "code-field", "forms", "messages", "redirect")
_WITHOUT_PASSWORD = ("providers", "sent-code", "storage")
_LINK = _Page("links", _BASE)
_PAGES = {
    "sign-in": _Page("sign-in", (*_BASE, *_WITHOUT_PASSWORD, "factor", "hint", "resend")),
    "sign-up": _Page("sign-up", (*_BASE, "awaited-code", *_WITHOUT_PASSWORD, "factor", "hint", "resend")),
    "forgot-password": _Page("forgot-password", (*_BASE, "hint", "resend", "storage")),
    "reset-password": _LINK,
    "verify-email": _LINK,
    "undo-email": _LINK,
    "email-code": _Page("email-code", (*_BASE, "factor")),
    "sign-out": _Page("sign-out", _BASE, _LEADING_TO_APPS),
    "authorize": _Page(
        "authorize",
        (*_BASE, "decisions", "dialog", "hint", "providers", "reauthenticate", "resend", "storage"),
        _LEADING_TO_APPS,
    ),
    "device": _Page(
        "device", (*_BASE, "decisions", "dialog", "format", "providers", "reauthenticate", "resend", "storage")
    ),
}
# It may be in a window that an app has opened, on its way back there.
_FEDERATION = _Page("federation", (*_BASE, *_WITHOUT_PASSWORD, "done", "factor", "resend"), _BACK_TO_APPS)
_PROVIDER = re.compile(r"[a-z0-9-]{1,32}", re.ASCII)
_WAYS_IN = ("sign-in", "sign-up", "forgot-password")

_SECTION_MODULES = ("activity", "apps", "data", "profile", "security", "sessions", "tokens")
_HOME_MODULES = (
    *("awaited-code", "dialog", "dialogs", "done", "format", "identities", "lists", "providers", "reauthenticate"),
    *("resend", "storage", *_SECTION_MODULES),
)
_HOME = _Page("home", (*_BASE, *_HOME_MODULES))
_SECTIONS = (
    ("profile", "Profile", "user"),
    ("security", "Security", "shield"),
    ("sessions", "Devices", "screen"),
    ("apps", "Apps", "apps"),
    ("tokens", "Tokens", "key"),
    ("activity", "Activity", "clock"),
    ("data", "Your data", "box"),
)
SCOPES = (
    ("account:read", "Read your account, its sessions and activity", False),
    ("account:write", "Change your name", False),
    ("tokens:introspect", "Check whether a token is valid", False),
    ("users:read", "Read all accounts", True),
    ("users:write", "Change all accounts", True),
    ("apps:read", "Read all apps", True),
    ("apps:write", "Register and change apps", True),
    ("audit:read", "Read the activity of all accounts", True),
)
"""The scopes of a token, in words, and whether they need an administrator."""

# Only the page's script reads them.
_PARAMETERS = [
    {"name": name, "in": "query", "schema": {"type": "string"}, "description": description}
    for name, description in {
        "return": "Where to go after the sign-in: a path, or an address at one of `CORS_ORIGINS`.",
        "ended": "Why the session ended.",
        "user_code": "The code that a device shows, to be confirmed at `/account/device`.",
    }.items()
]

_BROUGHT_BACK = [
    {"name": name, "in": "query", "schema": {"type": "string"}, "description": description}
    for name, description in {
        "state": "Which sign-in it is.",
        "code": "What says who somebody is, to be exchanged once (RFC 6749 section 4.1.2).",
        "iss": "Who says so (RFC 9207).",
        "error": "Why nobody says so.",
    }.items()
]


@blp.get("/account/")
@for_people
@blp.response(200, description="A page")
def home() -> Response:
    """Show the page for managing one's account."""
    return _rendered("home", _HOME)


@blp.get("/account")
@for_people
@blp.response(200, description="A page")
def home_by_another_name() -> Response:
    """Show the account page without a redirect."""
    # A redirect would lead to whichever host the request names.
    return _rendered("home", _HOME)


@blp.get("/account/<page>")
@for_people
@blp.doc(parameters=_PARAMETERS)
@blp.response(200, description="A page")
@blp.problems(NotFound)
def show(page: str) -> Response:
    """Show a page for signing up, signing in, or following a link in an email."""
    if page not in _PAGES:
        raise NotFound
    address = request.args.get("return", "")
    if page not in _WAYS_IN or _LEADS_BACK.fullmatch(address) is None:
        return _rendered(page, _PAGES[page])
    # Scripts keep the address in the links too, but in vain if somebody is faster than they are.
    return _rendered(page, replace(_PAGES[page], headers=_BACK_TO_APPS), keep=f"?{urlencode({'return': address})}")


@blp.get("/account/federation/<provider>")
@for_people
@blp.doc(parameters=_BROUGHT_BACK)
@blp.response(200, description="A page")
@blp.problems(NotFound)
def come_back(provider: str) -> Response:
    """Show the page to which a provider sends people back. It is there for one that is no longer offered, and says so.

    Only its script reads what the address holds, and takes it out of there at once.
    """
    if _PROVIDER.fullmatch(provider) is None:
        raise NotFound
    return _rendered("federation", _FEDERATION)


@blp.get("/account/assets/<version>/<name>")
@for_people
@blp.response(200, description="A script, a style sheet or a picture")
@blp.problems(NotFound)
def asset(version: str, name: str) -> Response:
    """Return a file of the account pages. Under the current version it never changes."""
    response = files.send(_ASSETS / name, max_age=_YEAR if version == _VERSION else None)
    response.cache_control.immutable = version == _VERSION
    return response


@blp.get("/account/theme.css")
@for_people
@blp.response(200, description="A style sheet")
@blp.problems(NotFound)
def theme() -> Response:
    """Return the operator's style sheet, which is loaded after the pages' own."""
    return _file_of_setting("ACCOUNT_THEME")


@blp.get("/account/logo")
@for_people
@blp.response(200, description="A picture")
@blp.problems(NotFound)
def logo() -> Response:
    """Return the operator's logo."""
    return _file_of_setting("ACCOUNT_LOGO")


def _rendered(name: str, page: _Page, *, keep: str = "") -> Response:
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
        keep=keep,
        codes=config["EMAIL_CODES"],
        providers=[
            {
                "name": one.name,
                "label": one.label,
                "icon": one.kind,
                "reauthenticates": one.preset.reauthenticates,
            }
            for one in config.get("IDENTITY_PROVIDERS", ())
            if one.enabled
        ],
    )
    return Response(html, headers=dict(page.headers), mimetype="text/html")


def _file_of_setting(setting: str) -> Response:
    """Return the file that a setting names, as it is now. Raises werkzeug's NotFound."""
    return files.send(Path(current_app.config[setting]).absolute())

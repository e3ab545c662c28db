"""The account pages: HTML without personal data, and the scripts, styles and pictures that it loads.

Personal data reaches the scripts through the API, as it would any other client.
"""

import re
from dataclasses import replace
from urllib.parse import urlencode

from flask import Response, current_app, request

from authsvc.errors import NotFound
from authsvc.http.blueprint import Blueprint
from authsvc.http.guards import for_people
from authsvc.languages import translatable
from authsvc.web import pages

blp = Blueprint("account", __name__, stateless=True, template_folder="templates", description="The account pages.")

# The page that leads to apps. It may send a form to one, which may redirect it on: browsers apply `form-action` to that
# too. A window that an app has opened stays connected to it. What it sends says from which origin it comes.
_LEADING_TO_APPS = {
    "Content-Security-Policy": pages.POLICY.replace("form-action 'none'; ", ""),
    "Cache-Control": "no-store",
    "Referrer-Policy": "origin",
}
# The pages on the way back to that one stay connected too: once it is cut, nothing connects a window again.
_BACK_TO_APPS = {name: value for name, value in pages.HEADERS.items() if name != "Cross-Origin-Opener-Policy"}
_LEADS_BACK = re.compile(r"/account/authorize\?request=asr_[0-9A-Za-z]{1,100}", re.ASCII)


_LINK = pages.Page("account/links")
_PAGES = {
    "sign-in": pages.Page("account/sign-in"),
    "sign-up": pages.Page("account/sign-up"),
    "forgot-password": pages.Page("account/forgot-password"),
    "reset-password": _LINK,
    "verify-email": _LINK,
    "undo-email": _LINK,
    "email-code": pages.Page("account/email-code"),
    "sign-out": pages.Page("account/sign-out", _LEADING_TO_APPS),
    "authorize": pages.Page("account/authorize", _LEADING_TO_APPS),
    "device": pages.Page("account/device"),
}
# It may be in a window that an app has opened, on its way back there.
_FEDERATION = pages.Page("account/federation", _BACK_TO_APPS)
_PROVIDER = re.compile(r"[a-z0-9-]{1,32}", re.ASCII)
_WAYS_IN = ("sign-in", "sign-up", "forgot-password")

_HOME = pages.Page("account/home")
_SECTIONS = (
    ("profile", translatable("Profile"), "user"),
    ("security", translatable("Security"), "shield"),
    ("sessions", translatable("Devices"), "screen"),
    ("apps", translatable("Apps"), "apps"),
    ("tokens", translatable("Tokens"), "key"),
    ("activity", translatable("Activity"), "clock"),
    ("data", translatable("Your data"), "box"),
)
SCOPES = (
    ("account:read", translatable("Read your account, its sessions and activity"), False),
    ("account:write", translatable("Change your name"), False),
    ("tokens:introspect", translatable("Check whether a token is valid"), False),
    ("users:read", translatable("Read all accounts"), True),
    ("users:write", translatable("Change all accounts"), True),
    ("apps:read", translatable("Read all apps"), True),
    ("apps:write", translatable("Register and change apps"), True),
    ("webhooks:write", translatable("Manage webhooks"), True),
    ("audit:read", translatable("Read the activity of all accounts"), True),
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


@blp.get("/account/assets/<version>/<folder>/<name>")
@for_people
@blp.response(200, description="A script, a style sheet or a picture")
@blp.problems(NotFound)
def asset(version: str, folder: str, name: str) -> Response:
    """Return a file of the pages. Under the current version it never changes."""
    return pages.send_asset(version, f"{folder}/{name}")


def _rendered(name: str, page: pages.Page, *, keep: str = "") -> Response:
    return pages.render(
        page,
        f"account/{name}.html",
        page=name,
        sections=_SECTIONS,
        scopes=SCOPES,
        keep=keep,
        console=current_app.config["ADMIN_PAGES"],
    )

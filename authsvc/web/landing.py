"""The pages that letters lead to where there are no account pages: each asks once more, then sends what stands behind
`#token=`.

Opening a link changes nothing, so a mail scanner that follows it uses nothing up; and what stands behind `#` is sent to
no server and written to no log.
"""

from dataclasses import dataclass
from pathlib import Path

from flask import Response, render_template
from markupsafe import Markup

from authsvc.api import pages
from authsvc.api.documenting import Blueprint
from authsvc.api.guards import public
from authsvc.errors import NotFound

blp = Blueprint(
    "landing", __name__, stateless=True, template_folder="templates", description="Where the links in letters lead."
)

_SCRIPT = (Path(__file__).parent / "templates" / "link.js").read_text()


@dataclass(frozen=True, slots=True)
class _Page:
    title: str
    said: str
    button: str
    post: str
    done: str
    asks: str = ""
    takes_link: bool = True


_PAGES = {
    "verify-email": _Page(
        "Confirm your address",
        "Confirm only what you asked for yourself.",
        "Confirm",
        "/auth/email/verify",
        "Your address is confirmed. You can close this page.",
    ),
    "undo-email": _Page(
        "Take your address back",
        "Your account gets its former address back, and everybody is signed out of it.",
        "Take it back",
        "/auth/email/revert",
        "Your account has its address back. A letter is on its way to set a new password with.",
    ),
    "reset-password": _Page(
        "Set a new password",
        "It signs you out everywhere.",
        "Set the password",
        "/auth/password/reset",
        "Your password is set. You can sign in with it now.",
        asks="password",
    ),
    "forgot-password": _Page(
        "Forgotten your password?",
        "Where there is an account with this address, it gets a letter with a link to set a new one.",
        "Send the letter",
        "/auth/password/forgot",
        "If there is such an account, a letter is on its way. Look into your mail.",
        asks="email",
        takes_link=False,
    ),
}


@blp.get("/account/<page>")
@public
@blp.response(200, description="A page")
@blp.problems(NotFound)
def show(page: str) -> Response:
    """Show the page that a link in a letter leads to."""
    if page not in _PAGES:
        raise NotFound
    html = render_template("link.html", page=_PAGES[page], script=Markup(_SCRIPT))  # noqa: S704 - our own
    return pages.respond(html, script=_SCRIPT)

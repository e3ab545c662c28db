"""What browsers, crawlers and password managers ask for at fixed addresses, and the page at `/`."""

from datetime import timedelta
from pathlib import Path

from flask import Flask, Response, current_app, jsonify, render_template, request

from authsvc import clock
from authsvc.errors import NotFound
from authsvc.http import guards, pages
from authsvc.http.blueprint import Blueprint
from authsvc.http.guards import for_people
from authsvc.web import files

blp = Blueprint("front", __name__, stateless=True, description="What browsers and crawlers ask for by themselves.")

_ICONS = Path(__file__).parent / "static" / "icons"
_HOME = "auth.home"
_DAY = 86_400
_SECURITY_TEXT_DAYS = 90
_PASSWORD = "/account/#security"  # noqa: S105 - an address
# Every answer says `noindex`, which a crawler sees only if it may ask. What is no page it need not ask for.
_ROBOTS = """User-agent: *
Disallow: /auth/
Disallow: /admin/
Disallow: /oauth2/
Allow: /
"""


def init_app(app: Flask) -> None:
    """Let a browser that opens `/` see a page: programs get there what they always got."""

    def after(response: Response) -> Response:
        if request.endpoint == _HOME:
            if "Vary" in response.headers:
                response.vary.add("Accept")
            else:
                response.headers["Vary"] = "Accept"  # `vary` makes a set, and writes it again at each change
        return response

    app.before_request(_welcome)
    app.after_request(after)


@blp.get("/favicon.ico")
@for_people
@blp.response(200, description="A picture")
def favicon() -> Response:
    """Return the icon of the pages: the operator's, if there is one."""
    return files.send(_own_icon() or _ICONS / "favicon.ico", max_age=_DAY)


@blp.get("/apple-touch-icon.png")
@for_people
@blp.response(200, description="A picture")
@blp.problems(NotFound)
def touch_icon() -> Response:
    """Return the icon for a home screen. An operator's own one must be a PNG: ours would be another's."""
    own = _own_icon()
    if own is not None and own.suffix != ".png":
        raise NotFound
    return files.send(own or _ICONS / "apple-touch-icon.png", max_age=_DAY)


@blp.get("/robots.txt")
@for_people
@blp.response(200, description="Rules for crawlers (RFC 9309)")
def robots() -> Response:
    """Tell crawlers what they need not ask for."""
    return Response(_ROBOTS, content_type="text/plain; charset=utf-8", headers={"Cache-Control": f"max-age={_DAY}"})


@blp.get("/.well-known/change-password")
@for_people
@blp.response(302, description="The account page, where passwords are changed")
@blp.problems(NotFound)
def change_password() -> Response:
    """Lead password managers to where a password is changed (W3C, A Well-Known URL for Changing Passwords)."""
    _need_pages()
    # Relative: it leads to whichever host the browser asked.
    return Response(status=302, headers={"Location": _PASSWORD}, mimetype="text/plain")


@blp.get("/.well-known/passkey-endpoints")
@for_people
@blp.response(200, description="Where passkeys are added and managed")
@blp.problems(NotFound)
def passkey_endpoints() -> Response:
    """Tell password managers where passkeys are added and managed (W3C, Passkey Endpoints)."""
    _need_pages()
    where = f"{current_app.config['PUBLIC_URL']}{_PASSWORD}"
    response = jsonify({"enroll": where, "manage": where})
    response.headers["Cache-Control"] = f"max-age={_DAY}"
    return response


@blp.get("/.well-known/security.txt")
@for_people
@blp.response(200, description="Whom to tell of a vulnerability (RFC 9116)")
@blp.problems(NotFound)
def security_text() -> Response:
    """Tell whom to write to about a vulnerability, if `SECURITY_CONTACT` names somebody."""
    contact, address = current_app.config["SECURITY_CONTACT"], current_app.config["PUBLIC_URL"]
    if not contact:
        raise NotFound
    midnight = clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
    until = midnight + timedelta(days=_SECURITY_TEXT_DAYS)
    lines = (
        f"Contact: {contact}",
        f"Expires: {until.strftime('%Y-%m-%dT%H:%M:%SZ')}",
        f"Canonical: {address}/.well-known/security.txt",
    )
    return Response("\n".join(lines) + "\n", content_type="text/plain; charset=utf-8")


def _welcome() -> Response | None:
    """Return the page at `/` for a browser, None for everything else."""
    if request.endpoint != _HOME or not _by_a_person():
        return None
    config = current_app.config
    html = render_template(
        "welcome.html",
        console="/admin/" if config.get("ADMIN_PAGES") else "",
        outbox="/dev/outbox" if config["APP_ENV"] == "development" else "",
    )
    response = pages.respond(html)
    response.vary.add("Authorization")
    return response


def _by_a_person() -> bool:
    """Tell whether a browser wants a page, and no program the account of its token."""
    token = request.headers.get("Authorization", "")
    return guards.BEARER.match(token) is None and request.method in ("GET", "HEAD") and pages.preferred()


def _own_icon() -> Path | None:
    config = current_app.config
    name = config["ACCOUNT_ICON"] or config["ACCOUNT_LOGO"]
    return Path(name).absolute() if name else None


def _need_pages() -> None:
    if not current_app.config["ACCOUNT_PAGES"]:
        raise NotFound

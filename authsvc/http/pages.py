"""Pages rendered on the server: one inline style sheet, which the policy names by its hash, and no script by itself."""

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import Flask, Response, render_template, request
from markupsafe import Markup, escape

from authsvc.http import language
from authsvc.settings import host_of
from authsvc.settings.brand import support_link, support_name

STYLE = (Path(__file__).parent / "templates" / "style.css").read_text(encoding="utf-8")

_LONGEST_ACCEPT = 1_024
"""Characters of an Accept header that is read: browsers send 150, and Werkzeug's time grows with the square."""

_SCRIPTS = "script-src 'self'; require-trusted-types-for 'script'; trusted-types 'none'; "


def preferred() -> bool:
    """Tell whether the client would rather have a page than JSON (RFC 9110 section 12.5.1)."""
    readable = len(request.headers.get("Accept", "")) <= _LONGEST_ACCEPT
    return readable and request.accept_mimetypes.best_match(["application/json", "text/html"]) == "text/html"


def with_code(text: str) -> Markup:
    """Return a text with what stands between backticks marked up as code, and between asterisks as emphasis."""
    code = re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text)))
    return Markup(re.sub(r"\*([^*<>]+)\*", r"<em>\1</em>", code))  # noqa: S704 - escaped first


def linked(text: str, address: str, **attributes: str) -> Markup:
    """Return a text in which what stands in brackets leads to an address, "" if a script says to which."""
    named = {"href": address, **attributes} if address else attributes
    more = Markup().join(Markup(' {}="{}"').format(name, value) for name, value in named.items())
    before, _, rest = str(escape(text)).partition("[")
    words, _, after = rest.partition("]")
    return Markup("{}<a{}>{}</a>{}").format(Markup(before), more, Markup(words), Markup(after))  # noqa: S704


def slot(name: str = "", tag: str = "strong", *, value: str = "", target: str = "") -> Markup:
    """Return a place in a sentence that a script fills in: `<strong data-email>`."""
    mark = Markup(' data-{}="{}"').format(name, value) if value else Markup(" data-{}").format(name) if name else ""
    named = Markup(' id="{}"').format(target) if target else ""
    # Its own direction: a name in another script must not change the order of the words around it.
    return Markup('<{0}{1}{2} dir="auto"></{0}>').format(tag, named, mark)


def breakable(path: str) -> Markup:
    """Return a path that a browser breaks before a slash, if it must."""
    return Markup("<wbr>/").join(path.split("/"))


@dataclass(frozen=True, slots=True)
class Brand:
    """What the operator calls the service, and how it looks: the addresses of pictures and style sheets, or "".

    `home` is the account page, "" if there is none, and `host` where all of it is.
    """

    name: str
    shows_name: bool
    logo: str
    logo_dark: str
    styles: tuple[str, ...]
    support: tuple[str, str] | None
    links: Mapping[str, str]
    home: str
    host: str


def init_app(app: Flask) -> None:
    """Let templates use the style sheet, the brand of the operator, and the filters."""
    app.jinja_env.globals["style"] = STYLE
    app.jinja_env.globals["brand"] = _brand(app.config)
    app.jinja_env.globals["slot"] = slot
    app.jinja_env.filters["linked"] = linked
    app.jinja_env.filters["with_code"] = with_code
    app.jinja_env.filters["breakable"] = breakable


def _brand(config: Mapping[str, Any]) -> Brand:
    logo, support = config["ACCOUNT_LOGO"], config["ACCOUNT_SUPPORT"]
    styles = {"/account/brand.css": config["ACCOUNT_ACCENT"], "/account/theme.css": config["ACCOUNT_THEME"]}
    return Brand(
        name=config["ACCOUNT_NAME"],
        shows_name=config["ACCOUNT_LOGO_NAME"] or not logo,
        logo="/account/logo" if logo else "",
        logo_dark="/account/logo-dark" if logo and config["ACCOUNT_LOGO_DARK"] else "",
        styles=tuple(address for address, is_set in styles.items() if is_set),
        support=(support_name(support), support_link(support)) if support else None,
        links=config["ACCOUNT_LINKS"],
        home="/account/" if config["ACCOUNT_PAGES"] else "",
        host=host_of(config["PUBLIC_URL"]),
    )


def respond(html: str, *, status: int = 200) -> Response:
    """Return a page in the language of whoever reads it, that runs no script."""
    return language.keep(in_english(html, status=status))


def in_english(html: str, *, status: int = 200, script: bool = False) -> Response:
    """Return a page that runs no script but ours, if any, and may be cached for a few minutes if it is no error."""
    policy = (
        f"default-src 'none'; style-src {_hash(STYLE)} 'self'; img-src 'self'; {_SCRIPTS if script else ''}"
        "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    )
    caching = {"Cache-Control": "public, max-age=300"} if status == 200 else {}
    return Response(html, status, {"Content-Security-Policy": policy, **caching}, mimetype="text/html")


def letter(html: str) -> Response:
    """Return a letter to be looked at in a frame of ours: it runs nothing, and has no origin.

    Letters have their styles inline, since mail programs know no others.
    """
    policy = (
        "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; frame-ancestors 'self'; base-uri 'none';"
        " form-action 'none'; sandbox allow-popups allow-popups-to-escape-sandbox"
    )
    return Response(html, headers={"Content-Security-Policy": policy, "X-Robots-Tag": "noindex"}, mimetype="text/html")


def with_frames(html: str, *, style: str) -> Response:
    """Return a page that runs no script, shows frames of ours, and whose form asks for a page of ours."""
    policy = (
        f"default-src 'none'; style-src {_hash(style)}; frame-src 'self'; frame-ancestors 'none'; base-uri 'none';"
        " form-action 'self'"
    )
    return Response(html, headers={"Content-Security-Policy": policy}, mimetype="text/html")


def not_found() -> Response:
    """Return the page for an address at which there is nothing."""
    return respond(render_template("not_found.html"), status=404)


def missing(what: str) -> Response:
    """Return a page that says what nobody can do here, since the pages for it are switched off."""
    return respond(render_template("pages_off.html", what=what), status=404)


def _hash(text: str) -> str:
    """Return what names a text in a policy (CSP level 3, section 2.3.1)."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

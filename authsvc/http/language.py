"""The language of an answer: what somebody chose here, else what an app asks for, else what their browser prefers."""

from urllib.parse import urlencode

from flask import Flask, Request, Response, current_app, request

from authsvc import languages

CHOSEN = "pages_language"
"""The cookie that holds what somebody chose. Scripts write it, and it says nothing else of them."""
ASKED = "ui_locales"
"""The cookie that holds what an app asked for (OpenID Connect, `ui_locales`), until the browser is closed."""

_MOST_TAGS = 20
_LONGEST = 1_024
"""Characters of `Accept-Language` that are read."""


def current() -> str:
    """Return the language to answer the request in: one that is known."""
    return stated(request) or languages.SOURCE


def stated(incoming: Request) -> str | None:
    """Return the language that somebody wants, None if they name none that is known."""
    cookies = incoming.cookies if "HTTP_COOKIE" in incoming.environ and _may_use_cookies(incoming) else {}
    return (
        languages.match(cookies.get(CHOSEN, ""))
        or asked_for(_ui_locales(incoming))
        or languages.match(cookies.get(ASKED, ""))
        or preferred(incoming)
    )


def preferred(incoming: Request) -> str | None:
    """Return the language that the program at the other end likes best of those that are known, None if none is."""
    header = incoming.environ.get("HTTP_ACCEPT_LANGUAGE", "")
    return languages.preferred(header[:_LONGEST]) if header else None


def asked_for(ui_locales: str) -> str | None:
    """Return the first language of a list that is known (OpenID Connect Core section 3.1.2.1), None if none is."""
    tags = ui_locales.split(" ")[:_MOST_TAGS] if ui_locales else []
    return next((language for tag in tags if (language := languages.match(tag))), None)


def keep(response: Response) -> Response:
    """Let an answer say in which language it is, be kept for no other, and those that follow be in it too."""
    response.headers["Content-Language"] = current()
    response.vary.add("Accept-Language")
    if _may_use_cookies(request):
        response.vary.add("Cookie")
        _remember(response, asked_for(_ui_locales(request)))
    return response


def _ui_locales(incoming: Request) -> str:
    """Return what the query asks for; nothing if it is no text."""
    if not incoming.environ.get("QUERY_STRING"):
        return ""  # as with most requests: parsing none costs as much as a log line
    try:
        return incoming.args.get("ui_locales", "")
    except UnicodeDecodeError:
        return ""


def page_of(name: str, query: dict[str, str], ui_locales: str | None) -> str:
    """Return the address of an account page, in the language that an app asks for: the page keeps it in a cookie."""
    spoken = asked_for(ui_locales or "")
    text = urlencode({**query, **({} if spoken is None else {"ui_locales": spoken})})
    return f"{current_app.config['PUBLIC_URL']}/account/{name}?{text}"


def _may_use_cookies(incoming: Request) -> bool:
    """Tell whether cookies may be read and set: not where apps and strangers ask (O51)."""
    return not incoming.path.startswith("/oauth2/")


def _remember(response: Response, language: str | None) -> None:
    if language is None:
        return
    secure = current_app.config["PUBLIC_URL"].startswith("https:")
    response.set_cookie(ASKED, language, secure=secure, httponly=True, samesite="Lax", path="/")


def translated(text: str) -> str:
    """Return a text in the language that a program asks for: no cookie says anything of it."""
    return languages.translations(preferred(request) or languages.SOURCE).gettext(text)


def _gettext(text: str) -> str:
    # A catalogue has its own description under "".
    return text and _escaped(languages.translations(current()).gettext(text))


def _ngettext(one: str, other: str, count: int) -> str:
    return _escaped(languages.translations(current()).ngettext(one, other, count))


def _escaped(text: str) -> str:
    """Return a text as HTML: Jinja takes it for that, and a translation is no place for markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&#34;")


def init_app(app: Flask) -> None:
    """Let templates mark their texts: `_("Sign in")`. A text that is marked only where it is shown is `_(variable)`."""
    app.jinja_env.add_extension("jinja2.ext.i18n")
    app.jinja_env.globals["language"] = current
    app.jinja_env.globals["direction"] = lambda: languages.direction(current())
    app.jinja_env.install_gettext_callables(_gettext, _ngettext, newstyle=True)  # type: ignore[attr-defined]

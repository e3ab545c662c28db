"""The cookies, which no script can read (RFC 6265bis).

A browser sends several cookies of one name if a sibling subdomain, say, planted one with another path or domain. Their
order does not tell who set them, so their values decide which one counts, if any.
"""

from collections.abc import Callable, Sequence
from datetime import timedelta
from ipaddress import ip_address
from itertools import accumulate
from typing import Any

from flask import Response, after_this_request, current_app, request

from authsvc import settings
from authsvc.security import opaque_tokens
from authsvc.services import authorizations, devices, email_codes, federation_attempts, tokens

_PATH = "/auth"
_READERS = ("/auth/refresh-token", "/auth/logout")
"""The routes to which every page sends the refresh token: a planted cookie is aimed at them."""

_MOST_REQUESTS = 100
_MOST = 8
"""The most cookies of one name that are considered; nobody has as many by chance."""


class Cookie:
    """A cookie for the routes under `/auth`, sent only by pages of the same site.

    `life` returns its seconds, `choose` which of several values counts, or None. One with the `path` `/` can't be
    planted by a sibling subdomain: browsers refuse its name from anyone else (`__Host-`, RFC 6265bis section 4.1.3.2).
    """

    def __init__(
        self, name: str, life: Callable[[], int], choose: Callable[[Sequence[str]], str | None], *, path: str = _PATH
    ) -> None:
        self._plain_name = name
        self._life = life
        self._choose = choose
        self._path = path

    def values(self) -> list[str]:
        """Return the different values of the request's cookies of this name."""
        values = dict.fromkeys(request.cookies.getlist(self._name()))
        return [value for value in values if value]

    def read(self) -> str | None:
        """Return the value of the request's cookie; None without one, or if it is unclear which one is ours."""
        values = self.values()
        return self._choose(values) if 0 < len(values) <= _MOST else None

    def store(self, value: str) -> None:
        """Set the cookie on the answer, and remove others of its name if the request had any."""
        self._send(value, self._life())
        if len(self.values()) > 1:
            self._remove_planted()

    def clear(self) -> None:
        """Remove the cookie with the answer, and others of its name if the request had any."""
        self._send("", 0)
        if len(self.values()) > 1:
            self._remove_planted()

    def clear_everywhere(self) -> None:
        """Remove the cookie and all of its name that somebody else may have planted."""
        self._send("", 0)
        self._remove_planted()

    def _name(self) -> str:
        prefix = "__Host-" if self._path == "/" else "__Secure-"
        return f"{prefix}{self._plain_name}" if _secure() else self._plain_name

    def _send(self, value: str, max_age: int) -> None:
        attributes: dict[str, Any] = {"secure": _secure(), "httponly": True, "samesite": "Strict", "path": self._path}

        @after_this_request
        def send(response: Response) -> Response:
            response.set_cookie(self._name(), value, max_age=max_age, **attributes)
            return response

    def _remove_planted(self) -> None:
        """Expire every cookie of this name that the browser may send here, except our own."""
        elsewhere = [(path, domain) for domain in (None, *_domains()) for path in _paths()]
        others = [place for place in elsewhere if place != (self._path, None)]

        @after_this_request
        def send(response: Response) -> Response:
            for path, domain in others:
                scope = f"Path={path}" if domain is None else f"Path={path}; Domain={domain}"
                secure = "; Secure" if _secure() else ""
                response.headers.add("Set-Cookie", f"{self._name()}=; Max-Age=0; {scope}{secure}")
            return response


def _secure() -> bool:
    return bool(current_app.config["PUBLIC_URL"].startswith("https://"))


def _paths() -> list[str]:
    """Return the paths of cookies that are sent to this route, or to the routes that every page calls."""
    return list(dict.fromkeys(path for route in (request.path, *_READERS) for path in _matching(route)))


def _matching(route: str) -> list[str]:
    """Return the paths that match a route (RFC 6265 section 5.1.4)."""
    whole = list(accumulate(route.split("/")[1:], lambda path, part: f"{path}/{part}", initial=""))[1:]
    return ["/", *whole, *(f"{path}/" for path in whole[:-1])]


def _domains() -> list[str]:
    """Return the domains whose cookies are sent to our host; a browser ignores public suffixes among them."""
    host = settings.host_of(current_app.config["PUBLIC_URL"])
    try:
        ip_address(host.strip("[]"))
    except ValueError:
        labels = host.split(".")
        return [".".join(labels[at:]) for at in range(len(labels) - 1)]
    return []


refresh_cookie = Cookie(
    "refresh_token", lambda: int(current_app.config["SESSION_IDLE_TTL"]), tokens.choose_refresh_token
)
"""The refresh token, for as long as a session may idle."""


def authorization_cookie(request_secret: str) -> Cookie:
    """Return the cookie that ties an app's request to the browser that began it.

    Two tabs can begin to sign in to two apps at once. But any site can begin requests in a browser, and browsers drop
    the oldest cookies of a host if there are too many; so there are at most 100 names for these.
    """
    return _numbered_cookie("authorization", request_secret, authorizations.LIFE)


def federation_cookie(secret: str) -> Cookie:
    """Return the cookie that ties a sign-in with another provider, by its `state` or token, to this browser.

    A sibling that could plant it would have somebody's account there linked to an account of its own.
    """
    return _numbered_cookie("federation", secret, federation_attempts.LINK_LIFE, path="/")


def _numbered_cookie(name: str, secret: str, life: timedelta, *, path: str = _PATH) -> Cookie:
    number = int(opaque_tokens.digest(secret)[:8], 16) % _MOST_REQUESTS
    return Cookie(f"{name}_{number}", lambda: int(life.total_seconds()), lambda values: values[0], path=path)


device_cookie = Cookie("device", lambda: int(devices.KNOWN_FOR.total_seconds()), lambda values: values[0])
"""The secret that identifies a browser; it signs nobody in. Which one counts depends on the account."""


def _only(values: Sequence[str]) -> str | None:
    return values[0] if len(values) == 1 and opaque_tokens.is_well_formed(values[0], "") else None


email_code_cookie = Cookie("email_code", lambda: int(email_codes.LIFE_OF_LINK.total_seconds()), _only, path="/")
"""The secret of a browser that asked for a code: there the link in the letter signs in without a question (R118)."""

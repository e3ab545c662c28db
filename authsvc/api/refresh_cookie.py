"""The refresh cookie: how a browser keeps its session where no script can read it (RFC 6265bis)."""

from typing import Any

from flask import Response, after_this_request, current_app, request

_PATH = "/auth"


def read() -> str | None:
    """Return the refresh token that the request's cookie holds."""
    return request.cookies.get(_name()) or None


def store(refresh_token: str) -> None:
    """Set the cookie on the answer, for as long as a session may idle."""
    _send(refresh_token, current_app.config["SESSION_IDLE_TTL"])


def clear() -> None:
    """Remove the cookie with the answer."""
    _send("", 0)


def _name() -> str:
    return "__Secure-refresh_token" if _secure() else "refresh_token"


def _secure() -> bool:
    return bool(current_app.config["PUBLIC_URL"].startswith("https://"))


def _send(value: str, max_age: int) -> None:
    attributes: dict[str, Any] = {"secure": _secure(), "httponly": True, "samesite": "Strict", "path": _PATH}

    @after_this_request
    def send(response: Response) -> Response:
        response.set_cookie(_name(), value, max_age=max_age, **attributes)
        return response

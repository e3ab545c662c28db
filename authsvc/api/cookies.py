"""The cookies: how a browser keeps what no script may read (RFC 6265bis)."""

from collections.abc import Callable
from typing import Any

from flask import Response, after_this_request, current_app, request

from authsvc.services import devices

_PATH = "/auth"


class Cookie:
    """A cookie for the routes under `/auth`, of the own site alone; `life` tells for how many seconds it is kept."""

    def __init__(self, name: str, life: Callable[[], int]) -> None:
        self._plain_name = name
        self._life = life

    def read(self) -> str | None:
        """Return what the request's cookie holds."""
        return request.cookies.get(self._name()) or None

    def store(self, value: str) -> None:
        """Set the cookie on the answer."""
        self._send(value, self._life())

    def clear(self) -> None:
        """Remove the cookie with the answer."""
        self._send("", 0)

    def _name(self) -> str:
        return f"__Secure-{self._plain_name}" if _secure() else self._plain_name

    def _send(self, value: str, max_age: int) -> None:
        attributes: dict[str, Any] = {"secure": _secure(), "httponly": True, "samesite": "Strict", "path": _PATH}

        @after_this_request
        def send(response: Response) -> Response:
            response.set_cookie(self._name(), value, max_age=max_age, **attributes)
            return response


def _secure() -> bool:
    return bool(current_app.config["PUBLIC_URL"].startswith("https://"))


refresh_cookie = Cookie("refresh_token", lambda: int(current_app.config["SESSION_IDLE_TTL"]))
"""The refresh token, for as long as a session may idle."""

device_cookie = Cookie("device", lambda: int(devices.KNOWN_FOR.total_seconds()))
"""The secret by which a browser is known again: it signs nobody in."""

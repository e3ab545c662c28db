"""Sign-ins from here and there: right and wrong, of friends and strangers."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import Flask
from flask.testing import FlaskClient

from authsvc import settings as limits
from tests.support.accounts import EMAIL
from tests.support.letters import newest

WRONG = "not the right phrase"
STRANGER = "203.0.113.7"


def try_login(client: FlaskClient, email: str, password: str = WRONG, ip: str = STRANGER, **options: Any) -> Any:
    """Return the answer to a sign-in from an address."""
    body = {"email": email, "password": password, **options.pop("members", {})}
    return client.post("/auth/login", json=body, environ_overrides={"REMOTE_ADDR": ip}, **options)


NEW = "a brand new passphrase"
HOME = "192.0.2.1"
ELSEWHERE = [f"198.51.100.{number}" for number in range(250)]


@contextmanager
def limited(app: Flask, **chosen: tuple[int, int]) -> Iterator[None]:
    """Throttle by the limits as they are, but for those chosen."""
    before = {name: app.config[name] for name in ("RATE_LIMITS", "LIMITS")}
    app.config.update(RATE_LIMITS=True, LIMITS={**limits.LIMITS, **chosen})
    try:
        yield
    finally:
        app.config.update(before)


def ask(client: FlaskClient, path: str, ip: str = HOME, headers: dict[str, str] | None = None, **body: Any) -> Any:
    """Return the answer to a request from an address."""
    return client.post(path, json=body, headers=headers, environ_overrides={"REMOTE_ADDR": ip})


def sign_in(client: FlaskClient, password: str, ip: str = HOME, email: str = EMAIL) -> Any:
    """Return the answer to a sign-in by cookie."""
    return ask(client, "/auth/login", ip, email=email, password=password, transport="cookie")


def prove(app: Flask, browser: FlaskClient, how: str, ip: str = HOME) -> Any:
    """Return the answer to a link that proves the address, followed in a browser."""
    if how == "reset":
        ask(browser, "/auth/password/forgot", ip, email=EMAIL)
        return ask(browser, "/auth/password/reset", ip, token=newest(app, "reset", EMAIL), newPassword=NEW)
    return ask(browser, "/auth/email/verify", ip, token=newest(app, "verify", EMAIL))

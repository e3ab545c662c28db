"""What the tests of HTTP share: the map of routes, raw sockets, running services with canaries in them."""

import re
import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from flask import Flask
from flask.testing import FlaskClient

from tests.conftest import Person

EVIL = "https://evil.example"
LISTED = "https://app.example.com"
OWN = "http://localhost:8000"
APP_ORIGINS = (
    "capacitor://localhost",
    "ionic://localhost",
    "tauri://localhost",
    "http://tauri.localhost",
    "app://-",
    "app://obsidian.md",
    "chrome-extension://abcdefghijklmnopabcdefghijklmnop",
    "moz-extension://6a6f8f0c-0a2b-4a4f-8a3e-3f7b1f4b5c6d",
    "safari-web-extension://A3D8C1E0-95C3-4F0A-8D63-6E3B9C1B2F10",
)
"""What apps in web views and extensions of browsers write into `Origin`."""
ANDROID = "android:apk-key-hash:7d1043473d55bfa90e8530d35801d4e381bc69f8_-A"
"""What an Android app writes into the client data of a passkey."""

ADMIN_READS = [
    "/admin/users",
    "/admin/users/{id}",
    "/admin/users/{id}/sessions",
    "/admin/users/{id}/access-tokens",
    "/admin/users/{id}/mfa",
    "/admin/users/{id}/identities",
]
ADMIN_ROUTES: list[tuple[str, str, str]] = [
    *(("GET", path, "users:read") for path in ADMIN_READS),
    ("POST", "/admin/users", "users:write"),
    ("PATCH", "/admin/users/{id}", "users:write"),
    ("DELETE", "/admin/users/{id}", "users:write"),
    ("DELETE", "/admin/users/{id}/sessions", "users:write"),
    ("DELETE", "/admin/users/{id}/access-tokens", "users:write"),
    ("DELETE", "/admin/users/{id}/mfa", "users:write"),
    ("DELETE", "/admin/users/{id}/identities", "users:write"),
    ("POST", "/admin/users/{id}/password-reset", "users:write"),
    ("GET", "/admin/audit", "audit:read"),
]
"""Method, path and scope of each route of administration, except those for apps."""
APP_ROUTES: list[tuple[str, str, str]] = [
    ("GET", "/admin/apps", "apps:read"),
    ("POST", "/admin/apps", "apps:write"),
    ("GET", "/admin/apps/{id}", "apps:read"),
    ("PATCH", "/admin/apps/{id}", "apps:write"),
    ("DELETE", "/admin/apps/{id}", "apps:write"),
    ("POST", "/admin/apps/{id}/secrets", "apps:write"),
    ("DELETE", "/admin/apps/{id}/secrets/{id}", "apps:write"),
]
"""The same for apps: the first id is an app's."""
WEBHOOK_ROUTES: list[tuple[str, str, bool]] = [
    ("GET", "/admin/webhooks", False),
    ("POST", "/admin/webhooks", True),
    ("GET", "/admin/webhooks/{id}", False),
    ("PATCH", "/admin/webhooks/{id}", True),
    ("DELETE", "/admin/webhooks/{id}", True),
    ("POST", "/admin/webhooks/{id}/secret", True),
    ("POST", "/admin/webhooks/{id}/test", False),
    ("GET", "/admin/webhooks/{id}/deliveries", False),
    ("POST", "/admin/webhooks/{id}/deliveries/{id}/retry", False),
]
"""Method and path of each route of webhooks, whose scope is `webhooks:write`, and whether it takes a fresh sign-in."""
BODY_ROUTES = [
    ("POST", "/auth/register"),
    ("POST", "/auth/login"),
    ("POST", "/auth/refresh-token"),
    ("POST", "/auth/logout"),
    ("DELETE", "/auth/logout"),
    ("PATCH", "/auth/me"),
    ("POST", "/auth/access-tokens"),
]
ASK_WHO = ("/auth/me", "/auth/access-tokens")
OPTIONAL_BODY = ("/auth/refresh-token", "/auth/logout")


def routes(app: Flask, *, oauth: bool = False) -> Iterator[tuple[str, str]]:
    """Yield each (method, path) of the API, or of what speaks OAuth, with an id that nobody has for a variable."""
    for rule in app.url_map.iter_rules():
        if rule.endpoint.startswith("oauth_") != oauth:
            continue
        for method in sorted(rule.methods - {"HEAD", "OPTIONS"}):
            yield method, re.sub(r"<[^>]+>", "f" * 24, rule.rule)


def needs_login(app: Flask, method: str, path: str) -> bool:
    """Tell whether the OpenAPI document says that a route asks for an access token."""
    paths = app.test_client().get("/openapi.json").get_json()["paths"]
    fitting = (
        found
        for shown, found in paths.items()
        if re.fullmatch(re.sub(r"{[^}]+}", "[^/]+", shown), path) and method.lower() in found
    )
    operations = next(fitting)
    security = operations[method.lower()].get("security", [{}])
    return {} not in security


def send(
    person: Person, method: str, path: str, body: bytes, *, announced: str | None = None, **headers: str | None
) -> Any:
    """Send a raw body, as JSON unless `Content_Type` says otherwise, with the access token where the route asks for it.

    `announced` is what Content-Length says in place of the truth; a header that is None is left out.
    """
    given = {"Content-Type": "application/json", **{name.replace("_", "-"): value for name, value in headers.items()}}
    sent = {name: value for name, value in given.items() if value is not None}
    shown = person.headers if path in ASK_WHO else {}
    lie = {} if announced is None else {"CONTENT_LENGTH": announced}
    return person.client.open(path, method=method, data=body, headers={**shown, **sent}, environ_overrides=lie)


def sign_in_by_cookie(client: FlaskClient, email: str, password: str) -> Any:
    """Return the answer to a sign-in that asks for the refresh token in a cookie."""
    return client.post("/auth/login", json={"email": email, "password": password, "transport": "cookie"})


def exchange(
    port: int, request: bytes, *, half_close: bool = False, seconds: float = 5, certificate: Path | None = None
) -> bytes:
    """Write bytes to a port of this machine as they are; return all that comes back until nothing more does.

    `half_close` tells the other side that no more will be written; with a certificate, that of localhost, it is TLS.
    """
    with ExitStack() as stack:
        connection = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=seconds))
        if certificate is not None:
            context = ssl.create_default_context(cafile=str(certificate))
            connection = stack.enter_context(context.wrap_socket(connection, server_hostname="localhost"))
        with suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(request)
            if half_close:
                connection.shutdown(socket.SHUT_WR)
        received = b""
        with suppress(TimeoutError, ConnectionResetError):
            while part := connection.recv(65536):
                received += part
        return received


def statuses(received: bytes) -> list[int]:
    """Return the status of each answer on a connection."""
    return [int(found) for found in re.findall(rb"HTTP/1\.[01] (\d{3}) ", received)]

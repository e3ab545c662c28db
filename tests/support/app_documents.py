"""Apps that describe themselves: an https server with metadata documents, and an application that reaches it."""

import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import trustme
from flask import Flask
from flask.testing import FlaskClient

from authsvc.clients.connector import Connector, Resolve
from authsvc.services import app_documents
from tests.support.oauth import AppClient
from tests.support.outside import Behaviour, Server, saying
from tests.support.service import Visitor

HOST = "app.example.net"
CALLBACK = f"https://{HOST}/callback"
JSON = "application/json"
LIMITS = ("document_address", "document_host", "document_account")
"""The limits of documents, which are tried apart from the others: they need a server with documents."""


def here(_host: str, _port: int) -> list[str]:
    """Resolve any host to this machine."""
    return ["127.0.0.1"]


def answering(document: Any, **headers: str) -> Behaviour:
    """Return the behaviour of a server that answers each request with a document."""
    return saying("200 OK", json.dumps(document).encode(), **{"Content_Type": JSON, **headers})


class DocumentServer(Server):
    """An https server that answers each request with one document."""

    def __init__(self, authority: trustme.CA, host: str = HOST) -> None:
        super().__init__(authority=authority, name=host)
        self.authority, self.host = authority, host

    def address(self, path: str = "/client.json") -> str:
        """Return a client ID."""
        return self.url(path, host=self.host)

    def document(self, path: str = "/client.json", **members: Any) -> dict[str, Any]:
        """Return a valid document; members that are None are left out."""
        usual = {
            "client_id": self.address(path),
            "client_name": "Assistant",
            "redirect_uris": [CALLBACK],
            "grant_types": ["authorization_code", "refresh_token"],
            "token_endpoint_auth_method": "none",
        }
        return {name: value for name, value in {**usual, **members}.items() if value is not None}

    def show(self, path: str = "/client.json", headers: dict[str, str] | None = None, **members: Any) -> str:
        """Answer with a document from now on; return its address."""
        self.behaviour = answering(self.document(path, **members), **(headers or {}))
        return self.address(path)


def trust_of(authority: trustme.CA) -> ssl.SSLContext:
    """Return what trusts an authority."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


def trusting(server: DocumentServer, folder: Path) -> dict[str, str]:
    """Return the settings by which a service of its own takes the documents of a server on this machine.

    It runs as in development, where those may be there, and certificates be those of SSL_CERT_FILE.
    """
    trusted = folder / "ca.pem"
    server.authority.cert_pem.write_to_path(str(trusted))
    return {
        "APP_ENV": "development",
        "APP_DOCUMENTS": f"{server.host}:{server.port}",
        "SSL_CERT_FILE": str(trusted),
    }


@contextmanager
def asking(
    app: Flask,
    authority: trustme.CA,
    *,
    admitted: str = "on",
    resources: tuple[str, ...] = (),
    seconds: float = 1.0,
    resolve: Resolve = here,
    local: bool = True,
) -> Iterator[None]:
    """Let an application admit documents, and ask the servers of a test for them, which are on this machine."""
    config = {name: app.config[name] for name in ("APP_DOCUMENTS", "APP_DOCUMENT_RESOURCES")}
    connector = Connector(
        local=local,
        seconds=seconds,
        most_bytes=app_documents.MOST_BYTES,
        trust=trust_of(authority),
        resolve=resolve,
    )
    app.config.update(APP_DOCUMENTS=admitted.split(), APP_DOCUMENT_RESOURCES=list(resources))
    app_documents.init_app(app, connector)
    try:
        yield
    finally:
        app.config.update(config)
        app_documents.init_app(app)


def described(client: FlaskClient | Visitor, address: str, redirect_uri: str = CALLBACK, **options: Any) -> AppClient:
    """Return an app with a document, as it speaks to a client."""
    return AppClient(client, address, None, redirect_uri, "none", **options)

"""An app with a server of its own, which is told of sign-outs (OpenID Connect Back-Channel Logout 1.0)."""

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs

import jwt
from flask import Flask
from flask.testing import FlaskClient

from authsvc.clients.connector import Connector
from authsvc.services import logout_notices
from tests.support.accounts import Database
from tests.support.oauth import new_app
from tests.support.outside import Server


class Told:
    """An app with a server, which is told."""

    def __init__(self, app: Flask, client: FlaskClient, mongo: Database, server: Server) -> None:
        self.app, self.mongo, self.server = app, mongo, server
        self.client = new_app(app, client)
        self.address(server.url("/backchannel?x=1"))

    def address(self, uri: str) -> None:
        """Change the address at which it is told."""
        self.mongo.apps.update_one({"_id": self.client.id}, {"$set": {"backchannelUri": uri}})

    def deliver(self, *, seconds: float = 3) -> int:
        """Try what is due, as the workers do; return how many."""
        with self.app.app_context():
            count = 0
            while logout_notices.deliver(Connector(local=True, seconds=seconds)):
                count += 1
            return count

    def heard(self) -> list[dict[str, Any]]:
        """Return the claims of all logout tokens that came, after checking them as an app does (section 2.6)."""
        keys = {key["kid"]: jwt.PyJWK(key) for key in self.client_get("/.well-known/jwks.json")["keys"]}
        claims = []
        for request in self.server.requests:
            head, _, body = request.partition(b"\r\n\r\n")
            assert head.startswith(b"POST /backchannel?x=1 HTTP/1.1\r\n")
            assert b"content-type: application/x-www-form-urlencoded" in head.lower()
            form = parse_qs(body.decode())
            assert list(form) == ["logout_token"]
            (token,) = form["logout_token"]
            header = jwt.get_unverified_header(token)
            assert (header["typ"], header["alg"]) == ("logout+jwt", "RS256")
            claims.append(
                jwt.decode(
                    token,
                    keys[header["kid"]],
                    algorithms=["RS256"],
                    audience=self.client.id,
                    issuer="http://localhost:8000",
                    leeway=timedelta(hours=49),  # some tests let time pass
                    options={"require": ["iss", "aud", "iat", "exp", "jti", "events", "sub", "sid"]},
                )
            )
        return claims

    def client_get(self, path: str) -> Any:
        """Return what a path answers."""
        return self.app.test_client().get(path).get_json()

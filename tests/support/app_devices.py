"""A device without a browser: it asks for codes, shows one, and asks again until its person has answered (RFC 8628)."""

from dataclasses import dataclass
from typing import Any

from flask import Flask
from flask.testing import FlaskClient

from authsvc.models.apps import AppKind, GrantType
from tests.support.oauth import Answer, AppClient, bearer, new_app, send
from tests.support.service import Visitor

DEVICE = "/oauth2/device"
ADVANCE = "/auth/devices/advance"
GRANT = GrantType.DEVICE_CODE.value


@dataclass
class Device:
    """A device, with the codes that it has got."""

    app: AppClient
    codes: dict[str, Any]

    @classmethod
    def begin(cls, app: AppClient, **params: Any) -> "Device":
        """Return a device of an app that has asked for codes."""
        answer = ask(app, **params)
        assert answer.status == 200, answer.text
        return cls(app, answer.json)

    @property
    def user_code(self) -> str:
        """Return what it shows."""
        return str(self.codes["user_code"])

    @property
    def form(self) -> dict[str, Any]:
        """Return the parameters by which it asks for tokens."""
        return {"grant_type": GRANT, "device_code": self.codes["device_code"]}

    def poll(self, **params: Any) -> Answer:
        """Ask for tokens."""
        return self.app.token({**self.form, **params})

    def advance(self, access_token: str, decision: str | None = None, user_code: str | None = None) -> Answer:
        """Type its code, or another, as the page does."""
        return type_code(self.app.client, access_token, user_code or self.user_code, decision)

    def allow(self, access_token: str) -> None:
        """Let somebody allow it."""
        answer = self.advance(access_token, "allow")
        assert (answer.status, answer.json.get("step")) == (200, "allowed"), answer.text

    def sign_in(self, access_token: str, **params: Any) -> dict[str, Any]:
        """Let somebody allow it, and return the tokens."""
        self.allow(access_token)
        answer = self.poll(**params)
        assert answer.status == 200, answer.text
        return dict(answer.json)


def ask(app: AppClient, **params: Any) -> Answer:
    """Ask for codes, with the app's usual scope unless `scope` is given."""
    scope = {} if app.scope is None else {"scope": app.scope}
    return app.post(DEVICE, {**scope, **params})


def type_code(
    client: FlaskClient | Visitor, access_token: str, user_code: str, decision: str | None = None, **headers: str
) -> Answer:
    """Type a code, as the page does."""
    body = {"userCode": user_code} if decision is None else {"userCode": user_code, "decision": decision}
    return send(client, "POST", ADVANCE, json=body, headers={**bearer(access_token), **headers})


def new_device_app(
    app: Flask, client: FlaskClient | Visitor, kind: AppKind = AppKind.DEVICE, name: str = "Telly", **options: Any
) -> AppClient:
    """Register an app for devices; of a kind that has other grants too, with all of them."""
    grants = [GrantType.CODE, GrantType.REFRESH, GrantType.DEVICE_CODE]
    if kind == AppKind.DEVICE:
        return new_app(app, client, kind, name, (), **options)
    return new_app(app, client, kind, name, grant_types=[grant.value for grant in grants], **options)

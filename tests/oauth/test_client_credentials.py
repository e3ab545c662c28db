"""O34: a service gets tokens for itself, and nothing that is about a person."""

from typing import Any

import jwt
import pytest
from flask import Flask
from flask.testing import FlaskClient
from pymongo.database import Database as MongoDatabase

from authsvc.models.apps import AppKind
from authsvc.services import app_changes, app_tokens, apps
from tests.conftest import Person
from tests.support.oauth import CALLBACK, AppClient, new_app, send

Database = MongoDatabase[dict[str, Any]]
API = "https://orders.example.net"
GRANT = {"grant_type": "client_credentials"}
SCOPES = ["orders:read", "orders:write"]


def new_service(app: Flask, client: FlaskClient, **values: Any) -> AppClient:
    """Register a service, and return it as it speaks."""
    with app.test_request_context():
        made = apps.create("Nightly", AppKind.SERVICE, **{"scopes": SCOPES, "resources": [API], **values})
    return AppClient(client, made.app.id, made.secret)


@pytest.fixture
def service(app: Flask, client: FlaskClient) -> AppClient:
    """Return a service."""
    return new_service(app, client)


def claims_of(token: str) -> dict[str, Any]:
    """Return what a token says."""
    return dict(jwt.decode(token, options={"verify_signature": False}))


def reads(app: Flask, token: str, audience: str = API) -> bool:
    """Tell whether the service takes a token for a service's."""
    with app.test_request_context():
        return app_tokens.read_service(token, audience) is not None


class TestO45Revocation:
    def test_o45_a_service_revokes_its_token(self, app: Flask, client: FlaskClient, service: AppClient):
        """And no other one, also of its own."""
        other = new_service(app, client)
        revoked, stays = (service.token(GRANT).json["access_token"] for _ in range(2))
        assert other.post("/oauth2/revoke", {"token": revoked}).status == 200
        assert reads(app, revoked)
        for _ in range(2):
            assert service.post("/oauth2/revoke", {"token": revoked}).status == 200
            told = [service.post("/oauth2/introspect", {"token": one}).json["active"] for one in (revoked, stays)]
            assert told == [False, True]
        assert (reads(app, revoked), reads(app, stays)) == (False, True)


class TestO34Token:
    def test_o34_a_service_gets_an_access_token_and_nothing_else(self, app: Flask, service: AppClient, mongo: Database):
        answer = service.token(GRANT)
        assert answer.status == 200, answer.text
        assert answer.headers["Cache-Control"] == "no-store"
        told = answer.json
        assert set(told) == {"access_token", "token_type", "expires_in", "scope"}
        assert (told["token_type"], told["scope"]) == ("Bearer", " ".join(SCOPES))
        header, claims = jwt.get_unverified_header(told["access_token"]), claims_of(told["access_token"])
        assert (header["typ"], header["alg"]) == ("at+jwt", "ES256")
        assert (claims["sub"], claims["client_id"], claims["aud"]) == (service.id, service.id, API)
        assert claims["exp"] - claims["iat"] == told["expires_in"] == app.config["ACCESS_TOKEN_TTL"]
        assert not {"sid", "auth_time", "role", "email", "amr"} & set(claims)
        assert reads(app, told["access_token"])
        assert mongo.sessions.count_documents({}) == 0

    def test_o34_two_tokens_differ(self, service: AppClient):
        assert len({claims_of(service.token(GRANT).json["access_token"])["jti"] for _ in range(3)}) == 3

    @pytest.mark.parametrize(
        ("scope", "granted"),
        [
            ("orders:read", "orders:read"),
            ("orders:write orders:read", "orders:write orders:read"),
            ("orders:read orders:read", "orders:read"),
        ],
    )
    def test_o34_it_may_ask_for_less(self, service: AppClient, scope: str, granted: str):
        answer = service.token({**GRANT, "scope": scope})
        assert (answer.json["scope"], claims_of(answer.json["access_token"])["scope"]) == (granted, granted)

    @pytest.mark.parametrize(
        "scope",
        [
            "openid",
            "orders:read openid",
            "offline_access",
            "email",
            "orders:delete",
            "users:write",
            " ",
            "orders:read  ",
        ],
    )
    def test_o34_and_for_nothing_else(self, service: AppClient, scope: str):
        assert service.token({**GRANT, "scope": scope}).error == "invalid_scope"

    def test_o34_without_scopes_it_has_none(self, app: Flask, client: FlaskClient):
        answer = new_service(app, client, scopes=[]).token(GRANT)
        assert (answer.status, answer.json["scope"]) == (200, "")
        assert reads(app, answer.json["access_token"])

    def test_o35_the_token_is_for_one_resource(self, app: Flask, client: FlaskClient):
        two = new_service(app, client, resources=[API, "https://b.example.net"])
        assert two.token(GRANT).error == "invalid_target"
        assert two.token({**GRANT, "resource": "https://c.example.net"}).error == "invalid_target"
        assert two.token({**GRANT, "resource": f"{API}/"}).error == "invalid_target"
        assert claims_of(two.token({**GRANT, "resource": API}).json["access_token"])["aud"] == API
        twice = f"grant_type=client_credentials&resource={API}&resource=https://b.example.net"
        headers, _ = two.credentials()
        body = {**headers, "Content-Type": "application/x-www-form-urlencoded"}
        assert send(client, "POST", "/oauth2/token", data=twice, headers=body).error == "invalid_target"

    def test_o36_never_for_this_very_service(self, app: Flask, client: FlaskClient, service: AppClient):
        assert service.token({**GRANT, "resource": app.config["TOKEN_AUDIENCE"]}).error == "invalid_target"
        none = new_service(app, client, resources=[])
        token = none.token(GRANT).json["access_token"]
        assert claims_of(token)["aud"] != app.config["TOKEN_AUDIENCE"]
        assert none.userinfo(token).status == 401


class TestO34Who:
    @pytest.mark.parametrize("kind", [AppKind.WEB, AppKind.SPA, AppKind.NATIVE])
    def test_o34_no_other_kind_of_app_may(self, app: Flask, client: FlaskClient, kind: AppKind):
        answer = new_app(app, client, kind).token(GRANT)
        assert (answer.status, answer.error) == (400, "unauthorized_client")

    def test_r103_nor_a_device_or_another_grant(self, app: Flask, client: FlaskClient, service: AppClient):
        with app.test_request_context():
            device = AppClient(client, apps.create("TV", AppKind.DEVICE).app.id)
        assert device.token(GRANT).error == "unauthorized_client"
        assert device.token({"grant_type": "authorization_code", "code": "x"}).error == "unauthorized_client"
        assert service.token({"grant_type": "authorization_code", "code": "x"}).error == "unauthorized_client"
        assert service.token({"grant_type": "refresh_token", "refresh_token": "x"}).error == "unauthorized_client"
        assert service.token({"grant_type": "implicit"}).error == "unsupported_grant_type"
        assert service.token({}).error == "unsupported_grant_type"

    @pytest.mark.parametrize("secret", [None, "", "wrong", "aps_" + "0" * 49])
    def test_o34_nobody_without_the_secret(self, client: FlaskClient, service: AppClient, secret: str | None):
        answer = AppClient(client, service.id, secret).token(GRANT)
        assert (answer.status, answer.error) == (401, "invalid_client")

    def test_o34_nobody_signs_in_to_a_service(self, client: FlaskClient, service: AppClient):
        query = {"client_id": service.id, "redirect_uri": CALLBACK, "response_type": "code"}
        answer = client.get("/oauth2/authorize", query_string=query)
        assert answer.status_code == 400
        assert "Location" not in answer.headers


class TestO33End:
    def test_o33_a_disabled_service_gets_nothing_and_what_it_has_is_invalid(self, app: Flask, service: AppClient):
        token = service.token(GRANT).json["access_token"]
        with app.test_request_context():
            app_changes.disable(None, service.id)
        assert not reads(app, token)
        assert service.token(GRANT).error == "invalid_client"
        with app.test_request_context():
            app_changes.enable(None, service.id)
        assert not reads(app, token), "what it had stays invalid"
        assert reads(app, service.token(GRANT).json["access_token"])

    def test_o33_a_deleted_one_too(self, app: Flask, service: AppClient):
        token = service.token(GRANT).json["access_token"]
        with app.test_request_context():
            apps.delete(service.id)
        assert not reads(app, token)
        assert service.token(GRANT).error == "invalid_client"

    def test_o33_and_one_that_may_do_less(self, app: Flask, service: AppClient):
        token = service.token(GRANT).json["access_token"]
        with app.test_request_context():
            app_changes.change(None, service.id, {"name": "Daily"})
        assert reads(app, token)
        with app.test_request_context():
            app_changes.change(None, service.id, {"scopes": ["orders:read"]})
        assert not reads(app, token)


class TestO37Kinds:
    def test_o37_a_services_token_is_for_nothing_of_ours(self, app: Flask, client: FlaskClient, service: AppClient):
        token = service.token(GRANT).json["access_token"]
        for method, path in [("GET", "/"), ("GET", "/auth/me"), ("GET", "/auth/verify"), ("GET", "/admin/apps")]:
            answer = client.open(path, method=method, headers={"Authorization": f"Bearer {token}"})
            assert (answer.status_code, answer.get_json()["code"]) == (401, "token_invalid"), path
        assert service.userinfo(token).status == 401
        assert not reads(app, token, "https://other.example.net")

    def test_o37_no_other_token_is_a_services(self, app: Flask, client: FlaskClient, alice: Person):
        other = new_app(app, client, scopes=["openid"])
        tokens = other.sign_in(alice.tokens["accessToken"], scope="openid")
        audience = claims_of(tokens["access_token"])["aud"]
        for token in (*(tokens[name] for name in ("access_token", "refresh_token", "id_token")), "", "x", "a.b.c"):
            assert not reads(app, token, audience)
        assert not reads(app, alice.tokens["accessToken"], app.config["TOKEN_AUDIENCE"])


class TestO46Introspection:
    def test_o46_the_service_and_who_has_the_resource_are_told(
        self, app: Flask, client: FlaskClient, service: AppClient
    ):
        token = service.token(GRANT).json["access_token"]
        api = new_app(app, client, resources=[API])
        for asking in (service, api):
            told = asking.post("/oauth2/introspect", {"token": token}).json
            assert (told["active"], told["sub"], told["client_id"]) == (True, service.id, service.id)
            assert (told["aud"], told["scope"], told["token_type"]) == (API, " ".join(SCOPES), "Bearer")
            assert "sid" not in told
        other = new_app(app, client)
        assert other.post("/oauth2/introspect", {"token": token}).json == {"active": False}

    def test_o33_a_disabled_services_token_is_inactive_at_once(
        self, app: Flask, client: FlaskClient, service: AppClient
    ):
        token = service.token(GRANT).json["access_token"]
        api = new_app(app, client, resources=[API])
        with app.test_request_context():
            app_changes.disable(None, service.id)
        assert api.post("/oauth2/introspect", {"token": token}).json == {"active": False}
        with app.test_request_context():
            app_changes.enable(None, service.id)
        assert api.post("/oauth2/introspect", {"token": token}).json == {"active": False}

    def test_o45_revoking_it_is_answered_and_changes_nothing_else(self, app: Flask, service: AppClient):
        token = service.token(GRANT).json["access_token"]
        assert service.post("/oauth2/revoke", {"token": token}).status == 200

"""Our own API as a resource: what an app may do here in a user's name, and never more. O38 to O40; T4 to T6."""

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pymongo.database import Database

from authsvc.services import app_scopes, callers, signing_keys
from tests.api.forging import altered, claims_of, header_of, now, own_key, sign
from tests.conftest import Person, problem
from tests.support.oauth import AppClient, bearer, new_app, send
from tests.support.wire import ADMIN_ROUTES

Mongo = Database[dict[str, Any]]
OWN_API = "http://localhost:8000/"
NOTES = "https://notes.example.net/api"
ALL = " ".join(app_scopes.ALL)


@pytest.fixture
def mighty(app: Flask, client: FlaskClient) -> AppClient:
    """Return an app that is registered for every scope, and for our own API."""
    return new_app(app, client, scopes=app_scopes.ALL, resources=(OWN_API, NOTES))


def header(asking: AppClient, person: Person, scope: str = ALL, resource: str = OWN_API) -> dict[str, str]:
    """Return the header that shows an access token of the app."""
    return bearer(asking.sign_in(person.tokens["accessToken"], scope=scope, resource=resource)["access_token"])


class TestScope:
    ROUTES = {
        "profile:read": {("GET", "/auth/me")},
        "account:read": {
            ("GET", "/auth/me"),
            ("GET", "/auth/me/activity"),
            ("GET", "/auth/sessions"),
            ("GET", "/auth/mfa"),
            ("GET", "/auth/passkeys"),
        },
        "account:write": {("PATCH", "/auth/me")},
        "tokens:introspect": {("POST", "/auth/introspect")},
        "openid profile email": set(),
    }

    @pytest.mark.parametrize("scope", ROUTES)
    def test_each_opens_its_own_routes_and_no_other(self, mighty: AppClient, alice: Person, scope: str) -> None:
        shown = header(mighty, alice, scope)
        for method, path in set().union(*self.ROUTES.values()):
            given = {"data": {"token": "x"}} if path.endswith("introspect") else {"json": {"name": "Al"}}
            answer = alice.client.open(path, method=method, headers=shown, **given)
            if (method, path) in self.ROUTES[scope]:
                assert answer.status_code == 200, (path, answer.text)
            else:
                problem(answer, 403, "scope_missing")

    def test_the_profile_is_the_users(self, mighty: AppClient, alice: Person) -> None:
        told = alice.client.get("/auth/me", headers=header(mighty, alice, "profile:read")).get_json()
        assert (told["id"], told["email"]) == (alice.id, alice.email)

    def test_t4_no_app_is_offered_them_by_default(self, app: Flask, client: FlaskClient, alice: Person) -> None:
        """Nor are they what it asks for when it does not say."""
        usual = new_app(app, client, resources=(OWN_API,))
        tokens = usual.sign_in(alice.tokens["accessToken"], scope="", resource=OWN_API)
        assert not set(tokens["scope"].split()) & set(app_scopes.OF_OWN_API)
        for path in ("/auth/me", "/auth/sessions"):
            problem(alice.client.get(path, headers=bearer(tokens["access_token"])), 403, "scope_missing")

    def test_no_personal_access_token_has_the_one_that_is_for_apps(self, alice: Person) -> None:
        body = {"name": "x", "scopes": [callers.PROFILE_READ]}
        problem(alice.client.post("/auth/access-tokens", json=body, headers=alice.headers), 422, "validation_failed")

    def test_what_is_taken_from_the_app_is_taken_at_once(self, mighty: AppClient, alice: Person, mongo: Mongo) -> None:
        shown = header(mighty, alice)
        mongo.apps.update_one({"_id": mighty.id}, {"$set": {"scopes": ["profile:read"]}})
        assert alice.client.get("/auth/me", headers=shown).status_code == 200
        problem(alice.client.get("/auth/sessions", headers=shown), 403, "scope_missing")
        mongo.apps.update_one({"_id": mighty.id}, {"$set": {"resources": [NOTES]}})
        problem(alice.client.get("/auth/me", headers=shown), 401, "token_invalid")

    def test_administration_needs_the_role_and_the_scope(self, mighty: AppClient, alice: Person, admin: Person) -> None:
        problem(alice.client.get("/admin/users", headers=header(mighty, alice)), 403, "forbidden")
        assert admin.client.get("/admin/users", headers=header(mighty, admin)).status_code == 200
        problem(admin.client.get("/admin/users", headers=header(mighty, admin, "profile:read")), 403, "scope_missing")


class TestLogin:
    """O38: an app with every scope opens nothing that needs a sign-in."""

    def test_o38_it_opens_no_route_that_wants_a_login(self, app: Flask, mighty: AppClient, alice: Person) -> None:
        """As the OpenAPI document says it: routes with a bearer token that no scope opens."""
        shown = header(mighty, alice)
        document = app.test_client().get("/openapi.json").get_json()
        tried = 0
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                schemes = operation.get("security", []) if isinstance(operation, dict) else []
                if {"bearer": []} not in schemes or any("accessToken" in scheme for scheme in schemes):
                    continue
                if {} in schemes or any("refreshCookie" in scheme for scheme in schemes):
                    continue  # below
                given = {} if method in ("get", "delete") else {"json": {}}
                answer = alice.client.open(
                    path.replace("{", "").replace("}", ""), method=method.upper(), headers=shown, **given
                )
                if "{" in path:
                    filled = "/".join("f" * 24 if part.startswith("{") else part for part in path.split("/"))
                    answer = alice.client.open(filled, method=method.upper(), headers=shown, **given)
                assert answer.status_code == 403, (method, path, answer.text)
                assert answer.get_json()["code"] in ("scope_missing", "fresh_login_required"), (method, path)
                tried += 1
        assert tried >= 20

    def test_t5_it_deletes_no_account(self, mighty: AppClient, alice: Person) -> None:
        """O38: however fresh the sign-in was."""
        problem(alice.client.delete("/auth/me", headers=header(mighty, alice)), 403, "fresh_login_required")
        assert alice.home().status_code == 200

    def test_o38_it_signs_nobody_out_and_allows_nothing(self, mighty: AppClient, alice: Person) -> None:
        shown = header(mighty, alice)
        problem(alice.client.post("/auth/logout", headers=shown), 401, "token_invalid")
        request, cookie, _ = mighty.begin()
        answer = mighty.advance(request, {**cookie, **shown}, "allow")
        assert (answer.status, answer.json["code"]) == (403, "scope_missing")
        assert alice.home().status_code == 200

    def test_o38_an_administrators_app_makes_no_administrator(
        self, mighty: AppClient, alice: Person, admin: Person
    ) -> None:
        """Nor does it what an administrator needs a fresh sign-in for."""
        shown = header(mighty, admin)
        body = {"name": "Eve", "email": "eve@example.com", "role": "admin"}
        problem(admin.client.post("/admin/users", json=body, headers=shown), 403, "fresh_login_required")
        answer = admin.client.patch(f"/admin/users/{alice.id}", json={"role": "admin"}, headers=shown)
        problem(answer, 403, "fresh_login_required")

    def test_the_scopes_of_administration_are_all_known(self) -> None:
        assert {scope for _, _, scope in ADMIN_ROUTES} <= set(app_scopes.OF_OWN_API)


class TestVerify:
    """O39: proxies let an app's token through only if they name scope and resource."""

    @pytest.mark.parametrize(
        "query",
        [
            *("", "?role=user", "?role=admin", "?scope=email", f"?resource={OWN_API}", f"?resource={NOTES}"),
            *("?scope=email&resource=https://elsewhere.example", f"?scope=email&resource={NOTES}/"),
            *(
                f"?scope=email&resource={OWN_API}x",
                "?scope=email&resource=",
                "?scope=email&resource=http://localhost:8000",
            ),
        ],
    )
    @pytest.mark.parametrize("resource", [NOTES, OWN_API])
    def test_o39_otherwise_it_does_not_count(self, mighty: AppClient, alice: Person, query: str, resource: str) -> None:
        """T4: or everything behind nginx would be open to any app."""
        shown = header(mighty, alice, resource=resource)
        problem(alice.client.get(f"/auth/verify{query}", headers=shown), 401, "token_invalid")

    def test_o39_with_both_it_tells_who_calls(self, mighty: AppClient, alice: Person) -> None:
        """But no role, and the address only to an app that may know it."""
        for scope, more in (("openid profile", {}), ("openid email", {"X-Auth-Email": alice.email})):
            shown = header(mighty, alice, scope, NOTES)
            answer = alice.client.get(f"/auth/verify?scope=openid&resource={NOTES}", headers=shown)
            assert answer.status_code == 204, answer.text
            told = {name: value for name, value in answer.headers if name.startswith("X-Auth")}
            assert told == {"X-Auth-User-Id": alice.id, "X-Auth-Scope": " ".join(sorted(scope.split())), **more}

    def test_o39_a_scope_that_was_not_allowed_is_missing(self, mighty: AppClient, alice: Person) -> None:
        shown = header(mighty, alice, "openid", NOTES)
        problem(alice.client.get(f"/auth/verify?scope=email&resource={NOTES}", headers=shown), 403, "scope_missing")

    @pytest.mark.parametrize("role", ["admin", "user"])
    def test_o39_an_app_has_no_role(self, mighty: AppClient, admin: Person, role: str) -> None:
        """Nor does the answer tell it its user's."""
        shown = header(mighty, admin, "openid", NOTES)
        asked = admin.client.get(f"/auth/verify?scope=openid&resource={NOTES}&role={role}", headers=shown)
        problem(asked, 403, "forbidden")

    def test_o39_a_repeated_parameter_is_refused(self, mighty: AppClient, alice: Person) -> None:
        shown = header(mighty, alice, resource=NOTES)
        query = f"?scope=email&resource={NOTES}&resource={OWN_API}"
        problem(alice.client.get(f"/auth/verify{query}", headers=shown), 422, "validation_failed")

    def test_for_people_nothing_is_different(self, alice: Person) -> None:
        assert alice.client.get(f"/auth/verify?scope=email&resource={NOTES}", headers=alice.headers).status_code == 204

    def test_introspection_for_services_knows_no_app_s_token(self, mighty: AppClient, alice: Person) -> None:
        tokens = mighty.sign_in(alice.tokens["accessToken"], resource=OWN_API, scope=ALL)
        for kind in ("access_token", "refresh_token", "id_token"):
            told = alice.client.post("/auth/introspect", data={"token": tokens[kind]}, headers=alice.headers)
            assert (told.status_code, told.get_json()) == (200, {"active": False})


class TestToken:
    """O40: access tokens of apps have the form of RFC 9068 and are never remembered beside people's own."""

    def test_o40_the_form(self, mighty: AppClient, alice: Person) -> None:
        token = mighty.sign_in(alice.tokens["accessToken"], resource=OWN_API, scope="openid")["access_token"]
        assert header_of(token) == {"alg": "ES256", "typ": "at+jwt", "kid": header_of(token)["kid"]}
        claims = claims_of(token)
        assert set(claims) == {*("iss", "aud", "sub", "client_id", "sid", "jti", "iat", "exp", "scope", "auth_time")}
        assert (claims["client_id"], claims["sub"], claims["aud"]) == (mighty.id, alice.id, OWN_API)
        assert 0 < claims["exp"] - claims["iat"] <= 900

    def test_t6_it_is_not_remembered(self, app: Flask, mighty: AppClient, alice: Person) -> None:
        """O40: so nothing that knows people's own tokens by their text ever meets one."""
        shown = header(mighty, alice)
        assert alice.home().status_code == 200
        for _ in range(2):
            assert alice.client.get("/auth/me", headers=shown).status_code == 200
        with app.app_context():
            remembered = set(signing_keys.snapshot().verified)
        assert alice.tokens["accessToken"] in remembered
        assert shown["Authorization"].partition(" ")[2] not in remembered
        assert {header_of(text)["typ"] for text in remembered} == {"JWT"}

    def test_o40_what_is_bent_is_refused(self, app: Flask, mighty: AppClient, alice: Person, bob: Person) -> None:
        """Even if it is signed with our own key."""
        token = header(mighty, alice)["Authorization"].partition(" ")[2]
        private, head, claims = own_key(app).private, header_of(token), claims_of(token)
        bent = [
            altered(app, token, exp=now() + 100_000),
            altered(app, token, iat=now() - 100_000),
            altered(app, token, exp="9999999999"),
            altered(app, token, scope=["account:read"]),
            altered(app, token, aud=[OWN_API]),
            altered(app, token, aud=NOTES),
            altered(app, token, iss="https://elsewhere.example"),
            altered(app, token, client_id="app_x"),
            altered(app, token, sub=bob.id),
            altered(app, token, sid="x"),
            *(altered(app, token, without=(name,)) for name in claims if name != "auth_time"),
            *(
                sign({**head, "typ": typ}, claims, private)
                for typ in ("JWT", "rt+jwt", "AT+JWT", "application/at+jwt", 1)
            ),
            sign({**head, "typ": "JWT"}, {**claims, "type": "access"}, private),
            sign({"alg": "ES256", "kid": head["kid"]}, claims, private),
            token[:-4],
        ]
        for text in bent:
            assert alice.client.get("/auth/me", headers=bearer(text)).status_code == 401, header_of(text)
        assert alice.client.get("/auth/me", headers=bearer(token)).status_code == 200

    def test_it_says_why_it_is_refused(self, app: Flask, mighty: AppClient, alice: Person) -> None:
        token = header(mighty, alice)["Authorization"].partition(" ")[2]
        expired = altered(app, token, iat=now() - 100, exp=now() - 1)
        problem(alice.client.get("/auth/me", headers=bearer(expired)), 401, "token_expired")
        assert mighty.post("/oauth2/revoke", {"token": token}).status == 200
        told = problem(alice.client.get("/auth/me", headers=bearer(token)), 401, "session_ended")
        assert told["reason"] == "logout"

    @pytest.mark.parametrize("change", [{"$set": {"disabledAt": 0}}, None])
    def test_o33_of_an_app_that_is_disabled_or_gone(
        self, mighty: AppClient, alice: Person, mongo: Mongo, change: Any
    ) -> None:
        shown = header(mighty, alice)
        if change is None:
            mongo.apps.delete_one({"_id": mighty.id})
        else:
            moment = mongo.users.find_one()["createdAt"]  # type: ignore[index]
            mongo.apps.update_one({"_id": mighty.id}, {"$set": {"disabledAt": moment}})
        problem(alice.client.get("/auth/me", headers=shown), 401, "token_invalid")


class TestMetadata:
    def test_our_own_api_names_itself(self, client: FlaskClient) -> None:
        """RFC 9728: a client compares `resource` with the address that it asked."""
        answer = send(client, "GET", "/.well-known/oauth-protected-resource", headers={"Origin": "https://x.example"})
        assert answer.status == 200
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert answer.headers["Cache-Control"] == "public, max-age=3600"
        assert answer.json == {
            "resource": OWN_API,
            "authorization_servers": ["http://localhost:8000"],
            "scopes_supported": list(app_scopes.OF_OWN_API),
            "bearer_methods_supported": ["header"],
            "resource_name": "authsvc",
            "resource_documentation": "http://localhost:8000/docs",
        }
        told = send(client, "GET", "/.well-known/oauth-authorization-server").json
        assert told["protected_resources"] == [OWN_API]

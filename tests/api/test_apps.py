"""Administration of apps: who may, what they may be, their secrets, and what ends with them."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask
from pymongo.database import Database as MongoDatabase

from authsvc import clock
from authsvc.models.apps import AppKind
from authsvc.services import app_changes, apps
from tests.conftest import Person, problem
from tests.support.oauth import CALLBACK, AppClient, new_app
from tests.support.races import race, rounds
from tests.support.wire import APP_ROUTES

Database = MongoDatabase[dict[str, Any]]
NOTES = {"name": "Notes", "kind": "web", "redirectUris": [CALLBACK]}
NOBODYS = "app_" + "f" * 24
API = "https://orders.example.net"


def ask(who: Person, method: str, path: str, headers: dict[str, str] | None = None, **body: Any) -> Any:
    """Return the answer to a request with the person's token, or with other headers."""
    return who.client.open(path, method=method, json=body or None, headers=headers or who.headers)


def made(admin: Person, **values: Any) -> dict[str, Any]:
    """Return an app that an administrator has just registered."""
    answer = ask(admin, "POST", "/admin/apps", **{**NOTES, **values})
    assert answer.status_code == 201, answer.text
    return dict(answer.get_json())


def refused(admin: Person, pointer: str, **values: Any) -> dict[str, Any]:
    """Assert that nothing is registered with these values, because of that one; return what is wrong with it."""
    answer = ask(admin, "POST", "/admin/apps", **{**NOTES, **values})
    faults = problem(answer, 422, "validation_failed")["errors"]
    assert pointer in [fault["pointer"] for fault in faults], faults
    return dict(next(fault for fault in faults if fault["pointer"] == pointer))


def script(who: Person, *scopes: str) -> dict[str, str]:
    """Return the header that shows a new personal access token."""
    answer = ask(who, "POST", "/auth/access-tokens", name="script", scopes=list(scopes))
    assert answer.status_code == 201, answer.text
    return {"Authorization": f"Bearer {answer.get_json()['token']}"}


def recorded(mongo: Database, action: str) -> list[dict[str, Any]]:
    """Return the records of an action, oldest first."""
    return list(mongo.audit.find({"action": action}).sort("_id", 1))


def speaking(admin: Person, app: dict[str, Any]) -> AppClient:
    """Return a registered app as it speaks."""
    return AppClient(admin.client, app["id"], app["secret"], method=app["authMethod"])


@pytest.fixture
def notes(admin: Person) -> dict[str, Any]:
    """Return an app with a secret."""
    return made(admin)


@pytest.fixture
def stale(admin: Person, notes: dict[str, Any], mongo: Database) -> Callable[[], dict[str, str]]:
    """Return a way to get the headers of an administrator who did not sign in lately."""

    def headers() -> dict[str, str]:
        mongo.sessions.update_many({"app": None}, {"$set": {"authTime": clock.now() - timedelta(minutes=10)}})
        return admin.headers

    return headers


class TestWhoMay:
    """R87, for apps: `users:write` is not enough."""

    @pytest.mark.parametrize(("method", "path", "scope"), APP_ROUTES)
    def test_only_an_administrator_with_the_scope_may(
        self, alice: Person, admin: Person, mongo: Database, method: str, path: str, scope: str
    ):
        path = path.replace("{id}", made(admin)["id"], 1).replace("{id}", "a" * 24)
        others = {"users:read", "users:write", "audit:read", "account:write", "apps:read", "apps:write"} - {scope}
        before = list(mongo.apps.find())
        for headers, status, code in [
            ({"Authorization": "Bearer x.y.z"}, 401, "token_invalid"),
            (alice.headers, 403, "forbidden"),
            (script(alice, "apps:read", "apps:write"), 403, "forbidden"),
            (script(admin, *others), 403, "scope_missing"),
        ]:
            problem(ask(alice, method, path, headers), status, code)
        problem(alice.client.open(path, method=method), 401, "token_missing")
        assert list(mongo.apps.find()) == before

    def test_a_script_with_the_scope_may(self, admin: Person):
        reads, writes = script(admin, "apps:read"), script(admin, "apps:write")
        answer = ask(admin, "POST", "/admin/apps", writes, **NOTES)
        assert answer.status_code == 201, answer.text
        path = f"/admin/apps/{answer.get_json()['id']}"
        assert ask(admin, "GET", path, reads).get_json()["name"] == "Notes"
        assert ask(admin, "PATCH", path, writes, name="Other").get_json()["name"] == "Other"
        assert ask(admin, "PATCH", path, writes, disabled=True).status_code == 200
        problem(ask(admin, "PATCH", path, reads, name="X"), 403, "scope_missing")
        problem(ask(admin, "GET", path, writes), 403, "scope_missing")

    @pytest.mark.parametrize("app_id", [NOBODYS, "nope", "f" * 24, '{"$ne":null}', "%00", "..%2f", "x" * 65, "app_"])
    def test_an_id_that_is_no_apps(self, admin: Person, app_id: str):
        for method, path, _ in APP_ROUTES:
            if "{id}" in path:
                there = path.replace("{id}", app_id, 1).replace("{id}", "a" * 24)
                assert ask(admin, method, there, **({"name": "X"} if method == "PATCH" else {})).status_code == 404


class TestFreshLogin:
    """What hurts takes a fresh sign-in: neither a script nor a session left open does it."""

    def test_secrets_deletion_and_trust(
        self, admin: Person, notes: dict[str, Any], stale: Callable[[], dict[str, str]], mongo: Database
    ):
        path, secret = f"/admin/apps/{notes['id']}", notes["secrets"][0]["id"]
        before = mongo.apps.find_one({"_id": notes["id"]})
        script_headers = script(admin, "apps:read", "apps:write")
        for headers in (script_headers, stale()):
            for method, where, body in [
                ("POST", f"{path}/secrets", {}),
                ("DELETE", f"{path}/secrets/{secret}", {}),
                ("DELETE", path, {}),
                ("PATCH", path, {"trusted": True}),
                ("PATCH", path, {"name": "X", "trusted": True}),
                ("PATCH", path, {"requiresPkce": False}),
                ("PATCH", path, {"authMethod": "client_secret_post"}),
                ("PATCH", path, {"scopes": ["openid", "account:read"]}),
                ("POST", "/admin/apps", {**NOTES, "trusted": True}),
                ("POST", "/admin/apps", {**NOTES, "requiresPkce": False}),
                ("POST", "/admin/apps", {**NOTES, "scopes": ["users:write"]}),
            ]:
                problem(ask(admin, method, where, headers, **body), 403, "fresh_login_required")
            assert mongo.apps.find_one({"_id": notes["id"]}) == before
        assert mongo.apps.count_documents({}) == 1

    def test_a_trusted_app_is_not_changed_either_but_can_be_disabled(
        self, admin: Person, stale: Callable[[], dict[str, str]]
    ):
        path = f"/admin/apps/{made(admin, trusted=True)['id']}"
        headers = stale()
        for changes in ({"redirectUris": ["https://evil.example/"]}, {"name": "X"}, {"trusted": False}):
            problem(ask(admin, "PATCH", path, headers, **changes), 403, "fresh_login_required")
        assert ask(admin, "PATCH", path, headers, disabled=True).get_json()["disabledAt"]
        problem(ask(admin, "PATCH", path, headers, disabled=False), 403, "fresh_login_required")

    def test_r102_where_an_app_without_a_secret_is_answered(
        self, admin: Person, stale: Callable[[], dict[str, str]], mongo: Database
    ):
        """Nothing else proves who it is: whoever adds an address of their own gets its codes."""
        here, there = "https://page.example.net/", "https://evil.example.net/"
        path = f"/admin/apps/{made(admin, kind='spa', redirectUris=[here])['id']}"
        for headers in (script(admin, "apps:read", "apps:write"), stale()):
            problem(ask(admin, "PATCH", path, headers, redirectUris=[here, there]), 403, "fresh_login_required")
            assert ask(admin, "PATCH", path, headers, redirectUris=[here], name="Page").status_code == 200
        fresh = admin.login().headers
        assert ask(admin, "PATCH", path, fresh, redirectUris=[here, there]).status_code == 200
        assert ask(admin, "PATCH", path, stale(), redirectUris=[there]).status_code == 200

    def test_an_app_with_a_secret_proves_itself_otherwise(
        self, admin: Person, notes: dict[str, Any], stale: Callable[[], dict[str, str]]
    ):
        uris = [*notes["redirectUris"], "https://other.example.net/"]
        assert ask(admin, "PATCH", f"/admin/apps/{notes['id']}", stale(), redirectUris=uris).status_code == 200


class TestRegistration:
    @pytest.mark.parametrize("name", ["iss", "code", "state", "error", "%69ss"])
    def test_o12_no_address_has_a_parameter_of_answers(self, admin: Person, name: str):
        """There would be two of them (RFC 9207 section 2)."""
        for member in ("redirectUris", "logoutUris"):
            uris = {member: [f"https://app.example.net/back?a=b&{name}=https%3A%2F%2Fevil.example"]}
            answer = ask(admin, "POST", "/admin/apps", **{**NOTES, **uris})
            (error,) = problem(answer, 422, "validation_failed")["errors"]
            assert error["pointer"] == f"/{member}/0"

    def test_o6_an_app_gets_an_id_of_ours_and_a_secret(self, admin: Person, mongo: Database, app: Flask):
        answer = made(admin)
        assert set(answer) == {
            *("id", "name", "kind", "authMethod", "secrets", "secret", "jwks", "redirectUris", "logoutUris"),
            *("backchannelUri", "grantTypes", "scopes", "resources", "idTokenAlg", "requiresPkce", "trusted"),
            *("owner", "createdAt", "disabledAt", "key", "document"),
        }
        assert answer["id"].startswith("app_")
        assert answer["id"] not in (app.config["TOKEN_AUDIENCE"], app.config["TOKEN_ISSUER"])
        assert (answer["owner"], answer["idTokenAlg"], answer["requiresPkce"]) == (admin.id, "RS256", True)
        assert answer["grantTypes"] == ["authorization_code", "refresh_token"]
        assert answer["scopes"] == ["openid", "profile", "email", "offline_access"]
        assert answer["secret"].startswith("aps_")
        (record,) = recorded(mongo, "app.created")
        assert (str(record["actor"]), record["details"]["app"]) == (admin.id, answer["id"])
        shown = ask(admin, "GET", f"/admin/apps/{answer['id']}").get_json()
        assert shown == {name: value for name, value in answer.items() if name != "secret"}
        assert answer["secret"] not in str(mongo.apps.find_one())

    def test_o6_nobody_chooses_an_id(self, admin: Person):
        for name in ("id", "_id", "secret", "secrets", "owner", "disabledAt", "epoch"):
            refused(admin, f"/{name}", **{name: "app_x"})

    @pytest.mark.parametrize(
        ("kind", "values", "grants", "secret"),
        [
            ("web", {}, ["authorization_code", "refresh_token"], True),
            ("spa", {}, ["authorization_code", "refresh_token"], False),
            ("native", {"redirectUris": ["com.example.app:/cb", "http://127.0.0.1/"]}, None, False),
            ("service", {"redirectUris": []}, ["client_credentials"], True),
            ("device", {"redirectUris": []}, None, False),
        ],
    )
    def test_each_kind(self, admin: Person, kind: str, values: dict[str, Any], grants: list[str] | None, secret: bool):
        app = made(admin, kind=kind, **values)
        assert grants is None or app["grantTypes"] == grants
        assert (app["secret"] is not None, len(app["secrets"])) == (secret, int(secret))
        assert (app["authMethod"] == "none") is not secret

    def test_all_members(self, admin: Person):
        values = {
            "authMethod": "client_secret_post",
            "logoutUris": ["https://app.example.net/bye"],
            "backchannelUri": "https://app.example.net/backchannel?x=y",
            "grantTypes": ["authorization_code"],
            "scopes": ["openid"],
            "resources": [API, "urn:example:api"],
            "idTokenAlg": "ES256",
            "requiresPkce": False,
            "trusted": True,
        }
        app = made(admin, **values)
        assert {name: app[name] for name in values} == values

    @pytest.mark.parametrize(
        ("pointer", "values"),
        [
            ("/name", {"name": ""}),
            ("/name", {"name": "   "}),
            ("/name", {"name": "x" * 101}),
            ("/name", {"name": "a\u202eb"}),
            ("/name", {"name": 7}),
            ("/kind", {"kind": "browser"}),
            ("/kind", {"kind": None}),
            ("/redirectUris", {"redirectUris": []}),
            ("/redirectUris", {"redirectUris": CALLBACK}),
            ("/redirectUris", {"redirectUris": [f"https://a.example/{n}" for n in range(21)]}),
            ("/redirectUris", {"redirectUris": [CALLBACK, CALLBACK]}),
            ("/redirectUris/0", {"redirectUris": ["javascript:alert(1)"]}),
            ("/redirectUris/1", {"redirectUris": [CALLBACK, "http://app.example.net/"]}),
            ("/redirectUris/0", {"redirectUris": ["http://localhost:8000/account/"]}),
            ("/redirectUris/0", {"redirectUris": ["com.example.app:/cb"]}),
            ("/redirectUris/0", {"redirectUris": [None]}),
            ("/redirectUris/0", {"redirectUris": [f"{CALLBACK}#x"]}),
            ("/redirectUris", {"kind": "service"}),
            ("/redirectUris", {"kind": "device"}),
            ("/logoutUris/0", {"logoutUris": ["data:text/html,x"]}),
            ("/logoutUris", {"kind": "service", "redirectUris": [], "logoutUris": [CALLBACK]}),
            ("/backchannelUri", {"backchannelUri": "http://app.example.net/"}),
            ("/backchannelUri", {"backchannelUri": "https://u@app.example.net/"}),
            ("/backchannelUri", {"backchannelUri": "https://app.example.net/#x"}),
            ("/backchannelUri", {"backchannelUri": "http://localhost:8000/oauth2/token"}),
            ("/backchannelUri", {"backchannelUri": ""}),
            ("/backchannelUri", {"kind": "service", "redirectUris": [], "backchannelUri": CALLBACK}),
            ("/grantTypes", {"grantTypes": []}),
            ("/grantTypes", {"grantTypes": ["refresh_token"]}),
            ("/grantTypes", {"grantTypes": ["authorization_code", "client_credentials"]}),
            ("/grantTypes/0", {"grantTypes": ["implicit"]}),
            ("/grantTypes", {"kind": "service", "redirectUris": [], "grantTypes": ["authorization_code"]}),
            ("/scopes", {"scopes": []}),
            ("/scopes", {"scopes": ["openid", "orders:read"]}),
            ("/scopes", {"scopes": ["open id"]}),
            ("/scopes", {"kind": "service", "redirectUris": [], "scopes": ["openid"]}),
            ("/scopes", {"kind": "service", "redirectUris": [], "scopes": ['a"b']}),
            ("/scopes", {"kind": "service", "redirectUris": [], "scopes": ["a b"]}),
            ("/resources/0", {"resources": ["orders"]}),
            ("/resources/0", {"resources": [f"{API}/#x"]}),
            ("/resources/0", {"resources": ["https://u@orders.example.net"]}),
            ("/resources/0", {"resources": ["http://localhost:8000"]}),
            ("/resources/0", {"resources": ["http://localhost:8000/oauth2/token"]}),
            ("/resources/0", {"resources": ["http://localhost:8000/auth/refresh-token"]}),
            ("/idTokenAlg", {"idTokenAlg": "none"}),
            ("/idTokenAlg", {"idTokenAlg": "HS256"}),
            ("/requiresPkce", {"kind": "spa", "requiresPkce": False}),
            ("/requiresPkce", {"kind": "native", "requiresPkce": False}),
            ("/requiresPkce", {"requiresPkce": 0}),
            ("/trusted", {"trusted": "yes"}),
            ("/trusted", {"kind": "service", "redirectUris": [], "trusted": True}),
            ("/authMethod", {"authMethod": "none"}),
            ("/authMethod", {"kind": "spa", "authMethod": "client_secret_basic"}),
            ("/authMethod", {"authMethod": "tls_client_auth"}),
            ("/jwks", {"authMethod": "private_key_jwt"}),
            ("/jwks", {"jwks": {"keys": []}}),
            ("/jwks", {"authMethod": "private_key_jwt", "jwks": "x"}),
            ("/disabled", {"disabled": True}),
        ],
    )
    def test_o5_what_no_app_may_be(self, admin: Person, mongo: Database, pointer: str, values: dict[str, Any]):
        refused(admin, pointer, **values)
        assert mongo.apps.count_documents({}) == 0

    def test_o36_only_a_command_registers_the_audience_of_people(self, admin: Person, app: Flask):
        own = app.config["TOKEN_AUDIENCE"]
        assert refused(admin, "/resources/0", resources=[own])["code"] == "not_allowed"
        with app.test_request_context():
            known = apps.create("Own", AppKind.WEB, [CALLBACK], resources=[own]).app.id
        path = f"/admin/apps/{known}"
        assert ask(admin, "PATCH", path, name="Mine").status_code == 200, "what a command allowed stays"
        assert ask(admin, "PATCH", path, resources=[]).get_json()["resources"] == []
        problem(ask(admin, "PATCH", path, resources=[own]), 422, "validation_failed")

    def test_there_is_a_limit(self, admin: Person, notes: dict[str, Any], mongo: Database, monkeypatch: Any):
        monkeypatch.setattr(apps, "MOST_APPS", 1)
        refused(admin, "")
        assert mongo.apps.count_documents({}) == 1


class TestList:
    def test_pages_newest_first(self, admin: Person):
        ids = [made(admin, name=f"App {number}")["id"] for number in range(5)]
        seen, cursor = [], ""
        while True:
            page = ask(admin, "GET", f"/admin/apps?limit=2{cursor}").get_json()
            seen += [app["id"] for app in page["items"]]
            if page["next"] is None:
                break
            cursor = f"&cursor={page['next']}"
        assert seen == ids[::-1]
        assert "secret" not in page["items"][0]

    def test_of_one_owner(self, app: Flask, admin: Person, alice: Person, notes: dict[str, Any]):
        with app.test_request_context():
            apps.create("Nobody's", AppKind.SPA, [CALLBACK])
        page = ask(admin, "GET", f"/admin/apps?owner={admin.id}").get_json()
        assert [one["id"] for one in page["items"]] == [notes["id"]]
        assert ask(admin, "GET", f"/admin/apps?owner={alice.id}").get_json()["items"] == []

    @pytest.mark.parametrize("query", ["cursor=x", "cursor=YQ==", "owner=x", "limit=0", "x=1"])
    def test_what_no_query_is(self, admin: Person, query: str):
        problem(ask(admin, "GET", f"/admin/apps?{query}"), 422, "validation_failed")


class TestO29Secrets:
    def test_o29_two_are_valid_while_one_is_replaced(self, admin: Person, notes: dict[str, Any], mongo: Database):
        path = f"/admin/apps/{notes['id']}/secrets"
        answer = ask(admin, "POST", path)
        assert answer.status_code == 201, answer.text
        assert answer.headers["Cache-Control"] == "no-store"
        new = answer.get_json()
        assert set(new) == {"id", "createdAt", "expiresAt", "secret"}
        assert new["expiresAt"] is None
        old, now_valid = ask(admin, "GET", f"/admin/apps/{notes['id']}").get_json()["secrets"]
        assert (old["id"], now_valid["id"]) == (notes["secrets"][0]["id"], new["id"])
        assert set(old) == {"id", "createdAt", "expiresAt"}
        assert old["expiresAt"] is not None
        for secret in (notes["secret"], new["secret"]):
            assert speaking(admin, {**notes, "secret": secret}).refresh("x").error == "invalid_grant"
        stored = mongo.apps.find_one({"_id": notes["id"]})
        assert notes["secret"] not in str(stored)
        assert new["secret"] not in str(stored)
        (record,) = recorded(mongo, "app.secret_added")
        assert record["details"] == {"app": notes["id"], "secret_id": new["id"]}
        assert new["secret"] not in str(record)

    def test_o29_the_older_one_expires_after_a_day(self, admin: Person, notes: dict[str, Any]):
        new = ask(admin, "POST", f"/admin/apps/{notes['id']}/secrets").get_json()
        older, newer = speaking(admin, notes), speaking(admin, {**notes, "secret": new["secret"]})
        with time_machine.travel(clock.now() + timedelta(hours=23, minutes=59), tick=True):
            assert older.refresh("x").error == "invalid_grant"
        with time_machine.travel(clock.now() + timedelta(hours=24, seconds=1), tick=True):
            assert older.refresh("x").error == "invalid_client"
            assert newer.refresh("x").error == "invalid_grant"

    def test_o29_a_third_waits_until_one_is_gone(self, admin: Person, notes: dict[str, Any], mongo: Database):
        path = f"/admin/apps/{notes['id']}/secrets"
        new = ask(admin, "POST", path).get_json()
        problem(ask(admin, "POST", path), 422, "validation_failed")
        old = notes["secrets"][0]["id"]
        assert ask(admin, "DELETE", f"{path}/{old}").status_code == 204
        assert speaking(admin, notes).refresh("x").error == "invalid_client"
        assert speaking(admin, {**notes, "secret": new["secret"]}).refresh("x").error == "invalid_grant"
        problem(ask(admin, "DELETE", f"{path}/{old}"), 404, "not_found")
        assert ask(admin, "POST", path).status_code == 201
        assert [record["details"]["secret_id"] for record in recorded(mongo, "app.secret_removed")] == [old]

    def test_o29_another_apps_secret_is_not_removed(self, admin: Person, notes: dict[str, Any]):
        other = made(admin)
        path = f"/admin/apps/{other['id']}/secrets/{notes['secrets'][0]['id']}"
        problem(ask(admin, "DELETE", path), 404, "not_found")

    def test_o29_an_app_that_can_keep_none_gets_none(self, admin: Person):
        public = made(admin, kind="spa")
        problem(ask(admin, "POST", f"/admin/apps/{public['id']}/secrets"), 422, "validation_failed")

    @pytest.mark.race
    @rounds
    def test_o29_of_many_at_once_one_is_added(self, admin: Person, notes: dict[str, Any], mongo: Database, turn: int):
        path = f"/admin/apps/{notes['id']}/secrets"
        client = admin.client.application.test_client
        answers = race(*[lambda: client().post(path, headers=admin.headers)] * 8)
        assert sorted(answer.status_code for answer in answers) == [201, *[422] * 7]
        stored = mongo.apps.find_one({"_id": notes["id"]})
        assert stored is not None
        assert len(stored["secrets"]) == 2


class TestChange:
    def test_what_is_named_is_changed_and_on_record(self, admin: Person, notes: dict[str, Any], mongo: Database):
        path = f"/admin/apps/{notes['id']}"
        uris = [CALLBACK, "https://app.example.net/other"]
        answer = ask(admin, "PATCH", path, name="  New   name ", redirectUris=uris, backchannelUri=None)
        assert answer.status_code == 200, answer.text
        changed = answer.get_json()
        assert changed == {
            **{k: v for k, v in notes.items() if k != "secret"},
            "name": "New name",
            "redirectUris": uris,
        }
        (record,) = recorded(mongo, "app.changed")
        assert record["details"] == {"app": notes["id"], "fields": ["name", "redirect_uris"]}
        ask(admin, "PATCH", path, name="New name")
        assert len(recorded(mongo, "app.changed")) == 1, "nothing was changed"

    @pytest.mark.parametrize(
        "changes",
        [
            {"kind": "spa"},
            {"redirectUris": []},
            {"redirectUris": ["http://evil.example/"]},
            {"authMethod": "none"},
            {"grantTypes": ["client_credentials"]},
            {"name": "ok", "scopes": ["nope"]},
            {"id": "app_x"},
            {"disabled": None},
            {"trusted": 1},
        ],
    )
    def test_what_no_app_may_be(self, admin: Person, notes: dict[str, Any], mongo: Database, changes: dict[str, Any]):
        before = mongo.apps.find_one()
        problem(ask(admin, "PATCH", f"/admin/apps/{notes['id']}", **changes), 422, "validation_failed")
        assert mongo.apps.find_one() == before

    @pytest.mark.race
    @rounds
    def test_of_changes_at_once_none_is_lost(self, admin: Person, notes: dict[str, Any], mongo: Database, turn: int):
        path = f"/admin/apps/{notes['id']}"
        client = admin.client.application.test_client
        each: list[dict[str, Any]] = [
            {"name": "Other"},
            {"logoutUris": ["https://app.example.net/bye"]},
            {"resources": [API]},
            {"idTokenAlg": "ES256"},
        ]
        calls = [lambda body=body: client().patch(path, json=body, headers=admin.headers) for body in each]
        assert [answer.status_code for answer in race(*calls)] == [200] * 4
        now = ask(admin, "GET", path).get_json()
        assert {name: now[name] for body in each for name in body} == {k: v for body in each for k, v in body.items()}


ENDS: dict[str, tuple[str, dict[str, Any] | None]] = {
    "disabled": ("PATCH", {"disabled": True}),
    "deleted": ("DELETE", None),
    "fewer scopes": ("PATCH", {"scopes": ["openid"]}),
    "no refresh": ("PATCH", {"grantTypes": ["authorization_code"]}),
}


class TestO33End:
    @pytest.mark.parametrize("how", ENDS)
    def test_o33_all_sessions_end_at_once(
        self, admin: Person, alice: Person, notes: dict[str, Any], mongo: Database, how: str
    ):
        app, other = speaking(admin, notes), speaking(admin, made(admin))
        of_alice, of_admin = (app.sign_in(who.tokens["accessToken"]) for who in (alice, admin))
        elsewhere = other.sign_in(alice.tokens["accessToken"])
        method, body = ENDS[how]
        assert ask(admin, method, f"/admin/apps/{notes['id']}", **(body or {})).status_code < 300
        for tokens in (of_alice, of_admin):
            assert app.userinfo(tokens["access_token"]).status == 401
            assert app.refresh(tokens["refresh_token"]).error in (
                "invalid_grant",
                "invalid_client",
                "unauthorized_client",
            )
        assert mongo.sessions.count_documents({"app": notes["id"], "endedAt": None}) == 0
        assert alice.home().status_code == 200, "people's own sessions go on"
        assert other.userinfo(elsewhere["access_token"]).status == 200
        assert other.refresh(elsewhere["refresh_token"]).status == 200

    def test_a_new_name_or_more_ends_nothing(self, admin: Person, alice: Person):
        app = made(admin, scopes=["openid", "email"])
        tokens = speaking(admin, app).sign_in(alice.tokens["accessToken"])
        changes = {
            "name": "Other",
            "redirectUris": [CALLBACK, "https://app.example.net/b"],
            "scopes": ["openid", "email", "profile"],
        }
        assert ask(admin, "PATCH", f"/admin/apps/{app['id']}", **changes).status_code == 200
        assert speaking(admin, app).userinfo(tokens["access_token"]).status == 200
        assert speaking(admin, app).refresh(tokens["refresh_token"]).status == 200

    def test_o33_what_it_had_stays_ended_when_it_is_enabled(self, admin: Person, alice: Person, notes: dict[str, Any]):
        app, path = speaking(admin, notes), f"/admin/apps/{notes['id']}"
        tokens = app.sign_in(alice.tokens["accessToken"])
        code, (request, cookie, _) = app.authorize(alice.tokens["accessToken"]), app.begin()
        assert ask(admin, "PATCH", path, disabled=True).get_json()["disabledAt"]
        assert app.exchange(code).error == "invalid_client"
        assert ask(admin, "PATCH", path, disabled=False).get_json()["disabledAt"] is None
        assert app.exchange(code).error == "invalid_grant"
        assert app.advance(request, {**cookie, **alice.headers}, "allow").status == 410
        assert app.userinfo(tokens["access_token"]).status == 401
        assert app.refresh(tokens["refresh_token"]).error == "invalid_grant"
        assert app.userinfo(app.sign_in(alice.tokens["accessToken"])["access_token"]).status == 200

    def test_o33_it_is_on_record(self, admin: Person, notes: dict[str, Any], mongo: Database):
        path = f"/admin/apps/{notes['id']}"
        for body in ({"disabled": True}, {"disabled": True}, {"disabled": False}, {"disabled": False}):
            assert ask(admin, "PATCH", path, **body).status_code == 200
        assert ask(admin, "DELETE", path).status_code == 204
        problem(ask(admin, "DELETE", path), 404, "not_found")
        for action in ("app.disabled", "app.enabled", "app.deleted"):
            (record,) = recorded(mongo, action)
            assert (str(record["actor"]), record["details"], record.get("target")) == (
                admin.id,
                {"app": notes["id"]},
                None,
            )

    def test_o33_nothing_is_allowed_to_a_deleted_app(
        self, admin: Person, alice: Person, notes: dict[str, Any], mongo: Database
    ):
        speaking(admin, notes).sign_in(alice.tokens["accessToken"])
        assert mongo.grants.count_documents({"app": notes["id"]}) == 1
        assert ask(admin, "DELETE", f"/admin/apps/{notes['id']}").status_code == 204
        assert mongo.grants.count_documents({"app": notes["id"]}) == 0
        answer = admin.client.get(
            "/oauth2/authorize", query_string={"client_id": notes["id"], "redirect_uri": CALLBACK}
        )
        assert answer.status_code == 400

    def test_o3_a_redirect_uri_that_is_no_longer_registered_gets_nothing(
        self, admin: Person, alice: Person, notes: dict[str, Any]
    ):
        app = speaking(admin, notes)
        code, (request, cookie, _) = app.authorize(alice.tokens["accessToken"]), app.begin()
        other = ["https://app.example.net/other"]
        assert ask(admin, "PATCH", f"/admin/apps/{notes['id']}", redirectUris=other).status_code == 200
        assert app.exchange(code).error == "invalid_grant"
        assert app.advance(request, {**cookie, **alice.headers}, "allow").status == 410

    @pytest.mark.race
    @rounds
    def test_o33_a_sign_in_meanwhile_leaves_nothing(
        self, app: Flask, admin: Person, alice: Person, notes: dict[str, Any], mongo: Database, turn: int
    ):
        client = speaking(admin, notes)
        codes = [client.authorize(alice.tokens["accessToken"]) for _ in range(4)]

        def toggle() -> None:
            with app.test_request_context():
                app_changes.disable(None, notes["id"])
                app_changes.enable(None, notes["id"])

        def exchange(code: Any) -> Callable[[], Any]:
            own = AppClient(app.test_client(use_cookies=False), client.id, client.secret)
            return lambda: own.exchange(code)

        answers = race(toggle, *map(exchange, codes))[1:]
        assert {answer.status for answer in answers} <= {200, 400, 401}
        assert mongo.sessions.count_documents({"app": notes["id"], "endedAt": None}) == 0
        for answer in answers:
            if answer.status == 200:
                assert client.userinfo(answer.json["access_token"]).status == 401


class TestR103Grants:
    def test_r103_an_app_without_the_grant_gets_no_code_and_no_refresh(self, app: Flask, admin: Person, alice: Person):
        only_codes = made(admin, grantTypes=["authorization_code"])
        client = speaking(admin, only_codes)
        tokens = client.sign_in(alice.tokens["accessToken"])
        assert "refresh_token" not in tokens
        assert client.refresh(tokens["access_token"]).error == "unauthorized_client"
        native = made(
            admin,
            kind="native",
            grantTypes=["urn:ietf:params:oauth:grant-type:device_code"],
            redirectUris=["http://127.0.0.1/cb"],
        )
        query = {
            "client_id": native["id"],
            "redirect_uri": "http://127.0.0.1/cb",
            "response_type": "code",
            "state": "s",
        }
        answer = admin.client.get("/oauth2/authorize", query_string=query)
        assert "unauthorized_client" in answer.location


class TestPkce:
    def test_one_app_can_do_without(self, admin: Person, alice: Person, notes: dict[str, Any]):
        free = made(admin, requiresPkce=False)
        query = {"redirect_uri": CALLBACK, "response_type": "code", "scope": "openid"}
        with_pkce = admin.client.get("/oauth2/authorize", query_string={**query, "client_id": notes["id"]})
        assert "invalid_request" in with_pkce.location
        without = admin.client.get("/oauth2/authorize", query_string={**query, "client_id": free["id"]})
        assert "/account/authorize?request=" in without.location

    def test_o8_a_challenge_that_was_sent_is_checked_all_the_same(self, admin: Person, alice: Person):
        client = speaking(admin, made(admin, requiresPkce=False))
        code = client.authorize(alice.tokens["accessToken"])
        form = {name: value for name, value in code.form.items() if name != "code_verifier"}
        assert client.token(form).error == "invalid_grant"

    def test_when_it_is_required_again_requests_without_are_gone(self, admin: Person, alice: Person):
        free = made(admin, requiresPkce=False)
        client = speaking(admin, free)
        request, cookie, _ = client.begin(code_challenge="", code_challenge_method="")
        assert ask(admin, "PATCH", f"/admin/apps/{free['id']}", requiresPkce=True).status_code == 200
        assert client.advance(request, {**cookie, **alice.headers}, "allow").status == 410


class TestTrust:
    def test_without_trust_people_are_signed_out_and_asked(self, admin: Person, alice: Person):
        trusted = made(admin, trusted=True)
        client = speaking(admin, trusted)
        tokens = client.sign_in(alice.tokens["accessToken"])
        assert ask(admin, "PATCH", f"/admin/apps/{trusted['id']}", trusted=False).status_code == 200
        assert client.userinfo(tokens["access_token"]).status == 401
        request, cookie, _ = client.begin()
        assert client.advance(request, {**cookie, **alice.headers}).json["step"] == "consent"


def test_a_new_app_speaks(app: Flask, admin: Person, alice: Person):
    """What the test support registers is what the API shows."""
    client = new_app(app, admin.client)
    assert ask(admin, "GET", f"/admin/apps/{client.id}").get_json()["owner"] is None

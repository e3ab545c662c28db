"""Administration: who may, what it shows, what it does at once, and that one administrator is always left."""

import base64
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from bson import ObjectId
from flask import Flask
from pymongo.database import Database as MongoDatabase

from authsvc import clock
from authsvc.flows import administer_account, delete_account
from authsvc.services.callers import Caller
from authsvc.services.users import state
from tests.conftest import Person, problem
from tests.support.accounts import PASSWORD, import_account
from tests.support.console_routes import CONSOLE_ROUTES
from tests.support.factors import verified
from tests.support.letters import newest, sent
from tests.support.wire import ADMIN_READS, ADMIN_ROUTES, APP_ROUTES, WEBHOOK_ROUTES

Database = MongoDatabase[dict[str, Any]]
NOBODY = "5e" * 12
BAD_IDS = ["nope", '{"$ne":null}', "f" * 24, "f" * 23, "..%2f", "%00", "%24ne"]

ID = "a" * 24
routes = pytest.mark.parametrize(("method", "path", "scope"), ADMIN_ROUTES)


def ask(who: Person, method: str, path: str, **body: Any) -> Any:
    """Return the answer to a request with the person's token."""
    return who.client.open(path, method=method, json=body or None, headers=who.headers)


def patch(who: Person, user_id: str, **changes: Any) -> Any:
    """Return the answer to a change of an account."""
    return who.client.patch(f"/admin/users/{user_id}", json=changes, headers=who.headers)


def listed(who: Person, query: str = "") -> list[str]:
    """Return the addresses of a list of accounts, read page by page."""
    found: list[str] = []
    cursor = ""
    while True:
        answer = who.client.get(f"/admin/users?{query}{cursor}", headers=who.headers)
        assert answer.status_code == 200, answer.text
        page = answer.get_json()
        found += [item["email"] for item in page["items"]]
        if page["next"] is None:
            return found
        cursor = f"&cursor={page['next']}"


def script(who: Person, *scopes: str) -> dict[str, str]:
    """Return the header that shows a new personal access token."""
    made = ask(who, "POST", "/auth/access-tokens", name="script", scopes=list(scopes))
    return {"Authorization": f"Bearer {made.get_json()['token']}"}


class TestWhoMay:
    """R87: every administrative route, and who is refused there."""

    def test_every_route_is_here(self, app: Flask):
        there = {
            (method, re.sub(r"<[^>]+>", "{id}", rule.rule).replace("kinds/{id}", "kinds/{kind}"))
            for rule in app.url_map.iter_rules()
            if rule.rule.startswith("/admin") and not rule.endpoint.startswith("console.")  # a page without data
            for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        }
        assert there == {
            (method, path) for method, path, _ in (*ADMIN_ROUTES, *APP_ROUTES, *WEBHOOK_ROUTES, *CONSOLE_ROUTES)
        }

    @routes
    def test_only_an_administrator_with_the_scope_may(
        self, alice: Person, admin: Person, mongo: Database, method: str, path: str, scope: str
    ):
        """Nobody, a user, an administrator who was disabled, or demoted, with the token of before, or a script's."""
        path = path.format(id=alice.id)
        before = list(mongo.users.find({}, {"role": 1}))
        client = alice.client
        for headers, status, code in [
            ({}, 401, "token_missing"),
            ({"Authorization": "Bearer x.y.z"}, 401, "token_invalid"),
            (alice.headers, 403, "forbidden"),
            (script(alice, "users:read", "users:write", "audit:read"), 403, "forbidden"),
            (script(admin, "account:read", "account:write", "tokens:introspect"), 403, "scope_missing"),
            (script(admin, *({"users:read", "users:write", "audit:read"} - {scope})), 403, "scope_missing"),
        ]:
            problem(client.open(path, method=method, json={}, headers=headers), status, code)
        assert list(mongo.users.find({}, {"role": 1})) == before

    @routes
    def test_not_who_was_one(self, alice: Person, admin: Person, app: Flask, method: str, path: str, scope: str):
        path = path.format(id=alice.id)
        token = script(admin, scope)
        with app.app_context():
            state.change_role(None, alice.id, "admin")
            administer_account.change(_caller(alice), admin.id, {"role": "user"})
        for headers in (admin.headers, token):
            problem(alice.client.open(path, method=method, json={}, headers=headers), 403, "forbidden")
        with app.app_context():
            state.change_role(None, admin.id, "admin")
            state.disable(_caller(alice), admin.id)
        problem(alice.client.open(path, method=method, json={}, headers=admin.headers), 401, "session_ended")
        problem(alice.client.open(path, method=method, json={}, headers=token), 401, "token_invalid")

    @pytest.mark.parametrize(
        "path",
        ["/Admin/users", "//admin/users", "/admin/users/", "/admin/..;/admin/users", "/%61dmin//users", "/admin/."],
    )
    def test_no_other_spelling_of_a_path_bypasses_the_guard(self, alice: Person, path: str):
        """A path that is written otherwise leads nowhere, or to the same guard."""
        assert alice.client.get(path, headers=alice.headers).status_code in {403, 404}

    @pytest.mark.parametrize("path", ["/admin", "/admin/"])
    def test_the_page_is_the_same_for_everybody(self, alice: Person, admin: Person, path: str):
        """It holds nothing of anybody: who asks is known to the API alone."""
        answers = [alice.client.get(path, headers=headers) for headers in ({}, alice.headers, admin.headers)]
        assert {answer.status_code for answer in answers} == {200}
        assert len({answer.text for answer in answers}) == 1
        for person in (alice, admin):
            assert person.email not in answers[0].text

    @pytest.mark.parametrize("method", ["PUT", "POST"])
    def test_no_other_method(self, alice: Person, admin: Person, method: str):
        headers = {**alice.headers, "X-HTTP-Method-Override": "PATCH"}
        path = f"/admin/users/{alice.id}"
        assert alice.client.open(path, method=method, json={"role": "admin"}, headers=headers).status_code == 405

    def test_nobody_makes_themselves_one(self, alice: Person, mongo: Database):
        """R90"""
        problem(ask(alice, "PATCH", "/auth/me", name="A", role="admin"), 422, "validation_failed")
        body = {"name": "E", "email": "eve@example.com", "password": PASSWORD, "role": "admin"}
        problem(alice.client.post("/auth/register", json=body), 422, "validation_failed")
        assert mongo.users.count_documents({"role": "admin"}) == 0

    @routes
    def test_an_id_that_is_nobodys(self, admin: Person, method: str, path: str, scope: str):
        """R88"""
        if "{id}" not in path:
            return
        for bad in (*BAD_IDS, NOBODY):
            answer = ask(admin, method, path.replace("{id}", bad))
            assert answer.status_code == 404, (bad, answer.text)

    def test_a_script_with_the_scope_may(self, alice: Person, admin: Person):
        reads, writes = script(admin, "users:read"), script(admin, "users:write")
        assert alice.client.get(f"/admin/users/{alice.id}", headers=reads).status_code == 200
        answer = alice.client.patch(f"/admin/users/{alice.id}", json={"name": "A"}, headers=writes)
        assert answer.get_json()["name"] == "A"


class TestU13Power:
    """Whatever gives power takes a fresh sign-in: a script's token, or a session left open, gives none."""

    ACTS = [
        ("PATCH", "/admin/users/{id}", {"role": "admin"}),
        ("PATCH", "/admin/users/{id}", {"name": "A", "role": "admin"}),
        ("PATCH", "/admin/users/{id}", {"disabled": True, "role": "admin"}),
        ("POST", "/admin/users", {"name": "N", "email": "new@example.com", "role": "admin"}),
    ]
    OF_ADMINISTRATORS = [
        ("PATCH", "/admin/users/{id}", {"role": "user"}),
        ("PATCH", "/admin/users/{id}", {"disabled": False}),
        ("DELETE", "/admin/users/{id}/mfa", None),
    ]
    HARMLESS = [
        ("PATCH", "/admin/users/{id}", {"name": "A", "role": "user"}),
        ("PATCH", "/admin/users/{id}", {"disabled": True}),
        ("PATCH", "/admin/users/{id}", {"disabled": False}),
        ("DELETE", "/admin/users/{id}/mfa", None),
        ("DELETE", "/admin/users/{id}/sessions", None),
        ("DELETE", "/admin/users/{id}/access-tokens", None),
        ("POST", "/admin/users/{id}/password-reset", None),
        ("POST", "/admin/users", {"name": "N", "email": "new@example.com", "role": "user"}),
        ("DELETE", "/admin/users/{id}", None),
    ]

    @pytest.fixture
    def stale(self, admin: Person, mongo: Database) -> list[dict[str, str]]:
        """Return what an administrator can show who did not sign in lately: a script's token, and a session."""
        token = script(admin, "users:read", "users:write", "audit:read")
        mongo.sessions.update_many({}, {"$set": {"authTime": clock.now() - timedelta(minutes=10)}})
        return [token, admin.headers]

    @pytest.mark.parametrize(("method", "path", "body"), ACTS)
    def test_nobody_becomes_an_administrator(
        self,
        alice: Person,
        stale: list[dict[str, str]],
        mongo: Database,
        app: Flask,
        method: str,
        path: str,
        body: Any,
    ):
        before = list(mongo.users.find())
        for headers in stale:
            answer = alice.client.open(path.format(id=alice.id), method=method, json=body, headers=headers)
            problem(answer, 403, "fresh_login_required")
        assert list(mongo.users.find()) == before, "nothing is done by halves"
        assert sent(app, "invitation") == []

    @pytest.mark.parametrize(("method", "path", "body"), OF_ADMINISTRATORS)
    def test_no_administrator_is_weakened_or_let_in_again(
        self, alice: Person, stale: list[dict[str, str]], mongo: Database, method: str, path: str, body: Any
    ):
        disabled = {"disabledAt": clock.now()} if body == {"disabled": False} else {}
        mongo.users.update_one({"_id": ObjectId(alice.id)}, {"$set": {"role": "admin", **disabled}})
        for headers in stale:
            answer = alice.client.open(path.format(id=alice.id), method=method, json=body, headers=headers)
            problem(answer, 403, "fresh_login_required")

    @pytest.mark.parametrize(("method", "path", "body"), HARMLESS)
    def test_scripts_go_on_doing_what_gives_no_power(
        self, alice: Person, stale: list[dict[str, str]], method: str, path: str, body: Any
    ):
        answer = alice.client.open(path.format(id=alice.id), method=method, json=body, headers=stale[0])
        assert answer.status_code < 300, answer.text

    @pytest.mark.parametrize(("method", "path", "body"), ACTS)
    def test_a_fresh_sign_in_is_enough(self, alice: Person, admin: Person, method: str, path: str, body: Any):
        answer = alice.client.open(path.format(id=alice.id), method=method, json=body, headers=admin.headers)
        assert answer.status_code in (200, 201), answer.text


class TestShow:
    def test_an_administrator_sees_an_account(self, alice: Person, admin: Person, mongo: Database):
        shown = ask(admin, "GET", f"/admin/users/{alice.id}").get_json()
        opened = mongo.sessions.find_one({"user": ObjectId(alice.id)})["createdAt"]
        assert shown.pop("lastSeenAt") == shown["lastLoginAt"]
        assert shown.pop("lastLoginAt") == opened.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        assert shown == {
            **alice.tokens["user"],
            "disabledAt": None,
            "hasPassword": True,
            "hashScheme": "bcrypt",
        }

    def test_of_who_never_came(self, admin: Person, mongo: Database):
        user_id = import_account(mongo, email="never@example.com", without="password")["_id"]
        shown = ask(admin, "GET", f"/admin/users/{user_id}").get_json()
        assert (shown["lastLoginAt"], shown["hasPassword"], shown["hashScheme"]) == (None, False, None)

    def test_nothing_secret(self, alice: Person, admin: Person, mongo: Database):
        """6.4.6: an administrator reads no password, nor its hash."""
        for path in ADMIN_READS:
            text = ask(admin, "GET", path.format(id=alice.id)).text
            assert mongo.users.find_one({"_id": ObjectId(alice.id)})["password"] not in text
            assert "$2b$" not in text


NAMES = ["Ann", "anna", "ANNE", "Bob-Ann", "Änne", "Ann\U0001f980", "An", "Zoë", "ann", "Annabel Lee"]


@pytest.fixture
def people(admin: Person, mongo: Database) -> Person:
    """Return an administrator among others."""
    for number, name in enumerate(NAMES):
        more = {"disabledAt": clock.now()} if number % 5 == 4 else {}
        import_account(mongo, name=name, email=f"p{number}@x.example", role="user", **more)
    import_account(mongo, name="Capitals", email="ANNA.Capital@x.example", role="user")
    import_account(mongo, name="Anna", email="ann@x.example", role="user")
    return admin


class TestSearch:
    @pytest.mark.parametrize("limit", [1, 2, 3, 100])
    def test_all_are_listed_once(self, people: Person, mongo: Database, limit: int):
        assert listed(people, f"limit={limit}") == [one["email"] for one in mongo.users.find().sort("_id", 1)]

    @pytest.mark.parametrize("limit", [1, 2, 3, 100])
    @pytest.mark.parametrize("begins", ["ann", "ANN", "Ann"])
    def test_by_the_beginning_of_an_address_or_a_name(self, people: Person, limit: int, begins: str):
        found = listed(people, f"limit={limit}&q={begins}")
        assert found[:2] == ["ann@x.example", "ANNA.Capital@x.example"]
        assert sorted(found[2:]) == [f"p{number}@x.example" for number in (0, 1, 2, 5, 8, 9)]

    @pytest.mark.parametrize("begins", [".*", "(a+)+$", "^ann", "%25", "$", "{", "\\", "a" * 254, "ANNA.C%"])
    def test_what_looks_like_a_pattern_is_none(self, people: Person, begins: str):
        """R90, 1.2.9"""
        assert people.client.get("/admin/users", query_string={"q": begins}, headers=people.headers).get_json() == {
            "items": [],
            "next": None,
        }

    @pytest.mark.parametrize("limit", [1, 100])
    def test_search_by_state(self, people: Person, mongo: Database, limit: int):
        disabled = ["p4@x.example", "p9@x.example"]
        assert listed(people, f"limit={limit}&status=disabled") == disabled
        active = listed(people, f"limit={limit}&status=active")
        assert not set(active) & set(disabled)
        assert len(active) == mongo.users.count_documents({}) - 2
        assert listed(people, f"limit={limit}&status=disabled&q=ann") == ["p9@x.example"]

    @pytest.mark.parametrize("limit", [1, 100])
    def test_search_by_role(self, people: Person, mongo: Database, limit: int):
        assert listed(people, f"limit={limit}&role=admin") == [people.email]
        mongo.users.update_one({"email": "p1@x.example"}, {"$unset": {"role": 1}})
        assert "p1@x.example" in listed(people, f"limit={limit}&role=user")
        assert listed(people, f"limit={limit}&role=nobody") == []
        assert people.email not in listed(people, f"limit={limit}&role=user")

    def test_who_is_added_or_removed_meanwhile_disturbs_nobody(self, people: Person, mongo: Database):
        first = people.client.get("/admin/users?limit=3", headers=people.headers).get_json()
        mongo.users.delete_one({"email": first["items"][-1]["email"]})
        import_account(mongo, email="late@x.example")
        rest = listed(people, f"limit=100&cursor={first['next']}")
        assert rest[-1] == "late@x.example"
        assert not {one["email"] for one in first["items"]} & set(rest)
        assert len(rest) == mongo.users.count_documents({}) - 2

    @pytest.mark.parametrize(
        "query",
        [
            "limit=0",
            "limit=101",
            "limit=x",
            "sort=password",
            "order_by=password",
            "status=x",
            "cursor=x",
            "q=",
            "x=1",
            "q=%00",
            "q=" + "a" * 255,
            "role=",
            "password[$ne]=1",
            "q[$gt]=",
        ],
    )
    def test_what_is_not_declared_is_refused(self, admin: Person, query: str):
        """R90"""
        problem(admin.client.get(f"/admin/users?{query}", headers=admin.headers), 422, "validation_failed")

    @pytest.mark.parametrize("milliseconds", ["253402300800000", "999999999999999", "99999999999999", "0", "\u0663"])
    def test_no_cursor_is_too_far(self, people: Person, milliseconds: str):
        cursor = base64.urlsafe_b64encode(f'["disabled_at","{"a" * 24}",{milliseconds}]'.encode()).decode()
        for query in ("", "&q=a", "&status=disabled"):
            answer = people.client.get(f"/admin/users?cursor={cursor}{query}", headers=people.headers)
            assert answer.status_code in {200, 422}, answer.text

    @pytest.mark.parametrize(
        "text",
        [
            "[]",
            "{}",
            "null",
            "[" * 3000 + "]" * 3000,
            '["id"]',
            '["id","x"]',
            f'["id","{ID.upper()}"]',
            f'["id", "{ID}"]',
            f'["id","{ID}"]\n',
            f'["id","{ID}","x"]',
            f'["id",["{ID}"]]',
            f'["role","{ID}","user"]',
            f'["password","{ID}","$2b$"]',
            f'["email","{ID}"]',
            f'["email","{ID}",""]',
            f'["email","{ID}",5]',
            f'["email","{ID}",{{"$gt":""}}]',
            f'["name","{ID}",null]',
            f'["name","{ID}","\\u0061"]',
            f'["name","{ID}","\\ud800"]',
            f'["disabled_at","{ID}",-1]',
            f'["disabled_at","{ID}",1.0]',
            f'["disabled_at","{ID}",true]',
            f'["disabled_at","{ID}","1"]',
            f'["disabled_at","{ID}",100000000000000]',
            f'["disabled_at","{ID}",NaN]',
            f"email {ID} ann@x.example",
        ],
    )
    def test_a_cursor_that_no_list_wrote_is_refused(self, admin: Person, text: str):
        cursor = base64.urlsafe_b64encode(text.encode()).decode()
        for query in ("", "&q=a", "&status=disabled"):
            answer = admin.client.get(f"/admin/users?cursor={cursor}{query}", headers=admin.headers)
            assert problem(answer, 422, "validation_failed")["errors"][0]["parameter"] == "cursor"

    @pytest.mark.parametrize("email", [None, 5, "x" * 300 + "@example.com"])
    def test_what_other_programs_left_is_listed_and_removed(self, people: Person, mongo: Database, email: Any):
        odd = import_account(mongo, name="Anna Odd", email=email, **({"without": "email"} if email is None else {}))
        found = listed(people, "limit=1&q=anna o")
        assert len(found) == 1
        assert len(listed(people, "limit=100")) == mongo.users.count_documents({})
        assert ask(people, "DELETE", f"/admin/users/{odd['_id']}").status_code == 204

    def test_the_cursor_of_another_list_is_refused(self, people: Person):
        first = people.client.get("/admin/users?limit=1&q=ann", headers=people.headers).get_json()
        answer = people.client.get(f"/admin/users?cursor={first['next']}", headers=people.headers)
        assert problem(answer, 422, "validation_failed")["errors"][0]["parameter"] == "cursor"


class TestInvite:
    def invite(self, who: Person, email: str = "new@example.com", **more: Any) -> Any:
        return ask(who, "POST", "/admin/users", **{"name": "New", "email": email, "role": "user", **more})

    def test_the_link_sets_a_password_and_proves_the_address(self, admin: Person, app: Flask, mongo: Database):
        made = self.invite(admin, role="admin")
        assert made.status_code == 201
        shown = made.get_json()
        assert (shown["role"], shown["hasPassword"], shown["emailVerified"]) == ("admin", False, False)
        token = newest(app, "invitation", "new@example.com")
        body = {"token": token, "newPassword": "a password of theirs"}
        assert admin.client.post("/auth/password/reset", json=body).status_code == 204
        new = Person(admin.client, "new@example.com", "a password of theirs").login()
        assert new.tokens["user"]["emailVerified"] is True
        assert new.tokens["user"]["role"] == "admin"
        problem(admin.client.post("/auth/password/reset", json=body), 400, "link_invalid")
        event = mongo.audit.find_one({"action": "account.invited"})
        assert (event["actor"], str(event["target"])) == (ObjectId(admin.id), shown["id"])

    def test_it_is_good_for_a_week(self, admin: Person, app: Flask, mongo: Database):
        self.invite(admin)
        (link,) = mongo.links.find({"purpose": "invite"})
        assert timedelta(days=6, hours=23) < link["expiresAt"] - clock.now() <= timedelta(days=7)

    def test_nobody_signs_in_before(self, admin: Person):
        self.invite(admin)
        for guess in ("", "password", "None", "null"):
            body = {"email": "new@example.com", "password": guess}
            assert admin.client.post("/auth/login", json=body).status_code in {401, 422}

    def test_a_taken_address_is_told_and_nothing_sent(self, alice: Person, admin: Person, app: Flask, mongo: Database):
        problem(self.invite(admin, email=alice.email.upper()), 409, "email_taken")
        assert sent(app, "invitation", alice.email) == []
        assert mongo.links.count_documents({"purpose": "invite"}) == 0
        assert mongo.audit.count_documents({"action": "account.invited"}) == 0

    @pytest.mark.parametrize(
        "more",
        [{"role": "root"}, {"role": ""}, {"role": ["admin"]}, {"email": "x"}, {"name": ""}, {"password": "x" * 9}],
    )
    def test_bad_input_is_refused(self, admin: Person, mongo: Database, more: dict[str, Any]):
        """6.4.6: nobody sets a password for somebody else."""
        problem(self.invite(admin, **more), 422, "validation_failed")
        assert mongo.users.count_documents({}) == 1

    def test_deleting_who_was_invited_ends_the_link(self, admin: Person, app: Flask):
        user_id = self.invite(admin).get_json()["id"]
        token = newest(app, "invitation", "new@example.com")
        assert ask(admin, "DELETE", f"/admin/users/{user_id}").status_code == 204
        body = {"token": token, "newPassword": "a password of theirs"}
        problem(admin.client.post("/auth/password/reset", json=body), 400, "link_invalid")


class TestChange:
    def test_a_name(self, alice: Person, admin: Person, mongo: Database):
        assert patch(admin, alice.id, name="Renamed").get_json()["name"] == "Renamed"
        event = mongo.audit.find_one({"action": "profile.changed"})
        assert (event["actor"], event["target"]) == (ObjectId(admin.id), ObjectId(alice.id))

    def test_a_role_is_changed_at_once(self, alice: Person, admin: Person, mongo: Database):
        problem(ask(alice, "GET", "/admin/users"), 403, "forbidden")
        assert patch(admin, alice.id, role="admin").get_json()["role"] == "admin"
        assert ask(alice, "GET", "/admin/users").status_code == 200
        assert patch(admin, alice.id, role="user").status_code == 200
        problem(ask(alice, "GET", "/admin/users"), 403, "forbidden")
        told = [
            (event["details"]["before"], event["details"]["role"])
            for event in mongo.audit.find({"action": "role.changed"}).sort("_id", 1)
        ]
        assert told == [("user", "admin"), ("admin", "user")]

    def test_a_role_of_one_s_own_making(self, make_app: Callable[..., Flask], clean: None, mongo: Database):
        app = make_app(ROLES="user, admin, editor")
        admin = Person(app.test_client(), "root@example.com", PASSWORD).register()
        reader = Person(app.test_client(), "reader@example.com", PASSWORD).register()
        mongo.users.update_one({"_id": ObjectId(admin.id)}, {"$set": {"role": "admin"}})
        admin = admin.login()
        assert patch(admin, reader.id, role="editor").get_json()["role"] == "editor"
        verified = reader.client.get("/auth/verify?role=editor", headers=reader.headers)
        assert verified.headers["X-Auth-Role"] == "editor"
        problem(patch(admin, reader.id, role="publisher"), 422, "validation_failed")
        problem(ask(reader, "GET", "/admin/users"), 403, "forbidden")

    def test_disabled_and_enabled(self, alice: Person, admin: Person, app: Flask, mongo: Database):
        token = script(alice, "account:read")
        forgotten = {"email": alice.email}
        admin.client.post("/auth/password/forgot", json=forgotten)
        link = newest(app, "reset", alice.email)
        shown = patch(admin, alice.id, disabled=True).get_json()
        assert shown["disabledAt"] is not None
        assert problem(ask(alice, "GET", "/"), 401, "session_ended")["reason"] == "account_disabled"
        problem(alice.refresh(), 401, "session_ended")
        problem(alice.client.get("/auth/me", headers=token), 401, "token_invalid")
        body = {"token": link, "newPassword": "another one of hers"}
        problem(alice.client.post("/auth/password/reset", json=body), 400, "link_invalid")
        body = {"email": alice.email, "password": alice.password}
        problem(alice.client.post("/auth/login", json=body), 403, "account_disabled")
        assert patch(admin, alice.id, disabled=True).get_json()["disabledAt"] == shown["disabledAt"]
        assert patch(admin, alice.id, disabled=False).get_json()["disabledAt"] is None
        problem(ask(alice, "GET", "/"), 401, "session_ended")
        assert ask(alice.login(), "GET", "/").status_code == 200
        actions = [
            event["action"]
            for event in mongo.audit.find({"actor": ObjectId(admin.id), "target": ObjectId(alice.id)}).sort("_id", 1)
        ]
        assert actions == ["account.disabled", "account.enabled"]

    def test_nothing_changes_nothing(self, alice: Person, admin: Person, mongo: Database):
        before = list(mongo.users.find())
        assert patch(admin, alice.id).status_code == 200
        assert patch(admin, alice.id, role="user", disabled=False).status_code == 200
        assert list(mongo.users.find()) == before
        assert mongo.audit.count_documents({"actor": ObjectId(admin.id), "target": ObjectId(alice.id)}) == 0

    @pytest.mark.parametrize(
        "changes",
        [
            {"password": "x" * 9},
            {"email": "x@example.com"},
            {"role": "root"},
            {"role": None},
            {"disabled": "yes"},
            {"disabled": None},
            {"disabled": 1},
            {"name": ""},
            {"id": NOBODY},
            {"emailVerified": True},
            {"mfaEnabled": False},
        ],
    )
    def test_what_it_may_not(self, alice: Person, admin: Person, mongo: Database, changes: dict[str, Any]):
        """R90, 6.4.6"""
        before = list(mongo.users.find())
        problem(patch(admin, alice.id, **changes), 422, "validation_failed")
        assert list(mongo.users.find()) == before


class TestOneIsLeft:
    """R89"""

    def test_the_last_one_stays(self, alice: Person, admin: Person, mongo: Database):
        before = mongo.users.find_one({"_id": ObjectId(admin.id)})
        problem(patch(admin, admin.id, role="user"), 409, "own_role")
        problem(patch(admin, admin.id, disabled=True), 409, "last_admin")
        problem(ask(admin, "DELETE", f"/admin/users/{admin.id}"), 409, "last_admin")
        problem(ask(admin, "DELETE", "/auth/me"), 409, "last_admin")
        assert mongo.users.find_one({"_id": ObjectId(admin.id)}) == before
        assert ask(admin, "GET", "/admin/users").status_code == 200
        assert sent_to(mongo, admin) == []
        assert (
            mongo.audit.count_documents({"action": {"$in": ["account.disabled", "account.deleted", "role.changed"]}})
            == 0
        )

    def test_nor_from_the_command_line(self, admin: Person, app: Flask):
        with app.app_context():
            for refused in (
                lambda: state.change_role(None, admin.id, "user"),
                lambda: state.disable(None, admin.id),
                lambda: delete_account.delete(None, admin.id),
            ):
                with pytest.raises(Exception, match="only administrator"):
                    refused()

    def test_who_can_t_sign_in_does_not_count(self, admin: Person, mongo: Database):
        import_account(mongo, email="off@example.com", role="admin", disabledAt=clock.now())
        ask(admin, "POST", "/admin/users", name="I", email="invited@example.com", role="admin")
        problem(ask(admin, "DELETE", "/auth/me"), 409, "last_admin")

    @pytest.mark.parametrize(
        "factors",
        [{"copiedPasskeys": [ObjectId()]}, {"passkeys": [ObjectId()]}, {"password": None}],
        ids=["copied", "gone", "none"],
    )
    def test_nor_who_has_no_way_in(self, alice: Person, admin: Person, mongo: Database, factors: dict[str, Any]):
        """A passkey that was copied, or whose key was left behind by an import, signs nobody in."""
        mongo.users.update_one({"_id": ObjectId(alice.id)}, {"$set": {"role": "admin", **factors}})
        problem(ask(admin, "DELETE", "/auth/me"), 409, "last_admin")

    def test_with_another_one_may_go(self, alice: Person, admin: Person, mongo: Database):
        patch(admin, alice.id, role="admin")
        problem(patch(admin, admin.id, role="user"), 409, "own_role")
        assert ask(admin, "DELETE", "/auth/me").status_code == 204
        problem(ask(alice, "DELETE", "/auth/me"), 409, "last_admin")

    def test_one_s_own_take_a_fresh_sign_in(self, alice: Person, admin: Person, mongo: Database):
        """A token for scripts never does what takes one, and an old session neither."""
        patch(admin, alice.id, role="admin")
        token = script(admin, "users:write")
        mongo.sessions.update_many({}, {"$set": {"authTime": clock.now() - timedelta(minutes=10)}})
        for headers in (token, admin.headers):
            for method, body in (("DELETE", None), ("PATCH", {"disabled": True})):
                path = f"/admin/users/{admin.id.upper()}"
                answer = admin.client.open(path, method=method, json=body, headers=headers)
                problem(answer, 403, "fresh_login_required")
        assert patch(admin, alice.id, disabled=True).status_code == 200

    @pytest.mark.slow
    def test_a_lock_that_was_left_behind_holds_nobody_up_for_long(self, alice: Person, admin: Person, mongo: Database):
        patch(admin, alice.id, role="admin")
        mongo.locks.insert_one({"_id": "administrators", "holder": "gone", "until": clock.now() + timedelta(minutes=1)})
        problem(patch(admin, alice.id, disabled=True), 503, "database_unavailable")
        assert ask(alice, "GET", "/").status_code == 200
        mongo.locks.update_one({}, {"$set": {"until": clock.now() - timedelta(seconds=1)}})
        assert patch(admin, alice.id, disabled=True).status_code == 200
        assert mongo.locks.count_documents({}) == 0


class TestSessions:
    def test_an_administrator_lists_and_ends_sessions(self, alice: Person, admin: Person, mongo: Database):
        other = alice.login()
        path = f"/admin/users/{alice.id}/sessions"
        shown = ask(admin, "GET", path).get_json()["items"]
        assert [one["current"] for one in shown] == [False, False]
        assert ask(admin, "DELETE", path).status_code == 204
        for person in (alice, other):
            assert problem(ask(person, "GET", "/"), 401, "session_ended")["reason"] == "admin"
            assert problem(person.refresh(), 401, "session_ended")["reason"] == "admin"
        assert ask(admin, "GET", path).get_json()["items"] == []
        event = mongo.audit.find_one({"action": "session.ended"})
        assert (event["actor"], event["target"]) == (ObjectId(admin.id), ObjectId(alice.id))
        assert ask(admin, "GET", "/").status_code == 200

    def test_access_tokens(self, alice: Person, admin: Person, mongo: Database):
        token = script(alice, "account:read")
        path = f"/admin/users/{alice.id}/access-tokens"
        (shown,) = ask(admin, "GET", path).get_json()["items"]
        assert shown["name"] == "script"
        assert "token" not in shown
        assert ask(admin, "DELETE", path).status_code == 204
        problem(alice.client.get("/auth/me", headers=token), 401, "token_invalid")
        event = mongo.audit.find_one({"action": "access_token.revoked"})
        assert (event["actor"], event["target"]) == (ObjectId(admin.id), ObjectId(alice.id))


class TestPasswordReset:
    def test_a_reset_is_sent_by_letter(self, alice: Person, admin: Person, app: Flask, mongo: Database):
        assert ask(admin, "POST", f"/admin/users/{alice.id}/password-reset").status_code == 202
        assert ask(alice, "GET", "/").status_code == 200
        body = {"token": newest(app, "reset", alice.email), "newPassword": "another one of hers"}
        assert alice.client.post("/auth/password/reset", json=body).status_code == 204
        problem(ask(alice, "GET", "/"), 401, "session_ended")
        event = mongo.audit.find_one({"action": "password.reset_requested"})
        assert (event["actor"], event["target"]) == (ObjectId(admin.id), ObjectId(alice.id))

    def test_not_of_a_disabled_account(self, alice: Person, admin: Person, mongo: Database):
        patch(admin, alice.id, disabled=True)
        problem(ask(admin, "POST", f"/admin/users/{alice.id}/password-reset"), 403, "account_disabled")


class TestRemove:
    def test_it_is_gone(self, alice: Person, admin: Person, app: Flask, mongo: Database):
        verified(mongo, alice)
        assert ask(admin, "DELETE", f"/admin/users/{alice.id}").status_code == 204
        assert problem(ask(alice, "GET", "/"), 401, "session_ended")["reason"] == "account_deleted"
        problem(ask(admin, "GET", f"/admin/users/{alice.id}"), 404, "not_found")
        problem(ask(admin, "DELETE", f"/admin/users/{alice.id}"), 404, "not_found")
        assert len(sent(app, "account_deleted", alice.email)) == 1
        event = mongo.audit.find_one({"action": "account.deleted"})
        assert (event["actor"], event["target"]) == (ObjectId(admin.id), ObjectId(alice.id))


class TestAudit:
    def search(self, who: Person, **query: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        cursor: dict[str, str] = {}
        while True:
            answer = who.client.get("/admin/audit", query_string={"limit": "3", **query, **cursor}, headers=who.headers)
            assert answer.status_code == 200, answer.text
            found += answer.get_json()["items"]
            if answer.get_json()["next"] is None:
                return found
            cursor = {"cursor": answer.get_json()["next"]}

    def test_all_of_it_newest_first(self, alice: Person, admin: Person, mongo: Database):
        found = self.search(admin)
        assert [one["id"] for one in found] == [str(one["_id"]) for one in mongo.audit.find().sort("_id", -1)]
        assert set(found[0]) == {
            "id",
            "action",
            "at",
            "actor",
            "target",
            "ip",
            "userAgent",
            "requestId",
            "outcome",
            "details",
        }

    def test_to_or_by_a_user(self, alice: Person, admin: Person, mongo: Database):
        patch(admin, alice.id, name="Renamed")
        patch(admin, admin.id, name="Boss")
        alice.login()
        for person in (alice, admin):
            at = ObjectId(person.id)
            expected = mongo.audit.find({"$or": [{"actor": at}, {"target": at}]}).sort("_id", -1)
            assert [one["id"] for one in self.search(admin, user=person.id)] == [str(one["_id"]) for one in expected]

    def test_events_of_one_kind(self, alice: Person, admin: Person):
        alice.login()
        found = self.search(admin, action="login.succeeded")
        assert len(found) == 4
        assert {one["action"] for one in found} == {"login.succeeded"}
        found = self.search(admin, action="login.succeeded", user=alice.id)
        assert {one["target"] for one in found} == {alice.id}
        assert self.search(admin, action="signing_key.retired") == []

    def test_in_a_span_of_time(self, alice: Person, admin: Person):
        everything = self.search(admin)
        cut = everything[1]["at"]
        later = self.search(admin, **{"from": cut})
        earlier = self.search(admin, to=cut)
        assert all(one["at"] >= cut for one in later)
        assert all(one["at"] < cut for one in earlier)
        assert later + earlier == everything
        offset = cut.replace("Z", "+00:00")
        assert self.search(admin, **{"from": offset}) == later
        assert self.search(admin, **{"from": cut, "to": cut}) == []
        assert self.search(admin, **{"from": "1970-01-01T00:00:00Z", "to": "9999-12-31T23:59:59Z"}) == everything

    @pytest.mark.parametrize(
        "moment",
        [
            "9999-12-31T23:59:59Z",
            "9999-12-31T23:59:59-14:00",
            "2107-01-01T00:00:00Z",
            "1969-12-31T00:00:00Z",
            "0001-01-01T00:00:00Z",
            "0001-01-01T00:00:00+14:00",
            "1970-01-01T00:00:00Z",
        ],
    )
    def test_times_that_no_event_has(self, admin: Person, moment: str):
        everything = self.search(admin)
        for query in ({"from": moment}, {"to": moment}, {"from": moment, "to": moment}):
            assert self.search(admin, **query) in ([], everything)

    @pytest.mark.parametrize(
        "query",
        [
            "user=nope",
            "user=",
            "action=x",
            "from=yesterday",
            "from=2026-11-23",
            "from=2026-11-23T12:00:00",
            "to=2026-13-01T00:00:00Z",
            "to=1",
            "sort=at",
            "limit=0",
            "cursor=x",
            "actor=" + NOBODY,
            "user[$ne]=1",
        ],
    )
    def test_bad_input_is_refused(self, admin: Person, query: str):
        problem(admin.client.get(f"/admin/audit?{query}", headers=admin.headers), 422, "validation_failed")


def sent_to(mongo: Database, person: Person) -> list[str]:
    """Return the kinds of the letters that tell somebody of a change to the account."""
    told = ["account_deleted", "password_changed"]
    return [one["kind"] for one in mongo.letters.find({"to": person.email, "kind": {"$in": told}})]


def _caller(person: Person) -> Any:
    return Caller(person.id, person.email, "admin", auth_time=clock.now())

"""Identities at other providers, as administrators, commands and owners of accounts see them."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from bson import ObjectId
from flask import Flask

from authsvc import clock
from authsvc.models.users import Identity
from authsvc.services.users import integrity
from tests.conftest import Person, problem
from tests.support.accounts import EMAIL, Database, import_account, stored
from tests.support.letters import sent
from tests.support.passwordless import without_password
from tests.support.upstreams import Upstream, signing_in_with

GOOGLE = "https://accounts.google.com"


@pytest.fixture
def work(app: Flask, server: Upstream) -> Iterator[Upstream]:
    """Return the one provider that is set up."""
    with signing_in_with(app, server.settings()):
        yield server


@pytest.fixture
def linked(alice: Person, work: Upstream, mongo: Database) -> Person:
    """Return Alice, who signs in with `work` and with a provider that is gone, and has no password."""
    without_password(mongo, alice)
    add(mongo, Identity.of("work", work.issuer, "4711", "alice@work.example"))
    add(mongo, Identity.of("gone", "https://gone.example.com", "1"))
    return alice


def add(mongo: Database, identity: Identity, email: str = EMAIL) -> None:
    mongo.users.update_one({"email": email}, {"$push": {"linkedIdentities": identity.to_mongo().to_dict()}})


def ask(person: Person, method: str, path: str, **options: Any) -> Any:
    return person.client.open(path, method=method, headers=person.headers, **options)


class TestAdministrators:
    def test_they_see_what_an_account_is_connected_to(self, linked: Person, admin: Person, work: Upstream):
        path = f"/admin/users/{linked.id}"
        page = ask(admin, "GET", f"{path}/identities?limit=1").get_json()
        (gone,) = page["items"]
        assert (gone["provider"], gone["label"], gone["issuer"]) == ("gone", "gone", "https://gone.example.com")
        (shown,) = ask(admin, "GET", f"{path}/identities?cursor={page['next']}").get_json()["items"]
        told = [shown[name] for name in ("provider", "label", "issuer", "subject", "email", "lastUsedAt")]
        assert told == ["work", "Work", work.issuer, "4711", "alice@work.example", None]

    def test_they_remove_them_and_the_owner_is_told(self, linked: Person, admin: Person, app: Flask, mongo: Database):
        assert ask(admin, "DELETE", f"/admin/users/{linked.id}/identities").status_code == 204
        assert "linkedIdentities" not in stored(mongo)
        assert len(sent(app, "identity_unlinked", EMAIL)) == 2
        events = list(mongo.audit.find({"action": "identity.unlinked"}))
        assert [one["actor"] for one in events] == [ObjectId(admin.id)] * 2
        assert linked.home().status_code == 200

    def test_who_has_nothing_left_gets_a_link_once(self, linked: Person, admin: Person, app: Flask):
        for _ in range(2):
            assert ask(admin, "DELETE", f"/admin/users/{linked.id}/identities").status_code == 204
        assert len(sent(app, "reset", EMAIL)) == 1

    def test_of_a_disabled_account_too(self, linked: Person, admin: Person, mongo: Database):
        mongo.users.update_one({"email": EMAIL}, {"$set": {"disabledAt": clock.now()}})
        assert ask(admin, "DELETE", f"/admin/users/{linked.id}/identities").status_code == 204
        assert "linkedIdentities" not in stored(mongo)

    @pytest.mark.parametrize("role", ["user", "admin"])
    def test_of_somebody_with_power_only_fresh(self, linked: Person, admin: Person, mongo: Database, role: str):
        mongo.users.update_one({"email": EMAIL}, {"$set": {"role": role}})
        mongo.sessions.update_many({}, {"$set": {"authTime": clock.now() - timedelta(minutes=10)}})
        answer = ask(admin, "DELETE", f"/admin/users/{linked.id}/identities")
        assert answer.status_code == (204 if role == "user" else 403)
        assert ("linkedIdentities" in stored(mongo)) is (role == "admin")

    @pytest.mark.parametrize("method", ["GET", "DELETE"])
    def test_nobody_else_does(self, linked: Person, bob: Person, method: str):
        problem(ask(bob, method, f"/admin/users/{linked.id}/identities"), 403, "forbidden")

    @pytest.mark.parametrize("method", ["GET", "DELETE"])
    def test_of_nobody_there_are_none(self, admin: Person, method: str):
        problem(ask(admin, method, f"/admin/users/{'f' * 24}/identities"), 404, "not_found")

    def test_an_administrator_who_signs_in_with_others_counts(
        self, linked: Person, admin: Person, mongo: Database, app: Flask, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setitem(app.config, "EMAIL_CODES", False)
        mongo.users.update_one({"email": EMAIL}, {"$set": {"role": "admin"}})
        with signing_in_with(app):
            problem(ask(admin, "DELETE", "/auth/me"), 409, "last_admin")
        assert ask(admin, "DELETE", "/auth/me").status_code == 204

    def test_one_who_can_get_a_code_by_mail_counts(
        self, alice: Person, admin: Person, mongo: Database, app: Flask, monkeypatch: pytest.MonkeyPatch
    ):
        without_password(mongo, alice)
        mongo.users.update_one({"email": EMAIL}, {"$set": {"role": "admin"}})
        monkeypatch.setitem(app.config, "EMAIL_CODES", False)
        problem(ask(admin, "DELETE", "/auth/me"), 409, "last_admin")
        monkeypatch.setitem(app.config, "EMAIL_CODES", True)
        assert ask(admin, "DELETE", "/auth/me").status_code == 204


class TestOwners:
    def test_their_export_has_them(self, linked: Person, work: Upstream):
        exported = ask(linked, "GET", "/auth/me/export").get_json()
        assert [(one["issuer"], one["subject"]) for one in exported["identities"]] == [
            (work.issuer, "4711"),
            ("https://gone.example.com", "1"),
        ]
        assert "linkedIdentities" not in exported["stored"]

    def test_whoever_deletes_the_account_leaves_none_behind(self, linked: Person, mongo: Database):
        assert ask(linked, "DELETE", "/auth/me").status_code == 204
        assert mongo.users.count_documents({}) == 0

    def test_it_can_be_verified_without_a_password(self, linked: Person, app: Flask, mongo: Database):
        """An invitation can't: verifying would end it."""
        mongo.users.update_one({"email": EMAIL}, {"$unset": {"emailVerifiedAt": True}})
        before = len(sent(app, "verify", EMAIL))
        linked.client.post("/auth/email/resend", json={"email": EMAIL})
        assert len(sent(app, "verify", EMAIL)) == before + 1


class TestOperators:
    def test_users_unlink_removes_them_once_that_is_confirmed(self, linked: Person, app: Flask, mongo: Database):
        run = app.test_cli_runner().invoke
        refused = run(args=["users", "unlink", EMAIL], input="n\n")
        assert "signs in with work, gone" in refused.output
        assert len(stored(mongo)["linkedIdentities"]) == 2
        assert run(args=["users", "unlink", EMAIL, "--yes"]).exit_code == 0
        assert "linkedIdentities" not in stored(mongo)
        assert len(sent(app, "identity_unlinked", EMAIL)) == 2

    def test_users_show_names_the_providers(self, linked: Person, app: Flask):
        shown = app.test_cli_runner().invoke(args=["users", "show", EMAIL, "--json"])
        assert json.loads(shown.stdout)["identities"] == "work, gone"

    @pytest.mark.parametrize(
        ("members", "stranded"),
        [({}, 1), ({"password": None}, 1), ({"disabledAt": True}, 0), ({"emailVerifiedAt": True}, 0)],
        ids=["no other way in", "none at all", "disabled", "proved"],
    )
    def test_accounts_of_a_provider_that_is_gone_are_counted(
        self, app: Flask, clean: None, work: Upstream, mongo: Database, members: dict[str, Any], stranded: int
    ):
        dated = {name: clock.now() if value is True else value for name, value in members.items()}
        for email, issuer in (("a@example.com", GOOGLE), ("b@example.com", work.issuer)):
            import_account(mongo, without="password", **{"email": email, **dated})
            add(mongo, Identity.of("x", issuer, email), email)
        import_account(mongo, email="c@example.com")
        add(mongo, Identity.of("x", GOOGLE, "c"), "c@example.com")
        with app.app_context():
            findings = [one.what for one in integrity.stranded_accounts()]
        assert [f": {stranded} ({GOOGLE})" in one for one in findings] == [True] * stranded

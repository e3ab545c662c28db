"""`flask users`, `flask sessions`, `flask db`: what an operator types and reads."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from bson import ObjectId
from flask import Flask
from pymongo.database import Database as MongoDatabase

from authsvc import clock
from authsvc.models import readiness
from tests.conftest import Person, problem
from tests.support.accounts import PASSWORD, import_account
from tests.support.commands import flask
from tests.support.factors import verified
from tests.support.letters import newest, sent
from tests.support.service import Service, Visitor

Database = MongoDatabase[dict[str, Any]]
Run = Callable[..., Any]
NEW = "new@example.com"


@pytest.fixture
def run(app: Flask, clean: None) -> Run:
    """Return a way to run a command of `flask`."""
    runner = app.test_cli_runner()
    return lambda *args, **options: runner.invoke(args=[str(arg) for arg in args], **options)


def user(mongo: Database, email: str = NEW) -> dict[str, Any]:
    """Return the account with an address, as it is stored."""
    (found,) = mongo.users.find({"email": email})
    return found


class TestCreate:
    def test_the_password_is_asked_for(self, run: Run, app: Flask, mongo: Database):
        made = run("users", "create", "New@Example.com", "--name", "New", input=f"{PASSWORD}\n{PASSWORD}\n")
        assert made.exit_code == 0, made.output
        assert PASSWORD not in made.output
        stored = user(mongo)
        assert (stored["name"], stored["role"], "emailVerifiedAt" in stored) == ("New", "user", False)
        assert Person(app.test_client(), NEW, PASSWORD).login().tokens["user"]["name"] == "New"
        assert mongo.audit.find_one({"action": "account.created"})["target"] == stored["_id"]

    def test_or_read_from_standard_input(self, run: Run, app: Flask, mongo: Database):
        args = ("users", "create", NEW, "--name", "Root", "--role", "admin", "--verified", "--password-stdin")
        assert run(*args, input=f"{PASSWORD}\n").exit_code == 0
        assert user(mongo)["emailVerifiedAt"]
        assert Person(app.test_client(), NEW, PASSWORD).login().tokens["user"]["role"] == "admin"

    def test_or_chosen_by_who_is_invited(self, run: Run, app: Flask, mongo: Database):
        assert run("users", "create", NEW, "--name", "New", "--invite").exit_code == 0
        assert "password" not in user(mongo)
        assert newest(app, "invitation", NEW)

    @pytest.mark.parametrize(
        ("args", "typed", "said"),
        [
            (["x", "--name", "New"], "", "not an email address"),
            ([NEW, "--name", ""], "", "printable"),
            ([NEW, "--name", "a\x07b"], "", "printable"),
            ([NEW, "--name", "New", "--role", "root"], "", "one of user, admin"),
            ([NEW, "--name", "New", "--password-stdin"], "short\n", "at least 8"),
            ([NEW, "--name", "New", "--password-stdin"], "password1\n", "too common"),
            ([NEW, "--name", "New", "--password-stdin"], "", "at least 8"),
            ([NEW], "", "--name"),
            ([NEW, "--name", "New", "--password", "x"], "", "No such option"),
        ],
    )
    def test_bad_input_is_refused(self, run: Run, mongo: Database, args: list[str], typed: str, said: str):
        refused = run("users", "create", *args, input=typed)
        assert refused.exit_code in {1, 2}
        assert said in refused.output
        assert mongo.users.count_documents({}) == 0

    def test_a_taken_address(self, run: Run, alice: Person):
        refused = run("users", "create", alice.email, "--name", "X", "--password-stdin", input=f"{PASSWORD}\n")
        assert (refused.exit_code, "exists" in refused.output) == (1, True)


class TestList:
    def test_a_table(self, run: Run, alice: Person, bob: Person):
        title, *rows = run("users", "list").output.splitlines()
        assert title.split()[:4] == ["ID", "EMAIL", "NAME", "ROLE"]
        assert [row.split()[:2] for row in rows] == [[alice.id, alice.email], [bob.id, bob.email]]

    def test_json_and_choice(self, run: Run, alice: Person, bob: Person, mongo: Database):
        mongo.users.update_one({"email": bob.email}, {"$set": {"role": "admin"}})
        for args, expected in [
            ([], [alice.email, bob.email]),
            (["--q", alice.email[:3].upper()], [alice.email]),
            (["--role", "admin"], [bob.email]),
            (["--status", "disabled"], []),
            (["--limit", "1"], [alice.email]),
            (["--limit", "1", "--all"], [alice.email, bob.email]),
        ]:
            found = json.loads(run("users", "list", "--json", *args).output)
            assert [one["email"] for one in found] == expected

    def test_beyond_a_page(self, run: Run, mongo: Database):
        for number in range(205):
            import_account(mongo, email=f"p{number}@example.com")
        assert len(json.loads(run("users", "list", "--json", "--all").output)) == 205
        assert len(json.loads(run("users", "list", "--json", "--limit", "150").output)) == 150

    def test_a_name_does_not_play_with_the_terminal(self, run: Run, mongo: Database):
        import_account(mongo, name="\x1b[2J\x1b]0;x\x07evil\nline")
        output = run("users", "list").output
        assert "\x1b" not in output
        assert len(output.splitlines()) == 2


class TestShow:
    def test_by_address_and_by_id(self, run: Run, alice: Person):
        for whom in (alice.email, alice.email.upper(), alice.id):
            shown = json.loads(run("users", "show", whom, "--json").output)
            assert (shown["id"], shown["password"], shown["sessions"], shown["access tokens"]) == (
                alice.id,
                "bcrypt",
                1,
                0,
            )
        assert f"email          {alice.email}" in run("users", "show", alice.id).output

    @pytest.mark.parametrize("whom", ["nobody@example.com", "5e" * 12, "", "$ne", ".*"])
    def test_an_unknown_user_is_refused(self, run: Run, alice: Person, whom: str):
        for command in ("show", "promote", "demote", "disable", "enable", "reset-link"):
            refused = run("users", command, whom)
            assert (refused.exit_code, "There is no account" in refused.output) == (1, True)
        assert run("users", "delete", whom, "--yes").exit_code == 1
        assert run("sessions", "end", whom, "--yes").exit_code == 1


class TestChange:
    def test_promoted_and_demoted(self, run: Run, alice: Person, bob: Person, mongo: Database):
        assert run("users", "promote", alice.email).exit_code == 0
        assert alice.client.get("/admin/users", headers=alice.headers).status_code == 200
        refused = run("users", "demote", alice.email)
        assert (refused.exit_code, "only administrator" in refused.output) == (1, True)
        run("users", "promote", bob.email)
        assert run("users", "demote", alice.email).exit_code == 0
        problem(alice.client.get("/admin/users", headers=alice.headers), 403, "forbidden")
        assert run("users", "promote", alice.email, "--role", "root").exit_code == 1

    def test_disabled_and_enabled(self, run: Run, alice: Person, mongo: Database):
        assert run("users", "disable", alice.email).exit_code == 0
        problem(alice.client.get("/", headers=alice.headers), 401, "session_ended")
        assert run("users", "enable", alice.email).exit_code == 0
        assert alice.login().tokens
        actions = [one["action"] for one in mongo.audit.find({"userAgent": {"$regex": "users"}}).sort("_id", 1)]
        assert [one for one in actions if one.startswith("account")] == ["account.disabled", "account.enabled"]

    def test_deleted_when_sure(self, run: Run, alice: Person, app: Flask, mongo: Database):
        verified(mongo, alice)
        refused = run("users", "delete", alice.email, input="n\n")
        assert (refused.exit_code, "for good" in refused.output) == (1, True)
        assert mongo.users.count_documents({}) == 1
        assert run("users", "delete", alice.email, input="y\n").exit_code == 0
        assert mongo.users.count_documents({}) == 0
        assert len(sent(app, "account_deleted", alice.email)) == 1

    def test_a_link_that_lets_in(self, run: Run, alice: Person, mongo: Database):
        link = run("users", "reset-link", alice.email).output.strip()
        body = {"token": link.partition("#token=")[2], "newPassword": "another one of hers"}
        assert alice.client.post("/auth/password/reset", json=body).status_code == 204
        assert mongo.audit.count_documents({"action": "password.reset_requested"}) == 1

    def test_a_user_is_signed_out_everywhere(self, run: Run, alice: Person):
        other = alice.login()
        assert run("sessions", "end", alice.email, input="n\n").exit_code == 1
        assert alice.client.get("/", headers=alice.headers).status_code == 200
        said = run("sessions", "end", alice.id, "--yes")
        assert "(2 sessions)" in said.output
        for person in (alice, other):
            assert problem(person.refresh(), 401, "session_ended")["reason"] == "admin"


class TestDatabase:
    def test_indexes_are_made(self, run: Run, mongo: Database):
        assert run("db", "ensure-indexes").output == "all indexes exist\n"
        mongo.users.drop_index("name_key")
        assert run("db", "ensure-indexes").output == "built users.name_key\n"
        assert readiness.missing_indexes() == []

    def test_one_that_can_t_be_made_says_why(self, run: Run, mongo: Database):
        mongo.users.drop_index("email_key")
        twins = [import_account(mongo, email="twin@example.com"), import_account(mongo, email="Twin@example.com")]
        try:
            refused = run("db", "ensure-indexes")
            assert (refused.exit_code, "unique index of users" in refused.output) == (1, True)
            found = run("db", "check")
            assert found.exit_code == 1
            assert all(str(one["_id"]) in found.output for one in twins)
        finally:
            mongo.users.delete_many({})
            assert run("db", "ensure-indexes").exit_code == 0

    def test_nothing_wrong(self, run: Run, alice: Person):
        run("users", "promote", alice.email)
        checked = run("db", "check")
        assert (checked.exit_code, checked.output) == (0, "no problems\n")
        assert json.loads(run("db", "check", "--json").output) == []

    def test_each_kind_of_wrong_is_found(self, run: Run, alice: Person, bob: Person, mongo: Database):
        run("users", "promote", alice.email)
        mongo.users.update_one({"email": bob.email}, {"$set": {"disabledAt": clock.now()}})
        mongo.users.insert_one({"_id": ObjectId(), "name": "only"})
        import_account(mongo, email="plain@example.com", password="plain text")
        found = json.loads(run("db", "check", "--json").output)
        said = " ".join(one["what"] for one in found)
        assert run("db", "check").exit_code == 1
        assert "accounts without an email address: 1" in said
        assert "accounts with a password that is not a known hash: 1" in said
        assert "live sessions of users who may not sign in: 1" in said
        assert "plain text" not in said
        mongo.users.update_one({"email": alice.email}, {"$set": {"role": "user"}})
        assert "no administrator" in run("db", "check").output


class TestBesideAService:
    @pytest.mark.slow
    def test_what_is_done_holds_on_every_worker(self, settings: dict[str, str], clean: None, mongo: Database):
        """The command is a process of its own; the workers refuse at the next request."""
        with Service(**{**settings, "WEB_CONCURRENCY": 2}) as service:
            visitor = Visitor(service.url)
            made = flask(settings, "users", "create", NEW, "--name", "New", "--password-stdin", typed=f"{PASSWORD}\n")
            assert made.returncode == 0, made.stderr
            token = visitor.login(NEW, PASSWORD).json()["accessToken"]
            assert visitor.me(token).status_code == 200
            assert flask(settings, "users", "disable", NEW).returncode == 0
            assert {visitor.me(token).status_code for _ in range(8)} == {401}
            missing = flask(settings, "users", "show", "nobody@example.com")
            assert (missing.returncode, missing.stderr.strip()) == (1, "Error: There is no account nobody@example.com.")

    def test_a_session_long_idle_is_not_counted(self, run: Run, alice: Person, mongo: Database):
        mongo.sessions.update_many({}, {"$set": {"lastUsedAt": clock.now() - timedelta(days=60)}})
        assert json.loads(run("users", "show", alice.id, "--json").output)["sessions"] == 0

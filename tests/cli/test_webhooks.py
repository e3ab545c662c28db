"""`flask webhooks`: what an operator types and reads."""

import json
import secrets
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
import time_machine
from flask import Flask
from standardwebhooks import Webhook

from authsvc import clock
from authsvc.services import webhook_secrets
from tests.conftest import Person
from tests.support.accounts import Database
from tests.support.hearers import deliver, parsed
from tests.support.outside import Server, saying

Run = Callable[..., Any]
NOBODYS = "f" * 24
WEEK = timedelta(days=7)


@pytest.fixture
def run(app: Flask, clean: None) -> Run:
    """Return a way to run `flask webhooks …`."""
    runner = app.test_cli_runner()
    return lambda *args, **options: runner.invoke(args=["webhooks", *map(str, args)], **options)


@pytest.fixture
def server() -> Iterator[Server]:
    """Return a server that takes what it is told."""
    with Server() as server:
        yield server


@pytest.fixture
def made(run: Run, server: Server) -> dict[str, str]:
    """Return id and secret of a webhook that hears of changes of names."""
    return created(run, server.url("/hear"), "--event", "profile.changed", "--description", "a test")


def created(run: Run, *args: str) -> dict[str, str]:
    """Return what is shown of a new webhook."""
    done = run("create", *args, "--json")
    assert done.exit_code == 0, done.output
    return dict(json.loads(done.stdout))


def shown(run: Run, *args: str) -> Any:
    """Return what a command prints as JSON."""
    done = run(*args, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def rename(person: Person, name: str) -> None:
    """Change somebody's name, which is an event."""
    answer = person.client.patch("/auth/me", json={"name": name}, headers=person.headers)
    assert answer.status_code == 200, answer.text


class TestCreate:
    def test_it_is_told_what_it_hears_of_and_the_secret_verifies_it(
        self, app: Flask, made: dict[str, str], server: Server, alice: Person, mongo: Database
    ):
        """R122, R123"""
        assert set(made) == {"id", "secret"}
        rename(alice, "Al")
        deliver(app)
        (request,) = server.requests
        headers, body = parsed(request)
        Webhook(made["secret"]).verify(body, headers)
        assert json.loads(body)["type"] == "profile.changed"
        record = mongo.audit.find_one({"action": "webhook.created"})
        assert record is not None
        assert (record["details"]["webhook"], record.get("actor")) == (made["id"], None)
        assert made["secret"] not in repr(list(mongo.webhooks.find()))

    def test_everything_in_two_lines_for_people(self, run: Run, server: Server):
        done = run("create", server.url(), "--event", "*")
        assert done.exit_code == 0, done.output
        first, second = done.stdout.splitlines()
        assert first.split()[0] == "id"
        assert second.split()[0] == "secret"
        assert second.split()[1].startswith("whsec_")

    @pytest.mark.parametrize(
        ("args", "message"),
        [
            (["https://hear.example.net"], "Say what it is told"),
            (["https://hear.example.net", "--event", "nothing.happened"], "Invalid value"),
            (["https://hear.example.net", "--event", "webhook.created"], "Invalid value"),
            (["ftp://hear.example.net", "--event", "*"], "can't be told anything"),
            (["https://169.254.169.254/", "--event", "*"], "can't be told anything"),
            (["nonsense", "--event", "*"], "can't be told anything"),
            ([f"https://hear.example.net/{'x' * 2000}", "--event", "*"], "at most 2000 characters"),
            (["https://hear.example.net", "--event", "*", "--description", "x" * 201], "at most 200 visible"),
            (["https://hear.example.net", "--event", "*", "--description", "a\x1b[2Jb"], "at most 200 visible"),
            (["https://hear.example.net", "--event", "*", "--description", "a\nb"], "at most 200 visible"),
            ([], "Missing argument"),
        ],
    )
    def test_what_no_webhook_may_be(self, run: Run, mongo: Database, args: list[str], message: str):
        done = run("create", *args)
        assert done.exit_code != 0
        assert message in done.output
        assert "Traceback" not in done.output
        assert mongo.webhooks.count_documents({}) == 0

    def test_what_is_on_this_machine_is_said_to_be(self, run: Run):
        for url in ("http://localhost:3000/", "http://2130706433:3000/", "http://soon.invalid/", "https://[::1]/"):
            local = run("create", url, "--event", "*", "--json")
            assert "webhook.on_this_machine" in local.stderr, url
        other = run("create", "https://hear.example.net", "--event", "*", "--json")
        assert "webhook.on_this_machine" not in other.stderr
        moved = run("change", json.loads(other.stdout)["id"], "--url", "http://localhost:3000/")
        assert "webhook.on_this_machine" in moved.stderr


class TestShow:
    def test_list_and_show(self, run: Run, made: dict[str, str], server: Server):
        (row,) = shown(run, "list")
        told = shown(run, "show", made["id"])
        assert row.items() <= told.items()
        assert (told["url"], told["events"], told["description"]) == (server.url("/hear"), "profile.changed", "a test")
        assert (told["disabled"], told["why"], told["failures"], told["resumes"]) == (None, None, 0, None)
        assert len(told["secrets"].split()) == 1
        assert "whsec_" not in run("show", made["id"]).output + run("list").output

    def test_a_pause_is_shown_until_it_is_over(self, run: Run, made: dict[str, str], mongo: Database):
        mongo.webhooks.update_one({}, {"$set": {"resumesAt": clock.now() + timedelta(hours=1)}})
        assert shown(run, "show", made["id"])["resumes"] is not None
        run("disable", made["id"])
        assert shown(run, "show", made["id"])["resumes"] is None
        run("enable", made["id"])
        mongo.webhooks.update_one({}, {"$set": {"resumesAt": clock.now() - timedelta(hours=1)}})
        assert shown(run, "show", made["id"])["resumes"] is None

    def test_a_description_can_not_control_a_terminal(self, run: Run, made: dict[str, str], mongo: Database):
        said = run("change", made["id"], "--description", "\x1b[2J\nnext")
        assert (said.exit_code, "visible characters" in said.output) == (1, True)
        mongo.webhooks.update_one({}, {"$set": {"description": "\x1b[2J\nnext"}})
        assert "\x1b" not in run("list").output
        assert len(run("list").output.splitlines()) == 2


class TestChange:
    def test_what_is_not_named_stays(self, run: Run, made: dict[str, str], mongo: Database):
        args = ("--event", "role.changed", "--event", "account.deleted")
        assert run("change", made["id"], *args).output == f"{made['id']} is changed.\n"
        told = shown(run, "show", made["id"])
        assert (told["events"], told["description"]) == ("account.deleted role.changed", "a test")
        assert run("change", made["id"], "--description", "").exit_code == 0
        assert shown(run, "show", made["id"])["description"] == ""
        records = list(mongo.audit.find({"action": "webhook.changed"}).sort("_id", 1))
        assert [record["details"]["fields"] for record in records] == [["events"], ["description"]]

    def test_nothing(self, run: Run, made: dict[str, str]):
        done = run("change", made["id"])
        assert (done.exit_code, "Say what to change." in done.output) == (2, True)

    def test_r120_an_address_that_can_not_be_told(self, run: Run, made: dict[str, str], server: Server):
        done = run("change", made["id"], "--url", "http://10.0.0.1/")
        assert (done.exit_code, "can't be told anything" in done.output) == (1, True)
        assert shown(run, "show", made["id"])["url"] == server.url("/hear")

    def test_disabled_and_enabled_again(
        self, app: Flask, run: Run, made: dict[str, str], server: Server, alice: Person, mongo: Database
    ):
        for _ in range(2):
            assert run("disable", made["id"]).output == f"{made['id']} is disabled.\n"
        assert shown(run, "list")[0]["why"] == "admin"
        rename(alice, "Al")
        deliver(app)
        for _ in range(2):
            assert run("enable", made["id"]).output == f"{made['id']} is enabled.\n"
        assert shown(run, "list")[0]["why"] is None
        rename(alice, "Bert")
        deliver(app)
        assert len(server.requests) == 1
        assert mongo.audit.count_documents({"action": {"$in": ["webhook.disabled", "webhook.enabled"]}}) == 2

    def test_a_new_secret_signs_beside_the_former_one(
        self, app: Flask, run: Run, made: dict[str, str], server: Server, alice: Person
    ):
        """R122"""
        new = shown(run, "secret", made["id"])
        assert new["id"] == made["id"]
        rename(alice, "Al")
        deliver(app)
        headers, body = parsed(server.requests[0])
        for secret in (made["secret"], new["secret"]):
            Webhook(secret).verify(body, headers)
        assert len(shown(run, "show", made["id"])["secrets"].split()) == 2

    def test_whoever_ends_a_secret_that_still_signs_is_asked_first(self, run: Run, made: dict[str, str]):
        second = shown(run, "secret", made["id"])
        before = shown(run, "show", made["id"])["secrets"]
        asked = run("secret", made["id"], "--json", input="n\n")
        assert (asked.exit_code, asked.stdout) == (1, "")
        assert "Two secrets sign now" in asked.stderr
        assert shown(run, "show", made["id"])["secrets"] == before
        third = shown(run, "secret", made["id"], "--yes")
        assert len({one["secret"] for one in (made, second, third)}) == 3
        after = shown(run, "show", made["id"])["secrets"]
        assert (before.split()[1], before.split()[0] in after) == (after.split()[0], False)

    def test_deleted(self, run: Run, made: dict[str, str]):
        asked = run("delete", made["id"], input="n\n")
        assert (asked.exit_code, "Continue?" in asked.output) == (1, True)
        assert len(shown(run, "list")) == 1
        assert run("delete", made["id"], "--yes").output == f"{made['id']} is deleted.\n"
        assert shown(run, "list") == []


class TestDeliveries:
    def test_a_test_whatever_it_hears(self, app: Flask, run: Run, made: dict[str, str], server: Server):
        assert f"flask webhooks deliveries {made['id']}" in run("test", made["id"]).output
        (waiting,) = shown(run, "deliveries", made["id"])
        assert (waiting["event"], waiting["state"], waiting["tries"]) == ("webhook.test", "waiting", 0)
        deliver(app)
        (done,) = shown(run, "deliveries", made["id"])
        assert (done["state"], done["tries"], done["status"], done["next try"]) == ("delivered", 1, 204, None)
        headers, body = parsed(server.requests[0])
        assert Webhook(made["secret"]).verify(body, headers)["type"] == "webhook.test"

    def test_r121_what_was_given_up_is_shown_without_the_answer_and_tried_again(
        self, app: Flask, run: Run, made: dict[str, str], server: Server
    ):
        server.behaviour = saying("500 Internal Server Error", b"the database password is swordfish")
        assert run("test", made["id"]).exit_code == 0
        deliver(app)
        with time_machine.travel(clock.now() + timedelta(days=3, minutes=1)):
            deliver(app)
            (row,) = shown(run, "deliveries", made["id"])
            assert (row["state"], row["status"], row["last error"]) == ("dead", 500, "the webhook answered 500")
            assert "swordfish" not in run("deliveries", made["id"]).output
            server.behaviour = saying()
            said = run("retry", made["id"], row["id"])
            assert said.output == f"The delivery of webhook.test ({row['id']}) is being tried now.\n"
            deliver(app)
            assert shown(run, "deliveries", made["id"])[0]["state"] == "delivered"
            again = run("retry", made["id"], row["id"])
            assert (again.exit_code, "no undelivered delivery" in again.output) == (1, True)

    def test_all_that_were_given_up_are_counted_and_tried_again(
        self, app: Flask, run: Run, made: dict[str, str], server: Server, mongo: Database
    ):
        def findings() -> list[dict[str, str]]:
            found = json.loads(app.test_cli_runner().invoke(args=["doctor", "--json"]).stdout)
            return [one for one in found if made["id"] in one["about"]]

        for _ in range(3):
            run("test", made["id"])
        ids = [one["_id"] for one in mongo.webhook_deliveries.find().sort("_id")]
        given_up = {
            "$unset": {"dueAt": True, "lane": True},
            "$set": {"failedAt": clock.now(), "expiresAt": clock.now() + WEEK},
        }
        mongo.webhook_deliveries.update_many({"_id": {"$in": ids[:2]}}, given_up)
        (finding,) = findings()
        assert finding["about"] == f"webhook {made['id']} ({urlsplit(server.url()).netloc})"
        assert finding["what"] == "2 messages were given up"
        assert f"flask webhooks retry {made['id']} --all" in finding["remedy"]
        assert len(shown(run, "deliveries", made["id"], "--state", "dead")) == 2
        assert run("retry", made["id"], "--all").output == "2 deliveries are being tried now.\n"
        again = list(mongo.webhook_deliveries.find().sort("_id"))
        assert [one["_id"] for one in again if "failedAt" in one] == []
        assert all(one["expiresAt"] > clock.now() + WEEK for one in again)
        deliver(app)
        assert len(server.requests) == 3
        assert findings() == []
        assert run("retry", made["id"], "--all").output == "Nothing was given up.\n"
        records = list(mongo.audit.find({"action": "webhook.delivery_retried"}))
        assert [one["details"] for one in records] == [{"webhook": made["id"], "deliveries": "dead"}] * 2

    @pytest.mark.parametrize("args", [[], [NOBODYS, "--all"]])
    def test_either_one_or_all(self, run: Run, made: dict[str, str], args: list[str]):
        done = run("retry", made["id"], *args)
        assert (done.exit_code, "Give either a delivery or --all." in done.output) == (2, True)

    def test_those_in_one_state(self, app: Flask, run: Run, made: dict[str, str], server: Server):
        run("test", made["id"])
        deliver(app)
        run("disable", made["id"])
        run("test", made["id"])
        (waiting,) = shown(run, "deliveries", made["id"], "--state", "waiting")
        assert (waiting["state"], waiting["next try"]) == ("waiting", None)
        (delivered,) = shown(run, "deliveries", made["id"], "--state", "delivered")
        assert delivered["message"] == parsed(server.requests[0])[0]["webhook-id"]
        assert shown(run, "deliveries", made["id"], "--state", "dead") == []

    def test_what_a_disabled_one_is_sent_waits_and_that_is_said(self, run: Run, made: dict[str, str]):
        run("disable", made["id"])
        waits = "waits until you enable it"
        said = run("test", made["id"]).output
        assert (waits in said, "now" in said) == (True, False)
        (row,) = shown(run, "deliveries", made["id"])
        assert waits in run("retry", made["id"], row["id"]).output

    def test_the_newest_first_and_no_more_than_asked_for(self, run: Run, made: dict[str, str]):
        for _ in range(3):
            run("test", made["id"])
        rows = shown(run, "deliveries", made["id"])
        assert [row["id"] for row in rows] == sorted((row["id"] for row in rows), reverse=True)
        assert shown(run, "deliveries", made["id"], "--limit", "2") == rows[:2]


class TestNobodys:
    @pytest.mark.parametrize("webhook_id", [NOBODYS, "nope", '{"$ne":null}', ""])
    @pytest.mark.parametrize(
        "args",
        [
            *(["show"], ["secret"], ["disable"], ["enable"], ["test"], ["deliveries"]),
            *(["change", "--description", "x"], ["delete", "--yes"]),
        ],
        ids=lambda args: args[0],
    )
    def test_there_is_no_such_webhook(self, run: Run, webhook_id: str, args: list[str]):
        done = run(*args, webhook_id)
        assert (done.exit_code, "There is no webhook" in done.output) == (1, True)

    @pytest.mark.parametrize("delivery_id", [NOBODYS, "nope", ""])
    def test_nor_such_a_delivery(self, run: Run, made: dict[str, str], delivery_id: str):
        done = run("retry", made["id"], delivery_id)
        assert (done.exit_code, "There is no undelivered delivery" in done.output) == (1, True)


def sealed_by_another(app: Flask, patch: pytest.MonkeyPatch, *, keeps_former: bool) -> None:
    """Let the service have another SECRET_KEY."""
    if keeps_former:
        patch.setitem(app.config, "SECRET_KEY_FALLBACKS", [app.config["SECRET_KEY"]])
    patch.setitem(app.config, "SECRET_KEY", secrets.token_urlsafe(48))


class TestSecretKey:
    def test_u11_reseal_seals_both_secrets_with_the_new_key(
        self,
        app: Flask,
        run: Run,
        made: dict[str, str],
        server: Server,
        monkeypatch: pytest.MonkeyPatch,
        own_ring: None,
    ):
        new = shown(run, "secret", made["id"])
        with monkeypatch.context() as patch:
            sealed_by_another(app, patch, keeps_former=True)
            with app.app_context():
                assert webhook_secrets.count_outdated() == 2
            done = app.test_cli_runner().invoke(args=["keys", "reseal"])
            assert "2 secrets of webhooks were encrypted again too." in done.output
            again = app.test_cli_runner().invoke(args=["keys", "reseal"])
            assert "0 secrets of webhooks were encrypted again too." in again.output
            patch.setitem(app.config, "SECRET_KEY_FALLBACKS", [])
            run("test", made["id"])
            deliver(app)
        (request,) = server.requests
        headers, body = parsed(request)
        for secret in (made["secret"], new["secret"]):
            Webhook(secret).verify(body, headers)

    def test_u11_what_a_lost_key_sealed_is_not_sent_and_not_lost(
        self, app: Flask, run: Run, made: dict[str, str], server: Server, monkeypatch: pytest.MonkeyPatch
    ):
        run("test", made["id"])
        with monkeypatch.context() as patch:
            sealed_by_another(app, patch, keeps_former=False)
            deliver(app)
            (row,) = shown(run, "deliveries", made["id"])
            assert (row["state"], "SECRET_KEY is another" in row["last error"]) == ("waiting", True)
            findings = json.loads(app.test_cli_runner().invoke(args=["doctor", "--json"]).stdout)
            (one,) = [finding for finding in findings if made["id"] in finding["about"]]
            assert "does not open its secret" in one["what"]
        assert server.requests == []
        run("retry", made["id"], row["id"])
        deliver(app)
        assert len(server.requests) == 1

    @pytest.mark.slow
    def test_u11_reset_disables_it_until_it_has_a_new_secret(
        self,
        app: Flask,
        run: Run,
        made: dict[str, str],
        server: Server,
        mongo: Database,
        own_ring: None,
        make_app: Callable[..., Flask],
    ):
        changed = make_app(SECRET_KEY=secrets.token_urlsafe(48), ready=False)
        run_anew = changed.test_cli_runner().invoke
        done = run_anew(args=["keys", "reset"], input="y\n")
        assert done.exit_code == 0, done.output
        assert "the secrets of 1 webhooks" in done.output
        assert f"flask webhooks secret {made['id']}" in done.output
        assert mongo.webhooks.find_one()["disabledReason"] == "secret_lost"
        assert mongo.audit.find_one({"action": "webhook.disabled"})["details"]["reason"] == "secret_lost"
        assert mongo.audit.find_one({"action": "signing_keys.reset"})["details"]["webhooks"] == 1
        findings = json.loads(run_anew(args=["doctor", "--json"]).stdout)
        (one,) = [finding for finding in findings if made["id"] in finding["about"]]
        assert "new secret" in one["remedy"]
        new = json.loads(run_anew(args=["webhooks", "secret", made["id"], "--json"]).stdout)
        assert run_anew(args=["webhooks", "enable", made["id"]]).exit_code == 0
        assert run_anew(args=["webhooks", "test", made["id"]]).exit_code == 0
        deliver(changed)
        headers, body = parsed(server.requests[0])
        Webhook(new["secret"]).verify(body, headers)
        assert not [one for one in json.loads(run_anew(args=["doctor", "--json"]).stdout) if "webhook" in one["about"]]


class TestDoctor:
    @staticmethod
    def findings(app: Flask) -> list[dict[str, str]]:
        found = json.loads(app.test_cli_runner().invoke(args=["doctor", "--json"]).stdout)
        return [one for one in found if one["about"].startswith("webhook")]

    @pytest.mark.slow
    def test_one_that_fails_is_found_and_forgotten_once_it_takes_something(
        self, app: Flask, run: Run, made: dict[str, str], server: Server, mongo: Database
    ):
        server.behaviour = saying("500 Internal Server Error")
        for _ in range(4):
            run("test", made["id"])
        deliver(app)
        assert self.findings(app) == []
        run("test", made["id"])
        deliver(app)
        (one,) = self.findings(app)
        assert "5 attempts in a row did not reach it" in one["what"]
        assert one["remedy"] == f"see `flask webhooks deliveries {made['id']}`"
        server.behaviour = saying()
        with time_machine.travel(clock.now() + timedelta(minutes=5)):
            deliver(app)
        assert self.findings(app) == []

    @pytest.mark.slow
    def test_one_that_is_gone_but_not_one_that_an_operator_disabled(
        self, app: Flask, run: Run, made: dict[str, str], server: Server
    ):
        server.behaviour = saying("410 Gone")
        run("test", made["id"])
        deliver(app)
        (one,) = self.findings(app)
        assert "it answered that it is gone" in one["what"]
        assert f"flask webhooks enable {made['id']}" in one["remedy"]
        run("enable", made["id"])
        run("disable", made["id"])
        assert self.findings(app) == []

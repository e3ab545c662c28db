"""The console's routes: R126 (role and second factor, fresh where it hurts), and what they show and do."""

import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from bson import ObjectId
from flask import Flask
from flask.testing import FlaskClient
from pymongo.errors import ServerSelectionTimeoutError

from authsvc import clock, languages
from authsvc.models import readiness
from authsvc.models.ids import new_id
from authsvc.models.sessions import Session
from authsvc.services import doctor, letters
from tests.conftest import PASSWORD, Person, problem
from tests.support.accounts import Database, import_account, login
from tests.support.authenticator import Authenticator
from tests.support.console_routes import CONSOLE_ROUTES, ID, by_two_factors
from tests.support.factors import post, register_passkey, verified, with_totp
from tests.support.letters import sent
from tests.support.races import race

FACTS = {**dict.fromkeys(letters.FACTS, "x"), "at": "2026-11-30 12:00 UTC"}
routes = pytest.mark.parametrize(("method", "path", "fresh"), CONSOLE_ROUTES)


@pytest.fixture
def boss(admin: Person, mongo: Database) -> Person:
    """Return an administrator who is signed in by a second factor too."""
    return by_two_factors(admin, mongo)


def ask(who: Person, method: str, path: str, **body: Any) -> Any:
    return who.client.open(path, method=method, json=body or None, headers=who.headers)


def shown(who: Person, path: str) -> dict[str, Any]:
    answer = ask(who, "GET", path)
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.get_json()
    return document


def noted(app: Flask) -> None:
    done = app.test_cli_runner().invoke(args=["db", "note-backup"])
    assert (done.exit_code, done.output) == (0, "noted\n")


class TestWhoMay:
    """R126"""

    @routes
    def test_r126_an_administrator_by_two_factors(
        self, alice: Person, admin: Person, mongo: Database, method: str, path: str, fresh: bool
    ):
        path = path.format(id=ID, kind="nothing")
        problem(alice.client.open(path, method=method, json={}), 401, "token_missing")
        problem(ask(by_two_factors(alice, mongo), method, path), 403, "forbidden")
        assert problem(ask(admin, method, path), 403, "second_factor_required")["methods"] == []
        made = ask(admin, "POST", "/auth/access-tokens", name="script", scopes=["users:read", "users:write"])
        script = {"Authorization": f"Bearer {made.get_json()['token']}"}
        problem(alice.client.open(path, method=method, json={}, headers=script), 403, "scope_missing")
        by_two_factors(admin, mongo)
        mongo.sessions.update_many({}, {"$set": {"authTime": clock.now() - timedelta(minutes=11)}})
        if fresh:
            problem(ask(admin, method, path), 403, "fresh_login_required")
        else:
            assert ask(admin, method, path).status_code in (200, 404, 415, 422)

    def test_r126_setting_a_factor_up_lets_in(self, admin: Person, mongo: Database):
        problem(ask(admin, "GET", "/admin/console"), 403, "second_factor_required")
        with_totp(admin, mongo)
        assert ask(admin, "GET", "/admin/console").status_code == 200

    def test_r126_a_passkey_beside_which_the_password_is_enough_does_not(self, admin: Person, mongo: Database):
        """Or whoever knows the password adds one of their own."""
        register_passkey(verified(mongo, admin), Authenticator())
        assert mongo.sessions.find_one({"user": ObjectId(admin.id), "methods": "mfa"}) is not None
        assert problem(ask(admin, "GET", "/admin/console"), 403, "second_factor_required")["methods"] == ["passkey"]
        assert post(admin, "/auth/mfa/require").status_code == 204
        assert ask(admin, "GET", "/admin/console").status_code == 200

    def test_r126_whoever_has_one_is_told_which(self, admin: Person, mongo: Database):
        with_totp(admin, mongo)
        mongo.sessions.update_many({}, {"$set": {"methods": ["pwd"]}})
        refused = problem(ask(admin, "GET", "/admin/console"), 403, "second_factor_required")
        assert refused["methods"] == ["totp", "recovery_code"]


class TestOverview:
    def test_it_counts_by_day(self, alice: Person, boss: Person, mongo: Database):
        mongo.daily_counts.delete_many({})
        shown(boss, "/admin/stats")  # what was counted before is added by now
        before = shown(boss, "/admin/stats")["days"][-1]
        login(alice.client)
        login(alice.client, password="not this one")
        person = Person(alice.client, "new@example.com", alice.password, "New")
        person.register()
        stats = shown(boss, "/admin/stats")
        today = stats["days"][-1]
        assert today["day"] == f"{clock.now():%Y-%m-%d}"
        grown = {name: today[name] - before[name] for name in before if name != "day"}
        assert grown == {"registered": 1, "signIns": 2, "failedSignIns": 1, "throttled": 0}
        assert len(stats["days"]) == 14
        assert [one["day"] for one in stats["days"]] == sorted(one["day"] for one in stats["days"])
        assert set(stats["letters"]) == {"waiting", "dead"}
        assert stats["lastBackupAt"] is None

    @pytest.mark.needs("counts")
    def test_it_says_how_many_accounts_there_are(self, alice: Person, boss: Person):
        assert shown(boss, "/admin/stats")["accounts"] == 2

    def test_it_tells_when_the_last_backup_was_noted(self, boss: Person, app: Flask):
        def steps() -> dict[str, bool]:
            return {one["name"]: one["isDone"] for one in shown(boss, "/admin/stats")["firstSteps"]}

        assert not steps()["backup"]
        before = clock.now()
        with time_machine.travel(before - timedelta(days=3)):
            noted(app)
        first = shown(boss, "/admin/stats")["lastBackupAt"]
        assert datetime.fromisoformat(first) < before
        noted(app)
        last = datetime.fromisoformat(shown(boss, "/admin/stats")["lastBackupAt"])
        assert timedelta() <= last - before.replace(microsecond=0) < timedelta(minutes=1)
        assert steps()["backup"]
        [newest, _] = shown(boss, "/admin/audit?action=database.backed_up")["items"]
        assert (newest["outcome"], newest["actor"]) == ("success", None)

    def test_of_many_at_once_none_is_lost(self, boss: Person, app: Flask, mongo: Database):
        from_there = shown(boss, "/admin/stats")["days"][-1]["failedSignIns"]
        race(*[lambda: login(app.test_client(), email="nobody@example.com")] * 8)
        race(*[lambda: shown(Person(app.test_client(), boss.email, "", "", boss.tokens), "/admin/stats")] * 4)
        assert shown(boss, "/admin/stats")["days"][-1]["failedSignIns"] == from_there + 8

    def test_the_doctor_says_what_the_command_does(self, boss: Person):
        items = shown(boss, "/admin/doctor")["items"]
        assert "APP_ENV" in [one["subject"] for one in items]
        assert all(set(one) == {"subject", "problem", "remedy"} for one in items)

    def test_the_doctor_names_what_is_sound(self, boss: Person, monkeypatch: pytest.MonkeyPatch):
        sound = shown(boss, "/admin/doctor")["sound"]
        assert "accounts" in sound
        assert "environment" not in sound  # it runs as a test
        assert set(sound) < set(doctor.areas())

        def fail() -> Any:
            raise ServerSelectionTimeoutError("nobody there")

        monkeypatch.setattr(readiness, "missing_indexes", fail)
        report = shown(boss, "/admin/doctor")
        assert "MONGODB_URI" in [one["subject"] for one in report["items"]]
        assert "accounts" not in report["sound"]  # it was not examined

    def test_first_steps(self, boss: Person, alice: Person, mongo: Database, app: Flask):
        steps = {one["name"]: one["isDone"] for one in shown(boss, "/admin/stats")["firstSteps"]}
        missing = dict.fromkeys(["deputy", "tls", "mail", "backup", "support"], False)
        assert steps == {"factors": True, **missing}
        mongo.users.update_many({}, {"$set": {"role": "admin"}})
        register_passkey(verified(mongo, alice), Authenticator())
        steps = {one["name"]: one["isDone"] for one in shown(boss, "/admin/stats")["firstSteps"]}
        assert (steps["deputy"], steps["factors"]) == (True, False)  # her password is enough
        assert post(alice, "/auth/mfa/require").status_code == 204
        mongo.letters.update_many({}, {"$set": {"deliveredAt": clock.now()}, "$unset": {"dueAt": 1}})
        noted(app)
        own = {
            "MAIL_URL": "smtp://mail.example.com",
            "ACCOUNT_SUPPORT": "help@example.com",
            "PUBLIC_URL": "https://a.example",
        }
        before = {name: app.config[name] for name in own}
        app.config.update(own)
        try:
            steps = {one["name"]: one["isDone"] for one in shown(boss, "/admin/stats")["firstSteps"]}
        finally:
            app.config.update(before)
        assert set(steps.values()) == {True}


class TestLetters:
    def test_they_are_listed_by_state(self, alice: Person, boss: Person, mongo: Database):
        waiting = shown(boss, "/admin/letters")["items"]
        assert {one["to"] for one in waiting} == {alice.email, boss.email}
        times = [one["createdAt"] for one in waiting]
        assert times == sorted(times, reverse=True)
        assert shown(boss, "/admin/letters?state=dead")["items"] == []
        mongo.letters.update_many(
            {}, {"$set": {"failedAt": clock.now(), "error": "550 no such user"}, "$unset": {"dueAt": 1}}
        )
        dead = shown(boss, "/admin/letters?state=dead")["items"]
        assert {one["error"] for one in dead} == {"550 no such user"}
        assert "text" not in dead[0]
        assert shown(boss, "/admin/letters?state=delivered")["items"] == []

    def test_one_is_tried_again_or_dropped(self, alice: Person, boss: Person, mongo: Database):
        letter = str(mongo.letters.find_one({"to": alice.email})["_id"])
        mongo.letters.update_many({}, {"$set": {"failedAt": clock.now()}, "$unset": {"dueAt": 1}})
        assert ask(boss, "POST", f"/admin/letters/{letter}/retry").status_code == 202
        assert mongo.letters.find_one({"_id": ObjectId(letter)})["dueAt"]
        event = mongo.audit.find_one({"action": "letter.retried"})
        assert (str(event["actor"]), str(event["target"])) == (boss.id, alice.id)
        assert ask(boss, "DELETE", f"/admin/letters/{letter}").status_code == 204
        problem(ask(boss, "DELETE", f"/admin/letters/{letter}"), 404, "not_found")
        problem(ask(boss, "POST", f"/admin/letters/{ID}/retry"), 404, "not_found")

    def test_each_kind_can_be_looked_at(self, boss: Person):
        index = shown(boss, "/admin/letter-kinds")
        assert index["languages"] == list(languages.known())
        for kind in index["items"]:
            written = shown(boss, f"/admin/letter-kinds/{kind}")
            assert written["subject"]
            assert written["text"]
        problem(ask(boss, "GET", "/admin/letter-kinds/nope"), 404, "not_found")

    def test_a_sample_goes_to_oneself(self, boss: Person, app: Flask):
        answer = boss.client.post("/admin/letter-kinds/reset/sample", json={}, headers=boss.headers)
        assert answer.status_code == 202, answer.text
        letter = sent(app, "reset", boss.email)[0]
        assert "asl_sample" in letter["text"]
        for body in ({"language": 5}, {"to": "eve@example.com"}):
            problem(ask(boss, "POST", "/admin/letter-kinds/reset/sample", **body), 422, "validation_failed")


class TestLanguage:
    """R125: of a letter to look at, which is never a path."""

    @pytest.mark.parametrize("bad", ["..", "../x", "/tmp", "/tmp/lgX", "de/..", "de%00", "d", "dé", "de-" + "x" * 9])
    def test_r125_a_path_is_no_language(self, boss: Person, app: Flask, tmp_path: Path, bad: str):
        (tmp_path / "reset.txt").write_text("Written by a stranger\n\n{{ 6 * 7 }}", encoding="utf-8")
        for path in ("/account/letter-preview/reset", "/admin/letter-kinds/reset"):
            problem(ask(boss, "GET", f"{path}?language={bad}"), 422, "validation_failed")
        problem(ask(boss, "POST", "/admin/letter-kinds/reset/sample", language=bad), 422, "validation_failed")
        with app.app_context():
            assert letters.word("reset", FACTS, language=str(tmp_path)) == letters.word("reset", FACTS, language="en")

    def test_r125_one_that_is_not_known_is_english(self, boss: Person):
        english = shown(boss, "/admin/letter-kinds/reset?language=en")
        assert shown(boss, "/admin/letter-kinds/reset?language=xx") == english

    def test_r125_those_that_a_stranger_makes_up_cost_nothing(self, client: FlaskClient):
        client.get("/account/letter-preview/reset?language=de")
        before = letters._texts.cache_info().misses, letters._frames.cache_info().misses
        for language in ("zz", "xx-Latn", "de-AT", "de-ZZ", "aaa"):
            assert client.get(f"/account/letter-preview/reset?language={language}").status_code == 200
        client.get("/account/letter-preview/reset")
        after = letters._texts.cache_info().misses, letters._frames.cache_info().misses
        assert [now - then for now, then in zip(after, before, strict=True)] <= [1, 1]  # English


class TestConfirmByHand:
    def test_what_waits_for_its_owner_goes_on(self, boss: Person, mongo: Database, app: Flask):
        """An invitation, for one: nobody has proved anything."""
        invited = ask(boss, "POST", "/admin/users", name="Eve", email="eve@example.com", role="user").get_json()
        assert ask(boss, "POST", f"/admin/users/{invited['id']}/verify-email").status_code == 200
        token = re.search(r"#token=(asl_[0-9A-Za-z]+)", sent(app, "invitation", "eve@example.com")[0]["text"])[1]
        body = {"token": token, "newPassword": PASSWORD}
        assert boss.client.post("/auth/password/reset", json=body).status_code == 204

    def test_the_account_stays_as_it_is(self, alice: Person, boss: Person, mongo: Database, app: Flask):
        link = sent(app, "verify", alice.email)[0]["text"]
        token = re.search(r"#token=(asl_[0-9A-Za-z]+)", link)[1]
        for _ in range(2):
            answer = ask(boss, "POST", f"/admin/users/{alice.id}/verify-email")
            assert answer.status_code == 200, answer.text
            assert answer.get_json()["emailVerified"] is True
        assert alice.home().status_code == 200
        assert login(alice.client).status_code == 200
        problem(alice.client.post("/auth/email/verify", json={"token": token}), 400, "link_invalid")
        (event,) = mongo.audit.find({"action": "email.verified"})
        assert (str(event["actor"]), str(event["target"])) == (boss.id, alice.id)

    def test_a_disabled_account_is_enabled_first(self, alice: Person, boss: Person):
        ask(boss, "PATCH", f"/admin/users/{alice.id}", disabled=True)
        problem(ask(boss, "POST", f"/admin/users/{alice.id}/verify-email"), 403, "account_disabled")

    def test_nobody(self, boss: Person):
        problem(ask(boss, "POST", f"/admin/users/{ID}/verify-email"), 404, "not_found")


class TestResetLink:
    """R126: for a user who gets no letters."""

    def test_it_works_once_and_is_on_record(self, alice: Person, boss: Person, mongo: Database):
        letters_before = mongo.letters.count_documents({"to": alice.email})
        answer = ask(boss, "POST", f"/admin/users/{alice.id}/reset-link")
        assert answer.status_code == 200, answer.text
        assert answer.headers["Cache-Control"] == "no-store"
        token = re.search(r"/account/reset-password#token=(asl_[0-9A-Za-z]+)$", answer.get_json()["link"])[1]
        assert mongo.letters.count_documents({"to": alice.email}) == letters_before
        body = {"token": token, "newPassword": "another horse battery"}
        assert alice.client.post("/auth/password/reset", json=body).status_code < 300
        problem(alice.client.post("/auth/password/reset", json=body), 400, "link_invalid")
        (event,) = mongo.audit.find({"action": "password.reset_requested"})
        assert (str(event["actor"]), str(event["target"])) == (boss.id, alice.id)

    def test_not_for_a_disabled_account_or_nobody(self, alice: Person, boss: Person):
        ask(boss, "PATCH", f"/admin/users/{alice.id}", disabled=True)
        problem(ask(boss, "POST", f"/admin/users/{alice.id}/reset-link"), 403, "account_disabled")
        problem(ask(boss, "POST", f"/admin/users/{ID}/reset-link"), 404, "not_found")


class TestSettings:
    def test_no_secret_is_told(self, boss: Person, app: Flask, settings: dict[str, str]):
        app.config["MAIL_URL"], before = "smtps://user:p%40ss@mail.example.com:465", app.config["MAIL_URL"]
        try:
            answer = ask(boss, "GET", "/admin/settings")
        finally:
            app.config["MAIL_URL"] = before
        items = {one["name"]: one for one in answer.get_json()["items"]}
        assert items["SECRET_KEY"] == {**items["SECRET_KEY"], "value": None, "isSet": True, "isSecret": True}
        assert items["MAIL_URL"]["value"] == "smtps://mail.example.com:465"
        assert items["PUBLIC_URL"]["value"] == settings["PUBLIC_URL"]
        for secret in (settings["SECRET_KEY"], "p%40ss", "p@ss"):
            assert secret not in answer.text
        assert items["RATE_LIMITS"]["value"] in ("on", "off")
        assert all(one["meaning"] for one in items.values())

    def test_a_setting_with_the_name_of_a_secret_is_one(self, boss: Person):
        items = ask(boss, "GET", "/admin/settings").get_json()["items"]
        named = {one["name"] for one in items if re.search(r"SECRET|_KEY\b", one["name"])}
        assert named == {one["name"] for one in items if one["isSecret"]}
        assert "HOOK_SECRET" in named

    def test_what_signs_hooks_is_not_told(self, boss: Person, app: Flask, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setitem(app.config, "HOOK_SECRET", ["whsec_canary"])
        monkeypatch.setitem(app.config, "HOOK_TOKEN", "https://hooks.example.com/token?key=canary")
        answer = ask(boss, "GET", "/admin/settings")
        assert "canary" not in answer.text
        items = {one["name"]: one for one in answer.get_json()["items"]}
        assert items["HOOK_SECRET"]["isSet"]
        assert items["HOOK_TOKEN"]["value"] == "https://hooks.example.com/token"

    def test_keys_are_listed_and_rotated_once(self, boss: Person, mongo: Database):
        before = shown(boss, "/admin/signing-keys")["items"]
        assert [one["state"] for one in before if one["ring"] == "tokens"].count("signs") == 1
        for _ in range(2):
            assert ask(boss, "POST", "/admin/signing-keys/rotation", ring="tokens").status_code == 202
        after = shown(boss, "/admin/signing-keys")["items"]
        assert [one["state"] for one in after if one["ring"] == "tokens"].count("next") == 1
        (event,) = mongo.audit.find({"action": "signing_key.rotated"})
        assert str(event["actor"]) == boss.id
        problem(ask(boss, "POST", "/admin/signing-keys/rotation", ring="others"), 422, "validation_failed")
        mongo.signing_keys.delete_one({"_id": max(one["key"] for one in after if one["ring"] == "tokens")})


class TestLists:
    def test_people_by_proof_and_factor(self, alice: Person, admin: Person, mongo: Database):
        verified(mongo, alice)
        with_totp(admin, mongo)
        found = lambda query: {one["email"] for one in shown(admin, f"/admin/users?{query}")["items"]}  # noqa: E731
        import_account(mongo, email="cy@example.com")
        assert found("verified=true") == {alice.email, admin.email}
        assert found("verified=false") == {"cy@example.com"}
        assert found("secondFactor=true") == {admin.email}
        assert found("secondFactor=false") == {alice.email, "cy@example.com"}
        assert found("secondFactor=false&q=al") == {alice.email}
        problem(ask(admin, "GET", "/admin/users?verified=maybe"), 422, "validation_failed")

    def test_last_seen_is_the_last_refresh(self, alice: Person, admin: Person, mongo: Database):
        seen = clock.now() - timedelta(hours=3)
        mongo.sessions.update_many({"user": ObjectId(alice.id)}, {"$set": {"lastUsedAt": seen}})
        text = shown(admin, f"/admin/users/{alice.id}")["lastSeenAt"]
        assert text == seen.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        mongo.sessions.delete_many({"user": ObjectId(alice.id)})
        assert shown(admin, f"/admin/users/{alice.id}")["lastSeenAt"] is None

    def test_a_page_asks_once_for_the_sessions_of_all(
        self, admin: Person, alice: Person, mongo: Database, monkeypatch: pytest.MonkeyPatch
    ):
        asked: list[int] = []
        latest_of = Session.latest_of
        monkeypatch.setattr(Session, "latest_of", lambda owners: latest_of(asked.append(1) or owners))
        assert len(shown(admin, "/admin/users")["items"]) == 2
        assert len(asked) == 1

    @pytest.mark.parametrize(
        ("network", "wanted"),
        [
            ("203.0.113.7", ["203.0.113.7"]),
            ("203.0.113.0/24", ["203.0.113.200", "203.0.113.7"]),
            ("203.0.112.0/23", ["203.0.113.200", "203.0.113.7", "203.0.112.1"]),
            ("2001:db8::/32", ["2001:db8:5::1", "2001:db8::1"]),
            ("2001:db8::/48", ["2001:db8::1"]),
            ("0.0.0.0/0", ["203.0.113.200", "203.0.113.7", "203.0.112.1"]),
        ],
    )
    def test_events_of_a_network(self, admin: Person, mongo: Database, network: str, wanted: list[str]):
        mongo.audit.delete_many({})
        for ip in ("203.0.112.1", "203.0.113.7", "2001:db8::1", "203.0.113.200", "2001:db8:5::1", "not an address"):
            at = clock.now()
            mongo.audit.insert_one(
                {
                    "_id": new_id(at),
                    "action": "login.failed",
                    "at": at,
                    "ip": ip,
                    "requestId": "r",
                    "outcome": "failure",
                }
            )
        listed: list[str] = []
        page = shown(admin, f"/admin/audit?limit=2&action=login.failed&network={network}")
        while True:
            listed += [one["ip"] for one in page["items"]]
            if page["next"] is None:
                break
            page = shown(admin, f"/admin/audit?limit=2&action=login.failed&network={network}&cursor={page['next']}")
        assert listed == wanted

    @pytest.mark.parametrize("bad", ["203.0.113", "203.0.113.7/24", "::/999", "a" * 300, "%00"])
    def test_what_is_no_network(self, admin: Person, bad: str):
        problem(ask(admin, "GET", f"/admin/audit?network={bad}"), 422, "validation_failed")

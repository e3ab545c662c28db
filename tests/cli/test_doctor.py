"""`flask doctor`: each thing that is wrong is found, and a good deployment is passed in silence."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import time_machine
from bson import ObjectId
from flask import Flask
from pymongo.database import Database

from authsvc import settings
from authsvc.services import ops, servers
from tests.api.forging import now
from tests.support.accounts import hashing
from tests.support.mail_server import MailServer
from tests.support.service import ROOT

CORES = settings.cores()
FORMER = "kV8wq2ZrT5nYb7uJc4mXs9eLd1gHf6pA3oQi0RtWyUz="
HOOK_SECRET = f"whsec_{FORMER[:-2]}w="
UNKNOWN = "https://hooks.invalid/"
GOOD = {
    "APP_ENV": "production",
    "PUBLIC_URL": "https://auth.corp.example",
    "CORS_ORIGINS": "https://app.corp.example",
    "TRUSTED_PROXIES": 1,
    "BCRYPT_ROUNDS": 12,
    "WEB_CONCURRENCY": CORES,
    "RATE_LIMITS": "on",
}
PLANTED: list[tuple[dict[str, Any], str, str]] = [
    ({"APP_ENV": "development"}, "APP_ENV", "runs as development"),
    ({"RATE_LIMITS": "off"}, "RATE_LIMITS", "not slowed down"),
    ({"METRICS": "on"}, "METRICS", "anybody can read"),
    ({"LIMIT_LOGIN_ROW": "7/70"}, "LIMIT_LOGIN_ROW", "former name"),
    ({"ACCESS_TOKEN_TTL": 7200}, "ACCESS_TOKEN_TTL", "over an hour"),
    ({"TRUSTED_PROXIES": 0}, "TRUSTED_PROXIES", "counts as everybody's"),
    ({"PUBLIC_URL": "http://localhost:8000"}, "TRUSTED_PROXIES", "can pass for any address"),
    ({"PUBLIC_URL": "http://localhost:8000"}, "PUBLIC_URL", "plain http"),
    (
        {"PUBLIC_URL": "http://localhost:8000", "CORS_ORIGINS": "http://127.0.0.1:3000"},
        "CORS_ORIGINS",
        "two sites",
    ),
    ({"CORS_ORIGINS": "http://app.corp.example"}, "CORS_ORIGINS", "rewritten"),
    ({"CORS_ORIGINS": "https://app.other.example"}, "CORS_ORIGINS", "another site"),
    (
        {"PUBLIC_URL": "https://auth.corp.co.uk", "CORS_ORIGINS": "https://app.other.co.uk"},
        "CORS_ORIGINS",
        "another site",
    ),
    (
        {"PUBLIC_URL": "https://corp.github.io", "CORS_ORIGINS": "https://other.github.io"},
        "CORS_ORIGINS",
        "another site",
    ),
    ({"PUBLIC_URL": "https://10.0.0.1", "CORS_ORIGINS": "https://11.0.0.1"}, "CORS_ORIGINS", "another site"),
    ({"WEB_CONCURRENCY": 8 * CORES}, "WEB_CONCURRENCY", "workers on"),
    ({"MAIL_URL": "smtp://127.0.0.1:1"}, "MAIL_URL", "takes nothing (ConnectionRefusedError)"),
    ({"MAIL_URL": "file:/tmp"}, "MAIL_URL", "sent to nobody"),
    (
        {"WEBAUTHN_RP_ID": "app.corp.example", "WEBAUTHN_ORIGINS": "https://app.corp.example"},
        "WEBAUTHN_RP_ID",
        "on the account pages",
    ),
    ({"PASSWORD_GRANT": "on"}, "PASSWORD_GRANT", "RFC 9700"),
    ({"APP_DOCUMENT_RESOURCES": "https://mcp.corp.example/"}, "APP_DOCUMENT_RESOURCES", "no app can ask"),
    (
        {"SECRET_KEY_FALLBACKS": FORMER},
        "SECRET_KEY_FALLBACKS",
        "no signing key, authenticator app or webhook needs it",
    ),
    ({"HOOK_SECRET": HOOK_SECRET}, "HOOK_SECRET", "it signs nothing"),
    ({"HOOK_SIGN_UP": UNKNOWN, "HOOK_SECRET": HOOK_SECRET}, "HOOK_SIGN_UP", "the host is not known"),
    ({"HOOK_TOKEN": UNKNOWN, "HOOK_SECRET": HOOK_SECRET}, "HOOK_TOKEN", "no usable answer"),
    ({"HOOK_TOKEN": UNKNOWN, "HOOK_SECRET": f"{HOOK_SECRET},{HOOK_SECRET}"}, "HOOK_SECRET", "there are two"),
]

APPS = "capacitor://localhost tauri://localhost http://tauri.localhost chrome-extension://abcdefghijklmnop"

Examine = Callable[..., list[dict[str, str]]]


@pytest.fixture
def mail_server() -> Iterator[MailServer]:
    """Return a mail server that listens."""
    with MailServer() as server:
        yield server


@pytest.fixture
def examine(make_app: Callable[..., Flask], app: Flask, clean: None, mail_server: MailServer) -> Examine:
    """Return a way to examine a good deployment but for the settings given; it costs as little as a hash of 10."""

    def run(rounds: int = 10, **planted: Any) -> list[dict[str, str]]:
        with hashing():  # making an application sets the cost of its hashes, for all of this process
            flawed = make_app(**{**GOOD, "MAIL_URL": mail_server.url, **planted})
        with hashing(rounds):
            answer = flawed.test_cli_runner().invoke(args=["doctor", "--json"])
        found = json.loads(answer.stdout)
        assert answer.exit_code == (1 if found else 0)
        return list(found)

    return run


def without(document: dict[str, Any], name: str) -> dict[str, Any]:
    """Return a document without one of its members."""
    return {other: value for other, value in document.items() if other != name}


class TestSettings:
    def test_a_good_deployment_is_passed(self, examine: Examine) -> None:
        assert examine() == []

    def test_u25_apps_are_passed(self, examine: Examine) -> None:
        """They have no site of their own, and nobody rewrites what does not leave the machine."""
        assert examine(CORS_ORIGINS=f"https://app.corp.example {APPS}") == []

    @pytest.mark.parametrize(
        ("public", "page"),
        [
            ("https://auth.corp.co.uk", "https://app.corp.co.uk"),
            ("https://corp.co.uk", "https://a.b.corp.co.uk"),
            ("https://10.0.0.1", "https://10.0.0.1:8443"),
            ("https://[2001:db8::1]", "https://[2001:db8::1]:8443"),
            ("https://auth.intranet", "https://app.auth.intranet"),
        ],
    )
    def test_pages_of_the_same_site_are_passed(self, examine: Examine, public: str, page: str) -> None:
        """By the public suffix list, as browsers go by it."""
        assert examine(PUBLIC_URL=public, CORS_ORIGINS=page) == []

    @pytest.mark.parametrize(("planted", "about", "what"), PLANTED)
    def test_each_fault_is_found(self, examine: Examine, planted: dict[str, Any], about: str, what: str) -> None:
        found = [one for one in examine(**planted) if one["about"] == about and what in one["what"]]
        assert len(found) == 1
        assert found[0]["remedy"]

    def test_a_former_name_is_told_with_what_to_write(self, examine: Examine) -> None:
        (found,) = examine(LIMIT_LOGIN_ROW="7/70")
        assert found["remedy"] == "put login_row=7/70 into LIMITS, and remove it"
        assert examine(LIMITS="login_row=7/70") == []

    def test_a_hash_that_is_too_cheap(self, examine: Examine) -> None:
        (found,) = examine(rounds=4)
        assert (found["about"], "guess offline" in found["what"]) == ("BCRYPT_ROUNDS", True)

    @pytest.mark.slow
    def test_a_hash_that_is_too_dear(self, examine: Examine) -> None:
        (found,) = examine(rounds=15)
        assert (found["about"], "to check" in found["what"]) == ("BCRYPT_ROUNDS", True)

    def test_people_are_told_in_words(self, app: Flask) -> None:
        answer = app.test_cli_runner().invoke(args=["doctor"])
        assert answer.exit_code == 1
        assert "APP_ENV: it runs as testing\n    unset APP_ENV" in answer.stdout


class TestU28Mail:
    def test_a_port_at_which_tls_does_not_begin_at_once(self, examine: Examine, mail_server: MailServer) -> None:
        (found,) = examine(MAIL_URL=mail_server.url.replace("smtp:", "smtps:"))
        assert found["about"] == "MAIL_URL"
        assert "speaks no TLS from the start" in found["what"]
        assert "use smtp://" in found["remedy"]

    def test_a_folder_that_can_t_be_written_to(self, examine: Examine, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        found = examine(MAIL_URL=f"file:{tmp_path}/file/x", APP_ENV="development")
        assert any(one["about"] == "MAIL_URL" and "takes nothing" in one["what"] for one in found)

    def test_a_template_that_can_t_be_filled_in(self, examine: Examine, tmp_path: Path) -> None:
        (tmp_path / "en").mkdir()
        (tmp_path / "en" / "reset.txt").write_text("{{ lnk }}")
        (tmp_path / "en" / "verify.txt").write_text("{% if %}")
        found = examine(MAIL_TEMPLATES=tmp_path)
        assert [one["about"] for one in found] == ["MAIL_TEMPLATES"] * 2
        assert ["reset" in found[0]["what"], "verify" in found[1]["what"]] == [True, True]


class TestDatabase:
    def test_one_that_asks_for_less_than_is_written(self, examine: Examine, settings: dict[str, str]) -> None:
        (found,) = examine(MONGODB_URI=f"{settings['MONGODB_URI'].partition('?')[0]}?w=majority&journal=false")
        assert (found["about"], "journal=false" in found["what"]) == ("MONGODB_URI", True)

    @pytest.mark.parametrize(
        ("options", "what"),
        [
            ("readPreference=secondary", "readPreference=secondary has no effect: authsvc works with readPreference="),
            ("retryReads=false", "retryReads=false has no effect"),
            ("w=1", "w=1 has no effect: authsvc works with w=majority"),
            ("directConnection=true", "binds authsvc to one member"),
        ],
    )
    def test_m3_options_that_are_overridden_or_dangerous(
        self, examine: Examine, settings: dict[str, str], options: str, what: str
    ) -> None:
        (found,) = examine(MONGODB_URI=f"{settings['MONGODB_URI'].partition('?')[0]}?{options}")
        assert (found["about"], what in found["what"]) == ("MONGODB_URI", True)

    def test_m8_a_sharded_cluster_is_not_taken_for_a_single_machine(
        self, examine: Examine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As a router (mongos) would tell: it has no `setName`."""
        ask = Database.command

        def as_a_router(database: Database[dict[str, Any]], command: Any, *args: Any, **options: Any) -> Any:
            said = ask(database, command, *args, **options)
            return {**without(said, "setName"), "msg": "isdbgrid"} if command == "hello" else said

        monkeypatch.setattr(Database, "command", as_a_router)
        assert examine() == []

    def test_one_that_is_no_replica_set(self, examine: Examine, monkeypatch: pytest.MonkeyPatch) -> None:
        """As the driver would tell: the embedded server says that it belongs to one, another that it is a router."""
        ask = Database.command

        def without_a_set(database: Database[dict[str, Any]], command: Any, *args: Any, **options: Any) -> Any:
            said = ask(database, command, *args, **options)
            return without(without(said, "setName"), "msg") if command == "hello" else said

        monkeypatch.setattr(Database, "command", without_a_set)
        (found,) = examine()
        assert (found["about"], "no replica set" in found["what"]) == ("MONGODB_URI", True)

    def test_a_clock_that_is_off(self, examine: Examine) -> None:
        examine()
        with time_machine.travel(now() + 300, tick=True):
            assert any(
                found["about"] == "clock" and re.search(r"\b(299|30[01]) s apart", found["what"]) for found in examine()
            )

    def test_a_missing_index_and_what_keeps_it_from_being_made(
        self, examine: Examine, mongo: Database[dict[str, Any]], app: Flask
    ) -> None:
        mongo.users.drop_index("email_key")
        mongo.users.insert_many([{"_id": ObjectId(), "email": email} for email in ("A@x.io", "a@x.io")])
        try:
            answer = app.test_cli_runner().invoke(args=["doctor", "--json"])
            told = {one["about"]: one["what"] for one in json.loads(answer.stdout)}
            assert "share an address" in told["users"]
            assert "users.email_key" in told["indexes"]
        finally:
            mongo.users.delete_many({})
            with app.app_context():
                assert ops.prepare()

    def test_letters_that_could_not_be_delivered(self, examine: Examine, mongo: Database[dict[str, Any]]) -> None:
        mongo.letters.insert_one({"_id": ObjectId(), "failedAt": datetime.now(UTC)})
        (found,) = examine()
        assert (found["about"], "could not be delivered" in found["what"]) == ("letters", True)

    def test_u28_letters_that_the_mail_server_refuses(self, examine: Examine, mongo: Database[dict[str, Any]]) -> None:
        soon = datetime.now(UTC)
        mongo.letters.insert_many(
            [{"dueAt": soon, "error": error} for error in ("x 554 5.7.1", "x 550", "x 451", None)]
        )
        (found,) = examine()
        assert (found["about"], "2 wait" in found["what"], "x 554 5.7.1" in found["what"]) == ("letters", True, True)

    def test_keys_that_still_need_a_former_secret(
        self, examine: Examine, settings: dict[str, str], own_ring: None
    ) -> None:
        changed = {"SECRET_KEY": FORMER[::-1], "SECRET_KEY_FALLBACKS": settings["SECRET_KEY"]}
        (found,) = examine(**changed)
        assert (found["about"], "need it" in found["what"]) == ("SECRET_KEY_FALLBACKS", True)

    def test_a_secret_that_does_not_open_the_keys(self, examine: Examine) -> None:
        """With it the service is never ready."""
        (found,) = examine(ready=False, SECRET_KEY=FORMER[::-1])
        assert (found["about"], "does not open" in found["what"]) == ("SECRET_KEY", True)


def flask_doctor(**environ: str) -> subprocess.CompletedProcess[str]:
    """Run the command as an operator does."""
    return subprocess.run(
        [sys.executable, "-m", "flask", "doctor"],
        cwd=ROOT,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        timeout=60,
    )


class TestCommand:
    def test_of_a_good_deployment_it_only_names_the_database(
        self, settings: dict[str, str], app: Flask, clean: None, mail_server: MailServer
    ) -> None:
        good = {name: str(value) for name, value in GOOD.items()}
        environ = {**settings, **good, "BCRYPT_ROUNDS": "11", "MAIL_URL": mail_server.url}
        done = flask_doctor(**environ)
        assert done.returncode == 0, done.stdout + done.stderr
        with app.app_context():
            assert done.stdout.splitlines() == servers.description()

    @pytest.mark.slow
    def test_one_that_can_not_start_says_why(self, settings: dict[str, str]) -> None:
        """By the message of the service itself, which names all at once, and no value."""
        weak = {**settings, "APP_ENV": "production", "SECRET_KEY": "secret", "PUBLIC_URL": "http://auth.corp.example"}
        done = flask_doctor(**weak)
        assert done.returncode != 0
        assert "SECRET_KEY" in done.stderr
        assert "PUBLIC_URL" in done.stderr
        assert "Traceback" not in done.stderr

    @pytest.mark.slow
    def test_a_database_that_is_not_there(self, settings: dict[str, str]) -> None:
        done = flask_doctor(**{**settings, "MONGODB_URI": "mongodb://127.0.0.1:1/authsvc"})
        assert done.returncode == 1
        assert "MONGODB_URI: the database does not answer" in done.stdout

"""`flask apps`: what an operator types and reads."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pymongo.database import Database as MongoDatabase

from authsvc.models.apps import AuthMethod
from authsvc.services import doctor
from tests.conftest import Person
from tests.support.app_devices import Device
from tests.support.assertions import public_jwks
from tests.support.oauth import CALLBACK, AppClient

Database = MongoDatabase[dict[str, Any]]
Run = Callable[..., Any]
NOBODYS = "app_" + "f" * 24


@pytest.fixture
def run(app: Flask, clean: None) -> Run:
    """Return a way to run `flask apps …`."""
    runner = app.test_cli_runner()
    return lambda *args, **options: runner.invoke(args=["apps", *map(str, args)], **options)


@pytest.fixture
def notes(run: Run) -> dict[str, str]:
    """Return id and secret of an app."""
    return created(run, "Notes", "--kind", "web", "--redirect-uri", CALLBACK)


def created(run: Run, *args: str) -> dict[str, str]:
    """Return what is shown of a new app."""
    done = run("create", *args, "--json")
    assert done.exit_code == 0, done.output
    return dict(json.loads(done.stdout))


def shown(run: Run, app_id: str) -> dict[str, Any]:
    """Return what is shown of an app."""
    done = run("show", app_id, "--json")
    assert done.exit_code == 0, done.output
    return dict(json.loads(done.stdout))


def speaking(client: FlaskClient, made: dict[str, str]) -> AppClient:
    """Return an app as it speaks."""
    return AppClient(client, made["client_id"], made.get("client_secret"))


class TestCreate:
    def test_an_app_with_a_secret(self, run: Run, client: FlaskClient, mongo: Database):
        made = created(run, "Notes", "--kind", "web", "--redirect-uri", CALLBACK)
        assert set(made) == {"client_id", "client_secret"}
        assert speaking(client, made).refresh("x").error == "invalid_grant"
        stored = mongo.apps.find_one({"_id": made["client_id"]})
        assert stored is not None
        assert (stored["grantTypes"], "owner" in stored) == (["authorization_code", "refresh_token"], False)
        record = mongo.audit.find_one({"action": "app.created"})
        assert record is not None
        assert (record["details"]["app"], record.get("actor")) == (made["client_id"], None)

    def test_one_without(self, run: Run):
        assert set(created(run, "Page", "--kind", "spa", "--redirect-uri", CALLBACK)) == {"client_id"}

    def test_a_device(self, run: Run, client: FlaskClient, alice: Person):
        """O47: and it says what to do next, in a line that can be pasted."""
        said = run("create", "Telly", "--kind", "device")
        assert said.exit_code == 0, said.output
        app_id = re.search(r"^client_id +(app_\w+)$", said.output, re.MULTILINE)
        assert app_id is not None
        assert f"curl http://localhost:8000/oauth2/device -d client_id={app_id[1]}." in said.output
        assert "http://localhost:8000/account/device" in said.output
        tv = Device.begin(AppClient(client, app_id[1]))
        assert tv.sign_in(alice.tokens["accessToken"])["scope"] == "openid email"
        assert set(created(run, "Telly", "--kind", "device")) == {"client_id"}, "and to programs nothing else"

    def test_a_service(self, run: Run, client: FlaskClient):
        made = created(run, "Nightly", "--kind", "service", "--scope", "a:b", "--resource", "https://a.example")
        answer = speaking(client, made).token({"grant_type": "client_credentials"})
        assert (answer.status, answer.json["scope"]) == (200, "a:b")

    def test_all_options(self, run: Run, tmp_path: Path):
        keys = tmp_path / "keys.json"
        keys.write_text(json.dumps(public_jwks("ES256")))
        made = created(
            run,
            *("Notes", "--kind", "web", "--redirect-uri", CALLBACK, "--redirect-uri", "https://app.example.net/b"),
            *("--logout-uri", "https://app.example.net/bye", "--backchannel-uri", "https://app.example.net/back"),
            *("--grant-type", "authorization_code", "--scope", "openid", "--resource", "https://a.example"),
            *("--auth-method", "private_key_jwt", "--jwks", str(keys), "--id-token-alg", "ES256"),
            *("--no-pkce", "--trusted"),
        )
        assert set(made) == {"client_id"}
        told = shown(run, made["client_id"])
        assert told["redirect_uris"] == f"{CALLBACK} https://app.example.net/b"
        assert (told["auth_method"], told["secrets"]) == (AuthMethod.PRIVATE_KEY, "")
        assert (told["id_token_alg"], told["requires_pkce"], told["trusted"]) == ("ES256", False, True)
        assert (told["grant_types"], told["scopes"]) == ("authorization_code", "openid")
        assert told["backchannel_uri"] == "https://app.example.net/back"

    @pytest.mark.parametrize(
        ("args", "message"),
        [
            (["Notes", "--kind", "web"], "redirect URIs"),
            (["Notes", "--kind", "web", "--redirect-uri", "http://app.example.net/"], "https://"),
            (["Notes", "--kind", "service", "--redirect-uri", CALLBACK], "sent back"),
            (["Notes", "--kind", "other", "--redirect-uri", CALLBACK], "Invalid value"),
            (["Notes", "--kind", "spa", "--redirect-uri", CALLBACK, "--no-pkce"], "without PKCE"),
            (["\u202e", "--kind", "spa", "--redirect-uri", CALLBACK], "printable"),
        ],
    )
    def test_what_no_app_may_be(self, run: Run, mongo: Database, args: list[str], message: str):
        done = run("create", *args)
        assert done.exit_code != 0
        assert message in done.output
        assert "Traceback" not in done.output
        assert mongo.apps.count_documents({}) == 0

    def test_a_file_that_is_no_keys(self, run: Run, tmp_path: Path):
        keys = tmp_path / "keys.json"
        for text in ("{", "[]", '{"keys": []}', "[" * 100_000):
            keys.write_text(text)
            args = ("Notes", "--kind", "web", "--redirect-uri", CALLBACK, "--auth-method", "private_key_jwt")
            done = run("create", *args, "--jwks", keys)
            assert done.exit_code != 0
            assert isinstance(done.exception, SystemExit)

    def test_o36_the_audience_of_people_comes_with_a_warning(self, run: Run, app: Flask):
        args = ("Own", "--kind", "spa", "--redirect-uri", CALLBACK, "--resource", app.config["TOKEN_AUDIENCE"])
        done = run("create", *args)
        assert done.exit_code == 0
        assert "TOKEN_AUDIENCE" in done.stderr

    @pytest.mark.parametrize("kind", ["device", "service"])
    def test_r103_without_account_pages_it_warns_of_apps_that_people_sign_in_to(
        self, make_app: Callable[..., Flask], clean: None, kind: str
    ):
        bare = make_app(ACCOUNT_PAGES="off", LINK_URL="https://app.example.com/account")
        done = bare.test_cli_runner().invoke(args=["apps", "create", "Telly", "--kind", kind])
        assert done.exit_code == 0
        assert ("nobody can sign in" in done.stderr) is (kind == "device")
        assert "/account/device" not in done.output
        with bare.app_context():
            assert [one.about for one in doctor.examine() if one.about == "ACCOUNT_PAGES"] == (
                ["ACCOUNT_PAGES"] if kind == "device" else []
            )


class TestShow:
    def test_a_list(self, run: Run, notes: dict[str, str]):
        assert notes["client_id"] in run("list").stdout
        (row,) = json.loads(run("list", "--json").stdout)
        assert (row["client_id"], row["name"], row["disabled"]) == (notes["client_id"], "Notes", None)

    def test_one_without_its_secret(self, run: Run, notes: dict[str, str]):
        assert notes["client_secret"] not in run("show", notes["client_id"]).output

    @pytest.mark.parametrize(
        "command", [["show"], ["change", "--name", "x"], ["secret"], ["disable"], ["enable"], ["delete", "--yes"]]
    )
    def test_an_app_that_is_not_there(self, run: Run, command: list[str]):
        done = run(command[0], NOBODYS, *command[1:])
        assert done.exit_code == 1
        assert f"There is no app {NOBODYS}." in done.output


class TestChange:
    def test_what_is_named_changes(self, run: Run, notes: dict[str, str]):
        before = shown(run, notes["client_id"])
        args = ("--name", "Other", "--logout-uri", "https://app.example.net/bye", "--no-pkce")
        assert run("change", notes["client_id"], *args).exit_code == 0
        now = shown(run, notes["client_id"])
        news = {"name": "Other", "logout_uris": "https://app.example.net/bye", "requires_pkce": False}
        assert now == {**before, **news}
        assert run("change", notes["client_id"], "--logout-uri", "", "--pkce").exit_code == 0
        assert shown(run, notes["client_id"]) == {**before, "name": "Other"}

    def test_nothing_to_change(self, run: Run, notes: dict[str, str]):
        assert run("change", notes["client_id"]).exit_code == 2

    def test_another_method_and_back(self, run: Run, client: FlaskClient, notes: dict[str, str], tmp_path: Path):
        keys = tmp_path / "keys.json"
        keys.write_text(json.dumps(public_jwks("ES256")))
        args = ("--auth-method", "private_key_jwt", "--jwks", keys)
        assert run("change", notes["client_id"], *args).exit_code == 0
        assert speaking(client, notes).refresh("x").error == "invalid_client"
        assert run("change", notes["client_id"], "--auth-method", "client_secret_basic").exit_code == 0
        assert speaking(client, notes).refresh("x").error == "invalid_client", "the secret of before is gone"
        new = json.loads(run("secret", notes["client_id"], "--json").stdout)
        assert speaking(client, new).refresh("x").error == "invalid_grant"

    def test_o33_less_signs_everybody_out(self, run: Run, alice: Person, notes: dict[str, str]):
        app = speaking(alice.client, notes)
        tokens = app.sign_in(alice.tokens["accessToken"])
        assert run("change", notes["client_id"], "--scope", "openid").exit_code == 0
        assert app.userinfo(tokens["access_token"]).status == 401


class TestSecret:
    def test_o29_one_replaces_the_other(self, run: Run, client: FlaskClient, notes: dict[str, str]):
        new = json.loads(run("secret", notes["client_id"], "--json").stdout)
        old, second = shown(run, notes["client_id"])["secrets"].split()
        assert second == new["secret_id"]
        for secret in (notes, new):
            assert speaking(client, secret).refresh("x").error == "invalid_grant"
        third = run("secret", notes["client_id"])
        assert (third.exit_code, "two secrets" in third.output) == (1, True)
        assert run("secret", notes["client_id"], "--remove", old).exit_code == 0
        assert speaking(client, notes).refresh("x").error == "invalid_client"
        assert speaking(client, new).refresh("x").error == "invalid_grant"
        assert run("secret", notes["client_id"], "--remove", old).exit_code == 1


class TestEnd:
    def test_o33_disabled_and_enabled(self, run: Run, alice: Person, notes: dict[str, str]):
        app = speaking(alice.client, notes)
        tokens = app.sign_in(alice.tokens["accessToken"])
        assert run("disable", notes["client_id"]).exit_code == 0
        assert run("disable", notes["client_id"]).exit_code == 0
        assert app.userinfo(tokens["access_token"]).status == 401
        assert app.refresh(tokens["refresh_token"]).error == "invalid_client"
        assert shown(run, notes["client_id"])["disabled"]
        assert run("enable", notes["client_id"]).exit_code == 0
        assert app.refresh(tokens["refresh_token"]).error == "invalid_grant"
        assert app.sign_in(alice.tokens["accessToken"])

    def test_o33_deleted(self, run: Run, alice: Person, notes: dict[str, str], mongo: Database):
        tokens = speaking(alice.client, notes).sign_in(alice.tokens["accessToken"])
        assert run("delete", notes["client_id"], input="n\n").exit_code == 1
        assert mongo.apps.count_documents({}) == 1
        assert run("delete", notes["client_id"], input="y\n").exit_code == 0
        assert speaking(alice.client, notes).userinfo(tokens["access_token"]).status == 401
        assert mongo.apps.count_documents({}) == 0


class TestDoctor:
    def test_it_warns_of_apps_without_pkce_and_of_tokens_for_people(self, run: Run, app: Flask, notes: dict[str, str]):
        def findings() -> list[str]:
            with app.app_context():
                return [one.what for one in doctor.examine() if one.about == notes["client_id"]]

        assert findings() == []
        assert run("change", notes["client_id"], "--no-pkce").exit_code == 0
        (found,) = findings()
        assert "PKCE" in found
        assert run("change", notes["client_id"], "--pkce", "--resource", app.config["TOKEN_AUDIENCE"]).exit_code == 0
        (found,) = findings()
        assert "TOKEN_AUDIENCE" in found

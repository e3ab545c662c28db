"""Identities at other providers in files: of our own export, and as other products list them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId
from bson.json_util import dumps
from flask import Flask

from authsvc.models.users import Identity, key_of
from authsvc.settings.identity_providers import PRESETS, ProviderSettings
from tests.cli.conftest import Run
from tests.support.accounts import Database, stored
from tests.support.upstreams import signing_in_with

GOOGLE, GITHUB = PRESETS["google"].issuer, PRESETS["github"].issuer
ACME = "https://login.acme.example"
EMAIL = "ada@example.com"
PROVIDERS = (
    ProviderSettings("google", "google", "Google", GOOGLE, "x", "openid", client_secret="x"),
    ProviderSettings("code", "github", "GitHub", GITHUB, "x", "openid", client_secret="x", enabled=False),
    ProviderSettings("acme", "oidc", "Acme", ACME, "x", "openid", client_secret="x"),
)
SUPABASE = {"id": "8f8f8f8f-0000-4000-8000-000000000001", "aud": "authenticated", "app_metadata": {}, "email": EMAIL}
FIREBASE = {"localId": "uid1", "email": EMAIL, "emailVerified": True}
AUTH0 = {"user_id": "google-oauth2|117", "email": EMAIL, "email_verified": True}
KEYCLOAK = {"username": "ada", "enabled": True, "emailVerified": True, "email": EMAIL}
LISTED: dict[str, tuple[dict[str, Any], tuple[str, ...], list[tuple[str, str]], list[str]]] = {
    # a record, arguments, the identities that it is to have, and the providers that are said to be left behind
    "Supabase": (
        {
            **SUPABASE,
            "identities": [
                {"provider": "google", "identity_data": {"sub": "117", "email": "ada@gmail.example"}},
                {"provider": "email", "identity_data": {"sub": "8f8f8f8f"}},
                {"provider": "github", "identity_data": {"sub": "42", "iss": "https://api.github.com"}},
                {"provider": "keycloak", "identity_data": {"sub": "k1", "iss": ACME}},
                {
                    "provider": "azure",
                    "identity_data": {"sub": "m1", "iss": "https://login.microsoftonline.com/x/v2.0"},
                },
            ],
        },
        (),
        [(GOOGLE, "117"), (GITHUB, "42"), (ACME, "k1")],
        ["azure"],
    ),
    "Firebase": (
        {
            **FIREBASE,
            "providerUserInfo": [
                {"providerId": "google.com", "rawId": "117", "email": "ada@gmail.example"},
                {"providerId": "password", "rawId": EMAIL},
                {"providerId": "facebook.com", "rawId": "9"},
                {"providerId": "oidc.acme", "rawId": "k1"},
            ],
        },
        ("--provider", "oidc.acme=acme"),
        [(GOOGLE, "117"), (ACME, "k1")],
        ["facebook.com"],
    ),
    "Auth0": (
        {
            **AUTH0,
            "identities": [
                {"provider": "google-oauth2", "user_id": "117", "connection": "google-oauth2", "isSocial": True},
                {"provider": "github", "user_id": 42, "profileData": {"email": "ada@github.example"}},
                {"provider": "auth0", "user_id": "5ccd"},
                {"provider": "windowslive", "user_id": "w"},
            ],
        },
        (),
        [(GOOGLE, "117"), (GITHUB, "42")],
        ["windowslive"],
    ),
    "Keycloak": (
        {
            **KEYCLOAK,
            "federatedIdentities": [
                {"identityProvider": "google", "userId": "117", "userName": "ada"},
                {"identityProvider": "corp=sso", "userId": "k1", "userName": "ada"},
                {"identityProvider": "other", "userId": "o1", "userName": "ada"},
            ],
        },
        ("--provider", "corp=sso=acme"),
        [(GOOGLE, "117"), (ACME, "k1")],
        ["other"],
    ),
    "one twice": (
        {**FIREBASE, "providerUserInfo": [{"providerId": "google.com", "rawId": "117"}] * 2},
        (),
        [(GOOGLE, "117")],
        [],
    ),
    "of odd types": (
        {
            **FIREBASE,
            "providerUserInfo": [
                7,
                None,
                {"providerId": 7, "rawId": "1"},
                {"providerId": "google.com"},
                {"providerId": "google.com", "rawId": ""},
                {"providerId": "google.com", "rawId": True},
                {"providerId": "google.com", "rawId": ["1"]},
                {"providerId": "google.com", "rawId": "x" * 256},
                {"providerId": "google.com", "rawId": "117", "email": 7},
            ],
        },
        (),
        [(GOOGLE, "117")],
        ["google.com"],
    ),
    "no list": ({**FIREBASE, "providerUserInfo": "{"}, (), [], []),
    "too many": (
        {**FIREBASE, "providerUserInfo": [{"providerId": "google.com", "rawId": str(one)} for one in range(25)]},
        (),
        [(GOOGLE, str(one)) for one in range(20)],
        ["google.com"],
    ),
}


@pytest.fixture(autouse=True)
def _providers(app: Flask) -> Iterator[None]:
    """Let people sign in with some providers."""
    with signing_in_with(app, *PROVIDERS):
        yield


def linked(mongo: Database, email: str = EMAIL) -> list[tuple[str, str]]:
    """Return the identities of an account, by issuer and subject; each is found by the key of both."""
    identities = stored(mongo, email).get("linkedIdentities", [])
    assert all(one["key"] == key_of(one["issuer"], one["subject"]) for one in identities)
    return [(one["issuer"], one["subject"]) for one in identities]


def document(address: str, *subjects: str, **lies: Any) -> str:
    """Return a line of our own export."""
    identities = [Identity.of("google", GOOGLE, one).to_mongo().to_dict() | lies for one in subjects]
    return dumps({"_id": ObjectId(), "email": address, "name": "Ada", "role": "user", "linkedIdentities": identities})


class TestListed:
    @pytest.mark.parametrize(("record", "args", "wanted", "left"), LISTED.values(), ids=LISTED)
    @pytest.mark.parametrize("dry", [True, False], ids=["dry", "done"])
    def test_what_is_configured_is_linked_and_the_rest_is_named(
        self,
        import_text: Run,
        mongo: Database,
        record: dict[str, Any],
        args: tuple[str, ...],
        wanted: list[tuple[str, str]],
        left: list[str],
        dry: bool,
    ):
        report = import_text(json.dumps(record), *args, *(["--dry-run"] if dry else []))
        assert (report["exit"], report["taken"], report["identities"]) == (0, 1, len(wanted))
        assert [one.removeprefix("identities: ") for one in report["notCarriedOver"] if "identities" in one] == left
        if not dry:
            assert linked(mongo) == wanted

    def test_nothing_is_linked_that_is_not_configured(self, app: Flask, import_text: Run, mongo: Database):
        with signing_in_with(app):
            report = import_text(json.dumps(LISTED["Auth0"][0]))
        assert report["notCarriedOver"].keys() == {
            *(f"identities: {one}" for one in ("google-oauth2", "github", "windowslive"))
        }
        assert linked(mongo) == []

    def test_the_columns_of_firebase_are_understood(self, import_text: Run, mongo: Database):
        cells = ["uid1", EMAIL, "true", "", "", "Ada", "", "117", "ada@gmail.example", "", "", *[""] * 8]
        cells += ["42", "", "", "", "1512011212345", "", "", "false", ""]
        report = import_text(",".join(cells) + "\n", name="users.csv")
        assert (report["exit"], report["taken"]) == (0, 1)
        assert linked(mongo) == [(GOOGLE, "117"), (GITHUB, "42")]

    @pytest.mark.parametrize("alias", ["oidc.acme=nobody", "acme", "=acme", "x="])
    def test_a_name_that_is_none_of_ours_is_refused(self, users: Run, tmp_path: Path, alias: str):
        file = tmp_path / "users.jsonl"
        file.write_text(json.dumps(FIREBASE))
        done = users("import", file, "--provider", alias)
        assert (done.exit_code, done.stdout) == (1, "")
        assert "--provider" in done.stderr


class TestOwn:
    def test_an_export_brings_them_back(self, users: Run, import_text: Run, mongo: Database):
        import_text(document(EMAIL, "117", "118"))
        before = stored(mongo, EMAIL)
        done = users("export", "-", "--yes", "--json")
        assert json.loads(done.stderr)["withIdentities"] == 1
        mongo.users.delete_many({})
        assert import_text(done.stdout)["identities"] == 2
        assert stored(mongo, EMAIL) == before

    def test_they_are_found_by_what_they_say(self, import_text: Run, mongo: Database):
        """Whatever key a file has for them: else a line could sign somebody in to another account."""
        assert import_text(document(EMAIL, "117", key=key_of(GOOGLE, "666")))["taken"] == 1
        assert linked(mongo) == [(GOOGLE, "117")]

    @pytest.mark.parametrize("lies", [{"subject": 7}, {"issuer": None}, {"id": "x"}, {"createdAt": "x"}, {"email": 7}])
    def test_what_is_no_identity_is_refused_by_name(self, import_text: Run, mongo: Database, lies: dict[str, Any]):
        report = import_text(document(EMAIL, "117", **lies))
        assert (report["exit"], report["invalid"]) == (1, 1)
        assert "linkedIdentities" in report["invalidLines"][0]["reason"]

    def test_an_empty_list_is_none(self, import_text: Run, mongo: Database):
        """The index would hold it, and there could be no second one."""
        assert import_text("\n".join([document(EMAIL), document("bob@example.com")]))["taken"] == 2
        assert mongo.users.count_documents({"linkedIdentities": {"$exists": True}}) == 0

    @pytest.mark.parametrize("odd", [7, "x", {"key": 1}, [7], [{"key": ["x"]}]], ids=str)
    def test_what_another_program_stored_there_is_in_nobody_s_way(self, import_text: Run, mongo: Database, odd: object):
        mongo.users.insert_one({"email": "odd@example.com", "linkedIdentities": odd})
        assert import_text(document(EMAIL, "117"), "--dry-run")["taken"] == 1
        assert import_text(document(EMAIL, "117"))["taken"] == 1

    @pytest.mark.parametrize("dry", [True, False], ids=["dry", "done"])
    def test_r109_one_that_another_account_has_is_told_apart_from_a_duplicate(
        self, import_text: Run, mongo: Database, dry: bool
    ):
        import_text(document(EMAIL, "117"))
        text = "\n".join([document("bob@example.com", "117"), document(EMAIL, "9"), document("eve@example.com", "8")])
        report = import_text(text, *(["--dry-run"] if dry else []))
        assert (report["taken"], report["duplicate"], report["invalid"]) == (1, 1, 1)
        assert report["invalidLines"] == [{"line": 1, "reason": "identities: one is another account's"}]
        assert linked(mongo) == [(GOOGLE, "117")]

"""Exports of other products, as those write them: each is understood, or said to be not, by name. U29, U30, U32-U35."""

import csv
import io
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import bson
import pytest
from bson import ObjectId
from bson.codec_options import CodecOptions
from bson.datetime_ms import DatetimeMS
from bson.raw_bson import RawBSONDocument
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mongoengine.connection import get_connection

from authsvc.clients import mailer
from authsvc.models.users import User
from authsvc.schemas.users import UserSchema
from authsvc.security import stored_addresses
from authsvc.services import mail
from authsvc.services.user_transfer import files
from authsvc.services.user_transfer.products import PRODUCTS
from authsvc.services.user_transfer.values import NotUnderstood
from authsvc.services.user_transfer.values import time as read_time
from tests.cli.conftest import PLAIN, Run
from tests.conftest import PASSWORD, problem, wipe
from tests.support.accounts import Database, import_account, login, node_hash, register, stored
from tests.support.letters import newest
from tests.support.service import Service, Visitor

EXPORTS = Path(__file__).parent / "exports"
FIREBASE_PASSWORD = "user1password"  # of the example that Firebase publishes with its scrypt
WITH_CONFIG = ("--firebase-hash-config", str(EXPORTS / "firebase.hash_config"))
HASH = node_hash(PASSWORD)


@dataclass(frozen=True)
class Export:
    """What an example is to become; `opens` are the schemes by the addresses that sign in afterwards."""

    title: str | None
    opens: dict[str, str]
    taken: int
    verified: int
    disabled: int = 0
    args: tuple[str, ...] = ()
    resets: dict[str, int] = field(default_factory=dict)
    left: set[str] = field(default_factory=set)
    password: str = PASSWORD


KNOWN = {
    "supabase.csv": Export(
        "Supabase",
        {"ada@supabase.example": "bcrypt"},
        3,
        1,
        disabled=1,
        left={"raw_app_meta_data", "raw_user_meta_data"},
    ),
    "supabase.json": Export("Supabase", {"json@supabase.example": "argon2id"}, 1, 1, left={"raw_app_meta_data"}),
    "firebase.json": Export(
        "Firebase",
        {"ada@firebase.example": "firebase_scrypt"},
        2,
        1,
        disabled=1,
        args=WITH_CONFIG,
        left={"customAttributes", "identities: google.com"},
        password=FIREBASE_PASSWORD,
    ),
    "firebase.csv": Export(
        "Firebase", {"csv@firebase.example": "firebase_scrypt"}, 1, 1, args=WITH_CONFIG, password=FIREBASE_PASSWORD
    ),
    "auth0.jsonl": Export("Auth0", {"ada@auth0.example": "bcrypt"}, 1, 1),
    "auth0.json": Export(
        "Auth0",
        {"pbkdf2@auth0.example": "pbkdf2_sha512", "bcrypt@auth0.example": "bcrypt"},
        4,
        3,
        disabled=1,
        resets={"MD5": 1},
        left={"app_metadata"},
    ),
    "keycloak.json": Export(
        "Keycloak",
        {
            "ada1@keycloak.example": "pbkdf2_sha256",
            "ada2@keycloak.example": "pbkdf2_sha512",
            "ada3@keycloak.example": "pbkdf2_sha1",
            "ada4@keycloak.example": "argon2id",
        },
        6,
        5,
        disabled=1,
        resets={"a plain-text password, or a Keycloak credential without a hash": 1},
        left={"attributes", "realmRoles"},
    ),
    "django.json": Export(
        "Django",
        {"ada1@django.example": "pbkdf2_sha256", "ada2@django.example": "argon2id"},
        4,
        0,
        disabled=1,
        resets={"MD5": 1},
        left={"is_superuser", "is_staff"},
    ),
    "laravel.csv": Export("Laravel", {"ada@laravel.example": "bcrypt", "bob@laravel.example": "bcrypt"}, 2, 1),
    "wordpress.csv": Export(
        "WordPress",
        {"ada@wordpress.example": "wordpress_bcrypt", "old@wordpress.example": "phpass"},
        3,
        0,
        resets={"MD5": 1},
    ),
    "wordpress.json": Export("WordPress", {"phpbb@wordpress.example": "phpass"}, 1, 0),
    "devise.csv": Export("Devise", {"ada@devise.example": "bcrypt"}, 2, 1, disabled=1),
    "devise.json": Export("Devise", {"json@devise.example": "bcrypt"}, 1, 1),
    "spring.jsonl": Export(
        None,
        {"bcrypt@spring.example": "bcrypt", "passlib@spring.example": "pbkdf2_sha512"},
        3,
        0,
        resets={"Spring scrypt": 1},
    ),
    "mongo.json": Export(None, {"ops@corp.local": "bcrypt", "far@mongo.example": "bcrypt"}, 2, 0),
}


def reasons(report: dict[str, Any]) -> list[str]:
    """Return why lines were refused."""
    return [one["reason"] for one in report["invalidLines"]]


OF_PRODUCTS: dict[str, dict[str, Any]] = {
    "devise": {"email": "a@example.com", "encrypted_password": HASH, "confirmed_at": "2024-01-01T00:00:00Z"},
    "laravel": {"email": "a@example.com", "password": HASH, "remember_token": None},
    "auth0": {"email": "a@example.com", "user_id": "auth0|1", "email_verified": True},
    "supabase": {"email": "a@example.com", "encrypted_password": HASH, "aud": "authenticated"},
    "wordpress": {"user_email": "a@example.com", "user_pass": HASH, "user_login": "a"},
    "django": {"email": "a@example.com", "password": HASH, "date_joined": "2024-01-01T00:00:00Z"},
    "keycloak": {"email": "a@example.com", "username": "a", "createdTimestamp": 1_700_000_000_000},
}


class TestU33Exports:
    @pytest.mark.parametrize("name", KNOWN)
    def test_an_export_is_recognised_and_told_of_in_the_dry_run(self, users: Run, mongo: Database, name: str):
        export = KNOWN[name]
        done = users("import", EXPORTS / name, "--dry-run", "--json", *export.args)
        report = json.loads(done.stdout)
        assert (done.exit_code, report["invalidLines"], report["taken"]) == (0, [], export.taken)
        assert (report["format"] or "None").startswith(str(export.title))
        assert (report["verified"], report["disabled"]) == (export.verified, export.disabled)
        assert report["needReset"] == export.resets
        assert export.left <= set(report["notCarriedOver"])
        assert set(export.opens.values()) <= set(report["hashSchemes"])
        assert mongo.users.count_documents({}) == 0
        said = users("import", EXPORTS / name, "--dry-run", *export.args).stdout
        assert all(
            f"{kind} hashes can't be imported: {count} account{'s' * (count > 1)} will need a password reset" in said
            for kind, count in export.resets.items()
        )

    @pytest.mark.slow
    def test_their_owners_sign_in_with_the_passwords_they_have(
        self, users: Run, settings: dict[str, str], mongo: Database
    ):
        """Each kind of hash, over HTTP, at a real service; the second time it is bcrypt."""
        for name, export in KNOWN.items():
            assert users("import", EXPORTS / name, *export.args).exit_code == 0, name
        with Service(**{**settings, "WEB_CONCURRENCY": 1}) as service:
            visitor = Visitor(service.url, keep_alive=True)
            for export in KNOWN.values():
                for email in export.opens:
                    assert visitor.login(email, export.password + "?").status_code == 401, email
                    answers = [visitor.login(email, export.password) for _ in range(2)]
                    assert [answer.status_code for answer in answers] == [200, 200], email
                    assert mongo.users.find_one({"emailKey": email.lower()})["password"].startswith("$2b$"), email
            for email in ("banned@supabase.example", "locked@devise.example", "scrypt@auth0.example"):
                assert visitor.login(email).status_code == 403, email
            for email in ("md5@wordpress.example", "md5@auth0.example", "ada6@keycloak.example"):
                assert visitor.login(email).status_code == 401, email

    def test_what_they_are_called_and_since_when_they_are_there(self, users: Run, mongo: Database):
        for name, export in KNOWN.items():
            assert users("import", EXPORTS / name, *export.args).exit_code == 0, name
        old = datetime(2019, 5, 4, 3, 2, 1, tzinfo=UTC)
        for email, called, made in (
            ("ada@supabase.example", "Ada, of Supabase", datetime(2023, 5, 4, 3, 2, 1, 654_000, tzinfo=UTC)),
            ("ada@firebase.example", "Ada of Firebase", datetime(2017, 11, 30, 3, 6, 52, 345_000, tzinfo=UTC)),
            ("csv@firebase.example", "Firebase, by CSV", datetime(2017, 11, 30, 3, 6, 52, 345_000, tzinfo=UTC)),
            ("pbkdf2@auth0.example", "Ada Lovelace", None),
            ("ada1@keycloak.example", "Ada Number 1", old.replace(microsecond=654_000)),
            ("ada1@django.example", "Ada Django", old.replace(microsecond=654_000)),
            ("ada@laravel.example", "Ada Laravel", old),
            ("ada@wordpress.example", "Ada of WordPress", old),
            ("json@devise.example", "Ada Devise", old.replace(microsecond=654_000)),
        ):
            document = stored(mongo, email)
            assert (document["name"], document["createdAt"]) == (called, made), email
            assert document["role"] == "user"

    def test_nothing_of_theirs_is_stored_that_the_report_does_not_name(self, users: Run, mongo: Database):
        for name, export in KNOWN.items():
            users("import", EXPORTS / name, *export.args)
        ours = {"_id", "email", "name", "role", "password", "createdAt", "emailVerifiedAt", "disabledAt"}
        ours |= {"emailKey", "nameKey"}
        theirs = list(mongo.users.find({"email": {"$regex": "supabase|firebase|auth0|keycloak|django|devise"}}))
        assert len(theirs) >= len(KNOWN)
        for document in theirs:
            assert set(document) <= ours | {"username", "phone", "formerId"}
            assert "in clear" not in str(document)

    def test_firebase_without_its_parameters_says_what_is_missing(self, users: Run, mongo: Database):
        said = users("import", EXPORTS / "firebase.json", "--dry-run").stdout
        assert "give its parameters with --firebase-hash-config" in said
        assert "1 account will need a password reset" in said

    def test_firebase_s_parameters_may_stand_in_the_file(self, import_text: Run, client: FlaskClient):
        given = json.loads((EXPORTS / "firebase.json").read_text())
        text = (EXPORTS / "firebase.hash_config").read_text()
        config = dict(re.findall(r"(\w+): ([^,\s]+),", text))
        assert import_text(json.dumps({"hash_config": config, **given}))["needReset"] == {}
        assert login(client, "ada@firebase.example", FIREBASE_PASSWORD).status_code == 200

    @pytest.mark.parametrize(
        "text", ["", "x", "hash_config { algorithm: HMAC_MD5 }", "rounds: 8", "base64_signer_key: !"]
    )
    def test_parameters_of_firebase_that_are_none(self, users: Run, tmp_path: Path, text: str):
        (tmp_path / "config").write_text(text)
        done = users("import", EXPORTS / "firebase.json", "--firebase-hash-config", tmp_path / "config")
        assert done.exit_code == 1
        assert len(done.stderr.strip().splitlines()) == 1

    def test_an_export_can_be_named(self, import_text: Run):
        text = json.dumps({"id": 1, "email": "a@example.com", "email_verified_at": "2020-01-01 00:00:00"})
        assert import_text(text, "--dry-run")["format"] is None
        assert import_text(text, "--dry-run", "--from", "laravel")["format"] == "Laravel (users)"

    @pytest.mark.parametrize("key", PRODUCTS)
    def test_no_other_format_is_taken_for_one(self, key: str):
        """The signs of one are all found, and by no format before it."""
        for sign in PRODUCTS[key].signs:
            earlier = [
                other
                for other in list(PRODUCTS)[: list(PRODUCTS).index(key)]
                if any(s <= sign for s in PRODUCTS[other].signs)
            ]
            assert earlier == []

    @pytest.mark.parametrize(
        ("text", "kind"),
        [
            ("5f4dcc3b5aa765d61d8327deb882cf99", "MD5"),
            ("md5$salt$" + "a" * 32, "MD5"),
            ("{MD5}X03MO1qnZdYdgyfeuILPmQ==", "MD5"),
            ("a" * 40, "SHA-1"),
            ("*" + "A" * 40, "SHA-1"),
            ("{SSHA}" + "A" * 32, "SHA-1"),
            ("a" * 64, "SHA-2"),
            ("$6$salt$" + "a" * 86, "SHA-2"),
            ("$S$" + "D" * 52, "SHA-2"),
            ("$2x$10$" + "." * 53, "bcrypt $2x$"),
            ("{pbkdf2}" + "a" * 96, "Spring PBKDF2"),
            ("$argon2d$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$RdescudvJCsgt3ub+b+dWRWJTmaaJObG", "argon2d"),
        ],
    )
    def test_a_hash_that_can_not_be_taken_is_named_and_its_owner_needs_a_reset(
        self, import_text: Run, mongo: Database, text: str, kind: str
    ):
        report = import_text(json.dumps({"email": "a@example.com", "password": text}))
        assert (report["exit"], report["taken"], report["needReset"]) == (0, 1, {kind: 1})
        assert "password" not in stored(mongo, "a@example.com")

    def test_one_that_is_cut_costs_no_other_and_fails_nothing(
        self, import_text: Run, client: FlaskClient, mongo: Database
    ):
        cut = f"$fbscrypt$v=1,n=14,r=8,p=1,sk=AAAAA$AAAA${'A' * 86}=="
        people = [{"email": "a@example.com", "password": cut}, {"email": "b@example.com", "password": HASH}]
        report = import_text("".join(json.dumps(one) + "\n" for one in people))
        assert (report["taken"], report["invalidLines"]) == (
            1,
            [{"line": 1, "reason": "password: a hash with invalid base64"}],
        )
        mongo.users.update_one({}, {"$set": {"former": cut}})
        import_account(mongo, email="a@example.com", password=cut)
        problem(login(client, "a@example.com"), 401, "invalid_credentials")
        token = login(client, "b@example.com").get_json()["accessToken"]
        own = client.get("/auth/me/export", headers={"Authorization": f"Bearer {token}"})
        assert own.status_code == 200

    @pytest.mark.parametrize(
        ("members", "said"),
        [
            ({"legacyHash": "x" * 20}, "legacyHash: looks like a password hash"),
            ({"userPasswordDigest": "x" * 20}, "userPasswordDigest: looks like a password hash"),
            ({"isVerified": True}, "isVerified: looks like a proof"),
            ({"confirmed": "yes"}, "confirmed: looks like a proof"),
            ({"status": "suspended"}, "status: looks like an account that is switched off"),
            ({"locked_until": "2030-01-01"}, "locked_until: looks like an account that is switched off"),
            ({"accountActive": False}, "accountActive: looks like an account that is switched off"),
        ],
    )
    def test_what_looks_like_it_matters_and_is_not_understood_is_named(
        self, import_text: Run, members: dict[str, Any], said: str
    ):
        (remark,) = import_text(json.dumps({"email": "a@example.com", **members}), "--dry-run")["remarks"]
        assert remark.startswith(said)

    @pytest.mark.parametrize(
        "off", [{"disabled": True}, {"is_active": "f"}, {"isBanned": 1}, {"enabled": "false"}, {"blocked": "yes"}]
    )
    def test_who_was_switched_off_stays_so(self, import_text: Run, client: FlaskClient, off: dict[str, Any]):
        report = import_text(json.dumps({"email": "a@example.com", "password": HASH, **off}))
        assert (report["taken"], report["disabled"]) == (1, 1)
        problem(login(client, "a@example.com"), 403, "account_disabled")

    @pytest.mark.parametrize(
        "off", [{"isActive": False}, {"disabled": True}, {"is_active": "f"}, {"blocked": 1}], ids=str
    )
    def test_r2_11_a_document_of_mongodb_is_kept_as_it_is_and_named(self, import_text: Run, off: dict[str, Any]):
        """Our own export of an account that signs in must not come back switched off; the documentation says so."""
        report = import_text(json.dumps({"_id": {"$oid": str(ObjectId())}, "email": "a@example.com", **off}))
        assert (report["taken"], report["disabled"]) == (1, 0)
        name = next(iter(off))
        assert report["remarks"] == {f"{name}: looks like an account that is switched off, and is not understood": 1}

    def test_r2_2_second_factors_of_keycloak_that_stay_behind_are_named(self, import_text: Run):
        credentials = [
            {"type": kind, "secretData": "{}"} for kind in ("otp", "otp", "webauthn", "recovery-authn-codes")
        ]
        members = {**OF_PRODUCTS["keycloak"], "totp": True, "credentials": [*credentials, "odd"]}
        assert import_text(json.dumps([members]), "--dry-run")["notCarriedOver"] == {
            "totp": 1,
            "credentials: otp": 1,
            "credentials: webauthn": 1,
            "credentials: recovery-authn-codes": 1,
        }
        for none in ([], None, {}, "x", 7):
            plain = {**OF_PRODUCTS["keycloak"], "totp": False, "credentials": none}
            assert import_text(json.dumps([plain]), "--dry-run")["notCarriedOver"] == {}

    @pytest.mark.parametrize(
        ("members", "path"),
        [
            *(({name: HASH}, name) for name in ("pass", "passwd", "pwd", "pw", "encryptedPwd", "x", "note")),
            ({"auth": {"hash": HASH}}, "auth.hash"),
            ({"local": {"password": HASH}}, "local.password"),
            ({"logins": [{"by": "mail", "x": [HASH]}]}, "logins[].x[]"),
            ({"x": "$1$salt$" + "a" * 22}, "x"),
            ({"x": "{SSHA}" + "A" * 32}, "x"),
            ({"x": "{bcrypt}" + HASH}, "x"),
            ({"auth": {"passwordDigest": "a" * 40}}, "auth.passwordDigest"),
            ({"hash": "b" * 16, "digest": "b" * 15}, "hash"),
        ],
        ids=lambda value: str(value).replace(HASH, "HASH"),  # which is another each time
    )
    @pytest.mark.parametrize("of", ["a file", "MongoDB", "laravel"])
    def test_r2_3_a_hash_in_another_place_is_named(self, import_text: Run, members: dict[str, Any], path: str, of: str):
        rest = {"a file": {}, "MongoDB": {"_id": {"$oid": str(ObjectId())}}, "laravel": OF_PRODUCTS["laravel"]}[of]
        text = json.dumps([{"email": "a@example.com", **rest, **members}])
        report = import_text(text, "--dry-run", "--from", "laravel" if of == "laravel" else "own")
        assert report["remarks"] == {f"{path}: looks like a password hash, and is not understood": 1}

    def test_r2_3_what_only_looks_like_one_is_not(
        self, users: Run, client: FlaskClient, import_text: Run, tmp_path: Path
    ):
        other = {
            "gravatar": "a" * 32,
            "token": "b" * 64,
            "price": "$2 off",
            "avatar": "https://x/$1$/{id}",
            "hash": "x",
        }
        assert import_text(json.dumps({"email": "a@example.com", **other}), "--dry-run")["remarks"] == {}
        register(client)
        users("export", tmp_path / "own.jsonl", "--yes")
        assert import_text((tmp_path / "own.jsonl").read_bytes(), "--dry-run")["remarks"] == {}

    def test_r2_3_also_in_a_cell_that_holds_json(self, import_text: Run):
        text = json.dumps({"email": "a@example.com", "meta": json.dumps({"auth": {"hash": HASH}})})
        assert import_text(text, "--dry-run")["remarks"] == {
            "meta.auth.hash: looks like a password hash, and is not understood": 1
        }

    def test_r2_5_records_of_other_kinds_in_a_django_dump_are_counted(
        self, users: Run, import_text: Run, tmp_path: Path
    ):
        """What allauth says of a proof is not taken, and so has to be told."""
        proof = {"model": "account.emailaddress", "pk": 1, "fields": {"email": "a@example.com", "verified": True}}
        person = {"model": "auth.user", "pk": 1, "fields": OF_PRODUCTS["django"]}
        text = json.dumps([{"model": "auth.group", "pk": 1, "fields": {}}, person, proof, proof])
        report = import_text(text, "--dry-run")
        assert (report["taken"], report["skipped"]) == (1, {"account.emailaddress": 2, "auth.group": 1})
        said = users("import", tmp_path / "users.jsonl", "--dry-run").stdout
        assert "skipped: account.emailaddress (2), auth.group (1)" in said

    @pytest.mark.parametrize("named", [True, False], ids=["named", "recognised"])
    @pytest.mark.parametrize("product", ["devise", "laravel", "django", "wordpress"])
    @pytest.mark.parametrize("indent", [None, 2], ids=["in lines", "pretty-printed"])
    def test_r2_4_phpmyadmin_writes_tables_of_any_product(
        self, import_text: Run, product: str, named: bool, indent: int | None
    ):
        table = {"type": "table", "name": "users", "database": "shop", "data": [OF_PRODUCTS[product]]}
        around = [
            {"type": "header", "version": "5.2.1", "comment": "Export to JSON plugin for PHPMyAdmin"},
            {"type": "database", "name": "shop"},
        ]
        text = (
            json.dumps([*around, table], indent=2)
            if indent
            else "[\n" + ",\n".join(map(json.dumps, [*around, table])) + "\n]\n"
        )
        report = import_text(text, "--dry-run", *(("--from", product) if named else ()))
        assert (report["exit"], report["taken"], report["invalidLines"]) == (0, 1, [])
        assert report["format"] == PRODUCTS[product].title

    @pytest.mark.parametrize("product", ["devise", "laravel", "auth0", "supabase", "wordpress", "django", "keycloak"])
    @pytest.mark.parametrize(
        "off",
        [{"disabled": True}, {"is_active": 0}, {"active": False}, {"enabled": "f"}, {"suspended": "yes"}],
        ids=str,
    )
    def test_r2_1_who_was_switched_off_at_a_product_stays_so(
        self, import_text: Run, client: FlaskClient, product: str, off: dict[str, Any]
    ):
        members = {**OF_PRODUCTS[product], **off}
        report = import_text(json.dumps([members]), "--from", product)
        assert (report["taken"], report["disabled"], report["notCarriedOver"]) == (1, 1, {})
        if product not in ("auth0", "keycloak"):
            problem(login(client, "a@example.com"), 403, "account_disabled")

    @pytest.mark.parametrize(
        ("members", "said"),
        [({"approved": False}, "approved"), ({"locked": 1}, "locked"), ({"account_active": "no"}, "account_active")],
        ids=str,
    )
    def test_r2_1_what_sounds_like_it_is_named(self, import_text: Run, members: dict[str, Any], said: str):
        report = import_text(json.dumps([{**OF_PRODUCTS["devise"], **members}]), "--dry-run")
        assert report["remarks"].get(f"{said}: looks like an account that is switched off, and is not understood") == 1

    def test_r2_1_each_of_wordpress_s_two_words_counts(self, import_text: Run):
        text = json.dumps([{**OF_PRODUCTS["wordpress"], "spam": "0", "deleted": "1"}])
        assert import_text(text, "--dry-run")["disabled"] == 1

    @pytest.mark.parametrize(
        "said", [True, "true", "TRUE", "t", 1, "1", "yes", "Y", "on", "2020-01-01T00:00:00Z", "2020-01-01 00:00:00+00"]
    )
    def test_each_shape_of_verified(self, import_text: Run, said: Any):
        assert import_text(json.dumps({"email": "a@example.com", "email_verified": said}))["verified"] == 1

    @pytest.mark.parametrize("said", [False, "false", "F", 0, "0", "no", "N", "off", None, ""])
    def test_each_shape_of_not_verified(self, import_text: Run, said: Any):
        assert import_text(json.dumps({"email": "a@example.com", "email_verified": said}))["verified"] == 0


def people(count: int) -> list[dict[str, Any]]:
    return [
        {"email": f"p{n}@example.com", "name": f'"{n}" {{[]}} \\', "more": {"list": [{"a": "}"}, []]}}
        for n in range(count)
    ]


SHAPES: dict[str, Callable[[list[dict[str, Any]]], str]] = {
    "an array": json.dumps,
    "an array, indented": lambda found: json.dumps(found, indent=4),
    "an array, a user a line": lambda found: "[\n" + ",\n".join(map(json.dumps, found)) + "\n]\n",
    "lines": lambda found: "".join(json.dumps(one) + "\n" for one in found),
    "objects, indented": lambda found: "\n".join(json.dumps(one, indent=2) for one in found),
    "objects, one after another": lambda found: "".join(map(json.dumps, found)),
    "users": lambda found: json.dumps({"users": found}),
    "users, indented": lambda found: json.dumps({"total": 3, "users": found, "next": None}, indent=2),
    "data": lambda found: json.dumps({"data": found, "clients": [{"x": [{"users": 1}]}]}),
    "two objects a line": lambda found: "".join(
        json.dumps(one) + ("\n" if n % 2 else " ") for n, one in enumerate(found)
    ),
    "a byte order mark": lambda found: "\ufeff" + json.dumps(found),
    "windows": lambda found: json.dumps(found, indent=1).replace("\n", "\r\n"),
}


class TestU33Json:
    @pytest.mark.parametrize("shape", SHAPES)
    def test_every_shape_gives_everybody(self, import_text: Run, mongo: Database, shape: str):
        report = import_text(SHAPES[shape](people(5)))
        assert (report["exit"], report["taken"]) == (0, 5)
        assert {one["more"]["list"][0]["a"] for one in mongo.users.find()} == {"}"}

    @pytest.mark.parametrize("shape", SHAPES)
    def test_where_it_goes_on_nobody_is_left_out(self, import_text: Run, mongo: Database, shape: str):
        """Whatever line a place was kept at: who is in twice is a duplicate."""
        text = SHAPES[shape](people(4))
        for line in range(1, min(6, text.count("\n") + 1)):
            wipe(mongo)
            found = list(files.read_json(files.Lines(io.BytesIO(text.encode())), 1))
            up_to = [one for one in found if one.end < line]
            later = list(files.read_json(files.Lines(io.BytesIO(text.encode())), line))
            emails = {one.members["email"] for one in (*up_to, *later) if "email" in one.members}
            assert len(emails) == 4

    def test_a_broken_user_costs_no_other(self, import_text: Run):
        good = [json.dumps({"email": f"{name}@example.com"}) for name in "abc"]
        text = f'[{good[0]}, {{"email": NaN}}, {good[1]}, 5, "x", {good[2]}]'
        report = import_text(text)
        assert (report["exit"], report["taken"], report["invalid"]) == (1, 3, 3)

    def test_a_first_line_that_was_cut_costs_no_other(self, import_text: Run):
        report = import_text(
            '{"email": "a@exa\n{"email": "b@example.com"}\n{"email": "c@example.com"}\n', name="users.jsonl"
        )
        assert (report["taken"], report["invalid"]) == (2, 1)

    @pytest.mark.parametrize(
        "text",
        ['[{"email": "a@example.com"}', '{"users": [{"email": "a@example.com"}', '[{"email": "a@example.com"}, {"em'],
    )
    def test_an_end_in_the_middle_is_told(self, import_text: Run, text: str):
        report = import_text(text)
        assert (report["exit"], report["taken"], reasons(report)) == (1, 1, ["broken JSON: it ends in the middle"])

    def test_an_account_with_a_list_of_users_is_an_account_or_refused(self, import_text: Run):
        assert import_text('{"email": "a@example.com",\n"users": [{"email": "b@example.com"}]}')["taken"] == 1
        refused = import_text('{"users": [{"x": 1}],\n"email": "a@example.com"}')
        assert refused["exit"] == 1

    def test_one_that_is_too_long_costs_no_other(self, import_text: Run):
        long = "x" * (files.LONGEST + 10)
        text = json.dumps(
            [{"email": "a@example.com"}, {"email": "b@example.com", "x": long}, {"email": "c@example.com"}]
        )
        report = import_text(text)
        assert (report["taken"], reasons(report)) == (2, [f"longer than {files.LONGEST} bytes"])

    @pytest.mark.parametrize(
        ("raw", "said"),
        [
            ('{"email": "a@example.com"}'.encode("utf-16"), "UTF-16"),
            ("email\na@example.com\n".encode("utf-16-le"), "UTF-16"),
            ("email\na@example.com\n".encode("utf-16-be"), "UTF-16"),
            (b"\x1f\x8b\x08rest", "compressed"),
            (b"PK\x03\x04rest", "ZIP"),
        ],
    )
    def test_a_file_of_another_kind_is_refused_by_name(self, users: Run, tmp_path: Path, raw: bytes, said: str):
        for name in ("users.json", "users.csv", "users"):
            (tmp_path / name).write_bytes(raw)
            done = users("import", tmp_path / name)
            assert (done.exit_code, said in done.stderr, len(done.stderr.splitlines())) == (1, True, 1)

    @given(
        st.lists(
            st.dictionaries(
                st.text(max_size=5),
                st.recursive(st.text() | st.integers(), lambda x: st.lists(x, max_size=3), max_leaves=4),
                max_size=4,
            ),
            min_size=1,
            max_size=6,
        ),
        st.sampled_from(
            ["an array", "an array, indented", "objects, indented", "objects, one after another", "lines", "users"]
        ),
    )
    @settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
    def test_whatever_they_hold_as_many_objects_come_out(self, found: list[dict[str, Any]], shape: str):
        found = [{"email": "x", **{f"m{name}": value for name, value in one.items()}} for one in found]
        text = SHAPES[shape](found)
        read = [one for one in files.read_json(files.Lines(io.BytesIO(text.encode())), 1) if not one.around]
        assert [one.members for one in read] == found
        assert {one.fault for one in read} == {None}


class TestU33Csv:
    @pytest.mark.parametrize("parting", [",", ";", "\t"])
    @pytest.mark.parametrize("blank", ["", " "])
    def test_any_parting_and_a_blank_after_it(self, import_text: Run, mongo: Database, parting: str, blank: str):
        cells = [["email", "name", "password"], ["a@example.com", "Ada;,\tL\nines", HASH]]
        text = "\n".join((parting + blank).join(f'"{cell}"' for cell in row) for row in cells)
        report = import_text("\ufeff" + text + "\n", name="users.csv")
        assert (report["exit"], report["taken"]) == (0, 1)
        assert stored(mongo, "a@example.com")["name"] == "Ada;, L ines"

    def test_what_databases_write_for_nothing_is_nothing(self, import_text: Run, mongo: Database):
        out = io.StringIO()
        csv.writer(out).writerows([["email", "name", "created_at", "plan"], ["a@example.com", "NULL", "NULL", r"\N"]])
        import_text(out.getvalue(), name="users.csv")
        document = stored(mongo, "a@example.com")
        assert (document["name"], document["createdAt"], "plan" in document) == ("NULL", None, False)

    def test_mongoexport_s_ids_are_understood(self, import_text: Run, mongo: Database):
        import_text("_id,email\nObjectId(5ccd03e1a2b3c4d5e6f70809),a@example.com\n", name="users.csv")
        assert stored(mongo, "a@example.com")["_id"] == ObjectId("5ccd03e1a2b3c4d5e6f70809")


class TestU32Times:
    @pytest.mark.parametrize(
        "said",
        [
            "2017-11-30T03:06:52.345Z",
            "2017-11-30 03:06:52.345 UTC",
            "2017-11-30 03:06:52.345+00",
            "2017-11-30T04:06:52.345+01:00",
            "2017-11-29 22:06:52.345 -0500",
            "2017-11-30 03:06:52.345678 +0000 UTC",
            "1512011212345",
            1512011212345,
            1512011212.345,
            {"$date": "2017-11-30T03:06:52.345Z"},
            {"$date": {"$numberLong": "1512011212345"}},
            {"$date": 1512011212345},
        ],
        ids=str,
    )
    def test_one_moment_in_each_spelling(self, import_text: Run, mongo: Database, said: Any):
        assert import_text(json.dumps({"email": "a@example.com", "createdAt": said}))["taken"] == 1
        assert stored(mongo, "a@example.com")["createdAt"] == datetime(2017, 11, 30, 3, 6, 52, 345_000, tzinfo=UTC)

    @pytest.mark.parametrize(
        "said",
        [
            "20171130",
            "2017",
            20171130,
            0,
            -1,
            True,
            "15120112123450000",
            "1.5e12",
            "30/11/2017",
            "11-30-2017",
            "2017-13-01",
            "2017-11-30T25:00",
            "yesterday",
            "2017-11-30 03:06:52 CEST",
            [],
            {},
            1e300,
        ],
        ids=str,
    )
    def test_what_is_not_understood_is_refused(self, import_text: Run, said: Any):
        (reason,) = reasons(import_text(json.dumps({"email": "a@example.com", "createdAt": said})))
        assert reason.startswith("createdAt: ")

    @given(st.integers(2 * 10**11, 7 * 10**12).map(lambda ms: datetime.fromtimestamp(ms / 1000, UTC)))
    @settings(deadline=None)
    def test_a_time_is_never_another_one(self, moment: datetime):
        aware = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
        milliseconds = round(aware.timestamp() * 1000)
        spellings = [
            aware.isoformat(),
            aware.isoformat(" "),
            f"{aware:%Y-%m-%d %H:%M:%S.%f} UTC",
            aware.isoformat().replace("+00:00", "Z"),
        ]
        assert {read_time(one) for one in spellings} == {aware}
        assert read_time(str(milliseconds)) == read_time(milliseconds) == aware

    @given(st.text(max_size=30) | st.from_regex(r"[0-9:TZ+.-]{1,25}", fullmatch=True))
    @settings(deadline=None)
    def test_any_text_is_understood_or_refused(self, text: str):
        try:
            found = read_time(text)
        except NotUnderstood:
            return
        assert found is None or 1 <= found.year <= 9999

    def test_u32_without_a_time_no_read_invents_one(self, import_text: Run, client: FlaskClient, mongo: Database):
        import_text(json.dumps({"email": "a@example.com", "password": HASH}))
        assert [login(client, "a@example.com").get_json()["user"]["createdAt"] for _ in range(2)] == [None, None]
        made = datetime(2019, 5, 4, 3, 2, 1, tzinfo=UTC)
        import_account(mongo, without="createdAt", _id=ObjectId.from_datetime(made), email="b@example.com")
        assert login(client, "b@example.com").get_json()["user"]["createdAt"] == "2019-05-04T03:02:01.000Z"
        assert "createdAt" not in stored(mongo, "b@example.com")

    def test_u32_a_year_beyond_9999_breaks_no_read(self, app: Flask):
        """The embedded database can't hold one, MongoDB can: what the driver makes of its bytes is what counts."""
        beyond = DatetimeMS(317_125_584_000_000)
        raw = bson.encode({"_id": ObjectId(), "email": "a@example.com", "createdAt": beyond, "seen": [beyond]})
        read = bson.decode(raw, codec_options=get_connection().codec_options)
        assert read["createdAt"].year == 9999
        assert UserSchema().dump(User._from_son(read))["createdAt"].startswith("9999-12-31T23:59:59")

    def test_u32_one_is_imported_as_it_was_exported(self, import_text: Run):
        far = {"$date": {"$numberLong": "317125584000000"}}
        document = {"_id": {"$oid": "5ccd03e1a2b3c4d5e6f7080a"}, "email": "far@example.com", "createdAt": far, "x": far}
        assert import_text(json.dumps(document), "--dry-run")["taken"] == 1
        assert reasons(import_text(json.dumps({"email": "a@example.com", "x": far}), "--dry-run")) == [
            "a time after the year 9999"
        ]

    def test_r2_7_u32_a_document_that_the_database_refuses_costs_no_other(self, import_text: Run, mongo: Database):
        """The embedded database takes no time as far as this one; MongoDB does."""
        far = {"$date": {"$numberLong": "999999999999999"}}
        lines = [{"_id": {"$oid": str(ObjectId())}, "email": f"{number}@example.com"} for number in range(7)]
        for number in (2, 5):
            lines[number]["createdAt"] = far
        report = import_text("".join(json.dumps(line) + "\n" for line in lines))
        refused = {one["line"]: one["reason"] for one in report["invalidLines"]}
        if refused:
            assert refused == {3: "refused by the database", 6: "refused by the database"}
        assert report["taken"] == mongo.users.count_documents({}) == 7 - len(refused)


OLD_ADDRESSES = [
    "ops@corp.local",
    "Root@localhost",
    "jürgen@example.com",
    "idn@münchen.de",
    "MiXeD@Example.COM",
    "x@y.test",
    "a" * 70 + "@example.com",
    "l@" + "d" * 60 + "." + ".".join(["e" * 60] * 4) + ".com",
]


ODD_ADDRESSES = [
    "sp ace@example.com",
    "a,b@example.com",
    '"q uoted"@example.com',
    '"quoted"@example.com',
    "=?utf-8?q?a=40evil.example?=@corp.example.com",
    "x=?utf-8?q?=0d=0abcc=3a_a=40evil.example?=@corp.example.com",
    "Ada <ada@example.com>",
    "ada(comment)@example.com",
    "a..b@example.com",
    "a@b@example.com",
    "a@[127.0.0.1]",
    "no address",
    "ada",
    "j\u00fcrgen@example.com",
    "j\u00fc rgen@example.com",
    '"j\u00fcrgen"@example.com',
    "idn@m\u00fcnchen.de",
    "idn@m\u00fcnchen_.de",
    "ops@corp.local",
    "root@localhost",
    "what?=ever@example.com",
    "a@xn--0.com",
    "x" * 900 + "@example.com",
]


class TestU29OldData:
    """A rule for new data says nothing of what is stored already."""

    @pytest.mark.parametrize("email", OLD_ADDRESSES, ids=lambda email: email[:20])
    def test_who_has_an_old_address_signs_in_and_resets(
        self, client: FlaskClient, app: Flask, mongo: Database, email: str
    ):
        import_account(mongo, email=email, name="N" * 300, role="moderator")
        for typed in (email, email.lower(), f" {email}"):
            assert login(client, typed).status_code == 200, typed
        problem(login(client, email, "wrong"), 401, "invalid_credentials")
        for path in ("/auth/password/forgot", "/auth/email/resend"):
            assert client.post(path, json={"email": email}).status_code == 202
        body = {"token": newest(app, "reset"), "newPassword": "another good phrase"}
        assert client.post("/auth/password/reset", json=body).status_code == 204
        assert login(client, email, "another good phrase").status_code == 200

    @pytest.mark.parametrize("email", OLD_ADDRESSES, ids=lambda email: email[:20])
    def test_it_is_found_by_commands_and_by_administrators(
        self, users: Run, client: FlaskClient, mongo: Database, email: str
    ):
        import_account(mongo, email="admin@example.com", role="admin")
        import_account(mongo, email=email, name="", role="moderator")
        token = login(client, "admin@example.com").get_json()["accessToken"]
        headers = {"Authorization": f"Bearer {token}"}
        assert users("show", email).exit_code == 0
        answer = client.get("/admin/users", query_string={"q": email[:254]}, headers=headers)
        (found,) = answer.get_json()["items"]
        assert (found["email"], found["name"], found["role"]) == (email, "", "moderator")
        assert client.patch(f"/admin/users/{found['id']}", json={"name": "New"}, headers=headers).status_code == 200
        assert client.patch(f"/admin/users/{found['id']}", json={"role": "user"}, headers=headers).status_code == 200

    @pytest.mark.parametrize("email", ["Ops@corp.local", "root@localhost", "me@intranet"])
    def test_other_programs_knew_names_of_local_networks(self, import_text: Run, client: FlaskClient, email: str):
        """Decision 0031: in an import, though not for who registers."""
        assert import_text(json.dumps({"email": email, "password": HASH}))["taken"] == 1
        assert login(client, email.upper()).status_code == 200
        assert register(client, email=f"x{email}").status_code == 422

    def test_a_look_alike_of_an_address_is_nobody(self, client: FlaskClient, mongo: Database):
        import_account(mongo, email="kate@corp.local")
        for other in ("\u212aate@corp.local", "\uff4bate@corp.local", "kate@corp.loca\uff4c"):
            problem(login(client, other), 401, "invalid_credentials")

    def test_who_can_not_be_reached_is_named_by_db_check_and_by_the_doctor(
        self, app: Flask, clean: None, mongo: Database
    ):
        run = app.test_cli_runner()
        import_account(mongo, email="ops@corp.local")
        for command in (["db", "check"], ["doctor"]):
            assert "address" not in run.invoke(args=command).output
        for email in (" spaced@example.com", "line@example.com\n", "no address", "jürgen@example.com", "a@münchen.de"):
            import_account(mongo, email=email)
        for command in (["db", "check"], ["doctor"]):
            done = run.invoke(args=command)
            assert done.exit_code == 1
            assert "accounts with an email address that nobody can sign in with: 2" in done.output
            assert "accounts with an email address that is not ASCII" in done.output
            assert "only some mail servers send letters: 1" in done.output

    @pytest.mark.parametrize("email", ODD_ADDRESSES)
    def test_u29_who_gets_no_letter_is_named_and_nobody_else(
        self, client: FlaskClient, app: Flask, mongo: Database, tmp_path: Path, email: str
    ):
        """Asked for over HTTP, and delivered; R2-10."""
        import_account(mongo, email=email)
        assert login(client, email).status_code == 200
        client.post("/auth/password/forgot", json={"email": email})
        with app.app_context():
            while mail.deliver(mailer.from_url(f"file:{tmp_path}")):
                pass
        (tmp_path / "users.jsonl").write_text(json.dumps({"_id": {"$oid": str(ObjectId())}, "email": email}))
        run = app.test_cli_runner()
        named = ["get no letters" in run.invoke(args=command).output for command in (["db", "check"], ["doctor"])]
        wipe(mongo)
        named.append("no letter" in run.invoke(args=["users", "import", str(tmp_path / "users.jsonl")]).output)
        assert named == [not list(tmp_path.glob("*.eml"))] * 3

    def test_whatever_is_exported_is_imported_again_byte_for_byte(self, users: Run, mongo: Database, tmp_path: Path):
        odd: list[dict[str, Any]] = [
            *({"email": email} for email in OLD_ADDRESSES),
            {"name": ""},
            {"name": "\u3164"},
            {"name": "x" * 5000},
            {"name": "a\x00b\x1b[0m\n"},
            {"role": "root"},
            {"role": ""},
            {"role": None},
            {"email": " spaced@example.com "},
            {"email": "no address at all"},
            {"email": "x" * 900},
            {"password": None},
            {"createdAt": None},
            {"emailVerified": True, "emailVerifiedAt": datetime(2020, 1, 1, tzinfo=UTC)},
            {"isActive": False, "disabled": True, "locked": "yes"},
            {"resetPasswordToken": "a" * 40, "refreshTokens": [{"token": "x"}]},
        ]
        for number, members in enumerate(odd):
            import_account(mongo, **{"email": f"odd-{number}@example.com", **members})
        raw = mongo.users.with_options(CodecOptions(RawBSONDocument))
        before = {one["_id"]: one.raw for one in raw.find()}
        assert users("export", tmp_path / "users.jsonl", "--yes").exit_code == 0
        wipe(mongo)
        done = users("import", tmp_path / "users.jsonl", "--json")
        report = json.loads(done.stdout)
        assert (done.exit_code, report["invalidLines"], report["format"]) == (0, [], None)
        assert {one["_id"]: one.raw for one in raw.find()} == before


plain_names = st.sampled_from(
    [
        "initialPassword",
        "temporaryPassword",
        "temp_password",
        "PASSWORD",
        "Pass-Word",
        "passwordPlain",
        "userPwd",
        "pwd",
        "passwd",
        "plain_text_password",
        "password2",
        "passphrase",
        "Passwort",
        "mot_de_passe",
        "contraseña",
        "パスワード",
        "oldPasswords",
        "user_pass",
        "newPw",
    ]
)


ODD_MEMBERS: list[dict[str, Any]] = [
    {"createdAt": "2020-01-01"},
    {"createdAt": {"$gt": 1}},
    {"passwordChangedAt": 12345},
    {"emailVerifiedAt": True},
    {"emailVerifiedAt": "yes"},
    {"disabledAt": False},
    {"disabledAt": ""},
    {"role": {"a": 1}},
    {"role": ["user"]},
    {"role": ["admin"]},
    {"role": 7},
    {"name": 5},
    {"name": ["a"]},
    {"name": bson.Regex("a")},
    {"linkEpoch": "7"},
    {"linkEpoch": "x"},
    {"linkEpoch": [1]},
    {"factorEpoch": {"a": 1}},
    {"undoLinks": "x"},
    {"undoLinks": [7]},
    {"recoveryCodeHashes": {"a": 1}},
    {"recoveryCodesAt": True},
    {"passkeys": "x"},
    {"passkeys": ["x"]},
    {"copiedPasskeys": 1},
    {"linkedIdentities": ["x"]},
    {"totp": "x"},
    {"totp": [1]},
    {"totp": {"sealed": 1, "createdAt": "x", "confirmedAt": True}},
    {"password": 7},
    {"password": ["x"]},
    {"email": 7},
    {"email": ["odd@example.com"]},
]


class TestU29U32OddDocuments:
    """One document that another program left breaks no sign-in, no list and no command: review 1, 9."""

    @pytest.mark.slow
    @pytest.mark.parametrize("members", ODD_MEMBERS, ids=str)
    def test_it_is_read_and_named(self, users: Run, client: FlaskClient, mongo: Database, members: dict[str, Any]):
        import_account(mongo, email="admin@example.com", role="admin")
        document = import_account(mongo, **{"email": "odd@example.com", "emailVerifiedAt": None, **members})
        headers = {"Authorization": f"Bearer {login(client, 'admin@example.com').get_json()['accessToken']}"}
        if not {"password", "email"} & members.keys():
            assert login(client, "odd@example.com").status_code == 200
            assert login(client, "odd@example.com", "wrong").status_code == 401
        else:
            assert login(client, "odd@example.com").status_code == 401
        assert client.post("/auth/password/forgot", json={"email": "odd@example.com"}).status_code == 202
        for query in (
            {},
            {"role": "user"},
            {"role": "admin"},
            {"status": "active"},
            {"status": "disabled"},
            {"q": "o"},
        ):
            answer = client.get("/admin/users", query_string=query, headers=headers)
            assert answer.status_code == 200, query
            for one in answer.get_json()["items"]:
                assert {type(one[name]) for name in ("name", "email", "role")} <= {str, type(None)}
        assert client.get(f"/admin/users/{document['_id']}", headers=headers).status_code == 200
        for command in (["list"], ["list", "--role", "user"], ["show", str(document["_id"])]):
            assert users(*command).exit_code == 0, command
        for command in (["db", "check"], ["doctor"]):
            done = client.application.test_cli_runner().invoke(args=command)
            assert (done.exit_code, "accounts with" in done.output) == (1, True), done.output

    @pytest.mark.parametrize("off", [True, "2020-01-01", 1, {"at": "2020"}], ids=str)
    def test_who_was_switched_off_in_another_way_stays_so(
        self, users: Run, client: FlaskClient, mongo: Database, off: Any
    ):
        document = import_account(mongo, email="odd@example.com", disabledAt=off)
        problem(login(client, "odd@example.com"), 403, "account_disabled")
        assert users("enable", document["_id"]).exit_code == 0
        assert login(client, "odd@example.com").status_code == 200


class TestU34PlainPasswords:
    @pytest.mark.parametrize(
        "members",
        [
            {"initialPassword": PLAIN},
            {"temporaryPassword": PLAIN},
            {"user": {"password": PLAIN}},
            {"credentials": [{"type": "password", "value": PLAIN}]},
            {"legacy": {"credentials": [{"value": PLAIN}]}},
            {"logins": [{"type": "password", "value": PLAIN}]},
            {"auth": [{"x": {"Passwords": [PLAIN]}}]},
            {"password": HASH, "profile": {"passwordConfirmation": PLAIN}},
            {"services": {"password": {"plain": PLAIN}}},
            {"pin": 1234},
            *({name: PLAIN} for name in ("heslo", "uzivatel_heslo", "passord", "clave", "kodeord", "password_last")),
            *({name: PLAIN} for name in ("passwordLast", "passwordLastValue", "password_one")),
            {"note": json.dumps({"password": PLAIN})},
            {"meta": json.dumps([{"x": json.dumps({"user": {"pwd": PLAIN}})}])},
            {"meta": " " + json.dumps({"credentials": [{"type": "password", "value": PLAIN}]})},
            {"meta": '{"a":' * 400 + json.dumps({"password": PLAIN}) + "}" * 400},
            {"meta": '{"a":' * 5_000 + json.dumps({"password": PLAIN}) + "}" * 5_000},
        ],
        ids=count(),
    )
    def test_u34_none_is_stored_at_any_depth(self, import_text: Run, mongo: Database, members: dict[str, Any]):
        report = import_text(json.dumps({"email": "a@example.com", **members}))
        assert (report["exit"], report["taken"]) == (1, 0)
        assert "looks like a plain-text password" in reasons(report)[0]
        assert mongo.users.count_documents({}) == 0

    @given(
        plain_names,
        st.lists(
            st.text(st.characters(categories=("L",)), min_size=1, max_size=8).filter(
                lambda name: "hash" not in name.lower()
            ),
            max_size=5,
        ),
        st.booleans(),
    )
    @settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_u34_whatever_is_around_it(
        self, import_text: Run, mongo: Database, name: str, path: list[str], listed: bool
    ):
        value: Any = {name: [PLAIN] if listed else PLAIN}
        for part in path:
            value = {part: [value] if listed else value}
        import_text(json.dumps({"email": "a@example.com", "x": value}))
        assert mongo.users.count_documents({}) == 0

    @pytest.mark.parametrize(
        "members",
        [
            {"resetPasswordToken": "a" * 40},
            {"passwordChangedAt": "2020-01-01"},
            {"passwordResetRequired": True},
            {"services": {"password": {"bcrypt": HASH}}},
            {"passwordHistory": [HASH]},
            {"compass": "north", "passport": "no", "bypass": "x"},
            {"passwordLastUsed": "2020-01-01", "password_last_changed_at": 5, "lastPasswordReset": "x"},
            {"note": "{password}", "x": "[", "y": "[1, 2]", "z": '{"plan": "gold"}'},
            {"color": {"value": "green"}, "credentials": [{"type": "password", "device": "phone"}]},
        ],
        ids=count(),
    )
    def test_what_is_only_about_a_password_is_kept(self, import_text: Run, members: dict[str, Any]):
        assert import_text(json.dumps({"email": "a@example.com", **members}))["taken"] == 1

    @pytest.mark.parametrize(
        "name", ["initialPassword", "user_pass", "userPwd", "tempPass", "contraseña", "secretAnswer", "apiKey"]
    )
    def test_u34_nor_is_one_given_out(self, users: Run, client: FlaskClient, mongo: Database, name: str):
        """The same list holds for exports, of all accounts and of one's own."""
        import_account(mongo, email="a@example.com", **{name: PLAIN, "plan": "gold", "inner": {"password": PLAIN}})
        token = login(client, "a@example.com").get_json()["accessToken"]
        own = client.get("/auth/me/export", headers={"Authorization": f"Bearer {token}"})
        assert (PLAIN in own.text, "gold" in own.text) == (False, True)
        if name not in ("secretAnswer", "apiKey"):
            done = users("export", "-", "--yes")
            assert (PLAIN in done.output, "gold" in done.output) == (False, True)
            assert f"left out: {name}, inner.password" in done.stderr


class TestU30EveryWayIn:
    """One rule for people, passkeys, tokens, invitations, commands and imports."""

    GOOD = {
        "\u5c71\u7530\u3000\u592a\u90ce": "\u5c71\u7530 \u592a\u90ce",
        "\u0639\u0644\u06cc\u200c\u0631\u0636\u0627": "\u0639\u0644\u06cc\u200c\u0631\u0636\u0627",
        "\U0001f469\u200d\U0001f4bb": "\U0001f469\u200d\U0001f4bb",
        "A\u00a0B": "A B",
    }
    BAD = ("\u3164", "\u2800", "\u200d", "a\u202eb", "a\nb", "x" * 101)

    def test_a_name_is_taken_by_all_or_by_none(self, users: Run, client: FlaskClient, mongo: Database, tmp_path: Path):
        import_account(mongo, email="admin@example.com", role="admin")
        token = login(client, "admin@example.com").get_json()["accessToken"]
        headers = {"Authorization": f"Bearer {token}"}

        def taken_as(name: str, number: int) -> list[str | None]:
            """Return as what each way in takes a name, None where it is refused."""
            body = {"name": name, "email": f"r{number}@example.com", "password": PASSWORD}
            answers = [
                client.post("/auth/register", json=body),
                client.post(
                    "/admin/users",
                    json={"name": name, "email": f"i{number}@example.com", "role": "user"},
                    headers=headers,
                ),
                client.patch("/auth/me", json={"name": name}, headers=headers),
                client.post("/auth/access-tokens", json={"name": name, "scopes": ["account:read"]}, headers=headers),
            ]
            found: list[str | None] = []
            for answer in answers:
                assert answer.status_code in (200, 201, 422), answer.text
                shown = answer.get_json()
                found.append(shown.get("user", shown).get("name"))
            done = users("create", f"c{number}@example.com", "--name", name, "--invite")
            assert done.exit_code in (0, 2)
            created = mongo.users.find_one({"email": f"c{number}@example.com"})
            return [*found, created["name"] if created is not None else None]

        for number, (name, kept) in enumerate(self.GOOD.items()):
            assert taken_as(name, number) == [kept] * 5
            (tmp_path / "users.jsonl").write_text(json.dumps({"email": f"f{number}@example.com", "name": name}))
            assert users("import", tmp_path / "users.jsonl").exit_code == 0
            assert stored(mongo, f"f{number}@example.com")["name"] == kept
        for number, name in enumerate(self.BAD, 100):
            assert taken_as(name, number) == [None] * 5

    def test_an_import_leaves_out_what_shows_nothing_and_refuses_what_plays_tricks(
        self, import_text: Run, mongo: Database
    ):
        assert import_text(json.dumps({"email": "a@example.com", "name": "\u3164\u2800"}))["taken"] == 1
        assert "name" not in stored(mongo, "a@example.com")
        assert reasons(import_text(json.dumps({"email": "b@example.com", "name": "a\u202eb"}))) == [
            "name: contains an invisible character"
        ]


class TestU35OneForm:
    NO_DOMAINS = (
        "xn--a@corp.local",
        "a@xn--",
        "a@xn--0.com",
        "a@xn--a.com",
        "@xn--",
        "xn--a@b",
        "a..b@xn--mnchen-3ya.de",
        "a@xn--bcher-kva.local",
        "foo@xn--strae-oqa.local",
        "foo@xn--str",
        "xn--a@xn--a",
    )
    TYPED = ("idn@m\u00fcnchen.de", "IDN@M\u00dcNCHEN.DE", "idn@xn--mnchen-3ya.de", " idn@mu\u0308nchen.de ")

    @pytest.mark.slow
    @pytest.mark.parametrize("stored_as", ["idn@xn--mnchen-3ya.de", "idn@m\u00fcnchen.de", "Idn@XN--Mnchen-3ya.de"])
    def test_an_address_is_found_however_it_is_typed(
        self, users: Run, app: Flask, client: FlaskClient, mongo: Database, stored_as: str
    ):
        run = app.test_cli_runner()
        import_account(mongo, email="admin@example.com", role="admin")
        document = import_account(mongo, email=stored_as)
        token = login(client, "admin@example.com").get_json()["accessToken"]
        headers = {"Authorization": f"Bearer {token}"}
        for typed in self.TYPED:
            assert login(client, typed).status_code == 200, typed
            found = client.get("/admin/users", query_string={"q": typed}, headers=headers).get_json()["items"]
            assert [one["id"] for one in found] == [str(document["_id"])], typed
            for command in (("show",), ("disable",), ("enable",), ("reset-link",), ("promote",), ("demote",)):
                done = users(*command, typed)
                assert done.exit_code == 0, (command, typed, done.output)
            assert run.invoke(args=["sessions", "end", typed, "--yes"]).exit_code == 0
            assert json.loads(users("list", "--q", typed, "--json").stdout)[0]["id"] == str(document["_id"])
            assert client.post("/auth/password/forgot", json={"email": typed.strip()}).status_code == 202
        problem(
            client.post("/auth/register", json={"name": "A", "email": "idn@m\u00fcnchen.de", "password": PASSWORD}),
            409,
            "email_taken",
        )
        assert users("delete", self.TYPED[0], "--yes").exit_code == 0

    @pytest.mark.parametrize("email", NO_DOMAINS)
    def test_u29_u35_what_only_looks_like_an_encoded_domain_is_somebody_or_nobody(
        self, users: Run, client: FlaskClient, mongo: Database, email: str
    ):
        """Never a 5xx for what somebody types, nor for what is stored."""
        assert client.post("/auth/login", json={"email": email, "password": "x"}).status_code == 401
        for path in ("/auth/password/forgot", "/auth/email/resend"):
            assert client.post(path, json={"email": email}).status_code in (202, 422)
        import_account(mongo, email="admin@example.com", role="admin")
        import_account(mongo, email=email)
        headers = {"Authorization": f"Bearer {login(client, 'admin@example.com').get_json()['accessToken']}"}
        assert client.get("/admin/users", query_string={"q": email}, headers=headers).status_code == 200
        assert login(client, email).status_code == 200
        assert users("show", email).exit_code == 0
        for command in (["db", "check"], ["doctor"]):
            assert "Traceback" not in client.application.test_cli_runner().invoke(args=command).output

    def test_u29_u35_such_a_document_stops_no_import(self, import_text: Run):
        report = import_text(
            "".join(json.dumps({"_id": {"$oid": str(ObjectId())}, "email": email}) + "\n" for email in self.NO_DOMAINS)
        )
        assert report["taken"] == len(self.NO_DOMAINS)

    @given(
        st.lists(
            st.sampled_from(
                ["xn--", "xn--a", "xn--mnchen-3ya", "xn--strae-oqa", "a", "@", ".", "de", "\u00fc", "\u00df"]
            )
            | st.characters(categories=("L", "P")),
            max_size=8,
        ).map("".join)
    )
    @settings(deadline=None)
    def test_u29_u35_any_text_has_spellings(self, text: str):
        assert stored_addresses.spellings(text)

    @pytest.mark.parametrize("other", ["idn@xn--mnchen-3ya.de", "idn@m\u00fcnchen.de"])
    def test_u3_u35_what_an_undo_gives_back_is_reserved_in_every_form(
        self, users: Run, app: Flask, client: FlaskClient, mongo: Database, other: str
    ):
        proved = datetime(2020, 1, 1, tzinfo=UTC)
        document = import_account(mongo, email="idn@m\u00fcnchen.de", emailVerifiedAt=proved)
        headers = {"Authorization": f"Bearer {login(client, document['email']).get_json()['accessToken']}"}
        client.post("/auth/me/email", json={"email": "new@example.com"}, headers=headers)
        proof = {"token": newest(app, "change", "new@example.com")}
        assert client.post("/auth/email/verify", json=proof, headers=headers).status_code == 200
        undo = newest(app, "email_changed")
        problem(register(client, email=other), 409, "email_taken")
        assert users("create", other, "--name", "Eve", "--invite").exit_code != 0
        body = {"name": "Eve", "email": "eve@example.com", "password": PASSWORD}
        token = client.post("/auth/register", json=body).get_json()["accessToken"]
        eve = {"Authorization": f"Bearer {token}"}
        client.post("/auth/me/email", json={"email": other}, headers=eve)
        problem(
            client.post("/auth/email/verify", json={"token": newest(app, "change")}, headers=eve), 409, "email_taken"
        )
        assert client.post("/auth/email/revert", json={"token": undo}).status_code == 200
        body = {"token": newest(app, "email_restored"), "newPassword": "another good phrase"}
        assert client.post("/auth/password/reset", json=body).status_code == 204
        for typed in self.TYPED:
            answer = login(client, typed, "another good phrase")
            assert (answer.status_code, answer.get_json()["user"]["id"]) == (200, str(document["_id"])), typed

    def test_u35_nobody_changes_to_the_other_form_of_somebody_s_address(
        self, app: Flask, client: FlaskClient, mongo: Database
    ):
        headers = {"Authorization": f"Bearer {register(client).get_json()['accessToken']}"}
        client.post("/auth/me/email", json={"email": "idn@m\u00fcnchen.de"}, headers=headers)
        import_account(mongo, email="idn@m\u00fcnchen.de")
        proof = {"token": newest(app, "change")}
        problem(client.post("/auth/email/verify", json=proof, headers=headers), 409, "email_taken")

    def test_u35_two_forms_of_one_address_are_named_by_db_check(self, app: Flask, clean: None, mongo: Database):
        ids = [str(import_account(mongo, email=email)["_id"]) for email in self.TYPED[1:3]]
        done = app.test_cli_runner().invoke(args=["db", "check"])
        assert f"idn@xn--mnchen-3ya.de belongs to {', '.join(ids)}" in done.output

    @pytest.mark.parametrize("args", [(), ("--dry-run",)], ids=["import", "dry run"])
    def test_u35_a_document_with_the_other_form_is_there_already(
        self, import_text: Run, client: FlaskClient, mongo: Database, args: tuple[str, ...]
    ):
        import_account(mongo, email="idn@xn--mnchen-3ya.de")
        emails = [
            "idn@m\u00fcnchen.de",
            "a@m\u00fcnchen.de",
            "b@example.com",
            "a@xn--mnchen-3ya.de",
            "A@M\u00dcNCHEN.de",
        ]
        text = "".join(json.dumps({"_id": {"$oid": str(ObjectId())}, "email": email}) + "\n" for email in emails)
        report = import_text(text, *args)
        assert (report["taken"], report["duplicateLines"]) == (2, [1, 4, 5])

    def test_r2_8_only_what_is_equal_in_lower_case_is_a_duplicate(self, import_text: Run, mongo: Database):
        import_account(mongo, email="foo@strasse.de")
        emails = ["foo@stra\u00dfe.de", "FOO@STRASSE.DE", "bar@stra\u00dfe.de"]
        text = "".join(json.dumps({"_id": {"$oid": str(ObjectId())}, "email": email}) + "\n" for email in emails)
        report = import_text(text)
        assert (report["taken"], report["duplicateLines"]) == (2, [2])
        assert report["invalidLines"] == []

    def test_an_import_knows_it_too(self, import_text: Run):
        text = "".join(json.dumps({"email": typed}) + "\n" for typed in self.TYPED)
        report = import_text(text)
        assert (report["taken"], report["duplicate"]) == (1, 3)

    def test_a_name_is_found_with_any_blank(self, client: FlaskClient, mongo: Database):
        import_account(mongo, email="admin@example.com", role="admin")
        import_account(mongo, name="\u5c71\u7530 \u592a\u90ce")
        token = login(client, "admin@example.com").get_json()["accessToken"]
        query = {"q": "\u5c71\u7530\u3000\u592a"}
        found = client.get("/admin/users", query_string=query, headers={"Authorization": f"Bearer {token}"}).get_json()
        assert len(found["items"]) == 1

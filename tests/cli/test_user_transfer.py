"""`flask users import` and `export`: people of other programs come in with the passwords they have, and leave again."""

import csv
import io
import json
import os
import pty
import re
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import bson
import pytest
from bson import CodecOptions, Decimal128, ObjectId
from bson.raw_bson import RawBSONDocument
from flask import Flask, request
from flask.testing import FlaskClient
from werkzeug.security import check_password_hash, generate_password_hash

from authsvc.events import catalogue
from authsvc.models import readiness
from authsvc.models.users import User, keys
from authsvc.services import passwords
from authsvc.services.user_transfer import files, importing
from tests.cli.conftest import PLAIN, Run
from tests.conftest import PASSWORD, Person, problem, wipe
from tests.support.accounts import (
    EMAIL,
    OLD,
    UNKNOWN_FIELDS,
    Database,
    hashing,
    import_account,
    login,
    node_hash,
    register,
    stored,
)
from tests.support.commands import flask
from tests.support.elsewhere import EveryKind
from tests.support.factors import with_totp
from tests.support.races import ROUNDS, race
from tests.support.service import ROOT, Service, Visitor, uri_of

MADE = EveryKind(PASSWORD)
HASH = node_hash(PASSWORD)


@pytest.fixture
def own_database(mongo: Database) -> Iterator[Database]:
    """Return a database that goes as a whole: deleting many documents takes its time."""
    name = f"{mongo.name}_moving"
    yield mongo.client[name]
    mongo.client.drop_database(name)


def line(number: int = 1, **members: Any) -> str:
    """Return the line of a user."""
    plain = {"name": f"User {number}", "email": f"user-{number}@example.com", "password": HASH}
    return json.dumps({**plain, **members}) + "\n"


def lines(count: int, first: int = 1) -> str:
    """Return the lines of so many users, with ids of their own."""
    return "".join(line(number, _id={"$oid": f"{number:024x}"}) for number in range(first, first + count))


def table(*rows: list[str]) -> str:
    """Return rows as CSV."""
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue()


def reasons(report: dict[str, Any]) -> dict[int, str]:
    """Return what was wrong, by line."""
    return {one["line"]: one["reason"] for one in report["invalidLines"]}


class TestHashes:
    @pytest.mark.slow
    @pytest.mark.parametrize("maker", MADE)
    def test_a_user_of_elsewhere_signs_in_and_has_a_hash_of_ours_from_then_on(
        self, import_text: Run, client: FlaskClient, mongo: Database, maker: str
    ):
        """R16"""
        scheme, hash_ = MADE[maker]
        report = import_text(line(email=EMAIL, password=hash_))
        assert (report["exit"], report["taken"], report["hashSchemes"]) == (0, 1, {scheme: 1})
        assert report["legacy"] == int(not hash_.startswith("$2b$"))
        problem(login(client, password="wrong"), 401, "invalid_credentials")
        assert stored(mongo)["password"] == hash_
        for _ in range(2):
            assert login(client).status_code == 200
            assert stored(mongo)["password"].startswith("$2b$04$")
        assert mongo.users.count_documents({}) == 1

    @pytest.mark.parametrize("password", ["w" * 73, "é" * 50], ids=len)
    def test_a_password_that_bcrypt_cut_elsewhere(self, import_text: Run, client: FlaskClient, password: str):
        """R3"""
        import_text(line(email=EMAIL, password=node_hash(password)))
        assert login(client, password=password).status_code == 200
        problem(login(client, password=password + "?"), 401, "invalid_credentials")

    @pytest.mark.race
    def test_a_change_of_password_at_the_same_time_wins(self, import_text: Run, client: FlaskClient, mongo: Database):
        """F8: neither the upgrade of a foreign hash nor a sign-in in flight outlives it."""
        app, new = client.application, "another good phrase"
        hash_ = generate_password_hash(PASSWORD, "pbkdf2:sha256:20000")

        def change() -> None:
            with app.app_context():
                while not passwords.replace(User.find_by_email(EMAIL), new):
                    pass

        for _ in range(ROUNDS):
            mongo.users.delete_many({})
            assert import_text(line(email=EMAIL, password=hash_))["taken"] == 1
            with hashing(5):
                answers = race(*[lambda: login(app.test_client())] * 4, change)[:-1]
                assert {answer.status_code for answer in answers} <= {200, 401}
                problem(login(client), 401, "invalid_credentials")
                assert login(client, password=new).status_code == 200
            for answer in answers:
                if answer.status_code == 200:
                    left = Person(client, EMAIL, PASSWORD, tokens=answer.get_json())
                    assert problem(left.home(), 401, "session_ended")["reason"] == "password_changed"


class TestOtherPrograms:
    """Their own code makes the files, a real service takes the sign-ins."""

    @pytest.mark.slow
    def test_users_of_a_django_project_sign_in(
        self, users: Run, settings: dict[str, str], mongo: Database, tmp_path: Path
    ):
        command = [sys.executable, "-m", "tests.support.django_app", PASSWORD]
        file = tmp_path / "auth_user.csv"
        file.write_text(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout)
        report = json.loads(users("import", file, "--json").stdout)
        assert report["taken"] == 7
        wanted = {"pbkdf2_sha256": 1, "pbkdf2_sha1": 1, "argon2id": 1, "bcrypt_sha256": 1, "bcrypt": 1, "scrypt": 1}
        assert report["hashSchemes"] == {**wanted, "none": 1}
        with Service(**settings) as service:
            visitor = Visitor(service.url)
            for name in ("PBKDF2", "PBKDF2SHA1", "Argon2", "BCryptSHA256", "BCrypt", "Scrypt"):
                email = f"{name}@example.com"
                assert visitor.login(email, PASSWORD + "?").status_code == 401
                assert [visitor.login(email).status_code for _ in range(2)] == [200, 200]
                document = stored(mongo, email)
                assert document["password"].startswith("$2b$04$")
                assert document["username"] == name.lower()
                assert document["formerId"].isdigit()
                assert abs((datetime.now(UTC) - document["createdAt"]).total_seconds()) < 120
            assert visitor.login("without@example.com").status_code == 401
        assert "password" not in stored(mongo, "without@example.com")

    @pytest.mark.slow
    def test_users_of_a_flask_application_sign_in(self, users: Run, settings: dict[str, str], tmp_path: Path):
        app, kept = Flask("elsewhere"), []

        @app.post("/register")
        def sign_up() -> str:
            hash_ = generate_password_hash(request.form["password"], request.form["method"])
            kept.append({"email": request.form["email"], "password_hash": hash_})
            return ""

        for method in ("scrypt", "pbkdf2"):
            form = {"email": f"{method}@example.com", "password": PASSWORD, "method": method}
            assert app.test_client().post("/register", data=form).status_code == 200
        file = tmp_path / "users.jsonl"
        file.write_text("".join(json.dumps(one) + "\n" for one in kept))
        assert users("import", file).exit_code == 0
        with Service(**settings) as service:
            visitor = Visitor(service.url)
            for one in kept:
                assert check_password_hash(one["password_hash"], PASSWORD)
                assert [visitor.login(one["email"]).status_code for _ in range(2)] == [200, 200]
        assert json.loads(users("export", "-", "--yes", "--json").stderr)["hashSchemes"] == {"bcrypt": 2}


class TestMongoexport:
    def test_a_document_of_mongoose_comes_in_as_it_was(self, import_text: Run, client: FlaskClient, mongo: Database):
        text = (
            '{"_id":{"$oid":"5ccd03e1a2b3c4d5e6f70809"},"name":"Old Hand","email":"Old.Hand@example.com",'
            f'"password":"{HASH}","role":"admin","createdAt":{{"$date":"2019-05-04T03:02:01.654Z"}},"__v":3,'
            '"refreshTokens":[{"token":"abc","_id":{"$oid":"5ccd03e1a2b3c4d5e6f7080a"}}],"avatar":null,'
            '"balance":{"$numberDecimal":"12.50"},"seen":{"$date":{"$numberLong":"1556938921654"}}}\n'
        )
        assert import_text(text)["taken"] == 1
        when = datetime(2019, 5, 4, 3, 2, 1, 654_000, tzinfo=UTC)
        document = stored(mongo, "Old.Hand@example.com")
        assert document.pop("emailKey") == "old.hand@example.com"
        assert document.pop("nameKey") == "old hand"
        assert document == {
            "_id": ObjectId("5ccd03e1a2b3c4d5e6f70809"),
            "name": "Old Hand",
            "email": "Old.Hand@example.com",
            "password": HASH,
            "role": "admin",
            "createdAt": when,
            "__v": 3,
            "refreshTokens": [{"token": "abc", "_id": ObjectId("5ccd03e1a2b3c4d5e6f7080a")}],
            "avatar": None,
            "balance": Decimal128("12.50"),
            "seen": when,
        }
        assert list(document)[:6] == ["_id", "name", "email", "password", "role", "createdAt"]
        assert login(client, OLD).get_json()["user"]["createdAt"] == "2019-05-04T03:02:01.654Z"

    @pytest.mark.parametrize(
        "members",
        [
            {"passwordHash": HASH},
            {"password_hash": HASH},
            {"password": HASH, "created_at": "2019-05-04T03:02:01.654Z", "email_verified": True},
            {"password": HASH, "createdAt": "2019-05-04T05:02:01.654+02:00", "emailVerifiedAt": "2020-01-01"},
            {"password": HASH, "id": "5ccd03e1a2b3c4d5e6f70809", "emailVerified": True},
        ],
    )
    def test_other_names_of_the_fields(self, import_text: Run, client: FlaskClient, members: dict[str, Any]):
        assert import_text(json.dumps({"email": EMAIL, **members}))["taken"] == 1
        user = login(client).get_json()["user"]
        assert user["emailVerified"] == ("emailVerified" in str(members) or "email_verified" in members)
        if "createdAt" in members or "created_at" in members:
            assert user["createdAt"] == "2019-05-04T03:02:01.654Z"
        if "id" in members:
            assert user["id"] == members["id"]


class TestPlain:
    @pytest.mark.parametrize("name", ["Password", "pwd", "passwd", "PASS", "user_password", "passwordConfirmation"])
    def test_a_neighbour_of_the_password_is_no_place_for_one(
        self, users: Run, tmp_path: Path, mongo: Database, name: str
    ):
        file = tmp_path / "users.jsonl"
        file.write_text(json.dumps({"email": "a@example.com", name: "hunter2 plain"}) + "\n")
        done = users("import", str(file))
        assert (done.exit_code, "looks like a plain-text password" in done.output) == (1, True)
        assert "hunter2" not in done.output
        assert mongo.users.count_documents({}) == 0


class TestCsv:
    def test_cells_are_what_the_first_line_calls_them(self, import_text: Run, client: FlaskClient, mongo: Database):
        rows = [
            ["Email", "name", "passwordHash", "role", "createdAt", "emailVerified", "plan"],
            [EMAIL, 'Alice "Al"\r\nLiddell, Jr.', HASH, "admin", "2019-05-04T03:02:01Z", "true", "gold"],
            ["bob@example.com", "", HASH, "", "", "false", ""],
        ]
        report = import_text("\ufeff" + table(*rows), name="users.csv")
        assert (report["taken"], report["roles"]) == (2, {"admin": 1, "user": 1})
        alice, bob = stored(mongo), stored(mongo, "bob@example.com")
        assert (alice["name"], alice["plan"]) == ('Alice "Al" Liddell, Jr.', "gold")
        assert set(bob) == {"_id", "email", "password", "role", "createdAt", "emailKey", "nameKey"}
        assert login(client).get_json()["user"]["emailVerified"]
        assert not login(client, "bob@example.com").get_json()["user"]["emailVerified"]

    @pytest.mark.parametrize(
        ("text", "said"),
        [("", "empty"), ("name,password\n", "email"), ("email,email\n", "names"), ("email,\n", "names")],
    )
    def test_a_first_line_that_names_nothing(self, users: Run, tmp_path: Path, text: str, said: str):
        (tmp_path / "users.csv").write_text(text)
        done = users("import", tmp_path / "users.csv")
        assert (done.exit_code, said in done.stderr) == (1, True)

    def test_rows_that_are_broken_are_named_and_the_others_taken(self, import_text: Run):
        text = f"email,password\r\n\r\na@example.com,{HASH}\r\n" + "b@example.com\r\n" + f'"c"@example.com,{HASH}\r\n'
        text += f"d@example.com,{HASH},x\r\ne@example.com,{HASH}\r\n"
        report = import_text(text.encode() + b"\xff@example.com,x\r\n", name="users.csv")
        assert report["taken"] == 2
        assert set(reasons(report)) == {4, 5, 6, 8}
        assert reasons(report)[8] == "not UTF-8"

    def test_a_quote_that_never_ends(self, import_text: Run):
        report = import_text(f'email,password\na@example.com,{HASH}\n"b@example.com,{HASH}\n', name="users.csv")
        assert (report["taken"], reasons(report)) == (1, {3: "broken CSV, up to line 3"})


class TestInvalid:
    @pytest.mark.parametrize(
        ("members", "said"),
        [
            ({"password": PLAIN}, "password: not a known kind of hash"),
            ({"password": "$2b$31$" + "." * 53}, "too expensive"),
            ({"password": "pbkdf2_sha256$99999999$salt$" + "A" * 43 + "="}, "too expensive"),
            ({"password": ["x"]}, "password: not a string"),
            ({"password": {"$gt": ""}}, "password: not a string"),
            ({"password": HASH, "password_hash": PLAIN}, "password: given twice"),
            ({"email": PLAIN}, "email: bad_format"),
            ({"email": "\u212aate@example.com"}, "email: not_ascii"),
            ({"email": "a" * 260 + "@example.com"}, "email: too_long"),
            ({"email": {"$ne": None}}, "email: missing"),
            ({"email": None}, "email: missing"),
            ({"role": "root"}, "role: unknown"),
            ({"role": ["admin"]}, "role: unknown"),
            ({"name": 5}, "name: not a string"),
            ({"name": "x" * 1001}, "name: longer"),
            ({"createdAt": PLAIN}, "createdAt: not a time"),
            ({"createdAt": 20190504}, "createdAt: neither"),
            ({"disabledAt": True}, "disabledAt: not a time"),
            ({"emailVerified": PLAIN}, "emailVerified: neither"),
            ({"_id": 5}, "_id: not an ObjectId"),
            ({"_id": "x"}, "_id: not an ObjectId"),
            ({"_cls": "Admin"}, "_cls: a field of this name"),
            ({"self": 1}, "self: a field of this name"),
            ({"password_changed_at": 1}, "password_changed_at: a field of this name"),
            ({"totp": PLAIN}, "with the wrong type"),
            ({"passkeys": [PLAIN]}, "with the wrong type"),
            ({"linkEpoch": PLAIN}, "with the wrong type"),
            ({"huge": 2**64}, "can't be stored"),
            ({"lone": "\ud800"}, "can't be stored"),
            ({"nul\0": 1}, "can't be stored"),
        ],
    )
    def test_what_is_no_account_is_named_by_line_and_reason_and_never_quoted(
        self, import_text: Run, mongo: Database, members: dict[str, Any], said: str
    ):
        report = import_text(lines(1) + "\n" + line(2, **members) + lines(1, 3))
        assert (report["exit"], report["taken"], report["invalid"]) == (1, 2, 1)
        assert said in reasons(report)[3]
        assert mongo.users.count_documents({}) == 2

    @pytest.mark.parametrize(
        "text",
        [
            b"{",
            b"[]",
            b"null",
            b'"x"',
            b"\xff\xfe{",
            b'{"email": "\xff@example.com"}',
            b'{"email": NaN}',
            b'{"email": "a@example.com", "email": "b@example.com"}',
            b'{"email": "a@example.com", "x": {"$oid": "nope"}}',
            b'{"email": "a@example.com", "x": {"$date": {"$numberLong": "9223372036854775807"}}}',
            b'{"email": "a@example.com", "x": ' + b"[" * 120 + b"]" * 120 + b"}",
            b'{"email": "a@example.com", "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
            b'{"x": "' + b"x" * files.LONGEST + b'"}',
        ],
        ids=lambda text: text[:50],
    )
    def test_what_can_not_be_read_stops_nothing(self, import_text: Run, text: bytes):
        """R91"""
        report = import_text(lines(1).encode() + text + b"\r\n" + lines(1, 3).encode())
        assert (report["taken"], list(reasons(report))) == (2, [2])

    def test_a_byte_order_mark_and_no_end_of_line(self, import_text: Run):
        assert import_text(b"\xef\xbb\xbf" + lines(2).replace("\n", "\r\n").rstrip().encode())["taken"] == 2

    def test_no_log_and_no_record_quotes_anything(
        self, import_text: Run, mongo: Database, capfd: pytest.CaptureFixture[str]
    ):
        """R95"""
        import_text(line(1, password=PLAIN) + line(2, name=PLAIN, role=PLAIN))
        assert PLAIN not in "".join(capfd.readouterr())
        assert PLAIN not in str(list(mongo.audit.find()))


class TestAgain:
    def test_the_same_file_twice_changes_nothing(self, import_text: Run, mongo: Database):
        text = lines(1200) + line(1201)
        first = import_text(text)
        before = list(mongo.users.find())
        again = import_text(text)
        assert (first["taken"], again["taken"], again["duplicate"], again["exit"]) == (1201, 0, 1201, 0)
        assert list(mongo.users.find()) == before

    def test_who_is_there_stays_whoever_comes(self, import_text: Run, client: FlaskClient, mongo: Database):
        """R14"""
        register(client, email=EMAIL)
        before = stored(mongo)
        report = import_text(line(1, email=EMAIL.upper(), role="admin") + line(2, _id={"$oid": str(before["_id"])}))
        assert (report["duplicate"], report["duplicateLines"]) == (2, [1, 2])
        assert list(mongo.users.find()) == [before]

    @pytest.mark.parametrize("args", [(), ("--dry-run",)], ids=str)
    def test_twice_in_a_file_is_once_in_the_database(self, import_text: Run, args: tuple[str, ...]):
        text = line(1) + line(1) + line(2, email="USER-1@example.com") + lines(1100, 2) + line(9)
        report = import_text(text, *args)
        assert (report["taken"], report["duplicateLines"]) == (1101, [2, 3, 1104])

    def test_it_goes_on_at_a_line(self, import_text: Run, mongo: Database):
        assert import_text(lines(10), "--from-line", "8")["taken"] == 3
        rows = [["email", "password"], *([f"row-{n}@example.com", HASH] for n in range(2, 11))]
        assert import_text(table(*rows), "--from-line", "8", name="users.csv")["taken"] == 3
        assert mongo.users.count_documents({"email": "row-8@example.com"}) == 1

    @pytest.mark.slow
    def test_killed_in_the_middle_it_goes_on_where_it_was(
        self, settings: dict[str, str], own_database: Database, tmp_path: Path
    ):
        """C1: nobody is lost, nobody is there twice."""
        mongo = own_database
        count = 8_000
        file, place = tmp_path / "users.jsonl", tmp_path / "place"
        file.write_text(lines(count) + line(1, password=PLAIN, email="late@example.com"))
        args = ("users", "import", str(file), "--state", str(place), "--json")
        uri = uri_of(settings, own_database.name)
        command, environ = [sys.executable, "-m", "flask", *args], {**os.environ, **settings, "MONGODB_URI": uri}
        killed = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=subprocess.PIPE)
        end = time.monotonic() + 180  # DocumentDB takes a minute to build the indexes of a new database
        while not place.exists() or json.loads(place.read_text())["report"]["line"] < 2_000:
            assert killed.poll() is None, "it was done too soon"
            assert time.monotonic() < end
            time.sleep(0.002)
        killed.send_signal(signal.SIGKILL)
        killed.communicate()
        kept = json.loads(place.read_text())["report"]["line"]
        assert 2_000 <= kept <= mongo.users.count_documents({}) < count
        done = flask(settings, *args, timeout=300, MONGODB_URI=uri)
        report = json.loads(done.stdout)
        assert done.returncode == 1
        assert report["taken"] + report["duplicate"] == count
        assert report["duplicate"] <= 3 * importing.BATCH, "what was written and not yet noted"
        assert list(reasons(report)) == [count + 1]
        assert mongo.users.count_documents({}) == count
        assert not place.exists()

    def test_a_place_in_another_file_is_refused(self, users: Run, tmp_path: Path):
        place, file = tmp_path / "place", tmp_path / "users.jsonl"
        file.write_text(lines(1))
        for text in ("{}", "x", json.dumps({"of": {}, "report": importing.Report().as_json()})):
            place.write_text(text)
            done = users("import", file, "--state", place)
            assert done.exit_code == 1
            assert "checkpoint" in done.stderr
        assert users("import", file, "--state", place, "--dry-run").exit_code == 2

    @pytest.mark.slow
    def test_a_database_that_is_away_says_how_far_it_came(self, settings: dict[str, str], tmp_path: Path):
        (tmp_path / "users.jsonl").write_text(lines(1))
        uri = "mongodb://127.0.0.1:1/nowhere"
        failed = flask(settings, "users", "import", str(tmp_path / "users.jsonl"), MONGODB_URI=uri)
        assert failed.returncode == 1
        # Anywhere: what is prepared in the background meanwhile logs it too, a moment before or after.
        assert "Error: the database does not answer" in failed.stderr.splitlines()
        assert "up to line 0" in failed.stderr


class TestUniqueness:
    def test_where_addresses_are_there_twice_nobody_is_taken(self, import_text: Run, users: Run, mongo: Database):
        """R14: the index is made before anybody comes."""
        mongo.users.drop_index("email_key")
        try:
            for email in (OLD, OLD.upper()):
                import_account(mongo, email=email)
            done = users("import", "-", input=lines(1))
            assert done.exit_code == 1
            assert "the collection users share" in done.stderr
            assert mongo.users.count_documents({}) == 2
            mongo.users.delete_one({"email": OLD.upper()})
            assert import_text(lines(1) + line(2, email=OLD.title()))["duplicateLines"] == [2]
        finally:
            mongo.users.delete_many({})
            readiness.ensure_indexes()


class TestDryRun:
    def test_it_writes_nothing_and_says_what_would_be(self, import_text: Run, mongo: Database):
        import_text(lines(3))
        mongo.audit.delete_many({})
        before = list(mongo.users.find())
        text = lines(1005) + line(4, password=PLAIN, email="plain@example.com")
        dry = import_text(text, "--dry-run")
        assert list(mongo.users.find()) == before
        assert mongo.audit.count_documents({}) == 0
        assert (dry["taken"], dry["duplicateLines"], list(reasons(dry))) == (1002, [1, 2, 3], [1006])
        assert dry == import_text(text)


class TestReport:
    def test_people_read_it(self, users: Run, tmp_path: Path):
        (tmp_path / "users").write_text(lines(2) + line(3, password=MADE["argon2id"][1]) + line(4, password=PLAIN))
        said = users("import", tmp_path / "users", "--dry-run").stdout
        assert "nothing was written" in said
        assert "line 4: password: not a known kind of hash" in said
        assert "bcrypt 2, argon2id 1" in said
        assert PLAIN not in said

    def test_a_long_list_is_cut(self, import_text: Run, users: Run, tmp_path: Path):
        report = import_text(lines(1) + "{\n" * 250)
        assert (report["invalid"], len(report["invalidLines"])) == (250, 100)
        assert "… and 150 more" in users("import", tmp_path / "users.jsonl").stdout

    def test_it_is_on_record(self, import_text: Run, mongo: Database):
        """R96"""
        import_text(lines(3) + "{\n")
        begun, done = mongo.audit.find({"action": catalogue.UsersImported.name}).sort("_id")
        assert begun["details"] == {"state": "begun", "line": 1}
        assert done["details"] == {"state": "done", "line": 4, "taken": 3, "duplicate": 0, "invalid": 1}

    @pytest.mark.slow
    def test_on_a_terminal_it_shows_how_far_it_is_and_how_fast(
        self, settings: dict[str, str], clean: None, tmp_path: Path
    ):
        (tmp_path / "users.jsonl").write_text(lines(1100))
        command = [sys.executable, "-m", "flask", "users", "import", str(tmp_path / "users.jsonl"), "--json"]
        ours, theirs = pty.openpty()
        environ = {**os.environ, **settings, "TERM": "xterm"}
        done = subprocess.run(command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, stderr=theirs, timeout=60)
        os.close(theirs)
        shown = os.read(ours, 100_000).decode()
        os.close(ours)
        assert re.search(r"100%.*1,100 users, [\d,]+/s", shown)
        assert json.loads(done.stdout)["taken"] == 1100

    def test_standard_input_will_do(self, users: Run, mongo: Database):
        assert users("import", "-", input=lines(2)).exit_code == 0
        assert users("import", "-", input=f"email,password\nrow@example.com,{HASH}\n").exit_code == 0
        assert mongo.users.count_documents({}) == 3


class TestExport:
    def test_there_and_back_every_byte_is_the_same(
        self, users: Run, alice: Person, mongo: Database, tmp_path: Path, client: FlaskClient
    ):

        with_totp(alice, mongo)
        import_account(mongo, **UNKNOWN_FIELDS)
        import_account(mongo, email="Mixed.Case@example.com", password=MADE["django argon2"][1], role=None)
        import_account(mongo, email="none@example.com", without="password")
        raw = mongo.users.with_options(CodecOptions(RawBSONDocument))

        def everything() -> dict[ObjectId, bytes]:
            return {one["_id"]: bson.encode(keys.without_keys(one)) for one in raw.find()}

        before, found_by = everything(), {one["_id"]: keys.of_account(one) for one in mongo.users.find()}
        file = tmp_path / "users.jsonl"
        said = users("export", file, "--yes")
        assert said.exit_code == 0
        assert "4 users" in said.stdout
        wipe(mongo)
        assert users("import", file).exit_code == 0
        assert everything() == before
        assert all(found_by[one["_id"]].items() <= one.items() for one in mongo.users.find())
        assert "Key" not in file.read_text()
        assert login(client).status_code == 202
        assert login(client, OLD).status_code == 200

    def test_the_file_is_its_owners_alone_and_takes_nobodys_place(self, users: Run, mongo: Database, tmp_path: Path):
        import_account(mongo)
        file = tmp_path / "users.jsonl"
        assert users("export", file, input="n\n").exit_code == 1
        assert list(tmp_path.iterdir()) == []
        asked = users("export", file, input="y\n")
        assert asked.exit_code == 0
        assert "password hash of every user" in asked.stderr
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert users("export", file, "--yes").exit_code == 1
        assert list(tmp_path.iterdir()) == [file]

    def test_without_factors_there_are_none(self, users: Run, alice: Person, mongo: Database):

        with_totp(alice, mongo)
        document = json.loads(users("export", "-", "--yes", "--without-factors").stdout)
        assert {"totp", "recoveryCodeHashes"} & set(document) == set()
        assert {"totp", "recoveryCodeHashes"} <= set(json.loads(users("export", "--yes").stdout))

    def test_it_is_on_record_before_anything_is_given(self, users: Run, mongo: Database):
        """R96"""
        import_account(mongo)
        users("export", "-", "--yes")
        begun, done = mongo.audit.find({"action": catalogue.UsersExported.name}).sort("_id")
        assert begun["details"] == {"state": "begun"}
        assert done["details"] == {"state": "done", "users": 1}

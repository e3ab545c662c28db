"""What commands print reaches whoever reads, whatever their terminal can show; errors are one line. U37."""

import json
import os
import subprocess
import sys

import pytest

from tests.conftest import Person
from tests.support.accounts import Database, import_account, login
from tests.support.commands import flask_bytes
from tests.support.service import ROOT

NAMES = ["\U0001f469\u200d\U0001f4bb", "山田 太郎", "Zoë"]
TERMINALS = {
    "latin-1": {"PYTHONIOENCODING": "latin-1"},
    "ascii, strict": {"PYTHONIOENCODING": "ascii:strict"},
    "windows": {"PYTHONIOENCODING": "cp1252"},
    "the C locale": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "POSIX": {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
}
COMMANDS = [
    ("users", "list"),
    ("users", "list", "--json"),
    ("users", "show", "jürgen@example.com"),
    ("users", "promote", "jürgen@example.com"),
    ("users", "disable", "jürgen@example.com"),
    ("users", "export", "-", "--yes"),
    ("users", "import", "-", "--dry-run"),
    ("sessions", "end", "jürgen@example.com", "--yes"),
    ("keys", "list"),
    ("db", "check"),
    ("doctor",),
]


class TestU37Encodings:
    @pytest.mark.parametrize("terminal", ["the C locale", "ascii, strict"])
    def test_every_command_says_what_it_has_to_say(
        self, settings: dict[str, str], clean: None, mongo: Database, terminal: str
    ):
        import_account(mongo, email="jürgen@example.com", name=NAMES[0])
        for number, name in enumerate(NAMES):
            import_account(mongo, email=f"p{number}@example.com", name=name, role="admin")
        lines = "".join(json.dumps({"email": f"{n}@example.com", "role": "山"}) + "\n" for n in range(120)).encode()
        for command in COMMANDS:
            done = flask_bytes(settings, *command, typed=lines, **TERMINALS[terminal])
            assert b"Traceback" not in done.stderr, (command, done.stderr)
            assert b"Error" not in done.stderr, (command, done.stderr)
            assert done.stdout, command

    @pytest.mark.parametrize("terminal", TERMINALS)
    def test_what_it_can_not_show_is_a_question_mark(
        self, settings: dict[str, str], clean: None, mongo: Database, terminal: str
    ):
        import_account(mongo, name=NAMES[0])
        done = flask_bytes(settings, "users", "list", **TERMINALS[terminal])
        assert (done.returncode, done.stderr) == (0, b"")
        # click takes ASCII for UTF-8
        assert b"?" in done.stdout or "\U0001f469".encode() in done.stdout

    def test_a_reader_who_has_gone_gets_no_traceback(self, settings: dict[str, str], clean: None, mongo: Database):
        for number in range(300):
            import_account(mongo, email=f"p{number}@example.com", name="N" * 100)
        for command in ("users list --all", "users list --all --json", "users export - --yes"):
            line = f"{sys.executable} -m flask {command} | head -c 10; exit 0"
            done = subprocess.run(
                ["bash", "-c", line], cwd=ROOT, env={**os.environ, **settings}, capture_output=True, timeout=60
            )
            assert b"Traceback" not in done.stderr, done.stderr
            assert b"BrokenPipe" not in done.stderr, done.stderr

    def test_a_password_from_a_pipe_is_utf_8_whatever_the_locale(
        self, settings: dict[str, str], client: object, mongo: Database, alice: Person
    ):
        args = ("users", "create", "new@example.com", "--name", "山田 太郎", "--password-stdin")
        done = flask_bytes(settings, *args, typed="ein schönes Passwort\n".encode(), **TERMINALS["latin-1"])
        assert done.returncode == 0, done.stderr
        assert login(alice.client, "new@example.com", "ein schönes Passwort").get_json()["user"]["name"] == "山田 太郎"
        refused = flask_bytes(settings, *args, typed="ein schönes Passwort\n".encode("latin-1"))
        assert (refused.returncode, refused.stderr) == (1, b"Error: The password is not valid UTF-8.\n")

    def test_arguments_are_utf_8_in_the_c_locale_too(self, settings: dict[str, str], clean: None, mongo: Database):
        import_account(mongo, email="jürgen@example.com")
        assert flask_bytes(settings, "users", "show", "jürgen@example.com", **TERMINALS["the C locale"]).returncode == 0
        for terminal in ("latin-1", "the C locale"):
            refused = flask_bytes(settings, "users", "show", b"j\xfcrgen@example.com", **TERMINALS[terminal])
            assert refused.returncode == 2
            assert refused.stderr.splitlines()[-1] == b"Error: an argument is not UTF-8"

    @pytest.mark.parametrize(
        "args",
        [
            ("users", "show", "nobody\n\x1b[31m@example.com"),
            ("users", "export", "/nowhere/at/all.jsonl", "--yes"),
            ("users", "import", str(ROOT / "README.md")),
            ("users", "import", str(ROOT / "README.md"), "--format", "csv"),
            ("sessions", "end", "nobody\u2028@example.com", "--yes"),
        ],
        ids=" ".join,
    )
    def test_an_error_is_one_line(self, settings: dict[str, str], clean: None, args: tuple[str, ...]):
        done = flask_bytes(settings, *args)
        assert done.returncode == 1
        assert b"\x1b" not in done.stderr
        assert len(done.stderr.decode().strip().splitlines()) <= 1

    def test_what_an_account_holds_plays_with_no_terminal(self, settings: dict[str, str], clean: None, mongo: Database):
        found = import_account(mongo, email="evil\x1b[2J\n@example.com", name="x\x1b]0;x\x07")
        for args in (("users", "show"), ("users", "disable"), ("users", "delete", "--yes")):
            done = flask_bytes(settings, *args, str(found["_id"]))
            assert b"\x1b" not in done.stdout + done.stderr

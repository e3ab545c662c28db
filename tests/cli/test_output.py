"""What commands print and read, whatever encoding the environment has: U37."""

from typing import Any

import pytest
from pymongo.database import Database as MongoDatabase

from tests.support.accounts import import_account
from tests.support.commands import flask_bytes

Database = MongoDatabase[dict[str, Any]]
NAME = "Zoë 山田 👩"
ENVIRONMENTS = {
    "latin-1": {"PYTHONIOENCODING": "latin-1"},
    "ascii": {"PYTHONIOENCODING": "ascii"},
    "strict ascii": {"PYTHONIOENCODING": "ascii:strict"},
    "an old code page": {"PYTHONIOENCODING": "cp437"},
    "no locale": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
}


class TestU37Output:
    @pytest.mark.slow
    def test_where_it_can_be_printed_it_is(self, settings: dict[str, str], clean: None, mongo: Database):
        import_account(mongo, name=NAME)
        listed = flask_bytes(settings, "users", "list", PYTHONIOENCODING="utf-8").stdout.decode()
        assert NAME in listed


class TestU37Input:
    @pytest.mark.slow
    @pytest.mark.parametrize("environ", ENVIRONMENTS.values(), ids=ENVIRONMENTS)
    def test_a_password_is_read_as_it_was_written(
        self, settings: dict[str, str], app: Any, clean: None, environ: dict[str, str]
    ):
        password = "Grüße, 山田 und 👩"
        args = ("users", "create", "new@example.com", "--name", "New", "--password-stdin")
        made = flask_bytes(settings, *args, typed=f"{password}\n".encode(), **environ)
        assert made.returncode == 0, made.stderr
        answer = app.test_client().post("/auth/login", json={"email": "new@example.com", "password": password})
        assert answer.status_code == 200

    def test_one_that_is_no_text_is_refused_in_a_line(self, settings: dict[str, str], clean: None):
        args = ("users", "create", "new@example.com", "--name", "New", "--password-stdin")
        made = flask_bytes(settings, *args, typed=b"gr\xfc\xdfe und so weiter\n")
        assert made.returncode == 1
        assert made.stderr.decode() == "Error: The password is not valid UTF-8.\n"

"""Ways to run `flask users …`."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

PLAIN = "hunter2 is my password"
"""A password that no output may quote."""

Run = Callable[..., Any]


@pytest.fixture
def users(app: Flask, clean: None) -> Run:
    """Return a way to run `flask users …`."""
    runner = app.test_cli_runner()
    return lambda *args, **options: runner.invoke(args=["users", *map(str, args)], **options)


@pytest.fixture
def import_text(users: Run, tmp_path: Path) -> Run:
    """Return a way to import a text: it returns the report, and the exit code beside it."""

    def run(text: str | bytes, *args: str, name: str = "users.jsonl") -> dict[str, Any]:
        file = tmp_path / name
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        done = users("import", file, "--json", *args)
        assert "Traceback" not in done.output
        assert PLAIN not in done.output
        return {"exit": done.exit_code, **json.loads(done.stdout)}

    return run

"""The rest of the guide with recipes: its commands, and the installed app. Its other programs are tested beside it."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import requests
from flask import Flask

from authsvc.models.apps import AppKind
from tests.support import recipes
from tests.support.app_visits import Somebody
from tests.support.oauth import AppClient, new_app
from tests.support.races import eventually
from tests.support.service import Visitor


class TestCommands:
    def test_there_is_one_for_each_kind_of_app(self):
        assert len(recipes.commands()) >= 6

    @pytest.mark.parametrize("command", recipes.commands(), ids=lambda command: " ".join(command[2:5]))
    def test_it_registers_an_app(self, app: Flask, clean: None, command: list[str]):
        said = app.test_cli_runner().invoke(args=command)
        assert said.exit_code == 0, said.output
        assert "app_" in said.output


class TestInstalledApp:
    @pytest.fixture
    def notes(self, app: Flask, somebody: Somebody) -> AppClient:
        """Return the app, as the guide registers it."""
        return new_app(app, Visitor(somebody.url), AppKind.NATIVE, uris=("http://127.0.0.1/callback",))

    def run(self, notes: AppClient, somebody: Somebody, folder: Path, decision: str) -> tuple[int, str]:
        """Run it, with a browser that tells where it was sent; return its exit code and what it printed."""
        (folder / "notes_cli.py").write_text(recipes.program("notes_cli.py"))
        browser, sent = folder / "browser", folder / "sent"
        browser.write_text(f'#!/bin/sh\necho "$1" > {sent}.new && mv {sent}.new {sent}\n')
        browser.chmod(browser.stat().st_mode | stat.S_IXUSR)
        told = {"AUTHSVC": somebody.url, "CLIENT_ID": notes.id, "BROWSER": str(browser)}
        with subprocess.Popen(
            [sys.executable, "notes_cli.py"],
            cwd=folder,
            env={**os.environ, **told},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            eventually(lambda: process.poll() is not None or sent.exists(), 30)
            assert process.poll() is None, process.communicate()[0]
            back = somebody.visit(sent.read_text().strip(), decision)
            assert requests.get(back, timeout=15).text == "You can close this window."
            printed, _ = process.communicate(timeout=30)
            return process.returncode, printed.strip()

    def test_somebody_signs_in(self, notes: AppClient, somebody: Somebody, tmp_path: Path):
        assert self.run(notes, somebody, tmp_path, "allow") == (0, "Hello, Somebody")
        assert somebody.steps == ["consent"]

    def test_somebody_says_no(self, notes: AppClient, somebody: Somebody, tmp_path: Path):
        assert self.run(notes, somebody, tmp_path, "deny") == (1, "You are not signed in.")

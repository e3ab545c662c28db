"""The tour of the documentation, executed as a person would paste it."""

import re
import subprocess

import pytest
from flask import Flask

from tests.support.programs import require
from tests.support.service import ROOT, Service

pytestmark = pytest.mark.external

START = ROOT / "docs/start"


class TestTour:
    def test_it_gives_what_it_says(self, app: Flask, settings: dict[str, str], clean: None) -> None:
        """Every line that starts with `# →` is seen, in order; `…` stands for anything."""
        require("bash", "curl")
        (tour,) = re.findall(r"```bash\n(.*?)```", (START / "tour.md").read_text(), re.DOTALL)
        expected = re.findall(r"^# → (.*)$", tour, re.MULTILINE)
        assert len(expected) >= 9
        with Service(**{**settings, "APP_ENV": "development"}) as service:
            shown = subprocess.run(
                ["bash", "-euo", "pipefail"],
                input=f"authsvc={service.url}\n{tour}",
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
        assert shown.returncode == 0, shown.stderr
        assert shown.stderr == ""
        lines = [line for line in shown.stdout.splitlines() if line.strip()]
        assert len(lines) == len(expected), shown.stdout
        for line, pattern in zip(lines, expected, strict=True):
            assert re.fullmatch(".*".join(re.escape(part) for part in pattern.split("…")), line), (pattern, line)


class TestBrowserPage:
    def test_its_routes_exist(self, app: Flask) -> None:
        text = (START / "browser.md").read_text().partition("## Without the module")[2]
        (script,) = re.findall(r"```js\n(.*?)```", text, re.DOTALL)
        rules = {rule.rule for rule in app.url_map.iter_rules()}
        assert set(re.findall(r'post\("([^"]+)"', script)) <= rules

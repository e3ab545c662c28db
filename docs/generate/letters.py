"""`reference/letters.md`: every letter's template, heading and button."""

import re
from pathlib import Path

from flask import Flask

import authsvc
from docs.generate import markdown

FOLDER = Path(authsvc.__file__).parent / "letters"
INTRODUCTION = """
Templates are in `authsvc/letters/`. [Letters](../guides/letters.md) says when each letter is sent, what its link does,
and how to replace its text.
"""


def text(_app: Flask) -> str:
    """Return the page."""
    rows = (_row(path) for path in sorted(FOLDER.glob("*.txt")))
    return markdown.page("Letters", INTRODUCTION, markdown.table(("template", "heading", "button"), rows))


def _row(path: Path) -> tuple[str, str, str]:
    """Return the name of a template, and what it sets."""
    source = path.read_text("utf-8")
    texts = dict(re.findall(r'{% set (\w+) = _\("([^"]*)"', source))
    default = "Set a new password" if "/forgot-password" in source else ""
    return f"`{path.stem}`", re.sub(r"%\((\w+)\)s", r"{{ \1 }}", texts["heading"]), texts.get("action", default)

"""`reference/letters.md`: every letter's template and subject."""

from pathlib import Path

from flask import Flask

import authsvc
from docs.generate import markdown

FOLDER = Path(authsvc.__file__).parent / "letters/en"
INTRODUCTION = """
Templates are in `authsvc/letters/en/`. [Letters](../guides/letters.md) says when each letter is sent, what its link
does, and how to replace its text.
"""


def text(_app: Flask) -> str:
    """Return the page."""
    rows = ((f"`{path.stem}`", path.read_text().partition("\n")[0]) for path in sorted(FOLDER.glob("*.txt")))
    return markdown.page("Letters", INTRODUCTION, markdown.table(("template", "subject"), rows))

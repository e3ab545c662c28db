"""`reference/client.md`: what `/authsvc.js` exports, from its TypeScript declarations."""

import re
from collections.abc import Iterator
from pathlib import Path

from flask import Flask

import authsvc
from docs.generate import markdown

DECLARATIONS = Path(authsvc.__file__).parent / "web/static/authsvc.d.ts"
EXPORT = re.compile(
    r"(?:^/\*\*(?P<block>(?:(?!\*/).)*)\*/\n)?^(?P<code>export (?P<kind>interface|class|const|function) (?P<name>\w+)"
    r"(?:[^\n]*;$|.*?^(?:\}|\)[^\n]*;)$))",
    re.DOTALL | re.MULTILINE,
)
INTRODUCTION = """
The declarations of the browser client, as served at `/authsvc.d.ts`. [In the browser](../start/browser.md) shows how
to use it.
"""


def text(_app: Flask) -> str:
    """Return the page."""
    exports = list(EXPORT.finditer(DECLARATIONS.read_text()))
    values = [described(one) for one in exports if one["kind"] in ("const", "function")]
    types = [described(one) for one in exports if one["kind"] in ("interface", "class")]
    return markdown.page("Browser client", INTRODUCTION, "## Functions", *values, "## Types", *types)


def names() -> Iterator[str]:
    """Yield the name of each export."""
    for one in EXPORT.finditer(DECLARATIONS.read_text()):
        yield one["name"]


def described(export: re.Match[str]) -> str:
    """Return the section of one export: its comment, then its declaration."""
    comment = " ".join(re.sub(r"^\s*\*", "", line).strip() for line in (export["block"] or "").splitlines()).strip()
    return f"### `{export['name']}`\n\n{comment}\n\n```ts\n{export['code']}\n```".replace("\n\n\n", "\n")

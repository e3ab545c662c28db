"""How Sphinx builds these pages: `make docs`."""

import re
from pathlib import Path

from sphinx.application import Sphinx

from authsvc import __version__

project = "authsvc"
author = "the authsvc authors"
release = version = __version__
extensions = ["myst_parser"]
exclude_patterns = ["_build"]
myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence"]
nitpicky = True
html_theme = "furo"
html_title = f"authsvc {__version__}"

ROOT = Path(__file__).parents[1]
AT_THE_TOP = {"changelog", "contributing", "security", "upgrading"}
"""Pages whose text is a file at the top of the repository, where people look for it."""


def take_from_the_top(_app: Sphinx, name: str, source: list[str]) -> None:
    """Put the file's text in place of the page, its links as they are from here."""
    if name in AT_THE_TOP:
        text = (ROOT / f"{name.upper()}.md").read_text().replace("](docs/", "](")
        source[0] = re.sub(r"\]\(([A-Z]+)\.md", lambda link: f"]({link[1].lower()}.md", text)


def setup(app: Sphinx) -> None:
    """Connect the one thing that is our own."""
    app.connect("source-read", take_from_the_top)

"""Take the texts that people read out of letters, and out of the code that words them."""

from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir

PACKAGE = Path(__file__).parents[1] / "authsvc"
_KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2), "N_": None}
_METHODS = [
    ("letters/**.txt", "jinja2"),
    ("letters/**.html", "jinja2"),
    ("services/letter*.py", "python"),
]
"""Where texts are translated, and how each is read."""
_OPTIONS = {pattern: {"silent": "false"} for pattern, method in _METHODS if method == "jinja2"}


def extract() -> Catalog:
    """Return a catalogue of all texts, in the order in which files have them, without translations."""
    texts = Catalog(project="authsvc", charset="utf-8", fuzzy=False)
    for name, line, message, comments, context in _in_order():
        texts.add(message, locations=[(f"authsvc/{name}", line)], auto_comments=comments, context=context)
    return texts


def _in_order() -> Iterator[tuple[str, int, str | tuple[str, ...], list[str], str | None]]:
    texts = extract_from_dir(
        PACKAGE,
        method_map=_METHODS,
        options_map=_OPTIONS,
        keywords=_KEYWORDS,
        comment_tags=("Translators:",),
        strip_comment_tags=True,
    )
    return iter(sorted(texts, key=lambda one: (one[0], one[1])))

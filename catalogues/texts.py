"""Take the texts that people read out of letters, pages, scripts, and the code that words them."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir

from authsvc.errors import all_problems

PACKAGE = Path(__file__).parents[1] / "authsvc"
SCRIPTS = PACKAGE / "web" / "static"
_KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2), "translatable": None}
_SCRIPT_KEYWORDS = {"t": None, "tParts": None, "tn": (1, 2)}
_METHODS = [
    ("web/templates/reference/**.html", "ignore"),  # for developers: these pages are in English
    ("web/templates/**.html", "jinja2"),
    ("http/templates/**.html", "jinja2"),
    ("letters/**.txt", "jinja2"),
    ("letters/**.html", "jinja2"),
    ("services/letter*.py", "python"),
    ("web/*.py", "python"),
    ("http/*.py", "python"),
    ("oauth/*.py", "python"),
]
"""Where texts are translated, and how each is read."""
_OPTIONS = {pattern: {"silent": "false"} for pattern, method in _METHODS if method == "jinja2"}
_SCRIPT_METHODS = [("*.js", "javascript")]
_SCRIPT_OPTIONS = {"*.js": {"jsx": False, "parse_template_string": True}}

BUNDLES = {"account": ("ui", "account"), "admin": ("ui", "admin")}
"""The folders of scripts whose texts a page loads together."""

Text = tuple[str, int, str | tuple[str, ...], list[str], str | None]


def extract() -> Catalog:
    """Return a catalogue of all texts, in the order in which files have them, without translations."""
    folders = sorted({folder for bundle in BUNDLES.values() for folder in bundle})
    texts = Catalog(project="authsvc", charset="utf-8", fuzzy=False)
    for problem in all_problems().values():
        texts.add(problem.title, locations=[("authsvc/errors", 0)])
    for name, line, message, comments, context in [*_of_programs(), *_of_scripts(folders)]:
        texts.add(message, locations=[(f"authsvc/{name}", line)], auto_comments=comments, context=context)
    return texts


def of_bundle(name: str) -> list[str | tuple[str, ...]]:
    """Return the texts of the scripts that a page loads together."""
    return list(dict.fromkeys(message for _, _, message, _, _ in _of_scripts(BUNDLES[name])))


def _of_programs() -> list[Text]:
    texts = extract_from_dir(
        PACKAGE,
        method_map=_METHODS,
        options_map=_OPTIONS,
        keywords=_KEYWORDS,
        comment_tags=("Translators:",),
        strip_comment_tags=True,
    )
    return sorted(texts, key=lambda one: (one[0], one[1]))


def _of_scripts(folders: Iterable[str]) -> Iterator[Text]:
    for folder in folders:
        texts = extract_from_dir(
            SCRIPTS / folder,
            method_map=_SCRIPT_METHODS,
            options_map=_SCRIPT_OPTIONS,
            keywords=_SCRIPT_KEYWORDS,
            comment_tags=("Translators:",),
            strip_comment_tags=True,
        )
        for name, *text in sorted(texts, key=lambda one: (one[0], one[1])):
            yield (f"web/static/{folder}/{name}", *text)

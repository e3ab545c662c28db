"""What letters say: subject, text and HTML, from templates that an operator can replace.

A template is a text, `<language>/<kind>.txt`: the subject, an empty line, then paragraphs. `letter.html` frames them,
or `<kind>.html` where there is one. What is not in `MAIL_TEMPLATES`, or not in `MAIL_LANGUAGE`, is taken from the
English ones here.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateNotFound, select_autoescape

_OWN = Path(__file__).parents[1] / "letters"
_FALLBACK = "en"


FACTS = ("to", "at", "ip", "agent", "link", "code", "factor", "remaining", "app", "provider", "service", "url", "pages")
"""The names that a template may use; some letters have only some of them."""


@dataclass(frozen=True, slots=True)
class Wording:
    """A letter as it goes out."""

    subject: str
    text: str
    html: str


def kinds() -> list[str]:
    """Return all kinds of letter."""
    return sorted(path.stem for path in (_OWN / _FALLBACK).glob("*.txt"))


def word(kind: str, facts: dict[str, str], *, templates: str, language: str) -> Wording:
    """Return the letter of a kind, with its facts filled in. Raises jinja2.TemplateError."""
    library = _library(templates, language)
    subject, _, body = library.get_template(f"{kind}.txt").render(facts).strip().partition("\n")
    text = body.strip() + "\n"
    paragraphs = [" ".join(part.split("\n")) for part in text.strip().split("\n\n")]
    context = {**facts, "subject": subject, "paragraphs": paragraphs, "language": language}
    try:
        page = library.get_template(f"{kind}.html")
    except TemplateNotFound:
        page = library.get_template("letter.html")
    return Wording(" ".join(subject.split()), text, page.render(context))


@lru_cache(maxsize=8)
def _library(templates: str, language: str) -> Environment:
    roots = [Path(templates)] if templates else []
    folders = [root / spoken for spoken in (language, _FALLBACK) for root in (*roots, _OWN)]
    return Environment(
        loader=FileSystemLoader(folders),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )

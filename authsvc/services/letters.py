"""What letters say: subject, text and HTML, from templates that an operator can replace.

A template is a text, `<kind>.txt`: the subject, an empty line, then paragraphs. `letter.html` frames them, or
`<kind>.html` where there is one. Those here are translated by gettext; an operator's are in a folder for each language,
`MAIL_TEMPLATES/<language>/`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from gettext import NullTranslations
from pathlib import Path
from typing import Any

from flask import current_app
from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateNotFound, select_autoescape

from authsvc import languages
from authsvc.services import letter_words
from authsvc.services.brand import Brand, brand
from authsvc.services.letter_blocks import Reader
from authsvc.settings.formats import LANGUAGE

_OWN = Path(__file__).parents[1] / "letters"
_FALLBACK = "en"

FACTS = (
    "to",
    "at",
    "ip",
    "agent",
    "link",
    "code",
    "factor",
    "remaining",
    "app",
    "provider",
    "target",
    "reason",
    "name",
)
"""The names of what a letter is about; some letters have only some of them."""
OF_ALL = ("service", "url", "pages", "support", "greeting", "details")
"""The names of what a template can say in any letter."""
_OF_STRANGERS = ("to", "agent", "factor", "app", "target", "name")
"""Facts that somebody else may have written: no address in them becomes a link."""

_ISOLATED = ("to", "ip", "factor", "app", "provider", "target")

Context = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Wording:
    """A letter as it goes out."""

    subject: str
    text: str
    html: str


def kinds() -> list[str]:
    """Return all kinds of letter."""
    return sorted(path.stem for path in _OWN.glob("*.txt"))


def word(kind: str, facts: Mapping[str, str], *, language: str) -> Wording:
    """Return the letter of a kind, with its facts filled in; in English if there is nothing in the language.

    Raises jinja2.TemplateError.
    """
    language = _spoken(current_app.config["MAIL_TEMPLATES"], language)
    config, branding, words = current_app.config, brand(), languages.translations(language)
    rows = letter_words.details(facts, words, language)
    context = _context(facts, branding, language, words, rows)
    library = _texts(config["MAIL_TEMPLATES"], language)
    subject, paragraphs, names = _read(library, kind, context)
    act = names.get("action") or _read(_texts("", language), kind, context)[2].get("action", "")
    reader = _reader(context, act, branding, words, rows)
    foot = _foot(context, branding, words)
    page = _frame(_frames(config["MAIL_TEMPLATES"], language, config["MAIL_LANGUAGE"]), kind)
    html = page.render(
        context,
        subject=subject,
        heading=names.get("heading", subject),
        paragraphs=[" ".join(part.split("\n")) for part in paragraphs],
        blocks=[reader.read(part) for part in paragraphs],
        preheader=next((part for part in paragraphs if part != context["greeting"]), ""),
        brand=branding,
        foot=foot,
        language=language,
        direction=languages.direction(language),
    )
    return Wording(subject, "\n\n".join([*paragraphs, *foot.lines]) + "\n", html)


def _reader(
    context: Context, act: str, branding: Brand, words: NullTranslations, rows: list[tuple[str, str]]
) -> Reader:
    return Reader(
        link=context.get("link", ""),
        act=act,
        pages={f"{context['pages']}{path}": title for path, title in letter_words.button_titles(words).items()},
        code=context.get("code", ""),
        details=context["details"],
        rows=rows,
        of_strangers=[context.get(name, "") for name in _OF_STRANGERS],
        colour=branding.accent.light,
        support=(branding.support.text, branding.support.href) if branding.support else None,
    )


def _foot(context: Context, branding: Brand, words: NullTranslations) -> letter_words.Foot:
    return letter_words.foot(
        letter_words.sender(context["service"], context["to"], words),
        support=(branding.support.text, branding.support.href) if branding.support else None,
        links=branding.links,
        colour=branding.accent.light,
        words=words,
    )


def as_sample(written: Wording, language: str) -> Wording:
    """Return a letter whose subject says that it is only a sample."""
    _ = languages.translations(language).gettext
    return replace(written, subject=_("Sample: %(subject)s") % {"subject": written.subject})


def _context(
    facts: Mapping[str, str], branding: Brand, language: str, words: NullTranslations, rows: list[tuple[str, str]]
) -> Context:
    config = current_app.config
    name = facts.get("name", "")
    if "factor" in facts:
        facts = {**facts, "factor": letter_words.factor_in_words(facts["factor"], words)}
    isolated = {key: letter_words.isolated(facts[key], language) for key in _ISOLATED if key in facts}
    return {
        **facts,
        **isolated,
        "at": letter_words.time_in_words(facts["at"], words),
        "agent": letter_words.isolated(letter_words.device_in_words(facts, words), language),
        "name": name,
        "service": letter_words.isolated(branding.name, language),
        "url": config["PUBLIC_URL"],
        "pages": config["LINK_URL"],
        "support": letter_words.isolated(branding.support.text, language) if branding.support else "",
        "greeting": letter_words.greeting(letter_words.isolated(name, language), words),
        "details": letter_words.details_in_lines(rows, words),
    }


def _read(library: Environment, kind: str, context: Context) -> tuple[str, list[str], Context]:
    """Return the subject of a letter, its paragraphs, and what its template sets: `heading`, `action`."""
    module = library.get_template(f"{kind}.txt").make_module(context)
    subject, _, body = str(module).strip().partition("\n")
    paragraphs = [part.strip() for part in re.split(r"\n[ \t]*\n", body) if part.strip()]
    return " ".join(subject.split()), paragraphs, vars(module)


def _frame(library: Environment, kind: str) -> Any:
    try:
        return library.get_template(f"{kind}.html")
    except TemplateNotFound:
        return library.get_template("letter.html")


def _spoken(templates: str, language: str) -> str:
    """Return the language that texts are there in, an operator's or ours; English for what a stranger makes up.

    Each makes environments of its own, which are kept, and it becomes part of a path.
    """
    if templates and LANGUAGE.fullmatch(language) is not None and (Path(templates) / language).is_dir():
        return language
    return languages.match(language) or languages.SOURCE


@lru_cache(maxsize=32)
def _texts(templates: str, language: str) -> Environment:
    """Return the texts in a language: an operator's, then ours if they are translated, else the English ones."""
    spoken = (language,) if languages.match(language) else (language, _FALLBACK)
    return _library(templates, spoken, language)


@lru_cache(maxsize=32)
def _frames(templates: str, language: str, usual: str) -> Environment:
    """Return the frames: an operator's stands around letters of all languages, unless one has its own."""
    return _library(templates, (language, usual, _FALLBACK), language)


def _library(templates: str, spoken: tuple[str, ...], language: str) -> Environment:
    folders = [Path(templates) / one for one in spoken] if templates else []
    environment = Environment(
        loader=FileSystemLoader([*folders, _OWN]),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        extensions=["jinja2.ext.i18n"],
    )
    environment.install_gettext_translations(languages.translations(language), newstyle=True)  # type: ignore[attr-defined]
    return environment

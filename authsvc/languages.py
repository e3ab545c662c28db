"""The languages that people are addressed in: which there are, how they are written, and their catalogues.

The English text is the key. `make messages` keeps the catalogues in `locale/`; here they are only read.
"""

import re
from functools import cache, lru_cache
from gettext import GNUTranslations, NullTranslations
from pathlib import Path

SOURCE = "en"
"""The language that texts are written in."""

FOLDER = Path(__file__).parent / "locale"
"""Where the catalogues are: `<language>/LC_MESSAGES/messages.mo`."""

_NAMES = {
    "en": "English",
    "de": "Deutsch",
    "fr": "Français",
    "es": "Español",
    "ja": "日本語",
    "ar": "العربية",
}
"""What languages call themselves."""

_RIGHT_TO_LEFT = frozenset({"ar", "fa", "he", "ur"})
_RANGE = re.compile(
    r"\s*([A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*|\*)\s*(?:;\s*q\s*=\s*([01](?:\.[0-9]{0,3})?)\s*)?", re.ASCII
)
_MOST_RANGES = 20
"""How much is read of a list that a stranger has written."""


@cache
def known() -> tuple[str, ...]:
    """Return the languages that there is a catalogue for, English first."""
    return (SOURCE, *sorted(path.parts[-3] for path in FOLDER.glob("*/LC_MESSAGES/messages.mo")))


def names() -> dict[str, str]:
    """Return what each known language calls itself, in the order in which a menu has them."""
    ours = {tag: title for tag, title in _NAMES.items() if tag in known()}
    return {**ours, **{tag: tag for tag in known() if tag not in ours}}


def pattern() -> str:
    """Return what tags of the known languages look like, as a regular expression."""
    return f"^(?:{'|'.join(known())})(?:-[A-Za-z0-9-]{{1,60}})?$"


def match(tag: str) -> str | None:
    """Return the language that is known of a tag: `de` for `de-AT` (RFC 4647 section 3.4). None for any other."""
    language = tag.partition("-")[0].lower()
    return language if language in known() else None


@lru_cache(maxsize=256)  # most browsers send one of a few
def preferred(header: str) -> str | None:
    """Return the language that somebody likes best of those that are known (RFC 9110 section 12.5.4).

    None if they name none of them, or what they send is no list of languages.
    """
    wanted: list[tuple[float, str]] = []
    for part in header.split(",")[:_MOST_RANGES]:
        one = _RANGE.fullmatch(part)
        language = match(one[1]) if one is not None else None
        weight = float(one[2] or 1) if one is not None else 0.0
        if language is not None and weight > 0:
            wanted.append((weight, language))
    # The first of equals: `max` keeps it.
    return max(wanted, key=lambda one: one[0])[1] if wanted else None


def direction(language: str) -> str:
    """Return in which direction a language is written: `ltr` or `rtl`."""
    return "rtl" if language.partition("-")[0] in _RIGHT_TO_LEFT else "ltr"


def translatable(text: str) -> str:
    """Return a text as it is: it is translated where it is shown, and `make messages` finds it here."""
    return text


def translations(language: str) -> NullTranslations:
    """Return the catalogue of a language; of one that is not known, that of English, which changes nothing."""
    return _catalogue(match(language) or SOURCE)


@cache  # by what is known only: a stranger may name any language
def _catalogue(name: str) -> NullTranslations:
    if name == SOURCE:
        return NullTranslations()
    with (FOLDER / name / "LC_MESSAGES" / "messages.mo").open("rb") as catalogue:
        return GNUTranslations(catalogue)

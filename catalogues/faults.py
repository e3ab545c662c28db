"""What is wrong with a catalogue: texts without a translation, other placeholders, plural forms that are missing."""

import re
from collections.abc import Iterator, Sequence

from babel.messages.catalog import Catalog, Message

_PLACEHOLDER = re.compile(r"%\([a-z_]+\)s|\{[a-zA-Z_]+\}|%%", re.ASCII)
_MARKS = ("[", "]", "*", "`")
"""What stands around a link, an emphasis or code."""

_COUNT = ("%(num)s", "%(count)s", "{count}")
"""A form for exactly one, two or none may leave its number out."""


def find(catalogue: Catalog) -> Iterator[str]:
    """Yield what is wrong with a catalogue, a sentence for each."""
    for message in catalogue:
        if message.id:
            for fault in _faults(message, catalogue.num_plurals):
                yield f"{catalogue.locale}: {_first(message.id)!r}: {fault}"


def _faults(message: Message, forms: int) -> Iterator[str]:
    if "${" in _first(message.id):
        yield "this is a script's template: put it into a constant before the call"
    texts = [message.string] if isinstance(message.string, str) else list(message.string or ())
    plural = not isinstance(message.id, str)
    if message.fuzzy:
        yield "the translation is only a guess"
    if not all(texts) or len(texts) != (forms if plural else 1):
        yield "it is not translated" if not any(texts) else "a plural form is missing"
        return
    wanted = _placeholders(message.id[-1] if plural else _first(message.id))
    for text in texts:
        has = _placeholders(text)
        missing, added = wanted - has - set(_COUNT if plural else ()), has - wanted
        if missing or added:
            yield f"other placeholders: {', '.join(sorted(missing | added))}"
        english = message.id[-1] if plural else _first(message.id)
        odd = [mark for mark in _MARKS if text.count(mark) != english.count(mark)]
        if odd:
            yield f"other marks: {' '.join(odd)}"


def _placeholders(text: str) -> set[str]:
    return set(_PLACEHOLDER.findall(text))


def _first(text: str | Sequence[str]) -> str:
    return text if isinstance(text, str) else text[0]

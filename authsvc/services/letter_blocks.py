"""The parts that a letter's HTML is made of, as its text has them: sentences, a button, a code, a list of details."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from markupsafe import Markup, escape

_ADDRESS = r"https?://[!#-;=?-~]+(?<![.,:;!?)])"

Rows = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Block:
    """A part of a letter: `prose`, a `button`, a `code`, or the `details` of an act."""

    kind: str
    html: str = ""
    text: str = ""
    href: str = ""
    primary: bool = False
    rows: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Reader:
    """What a paragraph is recognised by: the link and its title, the pages that buttons lead to, code and details."""

    link: str
    act: str
    pages: Mapping[str, str]
    code: str
    details: str
    rows: Rows
    of_strangers: Iterable[str]
    colour: str
    support: tuple[str, str] | None

    def read(self, paragraph: str) -> Block:
        """Return a paragraph as a part of the HTML."""
        if self.code and paragraph == self.code:
            return Block("code", text=paragraph)
        if self.link and paragraph == self.link:
            return Block("button", text=self.act, href=paragraph, primary=True)
        if paragraph in self.pages:
            return Block("button", text=self.pages[paragraph], href=paragraph)
        if paragraph == self.details:
            return Block("details", rows=tuple(self.rows))
        return Block("prose", html=self._linked(" ".join(paragraph.split("\n"))))

    def _linked(self, text: str) -> Markup:
        """Return a text as HTML in which addresses of pages and of the support are links.

        Those in what strangers wrote are not.
        """
        name, href = self.support or ("", "")
        pattern = re.compile(f"{_ADDRESS}|{re.escape(name)}" if name else _ADDRESS)
        strange = [one for one in self.of_strangers if one]
        parts, end = [], 0
        for match in pattern.finditer(text):
            if not any(match[0] in one for one in strange):
                target = href if match[0] == name else match[0]
                parts += [escape(text[end : match.start()]), anchor(target, match[0], self.colour)]
                end = match.end()
        return Markup("").join([*parts, escape(text[end:])])


def anchor(href: str, text: str, colour: str) -> Markup:
    """Return a link as letters have it: in the operator's colour, and in that for dark ground where it is dark."""
    return Markup('<a class="link" href="{}" style="color:{};text-decoration:underline">{}</a>').format(
        href, colour, text
    )

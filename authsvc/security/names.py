"""Names of people and things: the one rule for valid names, and their canonical form.

The model is the nickname profile of PRECIS (RFC 8266), which supports every script.
"""

import re
import unicodedata

MAX_LENGTH = 100
"""Code points that a name may have."""

_IN_A_LINE = r"[^\u0000-\u001f\u007f-\u009f\u2028\u2029]*"
PATTERN = rf"^{_IN_A_LINE}[^\u0000-\u0020\u007f-\u00a0\u2028\u2029]{_IN_A_LINE}$"
"""The part of the rule that a schema can express: no controls, no line ends, and not only blanks."""

_MOST_RAW = 4 * MAX_LENGTH
"""Code points that are considered: composing and trimming can shorten a valid name from as many."""
_MOST_MARKS = 8
"""Combining marks in a row. Living scripts need up to five; towers of them cover the lines above."""

_BLANKS = re.compile("[ \u00a0\u1680\u2000-\u200a\u202f\u205f\u3000\u2800\u115f\u1160\u3164\uffa0]+")
"""Characters that look like a blank: the space separators (Zs), the empty Braille cell and the Hangul fillers."""

_JOINERS = "\u200c\u200d"
_BETWEEN_LETTERS = frozenset({"Lo", "Lm", "Mn", "Mc", "So", "Sk"})
"""Categories beside a joiner: letters without case (Arabic, Indic, …), their marks, and emoji with their modifiers."""
_VIRAMA = 9
"""The combining class of the sign that a joiner may follow anywhere (RFC 5892 appendix A.1)."""

_SELECTORS = re.compile("[\ufe00-\ufe0f\u180b-\u180d\u180f\U000e0100-\U000e01ef]")
_FLAG = re.compile("(?<=\U0001f3f4)[\U000e0020-\U000e007e]{1,31}\U000e007f")
"""A region's flag: a black flag, and the region in tag characters (UTS 51 ED-14a)."""
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u17b4\u17b5\u180e\u200b\u200e\u200f\u2060-\u206f\ufeff\ufff0-\ufff8\U000e0000-\U000e0fff]"
)
"""The other default-ignorable code points (Unicode 4.21), overrides of the direction included."""


class NotAName(ValueError):
    """The text can't be a name; `code` is `too_short`, `too_long`, `bad_format` or, if nothing is visible, `blank`."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def canonical(text: str, *, longest: int = MAX_LENGTH) -> str:
    """Return a name as it is stored: composed (NFC), with single blanks inside and none around.

    NFC, not the NFKC of RFC 8266: that is for comparing names, and would change how people write theirs.
    Raises NotAName.
    """
    if not text:
        raise NotAName("too_short")
    if len(text) > max(_MOST_RAW, longest):
        raise NotAName("too_long")
    name = _without_loose_joiners(_BLANKS.sub(" ", unicodedata.normalize("NFC", spaced(text))).strip(" "))
    if not _shows(name):
        raise NotAName("blank")
    _require_visible(name)
    if len(name) > longest:
        raise NotAName("too_long")
    return name


def spaced(text: str) -> str:
    """Return a text with a plain blank for each character that looks like one."""
    return _BLANKS.sub(lambda run: " " * len(run[0]), text)


def folded(text: str) -> str:
    """Return what is equal for all spellings of a name that differ in case, in composition or in kinds of blanks."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", spaced(text)).casefold())


def _without_loose_joiners(name: str) -> str:
    """Drop joiners at the ends, which many keyboards leave there. After a virama they shape the letter, and stay."""
    name = name.lstrip(_JOINERS + " ")
    while name and name[-1] in _JOINERS + " ":
        if name[-1] in _JOINERS and len(name) > 1 and unicodedata.combining(name[-2]) == _VIRAMA:
            break
        name = name[:-1]
    return name


def _shows(name: str) -> bool:
    """Tell whether anything is visible: a letter, digit, sign or symbol, not only marks, blanks and controls."""
    return any(
        unicodedata.category(char)[0] in "LNPS" or unicodedata.category(char) in ("Cn", "Co")
        for char in _INVISIBLE.sub("", name)
    )


def _require_visible(name: str) -> None:
    """Refuse characters that are invisible, or that change how others look. Raises NotAName."""
    plain = _FLAG.sub("", name)
    marks = 0
    for at, char in enumerate(plain):
        category = unicodedata.category(char)
        is_mark = category in ("Mn", "Me")
        marks = marks + 1 if is_mark else 0
        starts = at == 0 or plain[at - 1] == " "
        if char in _JOINERS:
            fits = _joins(plain, at)
        elif _SELECTORS.match(char):
            fits = not starts and not _SELECTORS.match(plain[at - 1])
        else:
            fits = not (_is_hidden(char, category) or (is_mark and starts) or marks > _MOST_MARKS)
        if not fits:
            raise NotAName("bad_format")


def _joins(name: str, at: int) -> bool:
    """Tell whether a joiner has an effect: after a virama, or between letters or emoji."""
    if at == 0:
        return False
    if unicodedata.combining(name[at - 1]) == _VIRAMA:
        return True
    return at + 1 < len(name) and {unicodedata.category(name[at - 1]), unicodedata.category(name[at + 1])} <= (
        _BETWEEN_LETTERS
    )


def _is_hidden(char: str, category: str) -> bool:
    """Tell whether a code point is invisible: controls, line ends, surrogates, private use, noncharacters.

    An unassigned code point is accepted: the next version of Unicode has new emoji.
    """
    is_none = category == "Cn" and (ord(char) & 0xFFFE == 0xFFFE or 0xFDD0 <= ord(char) <= 0xFDEF)
    return category in ("Cc", "Cs", "Co", "Zl", "Zp", "Cf") or is_none or bool(_INVISIBLE.match(char))

"""What a new password may be: long enough, not a common one, nothing like the account (NIST SP 800-63B 3.1.1.2)."""

import re
from collections.abc import Iterator

from zxcvbn.frequency_lists import FREQUENCY_LISTS

_COMMON: frozenset[str] = frozenset().union(*FREQUENCY_LISTS.values())
_SERVICE_WORDS = ("authsvc",)
_DECORATION = re.compile(r"[\d\W_]")
_MOST_DECORATION = 4
_MIN_CONTEXT = 2
_MIN_BARE = 4


def is_common(password: str) -> bool:
    """Tell whether the password is one of the most common, in any case, with up to four digits or signs added.

    The list is zxcvbn's, all its dictionaries: a password that is also a name or a word stands only there (ASVS 6.2.4).
    """
    folded = password.casefold()
    return len(set(folded)) == 1 or any(spelling in _COMMON for spelling in _spellings(folded))


def is_like_account(password: str, *words: str) -> bool:
    """Tell whether the password is made of words about the account or the service alone (ASVS 6.2.11).

    `words`: address, name, whatever an attacker would try first; digits and signs around them do not count.
    """
    rest = password.casefold()
    for word in sorted(_context(words), key=len, reverse=True):
        rest = rest.replace(word, "")
    return rest != password.casefold() and not re.search(r"[^\W\d_]", rest)


def _context(words: tuple[str, ...]) -> set[str]:
    found = set(_SERVICE_WORDS)
    for word in words:
        folded = word.casefold()
        found.add(folded)
        found.update(re.split(r"[\W_]+", folded))
        found.update(folded.split("@"))
    return {word for word in found if len(word) >= _MIN_CONTEXT}


def _spellings(password: str) -> Iterator[str]:
    """Yield the password, then without one to four digits and signs at its end, while a word of some length is left."""
    yield password
    for end in range(len(password) - 1, max(_MIN_BARE, len(password) - _MOST_DECORATION) - 1, -1):
        if not _DECORATION.fullmatch(password[end]):
            return
        yield password[:end]

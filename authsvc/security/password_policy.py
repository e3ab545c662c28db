"""The policy for new passwords: not a common one, and not like the account (NIST SP 800-63B 3.1.1.2)."""

import re
from collections.abc import Iterator

from zxcvbn.frequency_lists import FREQUENCY_LISTS

_COMMON: frozenset[str] = frozenset().union(*FREQUENCY_LISTS.values())
_SERVICE_WORDS = ("authsvc",)
_DECORATION = re.compile(r"[\d\W_]")
_MOST_DECORATION = 4
_MIN_CONTEXT = 2
_MIN_WORD = 4


def is_common(password: str) -> bool:
    """Tell whether the password is one of the most common, in any case, with up to four digits or signs added.

    The lists are all of zxcvbn's: each password is only in one, be it a common password, a name or a word (ASVS 6.2.4).
    """
    folded = password.casefold()
    return len(set(folded)) == 1 or any(spelling in _COMMON for spelling in _spellings(folded))


def is_like_account(password: str, *words: str) -> bool:
    """Tell whether the password consists only of words about the account or the service (ASVS 6.2.11).

    `words` are the address, the name, and others that an attacker tries first; digits and signs around them are
    ignored.
    """
    rest = password.casefold()
    for word in sorted(_context(words), key=len, reverse=True):
        rest = rest.replace(word, "")
    return rest != password.casefold() and not re.search(r"[^\W\d_]", rest)


def _context(words: tuple[str, ...]) -> set[str]:
    context = set(_SERVICE_WORDS)
    for word in words:
        folded = word.casefold()
        context.add(folded)
        context.update(re.split(r"[\W_]+", folded))
        context.update(folded.split("@"))
    return {word for word in context if len(word) >= _MIN_CONTEXT}


def _spellings(password: str) -> Iterator[str]:
    """Yield the password, then without one to four digits and signs at its end, while enough letters remain."""
    yield password
    for end in range(len(password) - 1, max(_MIN_WORD, len(password) - _MOST_DECORATION) - 1, -1):
        if not _DECORATION.fullmatch(password[end]):
            return
        yield password[:end]

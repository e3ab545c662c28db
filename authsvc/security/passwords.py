"""Password hashing: bcrypt, plain up to 72 bytes and reduced beyond, with equal work for every wrong answer.

Hashes of other programs (`foreign_hashes`) are verified too, and are always outdated.
"""

import base64
import hmac
import re
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Self

import bcrypt

from authsvc.security import foreign_hashes
from authsvc.security.foreign_hashes import ForeignHash, NotKnown
from authsvc.security.hashing_pool import HashingPool

MAX_LENGTH = 256
"""Characters of a password; a longer one is refused before any hashing."""

_BCRYPT_BYTES = 72
_HASH = re.compile(r"\$2[aby]\$(0[4-9]|[12]\d|3[01])\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{31}", re.ASCII)
_DOMAIN = b"authsvc long password"


class PasswordHash(str):
    """A hash, of bcrypt or of another program: the only string that the password field of `User` accepts.

    Raises ValueError, without quoting it, for any other text.
    """

    __slots__ = ()

    def __new__(cls, text: str) -> Self:
        """Return the text as a hash."""
        if not is_hash(text):
            raise ValueError("not a hash of a known kind")
        return super().__new__(cls, text)


def is_hash(text: str) -> bool:
    """Tell whether a text is a hash that a password can be verified against."""
    return scheme_of(text) is not None


def scheme_of(text: str | None) -> str | None:
    """Return the scheme of a hash: `bcrypt`, `argon2id`, `pbkdf2_sha256`, `scrypt` …; None if the text is no hash."""
    if text is None or _HASH.fullmatch(text) is not None:
        return None if text is None else "bcrypt"
    other = _foreign(text)
    return None if other is None else other.scheme


def imported(text: str) -> PasswordHash:
    """Return the hash of an imported account. Raises NotKnown, with a reason that quotes nothing of it.

    Its cost is bounded (see `foreign_hashes`), also that of bcrypt if it exceeds this service's own, because every
    guess at the password costs as much here.
    """
    text = foreign_hashes.unwrapped(text)
    match = _HASH.fullmatch(text)
    most = max(foreign_hashes.MOST_BCRYPT_COST, hasher().rounds)
    if match is None:
        foreign_hashes.read(text)
    elif int(match[1]) > most:
        raise NotKnown(f"a hash that is too expensive: cost over {most}")
    return PasswordHash(text)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of a verification; an `outdated` hash should be replaced."""

    right: bool
    outdated: bool = False


class Hasher:
    """Hashes and verifies at one cost (log2 of rounds), in the pool of this process."""

    def __init__(self, rounds: int, pool: HashingPool) -> None:
        self.rounds = rounds
        self._pool = pool

    def require_room(self) -> None:
        """Raise HashingBusy if a hash would have to wait too long."""
        self._pool.require_room()

    def in_turn(self, whose: str) -> AbstractContextManager[None]:
        """Bound the hashes of one account, or of any other owner, in the queue. Raises HashingBusy."""
        return self._pool.in_turn(whose)

    def hash(self, password: str) -> PasswordHash:
        """Return the `$2b$` hash of a password. Raises HashingBusy."""
        return self._pool.run(lambda: PasswordHash(_hash(_reduced(password), self.rounds)))

    def would_replace(self, stored: str) -> bool:
        """Tell whether a hash is replaced at the next sign-in."""
        match = _HASH.fullmatch(stored)
        return match is None or int(match[1]) < self.rounds or not stored.startswith("$2b$")

    def verify(self, password: str, stored: str | None, *, foreign: bool) -> Verdict:
        """Verify a password against a stored hash, None if the account does not exist or has no password.

        `foreign` marks a hash that authsvc did not write: Node's bcrypt cut passwords at 72 bytes, so a longer one is
        also tried cut. Every wrong answer does the same work, as many hashes of the same rounds, whether the account
        exists, has a cheaper hash or none (ASVS 6.3.8). A hash that is not bcrypt's comes on top of that, so until its
        first sign-in an imported account can be distinguished by timing, more so the slower its hash. Raises
        HashingBusy.
        """
        return self._pool.run(lambda: self._verify(password, stored, foreign))

    def _verify(self, password: str, stored: str | None, foreign: bool) -> Verdict:
        match = _HASH.fullmatch(stored) if stored is not None else None
        other = _foreign(stored) if stored is not None and match is None else None
        if other is not None and other.verify(password):
            return Verdict(True, outdated=True)
        cost = int(match[1]) if match is not None else self.rounds
        spellings = [_reduced(password)]
        if len(password.encode()) > _BCRYPT_BYTES:
            spellings.append(password.encode()[:_BCRYPT_BYTES])
        for index, spelling in enumerate(spellings):
            usable = stored is not None and match is not None and (index == 0 or foreign)
            if usable and stored is not None and bcrypt.checkpw(spelling, stored.encode()):
                return Verdict(True, outdated=index > 0 or self.would_replace(stored))
            if not usable:
                bcrypt.checkpw(spelling, _dummy(cost))
            for missing in range(cost, self.rounds):
                # 2^cost + 2^cost + 2^(cost+1) + ... + 2^(rounds-1) = 2^rounds
                bcrypt.checkpw(spelling, _dummy(missing))
        return Verdict(False)


def _foreign(text: str) -> ForeignHash | None:
    try:
        return foreign_hashes.read(text)
    except NotKnown:
        return None


def _dummy(cost: int) -> bytes:
    """Return a hash of this cost that no password matches: its digest is all zeros."""
    return b"$2b$%02d$" % cost + b"." * 53


def _hash(password: bytes, rounds: int) -> str:
    return bcrypt.hashpw(password, bcrypt.gensalt(rounds)).decode()


def _reduced(password: str) -> bytes:
    """Return the input of bcrypt: at most 72 bytes as they are, more as 64 characters that depend on all of them.

    The form is that of the OWASP Password Storage Cheat Sheet.
    """
    # The HMAC's key is public: it separates the reduced form from other uses of the hash, there is no pepper to lose.
    raw = password.encode()
    return raw if len(raw) <= _BCRYPT_BYTES else base64.b64encode(hmac.digest(_DOMAIN, raw, "sha384"))


@dataclass(slots=True)
class _Process:
    """The hasher of this process, with its one pool."""

    hasher: Hasher | None = None


_process = _Process()


def use(hasher: Hasher) -> None:
    """Make `hasher` the one of this process."""
    _process.hasher = hasher


def hasher() -> Hasher:
    """Return the hasher of this process. Raises RuntimeError before `use`."""
    if _process.hasher is None:
        raise RuntimeError("no hasher: create_app sets it")
    return _process.hasher

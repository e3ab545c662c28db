"""Password hashing: bcrypt, plain up to 72 bytes and reduced beyond, in equal work for every wrong answer.

Hashes that other programs made (`foreign_hashes`) are compared with, and are outdated.
"""

import base64
import hmac
import re
from dataclasses import dataclass
from typing import Self

import bcrypt

from authsvc.security import foreign_hashes
from authsvc.security.foreign_hashes import ForeignHash, NotKnown
from authsvc.security.hashing_pool import HashingPool

MAX_LENGTH = 256
"""Characters a password may have; what is longer is refused before any hashing."""

_BCRYPT_BYTES = 72
_HASH = re.compile(r"\$2[aby]\$(0[4-9]|[12]\d|3[01])\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{31}", re.ASCII)
_DOMAIN = b"authsvc long password"


class PasswordHash(str):
    """A hash, of bcrypt or of another program: the only kind of string that the password field of `User` takes.

    Raises ValueError, without quoting it, for any other text.
    """

    __slots__ = ()

    def __new__(cls, text: str) -> Self:
        """Take the text of a hash."""
        if not is_hash(text):
            raise ValueError("not a hash of a known kind")
        return super().__new__(cls, text)


def is_hash(text: str) -> bool:
    """Tell whether a text is a hash that can be compared with."""
    return scheme_of(text) is not None


def scheme_of(text: str | None) -> str | None:
    """Return what made a hash: `bcrypt`, `argon2id`, `pbkdf2_sha256`, `scrypt` …; None for what is none."""
    if text is None or _HASH.fullmatch(text) is not None:
        return None if text is None else "bcrypt"
    other = _foreign(text)
    return None if other is None else other.scheme


def imported(text: str) -> PasswordHash:
    """Take the hash of somebody who comes from elsewhere. Raises NotKnown, with a reason that quotes nothing of it.

    What it may cost is bounded (see `foreign_hashes`), for bcrypt too, where it is not what this service takes itself:
    every guess at it costs that much here.
    """
    match = _HASH.fullmatch(text)
    most = max(foreign_hashes.MOST_BCRYPT_COST, hasher().rounds)
    if match is None:
        foreign_hashes.read(text)
    elif int(match[1]) > most:
        raise NotKnown(f"a hash that asks for too much: cost over {most}")
    return PasswordHash(text)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a verification found: `outdated` asks for the hash to be written anew."""

    right: bool
    outdated: bool = False


class Hasher:
    """Hashes and verifies at one cost (log2 of rounds), in the pool of this process."""

    def __init__(self, rounds: int, pool: HashingPool) -> None:
        self.rounds = rounds
        self._pool = pool

    def require_room(self) -> None:
        """Raise HashingBusy where a hash would have to wait too long."""
        self._pool.require_room()

    def hash(self, password: str) -> PasswordHash:
        """Return the `$2b$` hash of a password. Raises HashingBusy."""
        return self._pool.run(lambda: PasswordHash(_hash(_reduced(password), self.rounds)))

    def would_replace(self, stored: str) -> bool:
        """Tell whether a hash is written anew once its password is shown."""
        match = _HASH.fullmatch(stored)
        return match is None or int(match[1]) < self.rounds or not stored.startswith("$2b$")

    def verify(self, password: str, stored: str | None, *, foreign: bool) -> Verdict:
        """Compare a password with a stored hash, None for an account that is not there or has no password.

        `foreign` marks a hash that authsvc did not write: Node's bcrypt cut passwords at 72 bytes, so one that is
        longer is tried that way too. Every wrong answer costs the same: as many hashes, of the same rounds, whether the
        account exists, has a cheaper hash or none (ASVS 6.3.8). A hash that is not bcrypt's comes on top of that: until
        its first right password an imported account can be told by time from one that is not there, the better the
        dearer its hash is. Raises HashingBusy.
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
    """Return a hash of this cost that no password has: its digest is all zeros."""
    return b"$2b$%02d$" % cost + b"." * 53


def _hash(password: bytes, rounds: int) -> str:
    return bcrypt.hashpw(password, bcrypt.gensalt(rounds)).decode()


def _reduced(password: str) -> bytes:
    """Return what bcrypt is given: at most 72 bytes as they are, more as 64 characters that depend on all of them.

    The HMAC's key is public: it keeps the reduced form apart from other uses of the hash, there is no pepper to lose
    (the form is that of the OWASP Password Storage Cheat Sheet).
    """
    raw = password.encode()
    return raw if len(raw) <= _BCRYPT_BYTES else base64.b64encode(hmac.digest(_DOMAIN, raw, "sha384"))


_current: list[Hasher] = []


def use(hasher: Hasher) -> None:
    """Make `hasher` the one of this process: it has one pool, however many documents are hashed in it."""
    _current[:] = [hasher]


def hasher() -> Hasher:
    """Return the hasher of this process. Raises RuntimeError before `use`."""
    if not _current:
        raise RuntimeError("no hasher: create_app sets it")
    return _current[0]

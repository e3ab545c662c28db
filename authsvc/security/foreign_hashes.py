"""Password hashes of other programs: which of them are known, what they may cost, and comparing with one.

Known are argon2i and argon2id (PHC strings, also with Django's prefix), PBKDF2 and scrypt as Django and Werkzeug write
them, and Django's two spellings of bcrypt. They are compared with until the first right password, and then replaced.
What one may cost is bounded: whoever hands a hash in decides what every guess at it takes.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass

import bcrypt
from argon2.exceptions import VerifyMismatchError
from argon2.low_level import Type, verify_secret

LONGEST = 512
"""Characters a hash may have."""

MOST_BCRYPT_COST = 16
MOST_ITERATIONS = 5_000_000
"""Of PBKDF2: Django's default grows by a fifth each release, 1,200,000 in 6.0."""
MOST_MEMORY = 256 * 2**20
"""Bytes that comparing with one argon2 or scrypt hash may take."""
MOST_ARGON2_WORK = 2**20
"""KiB times passes."""
MOST_ARGON2_LANES = 16
MOST_SCRYPT_WORK = 2**22
MOST_SCRYPT_LANES = 16
"""N times r times p."""

_SALT = r"(?P<salt>[!-#%-~]{1,128})"
_NUMBER = r"[1-9]\d{0,9}"
_BCRYPT = r"\$2[aby]\$(?P<cost>\d\d)\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{31}"
_ARGON2 = re.compile(
    rf"(?:argon2)?\$(?P<kind>argon2id|argon2i)(?:\$v=(?:16|19))?\$m=(?P<memory>{_NUMBER}),t=(?P<passes>{_NUMBER}),"
    rf"p=(?P<lanes>{_NUMBER})\$(?P<salt>[A-Za-z0-9+/]{{11,86}})\$(?P<digest>[A-Za-z0-9+/]{{16,172}})",
    re.ASCII,
)
_PBKDF2 = re.compile(
    rf"pbkdf2(?:_(?P<django>sha1|sha256)\$|:(?P<werkzeug>sha1|sha256|sha512):)(?P<iterations>{_NUMBER})\${_SALT}\$"
    r"(?P<digest>[0-9A-Za-z+/]{27,128}={0,2})",
    re.ASCII,
)
_SCRYPT = re.compile(
    rf"scrypt(?::(?P<n>{_NUMBER}):(?P<r>{_NUMBER}):(?P<p>{_NUMBER})\${_SALT}\$(?P<hex>[0-9a-f]{{128}})"
    rf"|\$(?P<dn>{_NUMBER})\$(?P<dsalt>[!-#%-~]{{1,128}})\$(?P<dr>{_NUMBER})\$(?P<dp>{_NUMBER})\$(?P<b64>[A-Za-z0-9+/]{{86}}==))",
    re.ASCII,
)
_DJANGO_BCRYPT = re.compile(rf"(?P<scheme>bcrypt_sha256|bcrypt)\$(?P<inner>{_BCRYPT})", re.ASCII)


class NotKnown(ValueError):
    """No hash that can be compared with; the message says why, and quotes nothing of it."""


@dataclass(frozen=True, slots=True)
class ForeignHash:
    """A hash of another program: the name of what made it, and a way to compare a password with it."""

    scheme: str
    verify: Callable[[str], bool]


def read(text: str) -> ForeignHash:
    """Take a hash apart. Raises NotKnown: for what is none, and for one that would cost too much."""
    if len(text) <= LONGEST:
        for shape, reader in _READERS:
            match = shape.fullmatch(text)
            if match is not None:
                return reader(match)
    raise NotKnown("no hash of a known kind")


def _argon2(match: re.Match[str]) -> ForeignHash:
    memory, passes, lanes = int(match["memory"]), int(match["passes"]), int(match["lanes"])
    _at_most("memory", memory * 1024, MOST_MEMORY)
    _at_most("work", memory * passes, MOST_ARGON2_WORK)
    _at_most("lanes", lanes, MOST_ARGON2_LANES)
    if memory < 8 * lanes:
        raise NotKnown("an argon2 hash with less memory than its lanes need")
    for part in ("salt", "digest"):
        _decoded(match[part] + "=" * (-len(match[part]) % 4))
    kind, phc = match["kind"], match[0].removeprefix("argon2").encode()

    def verify(password: str) -> bool:
        try:
            return verify_secret(phc, password.encode(), Type.ID if kind == "argon2id" else Type.I)
        except VerifyMismatchError:
            return False

    return ForeignHash(kind, verify)


def _pbkdf2(match: re.Match[str]) -> ForeignHash:
    name, iterations, salt = match["django"] or match["werkzeug"], int(match["iterations"]), match["salt"].encode()
    _at_most("iterations", iterations, MOST_ITERATIONS)
    digest = _decoded(match["digest"]) if match["django"] else _unhexed(match["digest"])
    if len(digest) != hashlib.new(name).digest_size:
        raise NotKnown("a PBKDF2 hash of the wrong length")

    def verify(password: str) -> bool:
        return hmac.compare_digest(hashlib.pbkdf2_hmac(name, password.encode(), salt, iterations), digest)

    return ForeignHash(f"pbkdf2_{name}", verify)


def _scrypt(match: re.Match[str]) -> ForeignHash:
    names, salt = (("n", "r", "p"), match["salt"]) if match["hex"] else (("dn", "dr", "dp"), match["dsalt"])
    n, r, p = (int(match[name]) for name in names)
    digest = _unhexed(match["hex"]) if match["hex"] else _decoded(match["b64"])
    _at_most("memory", 128 * r * (n + p), MOST_MEMORY + 2**20)
    _at_most("work", n * r * p, MOST_SCRYPT_WORK)
    _at_most("lanes", p, MOST_SCRYPT_LANES)  # each costs more than its share where N is small
    if n < 2 or n & (n - 1) or n.bit_length() - 1 >= 16 * r:  # RFC 7914 section 2
        raise NotKnown("an scrypt hash whose N is no power of two below 2^(16r)")
    room = 128 * r * (n + p + 2) + 2**20

    def verify(password: str) -> bool:
        made = hashlib.scrypt(password.encode(), salt=salt.encode(), n=n, r=r, p=p, maxmem=room, dklen=len(digest))
        return hmac.compare_digest(made, digest)

    return ForeignHash("scrypt", verify)


def _django_bcrypt(match: re.Match[str]) -> ForeignHash:
    _at_most("cost", int(match["cost"]), MOST_BCRYPT_COST)
    if int(match["cost"]) < 4:
        raise NotKnown("a bcrypt hash of a cost that there is not")
    scheme, inner = match["scheme"], match["inner"].encode()

    def verify(password: str) -> bool:
        raw = password.encode()
        given = raw[:72] if scheme == "bcrypt" else binascii.hexlify(hashlib.sha256(raw).digest())
        return bcrypt.checkpw(given, inner)

    return ForeignHash(scheme, verify)


_READERS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], ForeignHash]], ...] = (
    (_ARGON2, _argon2),
    (_PBKDF2, _pbkdf2),
    (_SCRYPT, _scrypt),
    (_DJANGO_BCRYPT, _django_bcrypt),
)


def _at_most(what: str, asked: int, most: int) -> None:
    if asked > most:
        raise NotKnown(f"a hash that asks for too much: {what} over {most}")


def _decoded(text: str) -> bytes:
    """Return what base64 stands for. Raises NotKnown where another spelling is the canonical one."""
    try:
        raw = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise NotKnown("a hash whose base64 is broken") from error
    if base64.b64encode(raw).decode() != text:
        raise NotKnown("a hash whose base64 is broken")
    return raw


def _unhexed(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError as error:
        raise NotKnown("a hash whose hexadecimal digits are broken") from error

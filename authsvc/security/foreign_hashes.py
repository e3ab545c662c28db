"""Password hashes of other programs: the known schemes, the limits of their cost, and their verification.

Known are argon2i and argon2id (PHC strings, also with Django's prefix), PBKDF2 and scrypt as Django, Werkzeug, passlib
and PHC strings write them, bcrypt as Django, Spring and WordPress wrap it, phpass, and Firebase's scrypt. They are
verified until the first sign-in, and then replaced. Their cost is bounded: an imported hash decides how much every
guess at its password costs.
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
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR

LONGEST = 512
"""Characters of a hash."""

MOST_BCRYPT_COST = 16
MOST_ITERATIONS = 5_000_000
"""Of PBKDF2: Django's default grows by a fifth each release, 1,200,000 in 6.0."""
MOST_MEMORY = 256 * 2**20
"""Bytes of memory for one argon2 or scrypt hash."""
MOST_ARGON2_WORK = 2**20
"""KiB times passes."""
MOST_ARGON2_LANES = 16
MOST_SCRYPT_WORK = 2**22
MOST_SCRYPT_LANES = 16
"""N times r times p."""
MOST_PHPASS_COST = 16
"""Log2 of the rounds of MD5; WordPress writes 13. Each round holds the interpreter lock."""

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
_WORDPRESS = re.compile(rf"\$wp(?P<inner>{_BCRYPT})", re.ASCII)
_PHPASS_DIGITS = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_PHPASS = re.compile(
    r"\$[PH]\$(?P<cost>[./0-9A-Za-z])(?P<salt>[./0-9A-Za-z]{8})(?P<digest>[./0-9A-Za-z]{22})", re.ASCII
)
_PHC_PBKDF2 = re.compile(
    rf"\$pbkdf2(?:-(?P<name>sha1|sha256|sha512))?\$(?:i=(?P<i>{_NUMBER})(?:,l=\d{{1,3}})?|(?P<rounds>{_NUMBER}))"
    r"\$(?P<salt>[A-Za-z0-9+/.]{1,128})={0,2}\$(?P<digest>[A-Za-z0-9+/.]{22,128})={0,2}",
    re.ASCII,
)
_PHC_SCRYPT = re.compile(
    rf"\$scrypt\$ln=(?P<ln>[1-9]\d?),r=(?P<r>{_NUMBER}),p=(?P<p>{_NUMBER})"
    r"\$(?P<salt>[A-Za-z0-9+/.]{1,128})\$(?P<digest>[A-Za-z0-9+/.]{22,128})",
    re.ASCII,
)
_B64 = r"[A-Za-z0-9+/]{2,128}={0,2}"
_FIREBASE = re.compile(
    rf"\$fbscrypt\$v=1,n=(?P<ln>[1-9]\d?),r=(?P<r>{_NUMBER}),p=1(?:,ss=(?P<separator>{_B64}))?,sk=(?P<key>{_B64})"
    rf"\$(?P<salt>{_B64})\$(?P<digest>{_B64})",
    re.ASCII,
)
_WRAPPED = re.compile(r"\A\{(?:bcrypt|argon2|argon2@SpringSecurity_v5_(?:2|8)|BCRYPT|ARGON2|CRYPT)\}(?=\$)", re.ASCII)
"""Prefixes of Spring Security and LDAP servers before a hash that names its own scheme."""

_REFUSED: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("MD5", re.compile(r"[0-9a-f]{32}|(?:\{S?MD5\}|md5\$).+|\$1\$.+|\$apr1\$.+", re.ASCII | re.IGNORECASE)),
    ("SHA-1", re.compile(r"[0-9a-f]{40}|\*[0-9a-f]{40}|(?:\{S?SHA1?\}|sha1\$).+", re.ASCII | re.IGNORECASE)),
    (
        "SHA-2",
        re.compile(
            r"[0-9a-f]{64}|[0-9a-f]{96}|[0-9a-f]{128}|\{S?SHA(?:-?(?:256|384|512))\}.+|\$[56]\$.+|\$S\$.+",
            re.ASCII | re.IGNORECASE,
        ),
    ),
    ("bcrypt $2x$", re.compile(r"(?:\{\w+\})?\$2x?\$\d\d\$.+", re.ASCII)),
    ("argon2d", re.compile(r"(?:argon2)?\$argon2d\$.+", re.ASCII)),
    ("yescrypt", re.compile(r"\$(?:y|7|gy)\$.+", re.ASCII)),
    ("Spring scrypt", re.compile(r"\{(?:scrypt|SCRYPT)(?:@\w+)?\}.+|\$e0801\$.+", re.ASCII)),
    ("Spring PBKDF2", re.compile(r"\{(?:pbkdf2|PBKDF2)(?:@\w+)?\}.+", re.ASCII)),
)
"""Hashes that are recognised but not accepted: broken schemes, and those that do not state their parameters."""


class NotKnown(ValueError):
    """Not a hash that can be verified; the message says why, and quotes nothing of it."""


@dataclass(frozen=True, slots=True)
class ForeignHash:
    """A hash of another program: the name of its scheme, and a function that verifies a password."""

    scheme: str
    verify: Callable[[str], bool]


def unwrapped(text: str) -> str:
    """Return a hash without the prefix of Spring Security or an LDAP server: `{bcrypt}$2a$…`."""
    return _WRAPPED.sub("", text)


def refused_kind(text: str) -> str | None:
    """Return the scheme of a hash that is recognised but not accepted: `MD5`, `SHA-1` …; None for all others."""
    if len(text) > LONGEST:
        return None
    return next((kind for kind, shape in _REFUSED if shape.fullmatch(text)), None)


def pbkdf2(name: str, iterations: int, salt: bytes, digest: bytes) -> str:
    """Write a PBKDF2 hash as a PHC string."""
    return f"$pbkdf2-{name}$i={iterations},l={len(digest)}${_unpadded(salt)}${_unpadded(digest)}"


def scrypt(cost: int, r: int, p: int, salt: bytes, digest: bytes) -> str:
    """Write an scrypt hash as a PHC string; `cost` is log2 of N."""
    return f"$scrypt$ln={cost},r={r},p={p}${_unpadded(salt)}${_unpadded(digest)}"


def argon2(kind: str, salt: bytes, digest: bytes, *, version: int, memory: int, passes: int, lanes: int) -> str:
    """Write an argon2 hash as a PHC string; `memory` is in KiB."""
    return f"$argon2{kind}$v={version}$m={memory},t={passes},p={lanes}${_unpadded(salt)}${_unpadded(digest)}"


def firebase(salt: bytes, digest: bytes, *, cost: int, rounds: int, separator: bytes, key: bytes) -> str:
    """Write a hash of Firebase as Supabase does, complete with the key of its project.

    Without that key it can't be verified; beside the hash it is no more exposed than the hash itself.
    """
    parts = [base64.b64encode(part).decode() for part in (separator, key, salt, digest)]
    first = f",ss={parts[0]}" if separator else ""
    return f"$fbscrypt$v=1,n={cost},r={rounds},p=1{first},sk={parts[1]}${parts[2]}${parts[3]}"


def read(text: str) -> ForeignHash:
    """Return a hash in parts. Raises NotKnown if it is none, or would cost too much."""
    if len(text) <= LONGEST:
        for shape, reader in _READERS:
            match = shape.fullmatch(text)
            if match is not None:
                return reader(match)
    raise NotKnown("not a known kind of hash")


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
    if n < 2 or n & (n - 1):
        raise NotKnown("an scrypt hash whose N is not a power of two")
    derive = _derivation(n.bit_length() - 1, r, p, len(digest))
    return ForeignHash("scrypt", lambda password: hmac.compare_digest(derive(password, salt.encode()), digest))


def _django_bcrypt(match: re.Match[str]) -> ForeignHash:
    _at_most("cost", int(match["cost"]), MOST_BCRYPT_COST)
    if int(match["cost"]) < 4:
        raise NotKnown("a bcrypt hash with an invalid cost")
    scheme, inner = match["scheme"], match["inner"].encode()

    def verify(password: str) -> bool:
        raw = password.encode()
        digest = raw[:72] if scheme == "bcrypt" else binascii.hexlify(hashlib.sha256(raw).digest())
        return bcrypt.checkpw(digest, inner)

    return ForeignHash(scheme, verify)


def _wordpress(match: re.Match[str]) -> ForeignHash:
    """Read a hash of WordPress since 6.8: bcrypt of an HMAC of the trimmed password."""
    if not 4 <= int(match["cost"]) <= MOST_BCRYPT_COST:
        raise NotKnown(f"a hash that is too expensive: cost over {MOST_BCRYPT_COST}, or for less than there is")
    inner = match["inner"].encode()

    def verify(password: str) -> bool:
        trimmed = password.strip(_PHP_TRIMS).encode()
        return bcrypt.checkpw(base64.b64encode(hmac.digest(b"wp-sha384", trimmed, "sha384")), inner)

    return ForeignHash("wordpress_bcrypt", verify)


def _phpass(match: re.Match[str]) -> ForeignHash:
    """Read a portable hash of phpass, used by WordPress, phpBB and others: MD5, 2^cost times."""
    cost = _PHPASS_DIGITS.index(match["cost"])
    _at_most("cost", cost, MOST_PHPASS_COST)
    if cost < 7:
        raise NotKnown("a phpass hash with an invalid cost")
    salt, digest = match["salt"].encode(), match["digest"]

    def made_of(password: bytes) -> str:
        state = hashlib.md5(salt + password, usedforsecurity=False).digest()
        for _ in range(1 << cost):
            state = hashlib.md5(state + password, usedforsecurity=False).digest()
        return _phpass_text(state)

    def verify(password: str) -> bool:
        spellings = {password, password.strip(_PHP_TRIMS)}  # WordPress trims, phpBB does not
        return any(hmac.compare_digest(made_of(one.encode()), digest) for one in spellings)

    return ForeignHash("phpass", verify)


def _phc_pbkdf2(match: re.Match[str]) -> ForeignHash:
    name, iterations = match["name"] or "sha1", int(match["i"] or match["rounds"])
    _at_most("iterations", iterations, MOST_ITERATIONS)
    salt, digest = _from_unpadded(match["salt"]), _from_unpadded(match["digest"])
    # Keycloak derives 64 bytes by any function. Each further block is as much work and adds no strength, so the first
    # one is enough.
    digest = digest[: hashlib.new(name).digest_size]

    def verify(password: str) -> bool:
        made = hashlib.pbkdf2_hmac(name, password.encode(), salt, iterations, len(digest))
        return hmac.compare_digest(made, digest)

    return ForeignHash(f"pbkdf2_{name}", verify)


def _phc_scrypt(match: re.Match[str]) -> ForeignHash:
    salt, digest = _from_unpadded(match["salt"]), _from_unpadded(match["digest"])
    derive = _derivation(int(match["ln"]), int(match["r"]), int(match["p"]), len(digest))
    return ForeignHash("scrypt", lambda password: hmac.compare_digest(derive(password, salt), digest))


def _firebase(match: re.Match[str]) -> ForeignHash:
    """Read Firebase's variant: scrypt derives the key that encrypts the project's signer key."""
    names = ("separator", "key", "salt", "digest")
    separator, key, salt, digest = (_from_unpadded(match[name] or "") for name in names)
    derive = _derivation(int(match["ln"]), int(match["r"]), 1, 32)

    def verify(password: str) -> bool:
        encryptor = Cipher(AES(derive(password, salt + separator)), CTR(bytes(16))).encryptor()
        return hmac.compare_digest(encryptor.update(key), digest)

    return ForeignHash("firebase_scrypt", verify)


def _derivation(cost: int, r: int, p: int, size: int) -> Callable[[str, bytes], bytes]:
    """Return scrypt with N of 2^cost (RFC 7914 section 2). Raises NotKnown if it is too expensive or malformed."""
    n = 1 << cost
    _at_most("memory", 128 * r * (n + p), MOST_MEMORY + 2**20)
    _at_most("work", n * r * p, MOST_SCRYPT_WORK)
    _at_most("lanes", p, MOST_SCRYPT_LANES)  # each costs more than its share if N is small
    if cost >= 16 * r:
        raise NotKnown("an scrypt hash whose N is not below 2^(16r)")
    room = 128 * r * (n + p + 2) + 2**20
    return lambda password, salt: hashlib.scrypt(password.encode(), salt=salt, n=n, r=r, p=p, maxmem=room, dklen=size)


def _phpass_text(raw: bytes) -> str:
    """Return bytes in the alphabet of phpass, the lowest six bits of each three first."""
    text = ""
    for at in range(0, len(raw), 3):
        three = raw[at : at + 3]
        bits = int.from_bytes(three, "little")
        text += "".join(_PHPASS_DIGITS[bits >> 6 * digit & 63] for digit in range(len(three) + 1))
    return text


_PHP_TRIMS = " \t\n\r\0\x0b"

_READERS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], ForeignHash]], ...] = (
    (_ARGON2, _argon2),
    (_PBKDF2, _pbkdf2),
    (_SCRYPT, _scrypt),
    (_DJANGO_BCRYPT, _django_bcrypt),
    (_WORDPRESS, _wordpress),
    (_PHPASS, _phpass),
    (_PHC_PBKDF2, _phc_pbkdf2),
    (_PHC_SCRYPT, _phc_scrypt),
    (_FIREBASE, _firebase),
)


def _at_most(what: str, asked: int, most: int) -> None:
    if asked > most:
        raise NotKnown(f"a hash that is too expensive: {what} over {most}")


def _decoded(text: str) -> bytes:
    """Return the bytes of a base64 text. Raises NotKnown if another spelling is the canonical one."""
    try:
        raw = base64.b64decode(text)
    except binascii.Error as error:
        raise NotKnown("a hash with invalid base64") from error
    if base64.b64encode(raw).decode() != text:
        raise NotKnown("a hash with invalid base64")
    return raw


def _unpadded(raw: bytes) -> str:
    return base64.b64encode(raw).decode().rstrip("=")


def _from_unpadded(text: str) -> bytes:
    """Return the bytes of a base64 text, even without padding, with passlib's `.` for `+` too. Raises NotKnown."""
    try:
        return base64.b64decode(text.replace(".", "+") + "=" * (-len(text) % 4), validate=True)
    except binascii.Error as error:
        raise NotKnown("a hash with invalid base64") from error


def _unhexed(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError as error:
        raise NotKnown("a hash with invalid hexadecimal digits") from error

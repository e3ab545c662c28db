"""Hashes as other programs make them: by Django's own hashers, Werkzeug's functions and argon2-cffi."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import argon2
from django.conf import settings
from django.contrib.auth import hashers
from werkzeug.security import generate_password_hash

from tests.support.accounts import node_hash

settings.configure()


def django_hash(password: str, hasher: str, **parameters: Any) -> str:
    """Return what one of Django's hashers makes of a password, with its default parameters but for those given."""
    made = getattr(hashers, f"{hasher}PasswordHasher")()
    return str(made.encode(password, **{"salt": made.salt(), **parameters}))


def argon2_hash(password: str, kind: argon2.Type = argon2.Type.ID, **parameters: int) -> str:
    """Return a PHC string, of little memory unless it is told otherwise."""
    return argon2.PasswordHasher(
        type=kind, **{"time_cost": 2, "memory_cost": 256, "parallelism": 2, **parameters}
    ).hash(password)


_MAKERS: dict[str, tuple[str, Callable[[str], str]]] = {
    "django pbkdf2": ("pbkdf2_sha256", lambda password: django_hash(password, "PBKDF2")),
    "django pbkdf2 sha1": ("pbkdf2_sha1", lambda password: django_hash(password, "PBKDF2SHA1")),
    "django argon2": ("argon2id", lambda password: django_hash(password, "Argon2")),
    "django bcrypt_sha256": ("bcrypt_sha256", lambda password: django_hash(password, "BCryptSHA256")),
    "django bcrypt": ("bcrypt", lambda password: django_hash(password, "BCrypt")),
    "django scrypt": ("scrypt", lambda password: django_hash(password, "Scrypt")),
    "werkzeug scrypt": ("scrypt", generate_password_hash),
    "werkzeug pbkdf2": ("pbkdf2_sha256", lambda password: generate_password_hash(password, "pbkdf2")),
    "werkzeug pbkdf2 sha1": ("pbkdf2_sha1", lambda password: generate_password_hash(password, "pbkdf2:sha1:2000")),
    "werkzeug pbkdf2 sha512": (
        "pbkdf2_sha512",
        lambda password: generate_password_hash(password, "pbkdf2:sha512:2000"),
    ),
    "argon2id": ("argon2id", argon2_hash),
    "argon2i": ("argon2i", lambda password: argon2_hash(password, argon2.Type.I)),
    "bcrypt $2a$": ("bcrypt", lambda password: node_hash(password, prefix=b"2a")),
    "bcrypt $2b$": ("bcrypt", node_hash),
    "bcrypt $2y$": ("bcrypt", lambda password: node_hash(password, prefix=b"2y")),
}


class EveryKind(Mapping[str, tuple[str, str]]):
    """(scheme, hash) of one password by who made it; each is made when it is asked for, and kept."""

    def __init__(self, password: str) -> None:
        self._password = password
        self._made: dict[str, tuple[str, str]] = {}

    def __getitem__(self, maker: str) -> tuple[str, str]:
        if maker not in self._made:
            scheme, make = _MAKERS[maker]
            self._made[maker] = scheme, make(self._password)
        return self._made[maker]

    def __iter__(self) -> Iterator[str]:
        return iter(_MAKERS)

    def __len__(self) -> int:
        return len(_MAKERS)

"""Hashes as other programs make them: by Django's own hashers, Werkzeug's functions and argon2-cffi."""

from functools import cache
from typing import Any

import argon2
from django.conf import settings
from django.contrib.auth import hashers
from werkzeug.security import generate_password_hash

from tests.accounts import node_hash

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


@cache
def of_every_kind(password: str) -> dict[str, tuple[str, str]]:
    """Return (scheme, hash) by who made it."""
    return {
        "django pbkdf2": ("pbkdf2_sha256", django_hash(password, "PBKDF2")),
        "django pbkdf2 sha1": ("pbkdf2_sha1", django_hash(password, "PBKDF2SHA1")),
        "django argon2": ("argon2id", django_hash(password, "Argon2")),
        "django bcrypt_sha256": ("bcrypt_sha256", django_hash(password, "BCryptSHA256")),
        "django bcrypt": ("bcrypt", django_hash(password, "BCrypt")),
        "django scrypt": ("scrypt", django_hash(password, "Scrypt")),
        "werkzeug scrypt": ("scrypt", generate_password_hash(password)),
        "werkzeug pbkdf2": ("pbkdf2_sha256", generate_password_hash(password, "pbkdf2")),
        "werkzeug pbkdf2 sha1": ("pbkdf2_sha1", generate_password_hash(password, "pbkdf2:sha1:2000")),
        "werkzeug pbkdf2 sha512": ("pbkdf2_sha512", generate_password_hash(password, "pbkdf2:sha512:2000")),
        "argon2id": ("argon2id", argon2_hash(password)),
        "argon2i": ("argon2i", argon2_hash(password, argon2.Type.I)),
        "bcrypt $2a$": ("bcrypt", node_hash(password, prefix=b"2a")),
        "bcrypt $2b$": ("bcrypt", node_hash(password)),
        "bcrypt $2y$": ("bcrypt", node_hash(password, prefix=b"2y")),
    }

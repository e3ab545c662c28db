"""Hashes as other programs make them: by Django's own hashers, Werkzeug's functions and argon2-cffi."""

from functools import cache

import argon2
from django.conf import settings
from django.contrib.auth import hashers
from werkzeug.security import generate_password_hash

from tests.accounts import node_hash

settings.configure(
    PASSWORD_HASHERS=[
        f"django.contrib.auth.hashers.{name}PasswordHasher"
        for name in ("PBKDF2", "PBKDF2SHA1", "Argon2", "BCryptSHA256", "BCrypt", "Scrypt", "MD5")
    ]
)


def django_hash(password: str, algorithm: str = "default") -> str:
    """Return what Django stores for a password, with its default parameters."""
    return hashers.make_password(password, hasher=algorithm)


def argon2_hash(password: str, kind: argon2.Type = argon2.Type.ID, **parameters: int) -> str:
    """Return a PHC string, of little memory unless it is told otherwise."""
    return argon2.PasswordHasher(
        type=kind, **{"time_cost": 2, "memory_cost": 256, "parallelism": 2, **parameters}
    ).hash(password)


@cache
def of_every_kind(password: str) -> dict[str, tuple[str, str]]:
    """Return (scheme, hash) by who made it."""
    return {
        "django pbkdf2": ("pbkdf2_sha256", django_hash(password, "pbkdf2_sha256")),
        "django pbkdf2 sha1": ("pbkdf2_sha1", django_hash(password, "pbkdf2_sha1")),
        "django argon2": ("argon2id", django_hash(password, "argon2")),
        "django bcrypt_sha256": ("bcrypt_sha256", django_hash(password, "bcrypt_sha256")),
        "django bcrypt": ("bcrypt", django_hash(password, "bcrypt")),
        "django scrypt": ("scrypt", django_hash(password, "scrypt")),
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

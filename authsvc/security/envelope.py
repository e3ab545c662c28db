"""Secrets at rest: sealed with a key derived from the operator's SECRET_KEY."""

import base64
import hmac
import os
from collections.abc import Iterable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_NONCE_BYTES = 12


class SealBroken(Exception):
    """None of the secrets opens the envelope, or it was altered."""


def _key(secret: str, purpose: str) -> AESGCM:
    return AESGCM(_derived(secret, purpose, b"authsvc envelope"))


def _derived(secret: str, purpose: str, salt: bytes) -> bytes:
    return HKDF(SHA256(), 32, salt=salt, info=purpose.encode()).derive(secret.encode())


def seal(plaintext: bytes, secret: str, purpose: str, context: str) -> str:
    """Return `plaintext` encrypted and bound to its purpose and its context (the id of the row that will hold it).

    AES-256-GCM (NIST SP 800-38D) with a random nonce, under HKDF-SHA256 (RFC 5869) of the secret; base64url text.
    """
    nonce = os.urandom(_NONCE_BYTES)
    sealed = _key(secret, purpose).encrypt(nonce, plaintext, context.encode())
    return base64.urlsafe_b64encode(nonce + sealed).decode()


def unseal(sealed: str, secrets: Iterable[str], purpose: str, context: str) -> bytes:
    """Return the plaintext, decrypted with the first of `secrets` that opens it. Raises SealBroken."""
    try:
        raw = base64.urlsafe_b64decode(sealed)
    except ValueError as error:
        raise SealBroken(purpose) from error
    if len(raw) < _NONCE_BYTES:
        raise SealBroken(purpose)
    for secret in secrets:
        try:
            return _key(secret, purpose).decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], context.encode())
        except InvalidTag:
            continue
    raise SealBroken(purpose)


def opens(sealed: str, secret: str, purpose: str, context: str) -> bool:
    """Tell whether this secret opens the envelope."""
    try:
        unseal(sealed, [secret], purpose, context)
    except SealBroken:
        return False
    return True


def fingerprint(text: str, secret: str, purpose: str, context: str) -> str:
    """Return an HMAC-SHA256 of a text that is too short to be hashed, bound to its purpose and its context.

    Without the secret nobody can try out what the text may be.
    """
    key = _derived(secret, purpose, b"authsvc fingerprint")
    return hmac.digest(key, f"{context}\0{text}".encode(), "sha256").hex()

"""Proof Key for Code Exchange (RFC 7636), with S256 alone: `plain` protects nothing (RFC 9700 section 2.1.1)."""

import base64
import hashlib
import hmac
import re

METHOD = "S256"
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}", re.ASCII)


def is_challenge(text: str) -> bool:
    """Tell whether a text can be a challenge: a SHA-256 digest in base64url (RFC 7636 section 4.2)."""
    return _CHALLENGE.fullmatch(text) is not None


def is_verifier_of(challenge: str, verifier: str) -> bool:
    """Tell whether a verifier is the one that a challenge was made from (RFC 7636 section 4.6)."""
    if _VERIFIER.fullmatch(verifier) is None:
        return False
    return hmac.compare_digest(challenge_of(verifier), challenge)


def challenge_of(verifier: str) -> str:
    """Return the challenge that is made from a verifier (RFC 7636 section 4.2)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")

"""Assertions of apps (RFC 7523): keys of every kind, and tokens that they sign, right and wrong."""

import base64
import hmac
import json
import secrets
import time
from datetime import timedelta
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

ISSUER = "http://localhost:8000"
TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_RSA = rsa.generate_private_key(65537, 2048)
KEYS: dict[str, Any] = {
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "RS256": _RSA,
    "PS256": _RSA,
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
}
"""A private key for each algorithm."""

_WRITERS = {"ES256": ECAlgorithm, "RS256": RSAAlgorithm, "PS256": RSAAlgorithm, "EdDSA": OKPAlgorithm}


def jwk_of(key: Any, writer: str, /, **members: Any) -> dict[str, Any]:
    """Return a key as a JWK, with further members."""
    written = json.loads(_WRITERS[writer].to_jwk(key))
    written.pop("key_ops", None)
    return {**written, **members}


def public_jwks(*algs: str, **members: Any) -> dict[str, Any]:
    """Return the JWK set of the public keys for these algorithms."""
    return {"keys": [jwk_of(KEYS[alg].public_key(), alg, **members) for alg in algs]}


def claims_for(app_id: str, **changes: Any) -> dict[str, Any]:
    """Return the claims of a good assertion, with changes: None leaves one out, a span of time counts from now."""
    now = int(time.time())
    changes = {
        name: time.time() + value.total_seconds() if isinstance(value, timedelta) else value
        for name, value in changes.items()
    }
    good = {"iss": app_id, "sub": app_id, "aud": ISSUER, "iat": now, "exp": now + 60, "jti": secrets.token_hex(8)}
    return {name: value for name, value in {**good, **changes}.items() if value is not None}


def assertion(app_id: str, alg: str = "ES256", headers: dict[str, Any] | None = None, **changes: Any) -> str:
    """Return an assertion that is signed with the key for an algorithm."""
    payload = json.dumps(claims_for(app_id, **changes)).encode()
    return jwt.PyJWS().encode(payload, KEYS[alg], algorithm=alg, headers=headers)


def with_hmac(app_id: str, key: bytes) -> str:
    """Return an assertion that is signed with a text that everybody knows, such as a public key."""
    header, payload = json.dumps({"alg": "HS256", "typ": "JWT"}), json.dumps(claims_for(app_id))
    text = ".".join(base64url(part.encode()) for part in (header, payload))
    return f"{text}.{base64url(hmac.digest(key, text.encode(), 'sha256'))}"


def base64url(raw: bytes) -> str:
    """Return bytes in base64url without padding (RFC 7515 section 2)."""
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def shown(text: str, **more: str) -> dict[str, str]:
    """Return the parameters by which an app shows an assertion."""
    return {"client_assertion_type": TYPE, "client_assertion": text, **more}

"""Tokens that nobody should take: signed with the service's own key, or with others."""

import base64
import json
import time
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA256
from flask import Flask

from authsvc.security import jwk
from authsvc.services import signing_keys


def own_key(app: Flask) -> jwk.KeyPair:
    """Return the key that the service signs with."""
    with app.app_context():
        return signing_keys.snapshot().signing


def claims_of(token: str) -> dict[str, Any]:
    """Return a token's claims, unverified."""
    return dict(jwt.decode(token, options={"verify_signature": False}))


def header_of(token: str) -> dict[str, Any]:
    """Return a token's header, unverified."""
    return dict(jwt.get_unverified_header(token))


def segment(value: Any) -> str:
    """Return a value as a base64url segment; bytes as they are, anything else as JSON."""
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def sign(header: Any, claims: Any, key: ec.EllipticCurvePrivateKey) -> str:
    """Return a compact JWS with an ES256 signature over whatever header and claims."""
    signed = f"{segment(header)}.{segment(claims)}"
    r, s = utils.decode_dss_signature(key.sign(signed.encode(), ec.ECDSA(SHA256())))
    return f"{signed}.{segment(r.to_bytes(32) + s.to_bytes(32))}"


def altered(app: Flask, token: str, *, without: tuple[str, ...] = (), **changes: Any) -> str:
    """Return a token with other claims, signed with the service's own key."""
    claims = {name: value for name, value in {**claims_of(token), **changes}.items() if name not in without}
    return sign(header_of(token), claims, own_key(app).private)


def now() -> int:
    """Return the time in seconds, as claims have it."""
    return int(time.time())

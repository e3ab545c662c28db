"""What an ID token of a provider has to say before it is believed (OpenID Connect Core section 3.1.3.7)."""

import base64
import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from authsvc import clock
from authsvc.clients.identity.base import Return
from authsvc.errors.not_believed import NotBelieved
from authsvc.security import app_keys

LEEWAY = 30.0
LONGEST = 32_768
"""Characters of a token. Some providers put groups into it."""
_LONGEST_SUBJECT = 255
_LATEST = 253_402_300_799  # the year 9999


@dataclass(frozen=True, slots=True)
class Rules:
    """What the claims have to be; `audiences` are others that a token may also be for."""

    issuer: str
    client_id: str
    algorithms: Sequence[str]
    audiences: Sequence[str] = ()


def signed_claims(text: str, keys: Sequence[Mapping[str, Any]], algorithms: Sequence[str]) -> dict[str, Any] | None:
    """Return the claims of a token that one of the keys signed, by an algorithm that we chose; None otherwise."""
    return app_keys.signed_by_one(keys, text, algorithms, LONGEST)


def check(claims: Mapping[str, Any], rules: Rules, back: Return) -> None:
    """Check what a genuine token says. Raises NotBelieved."""
    if claims.get("iss") != rules.issuer:
        raise NotBelieved("the token has another issuer")
    _check_audience(claims, rules)
    if not is_subject(claims.get("sub")):
        raise NotBelieved("the token has no usable subject")
    if not back.nonce or claims.get("nonce") != back.nonce:
        raise NotBelieved("the token has another nonce")
    _check_times(claims)
    _check_age(claims, back)


def is_subject(value: Any) -> bool:
    """Tell whether a value can be a subject: at most 255 ASCII characters (Core section 2)."""
    return isinstance(value, str) and 0 < len(value) <= _LONGEST_SUBJECT and value.isascii() and value.isprintable()


def auth_time(claims: Mapping[str, Any]) -> datetime | None:
    """Return when the person signed in at the provider, if it says so."""
    moment = _seconds(claims, "auth_time")
    return None if moment is None else datetime.fromtimestamp(moment, UTC)


def check_hash(claims: Mapping[str, Any], access_token: Any) -> None:
    """Check that a token names the access token that it came with, if it names one (Core section 3.1.3.8).

    Of the algorithms that we choose from all hash by SHA-256, but for EdDSA, which has SHA-512. Raises NotBelieved.
    """
    named = claims.get("at_hash")
    if named is None or not isinstance(access_token, str):
        return
    if named not in [_half_hash(access_token, hashing) for hashing in (hashlib.sha256, hashlib.sha512)]:
        raise NotBelieved("the token came with another access token")


def _half_hash(token: str, hashing: Callable[[bytes], Any]) -> str:
    digest = hashing(token.encode(errors="surrogatepass")).digest()
    return base64.urlsafe_b64encode(digest[: len(digest) // 2]).decode().rstrip("=")


def _check_audience(claims: Mapping[str, Any], rules: Rules) -> None:
    audience = claims.get("aud")
    several = audience if isinstance(audience, list) else [audience]
    known = (rules.client_id, *rules.audiences)
    if rules.client_id not in several or not all(one in known for one in several):
        raise NotBelieved("the token is for somebody else")
    if ("azp" in claims or len(several) > 1) and claims.get("azp") != rules.client_id:
        raise NotBelieved("the token was issued to somebody else")


def _check_times(claims: Mapping[str, Any]) -> None:
    now = clock.now().timestamp()
    ends, begins = _seconds(claims, "exp"), _seconds(claims, "iat")
    if ends is None or begins is None:
        raise NotBelieved("the token does not say how long it is valid")
    if ends <= now - LEEWAY:
        raise NotBelieved("the token has expired")
    if max(begins, _seconds(claims, "nbf") or begins) > now + LEEWAY:
        raise NotBelieved("the token is not valid yet")


def _check_age(claims: Mapping[str, Any], back: Return) -> None:
    if back.max_age is None:
        return
    entrance = auth_time(claims)
    now, leeway = clock.now(), timedelta(seconds=LEEWAY)
    if entrance is None:
        raise NotBelieved("the token does not say when the person signed in")
    if entrance < (back.since or now) - timedelta(seconds=back.max_age) - leeway or entrance > now + leeway:
        raise NotBelieved("the person signed in too long ago, or in the future")


def _seconds(claims: Mapping[str, Any], name: str) -> float | None:
    """Return a time of the claims, in seconds; None if there is none that can be one."""
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value <= _LATEST and math.isfinite(value) else None

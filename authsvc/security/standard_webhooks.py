"""Signatures of messages that this service sends to other programs (Standard Webhooks 1.0)."""

import base64
import hashlib
import hmac
import secrets as random
from collections.abc import Sequence

PREFIX = "whsec_"
_SHORTEST = 24
_LONGEST = 64
"""Bytes of a secret (Standard Webhooks 1.0, signature scheme)."""
_RANDOM_BYTES = 32


def new_secret() -> str:
    """Return a new secret, as it is shown to who verifies: `whsec_` and base64."""
    return PREFIX + base64.b64encode(random.token_bytes(_RANDOM_BYTES)).decode()


def read_secret(text: str) -> bytes:
    """Return the key that a secret stands for. Raises ValueError, which says what is wrong and not what was read."""
    if not text.startswith(PREFIX):
        raise ValueError(f"begins with {PREFIX}")
    encoded = text.removeprefix(PREFIX)
    try:  # some write it without the padding
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except ValueError:
        raise ValueError(f"is {PREFIX} and base64") from None
    if not _SHORTEST <= len(key) <= _LONGEST:
        raise ValueError(f"is base64 of {_SHORTEST} to {_LONGEST} bytes")
    return key


def signature(keys: Sequence[bytes], message_id: str, timestamp: int, body: bytes) -> str:
    """Return the value of `webhook-signature`: one signature by each key, the present one first.

    `timestamp` is in seconds, that of the attempt. The id has no full stop, which separates what is signed.
    """
    text = f"{message_id}.{timestamp}.".encode() + body
    return " ".join(f"v1,{base64.b64encode(hmac.digest(key, text, hashlib.sha256)).decode()}" for key in keys)


def headers(keys: Sequence[bytes], message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Return the headers of one attempt to send a message (R122): its id stays the same, its timestamp does not."""
    return {
        "Content-Type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature(keys, message_id, timestamp, body),
    }

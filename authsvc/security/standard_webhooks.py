"""Signatures of messages that this service sends to other programs (Standard Webhooks 1.0)."""

import base64
import hashlib
import hmac
import secrets as random
from collections.abc import Sequence

from authsvc.settings import webhook_secrets

_RANDOM_BYTES = 32


def new_secret() -> str:
    """Return a new secret, as it is shown to who verifies: `whsec_` and base64."""
    return webhook_secrets.PREFIX + base64.b64encode(random.token_bytes(_RANDOM_BYTES)).decode()


def read_secret(text: str) -> bytes:
    """Return the key that a secret stands for. Raises ValueError, which says what is wrong and not what was read."""
    return webhook_secrets.read(text)


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

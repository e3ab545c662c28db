"""What the console shows of the service as a whole: counts, settings and signing keys."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import current_app

from authsvc import __version__
from authsvc.events.catalogue import DatabaseBackedUp
from authsvc.models.audit import AuditEvent
from authsvc.models.deliveries import DeliveryState
from authsvc.models.letters import Letter
from authsvc.models.signing_keys import Ring
from authsvc.models.users import User
from authsvc.services import daily_counts, signing_keys
from authsvc.services.signing_keys import RingKey
from authsvc.settings import schema

_SECRETS = ("SECRET_KEY", "SECRET_KEY_FALLBACKS", "HOOK_SECRET")
_ADDRESSES = ("MONGODB_URI", "MAIL_URL", "HOOK_SIGN_UP", "HOOK_TOKEN")
"""They may hold credentials, before the host or in options."""


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A pair of a signing key: its ring and number, what it does now, and from when to when."""

    ring: str
    key: int
    alg: str
    kid: str
    state: str
    created_at: datetime
    signs_from: datetime | None
    verifies_until: datetime | None


def about() -> dict[str, Any]:
    """Return what the console has to know of the service before it shows anything."""
    config = current_app.config
    return {
        "name": config["ACCOUNT_NAME"],
        "version": __version__,
        "roles": config["ROLES"],
        "verification": config["EMAIL_VERIFICATION"],
        "codes": config["EMAIL_CODES"],
    }


def stats() -> dict[str, Any]:
    """Return the numbers of accounts, of the last days and of letters, the last backup, and the first steps."""
    waiting, dead = Letter.counts()
    last_backup_at = AuditEvent.latest(DatabaseBackedUp.name)
    first_steps = [*_first_steps(), ("backup", last_backup_at is not None)]
    return {
        "accounts": User.estimated_count(),
        "days": daily_counts.latest(),
        "letters": {"waiting": waiting, "dead": dead},
        "last_backup_at": last_backup_at,
        "first_steps": [{"name": name, "is_done": is_done} for name, is_done in first_steps],
    }


def _first_steps() -> Iterator[tuple[str, bool]]:
    config, administrators = current_app.config, User.other_admins(None)
    is_mailed = config["MAIL_URL"].startswith(("smtp:", "smtps:"))
    yield "factors", all(one.mfa_enabled for one in administrators)
    yield "deputy", len(administrators) > 1
    yield "tls", config["PUBLIC_URL"].startswith("https://")
    yield "mail", is_mailed and bool(Letter.in_state(DeliveryState.DELIVERED, 1))
    yield "support", bool(config["ACCOUNT_SUPPORT"])


def settings() -> list[dict[str, Any]]:
    """Return every setting with what it means; of one that holds a secret only whether it is set."""
    return [
        {
            "name": row.name,
            "meaning": row.about,
            "default": row.default or None,
            "value": None if row.name in _SECRETS else _text_of(row.name, current_app.config.get(row.name)),
            "is_set": bool(current_app.config.get(row.name)),
            "is_secret": row.name in _SECRETS,
        }
        for row in schema.reference()
    ]


def list_keys() -> list[KeyRow]:
    """Return the signing keys of both rings, oldest first."""
    rings = {ring: signing_keys.reload(ring).keys for ring in Ring}
    return [row for ring, ring_keys in rings.items() for key in ring_keys for row in rows_of(ring, key, ring_keys)]


def rows_of(ring: Ring, key: RingKey, ring_keys: Sequence[RingKey]) -> Iterator[KeyRow]:
    """Yield a row for each pair of a key."""
    signing = signing_keys.signing_one(ring_keys)
    state = "signs" if key == signing else "next" if key.serial > signing.serial else "verifies"
    for pair in key.pairs:
        yield KeyRow(
            ring=ring.value,
            key=key.serial,
            alg=pair.algorithm.value,
            kid=pair.kid,
            state=state,
            created_at=key.created_at,
            signs_from=key.signs_from,
            verifies_until=key.verifies_until,
        )


def _text_of(name: str, value: Any) -> str | None:
    """Return the value of a setting as a text, None if it has none; without the credentials that it holds."""
    if value is None or value in ("", [], {}, ()):
        return None
    if name in _ADDRESSES:
        scheme, _, rest = str(value).partition("://")
        return f"{scheme}://{rest.partition('?')[0].rpartition('@')[2]}" if rest else str(value)
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, Mapping):
        return " ".join(f"{key}={_joined(one)}" for key, one in value.items())
    if isinstance(value, str):
        return value
    return " ".join(str(getattr(one, "name", one)) for one in value) if isinstance(value, Iterable) else str(value)


def _joined(value: Any) -> str:
    return value if isinstance(value, str) else "/".join(map(str, value)) if isinstance(value, Iterable) else str(value)

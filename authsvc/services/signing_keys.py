"""The key ring: which key signs, which verify; and how one key follows another.

A key signs from its own time until the next one's, and verifies until the last token that it can have signed has
expired. Every worker reads the ring again every few seconds, so all follow a rotation without a restart.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from types import MappingProxyType
from typing import Any, cast

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from flask import Flask, current_app

from authsvc import clock
from authsvc.errors import NotFound
from authsvc.models.audit import Action
from authsvc.models.signing_keys import SigningKey
from authsvc.security import envelope, jwk
from authsvc.services import audit

REREAD_SECONDS = 5.0
CACHE_SECONDS = 600
"""How long others may keep the published keys."""

PUBLISH_LEAD = timedelta(seconds=CACHE_SECONDS + 60)
"""How long the next key is published before it signs: longer than anybody keeps the set without it."""

SHORTEST_LEAD = timedelta(seconds=REREAD_SECONDS + 3)
"""How long every worker needs to learn of a key."""

_SKEW = timedelta(seconds=60)
_UNKNOWN_KID_INTERVAL = timedelta(seconds=1)
_EXTENSION = "authsvc.key_ring"
_PURPOSE = "signing key"


@dataclass(frozen=True, slots=True)
class RingKey:
    """A key and its times; the last two are None for as long as no other key is to follow it."""

    serial: int
    pair: jwk.KeyPair
    created_at: datetime
    signs_from: datetime
    published_until: datetime | None
    verifies_until: datetime | None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The ring at one moment, oldest key first: take `kid` and key from the same one."""

    keys: tuple[RingKey, ...]
    verifying: Mapping[str, EllipticCurvePublicKey]
    verified: OrderedDict[str, Mapping[str, Any]] = field(default_factory=OrderedDict, compare=False, repr=False)
    """Tokens whose signatures were found good under these very keys, with their claims: see `services.tokens`."""

    @property
    def signing(self) -> jwk.KeyPair:
        """Return the newest key whose time to sign has come."""
        return signing_one(self.keys).pair


@dataclass(slots=True)
class _Ring:
    snapshot: Snapshot | None = None
    read_at: datetime | None = field(default=None)


def init_app(app: Flask) -> None:
    """Give the application an empty ring."""
    app.extensions[_EXTENSION] = _Ring()


def reload() -> Snapshot:
    """Read the keys from the database, and make the first one where there is none.

    Raises SealBroken where neither SECRET_KEY nor one of SECRET_KEY_FALLBACKS opens them.
    """
    ring = _ring()
    ring.read_at = clock.now()
    keys = _timed(SigningKey.all() or _first())
    verifying = {key.pair.kid: key.pair.public for key in keys}
    if ring.snapshot is None or ring.snapshot.keys != keys:
        ring.snapshot = Snapshot(keys, MappingProxyType(verifying))
    return ring.snapshot


def snapshot() -> Snapshot:
    """Return the ring as it was last read."""
    return _ring().snapshot or reload()


def verifying_key(kid: object) -> EllipticCurvePublicKey | None:
    """Return the public key with this id; an unknown one makes the ring be read again, at most once a second."""
    if not isinstance(kid, str):
        return None
    found = snapshot().verifying.get(kid)
    if found is None and _may_reread():
        found = reload().verifying.get(kid)
    return found


def published() -> list[dict[str, str]]:
    """Return the public keys as a JWK set has them (RFC 7517 section 5): what an access token may be signed with.

    The next key is among them; one that was replaced, until the last access token that it signed has expired.
    """
    now = clock.now()
    shown = [key for key in snapshot().keys if key.published_until is None or now < key.published_until]
    return [jwk.public_jwk(key.pair) for key in shown]


def rotate(lead: timedelta = PUBLISH_LEAD) -> RingKey:
    """Make the next key, published now and signing after `lead`; where one is waiting already, return that.

    One insert: whoever is interrupted may run it again. A `lead` is at least `SHORTEST_LEAD`.
    """
    newest = reload().keys[-1]
    if newest.signs_from <= clock.now():
        pair = jwk.generate()
        audit.record(Action.SIGNING_KEY_ROTATED, key=newest.serial + 1, kid=pair.kid)
        SigningKey.add(newest.serial + 1, pair.kid, _sealed(pair), clock.now() + max(lead, SHORTEST_LEAD))
        newest = reload().keys[-1]
    return newest


def relieve(serial: int) -> datetime | None:
    """Make sure that another key than this one signs, within seconds; return from when, None where it does already.

    The first half of retiring a key, and like the second one it may be run again. Raises NotFound.
    """
    key = _find(serial)
    later = [other for other in snapshot().keys if other.serial > key.serial]
    if key.signs_from > clock.now() or (later and later[0].signs_from <= clock.now()):
        return None
    if later:
        SigningKey.hasten(later[0].serial, clock.now() + SHORTEST_LEAD)
    else:
        rotate(SHORTEST_LEAD)
    return next(other.signs_from for other in reload().keys if other.serial > key.serial)


def retire(serial: int) -> None:
    """Delete a key that no longer signs: every worker refuses what it signed within `REREAD_SECONDS`.

    Raises NotFound, and ValueError for the key that signs: see `relieve`.
    """
    key = _find(serial)
    if signing_one(snapshot().keys) == key:
        raise ValueError(f"key {serial} signs")
    audit.record(Action.SIGNING_KEY_RETIRED, key=serial, kid=key.pair.kid)
    SigningKey.remove(serial)
    reload()


def reseal() -> int:
    """Seal with SECRET_KEY what one of SECRET_KEY_FALLBACKS sealed; return how many keys that were."""
    outdated = [(key, _sealed(_opened(key))) for key in SigningKey.all() if not _opens(key)]
    count = sum(SigningKey.reseal(key.serial, key.sealed, sealed) for key, sealed in outdated)
    audit.record(Action.SIGNING_KEYS_RESEALED, count=count)
    return count


def sealed_with_a_fallback() -> int:
    """Return how many keys SECRET_KEY alone does not open. Raises SealBroken where the fallbacks do not either."""
    return sum(_opened(key) is not None for key in SigningKey.all() if not _opens(key))


def signing_one(keys: Sequence[RingKey]) -> RingKey:
    """Return the key that signs now: the newest whose time has come, or the oldest."""
    now = clock.now()
    return next((key for key in reversed(keys) if key.signs_from <= now), keys[0])


def _first() -> list[SigningKey]:
    pair = jwk.generate()
    SigningKey.add(1, pair.kid, _sealed(pair))  # where another worker was first, its key is the one
    return SigningKey.all()


def _timed(stored: Sequence[SigningKey]) -> tuple[RingKey, ...]:
    """Return the keys that may still verify; those past their time are deleted, by whoever sees them first."""
    config, now = current_app.config, clock.now()
    starts = [key.signs_from or key.created_at for key in stored]
    ends: list[datetime | None] = [*(after for _, after in pairwise(starts)), None]
    keys = []
    for key, start, end in zip(stored, starts, ends, strict=True):
        until = None if end is None else end + _SKEW + timedelta(seconds=config["SESSION_MAX_TTL"])
        if until is not None and until < now:
            SigningKey.remove(key.serial)
            continue
        shown = None if end is None else end + _SKEW + timedelta(seconds=config["ACCESS_TOKEN_TTL"])
        keys.append(RingKey(key.serial, _opened(key), key.created_at, start, shown, until))
    return tuple(keys)


def _opened(key: SigningKey) -> jwk.KeyPair:
    secrets = [current_app.config["SECRET_KEY"], *current_app.config["SECRET_KEY_FALLBACKS"]]
    return jwk.from_der(envelope.unseal(key.sealed, secrets, _PURPOSE, key.kid))


def _opens(key: SigningKey) -> bool:
    """Tell whether SECRET_KEY opens a key, without a fallback."""
    return envelope.opens(key.sealed, current_app.config["SECRET_KEY"], _PURPOSE, key.kid)


def _sealed(pair: jwk.KeyPair) -> str:
    return envelope.seal(jwk.to_der(pair), current_app.config["SECRET_KEY"], _PURPOSE, pair.kid)


def _find(serial: int) -> RingKey:
    found = next((key for key in reload().keys if key.serial == serial), None)
    if found is None:
        raise NotFound(f"There is no key {serial}.")
    return found


def _may_reread() -> bool:
    read_at = _ring().read_at
    return read_at is None or abs(clock.now() - read_at) >= _UNKNOWN_KID_INTERVAL


def _ring() -> _Ring:
    return cast(_Ring, current_app.extensions[_EXTENSION])

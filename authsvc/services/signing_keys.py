"""The key rings: which key signs, which verify; and how one key follows another.

A key signs from its own time until the next one's, and verifies until the last token that it can have signed has
expired. Every worker reads the rings again every few seconds, so all follow a rotation without a restart. There are
two, which know nothing of each other: what one has signed is nothing to the other.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from types import MappingProxyType
from typing import Any, cast

from flask import Flask, current_app

from authsvc import clock
from authsvc.errors import NotFound
from authsvc.errors.overtaken import Overtaken
from authsvc.events import happened, happening
from authsvc.events.catalogue import SigningKeyRetired, SigningKeyRotated, SigningKeysResealed
from authsvc.models.signing_keys import RINGS, Ring, SigningKey
from authsvc.security import jwk
from authsvc.security.jwk import Algorithm
from authsvc.security.vault import Vault
from authsvc.services.vaults import vault

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
_PURPOSES = {Ring.TOKENS: "signing key", Ring.IDS: "ID token signing key"}
_ALGORITHMS = {Ring.TOKENS: (Algorithm.ES256,), Ring.IDS: (Algorithm.RS256, Algorithm.ES256)}
"""What each key of a ring signs by: ID tokens are RS256, unless an app wants ES256."""


@dataclass(frozen=True, slots=True)
class RingKey:
    """A key, which is a pair for each algorithm of its ring, and its times.

    The last two are None for as long as no other key is to follow it.
    """

    serial: int
    pairs: tuple[jwk.KeyPair, ...]
    created_at: datetime
    signs_from: datetime
    published_until: datetime | None
    verifies_until: datetime | None

    @property
    def pair(self) -> jwk.KeyPair:
        """Return the pair of the ring's first algorithm."""
        return self.pairs[0]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The ring at one moment, oldest key first: take `kid` and key from the same one."""

    keys: tuple[RingKey, ...]
    verifying: Mapping[str, jwk.KeyPair]
    verified: OrderedDict[str, Mapping[str, Any]] = field(default_factory=OrderedDict, compare=False, repr=False)
    """Tokens whose signatures were verified with these very keys, with their claims: see `services.tokens`."""

    @property
    def signing(self) -> jwk.KeyPair:
        """Return the newest key whose time to sign has come."""
        return signing_one(self.keys).pair

    def signing_by(self, algorithm: str) -> jwk.KeyPair:
        """Return the pair that signs now by one of the ring's algorithms."""
        return next(pair for pair in signing_one(self.keys).pairs if pair.algorithm == algorithm)


@dataclass(slots=True)
class _Reading:
    snapshot: Snapshot | None = None
    read_at: datetime | None = field(default=None)


def init_app(app: Flask) -> None:
    """Give the application rings that have not been read."""
    app.extensions[_EXTENSION] = {ring: _Reading() for ring in Ring}


def reload(ring: Ring = Ring.TOKENS) -> Snapshot:
    """Read the keys from the database, and make the first one if there is none.

    Raises SealBroken if neither SECRET_KEY nor one of SECRET_KEY_FALLBACKS opens them.
    """
    return _read(ring, RINGS[ring].all() or _first(ring))


def reload_if_made(ring: Ring) -> None:
    """Read the keys of a ring; if there are none, leave it to others, or to later, to make one. Raises SealBroken."""
    stored = RINGS[ring].all()
    if stored:
        _read(ring, stored)


def snapshot(ring: Ring = Ring.TOKENS) -> Snapshot:
    """Return the ring as it was last read."""
    return _reading(ring).snapshot or reload(ring)


def verifying_key(kid: object) -> jwk.PublicKey | None:
    """Return the public key of access and refresh tokens with this id."""
    pair = verifying_pair(kid, Ring.TOKENS)
    return pair.public if pair is not None else None


def verifying_pair(kid: object, ring: Ring) -> jwk.KeyPair | None:
    """Return the pair of a ring with this id; an unknown one makes that be read again, at most once a second."""
    if not isinstance(kid, str):
        return None
    pair = snapshot(ring).verifying.get(kid)
    if pair is None and _may_reread(ring):
        pair = reload(ring).verifying.get(kid)
    return pair


def published() -> list[dict[str, str]]:
    """Return the public keys of both rings as a JWK set has them (RFC 7517 section 5).

    The next key is among them; one that was replaced, until the last access or ID token that it signed has expired.
    """
    now = clock.now()
    keys = [key for ring in Ring for key in snapshot(ring).keys]
    published = [key for key in keys if key.published_until is None or now < key.published_until]
    return [jwk.public_jwk(pair) for key in published for pair in key.pairs]


def rotate(lead: timedelta = PUBLISH_LEAD, ring: Ring = Ring.TOKENS, *, by: str | None = None) -> RingKey:
    """Make the next key, published now and signing after `lead`; if one is waiting already, return that.

    It is one insert, so it can be run again after an interruption. A `lead` is at least `SHORTEST_LEAD`; `by` is
    who asked for it, None for a command.
    """
    newest = reload(ring).keys[-1]
    if newest.signs_from <= clock.now():
        made, serial = _made(ring), newest.serial + 1
        with suppress(Overtaken), happening(SigningKeyRotated(actor=by, key=serial, kid=made.kid, ring=ring)):
            if not RINGS[ring].add(serial, made.kid, made.sealed, clock.now() + max(lead, SHORTEST_LEAD)):
                raise Overtaken  # another process made the next key first
        newest = reload(ring).keys[-1]
    return newest


def relieve(serial: int, ring: Ring = Ring.TOKENS) -> datetime | None:
    """Make sure that another key than this one signs, within seconds; return from when, None if it already does.

    The first half of retiring a key, and like the second one it may be run again. Raises NotFound.
    """
    key = _find(serial, ring)
    later = [other for other in snapshot(ring).keys if other.serial > key.serial]
    if key.signs_from > clock.now() or (later and later[0].signs_from <= clock.now()):
        return None
    if later:
        RINGS[ring].hasten(later[0].serial, clock.now() + SHORTEST_LEAD)
    else:
        rotate(SHORTEST_LEAD, ring)
    return next(other.signs_from for other in reload(ring).keys if other.serial > key.serial)


def retire(serial: int, ring: Ring = Ring.TOKENS) -> None:
    """Delete a key that no longer signs: every worker refuses what it signed within `REREAD_SECONDS`.

    Raises NotFound, and ValueError for the key that signs: see `relieve`.
    """
    key = _find(serial, ring)
    if signing_one(snapshot(ring).keys) == key:
        raise ValueError(f"key {serial} signs")
    with happening(SigningKeyRetired(key=serial, kid=key.pair.kid, ring=ring)):
        if not RINGS[ring].remove(serial):
            raise NotFound(f"There is no key {serial}.")
    reload(ring)


def reseal() -> int:
    """Seal with SECRET_KEY what one of SECRET_KEY_FALLBACKS sealed, in both rings; return how many keys that were."""
    stored = [(ring, key) for ring in Ring for key in RINGS[ring].all()]
    outdated = [(ring, key) for ring, key in stored if not _vault(ring).is_current(key.sealed, key.kid)]
    # All of them open, or none is changed.
    resealed = [(ring, key, _vault(ring).reseal(key.sealed, key.kid)) for ring, key in outdated]
    count = sum(RINGS[ring].reseal(key.serial, key.sealed, sealed) for ring, key, sealed in resealed)
    happened(SigningKeysResealed(count=count))
    return count


def lost(ring: Ring) -> list[int]:
    """Return the numbers of a ring's keys that neither SECRET_KEY nor one of SECRET_KEY_FALLBACKS opens."""
    own = _vault(ring)
    return [key.serial for key in RINGS[ring].all() if not own.opens(key.sealed, key.kid)]


def reset() -> None:
    """Delete the keys of both rings that can't be opened; if none would be left, a new one signs at once.

    The new one is there before the others go, and has a number of its own, so that no worker finds an empty ring.
    """
    for ring in Ring:
        gone, everything = lost(ring), [key.serial for key in RINGS[ring].all()]
        if gone and gone == everything:
            made = _made(ring)
            RINGS[ring].add(everything[-1] + 1, made.kid, made.sealed)
        for serial in gone:
            RINGS[ring].remove(serial)
        reload_if_made(ring)


def sealed_with_a_fallback() -> int:
    """Return how many keys only the fallbacks open, not SECRET_KEY. Raises SealBroken if nothing opens one."""
    stored = [(_vault(ring), key) for ring in Ring for key in RINGS[ring].all()]
    return sum(bool(own.open(key.sealed, key.kid)) for own, key in stored if not own.is_current(key.sealed, key.kid))


def signing_one(keys: Sequence[RingKey]) -> RingKey:
    """Return the key that signs now: the newest whose time has come, or the oldest."""
    now = clock.now()
    return next((key for key in reversed(keys) if key.signs_from <= now), keys[0])


@dataclass(frozen=True, slots=True)
class _Made:
    kid: str
    sealed: str


def _made(ring: Ring) -> _Made:
    """Return a new key, as it is stored."""
    pairs = [jwk.generate(algorithm) for algorithm in _ALGORITHMS[ring]]
    kid = pairs[0].kid
    return _Made(kid, _vault(ring).seal(jwk.to_der(*pairs), kid))


def _first(ring: Ring) -> list[SigningKey]:
    made = _made(ring)
    RINGS[ring].add(1, made.kid, made.sealed)  # if another worker was first, its key counts
    return RINGS[ring].all()


def _read(ring: Ring, stored: Sequence[SigningKey]) -> Snapshot:
    reading = _reading(ring)
    reading.read_at = clock.now()
    keys = _timed(ring, stored)
    verifying = {pair.kid: pair for key in keys for pair in key.pairs}
    if reading.snapshot is None or reading.snapshot.keys != keys:
        reading.snapshot = Snapshot(keys, MappingProxyType(verifying))
    return reading.snapshot


def _timed(ring: Ring, stored: Sequence[SigningKey]) -> tuple[RingKey, ...]:
    """Return the keys that may still verify; delete those past their time."""
    config, now = current_app.config, clock.now()
    starts = [key.signs_from or key.created_at for key in stored]
    ends: list[datetime | None] = [*(after for _, after in pairwise(starts)), None]
    keys = []
    for key, start, end in zip(stored, starts, ends, strict=True):
        until = None if end is None else end + _SKEW + timedelta(seconds=config["SESSION_MAX_TTL"])
        if until is not None and until < now:
            RINGS[ring].remove(key.serial)
            continue
        published_until = None if end is None else end + _SKEW + timedelta(seconds=config["ACCESS_TOKEN_TTL"])
        keys.append(RingKey(key.serial, _opened(ring, key), key.created_at, start, published_until, until))
    return tuple(keys)


def _opened(ring: Ring, key: SigningKey) -> tuple[jwk.KeyPair, ...]:
    return jwk.from_der(_vault(ring).open(key.sealed, key.kid), _ALGORITHMS[ring])


def _vault(ring: Ring) -> Vault:
    """Return what seals a ring's keys: those of one do not open as those of the other."""
    return vault(_PURPOSES[ring])


def _find(serial: int, ring: Ring) -> RingKey:
    key = next((key for key in reload(ring).keys if key.serial == serial), None)
    if key is None:
        raise NotFound(f"There is no key {serial}.")
    return key


def _may_reread(ring: Ring) -> bool:
    read_at = _reading(ring).read_at
    return read_at is None or abs(clock.now() - read_at) >= _UNKNOWN_KID_INTERVAL


def _reading(ring: Ring) -> _Reading:
    return cast(dict[Ring, _Reading], current_app.extensions[_EXTENSION])[ring]

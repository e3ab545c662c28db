"""Known devices: where a user has signed in before, so that a stranger's guessing does not lock them out there.

A browser is known for a year by a secret in a cookie, a network address for 30 days.
"""

import hashlib
from dataclasses import dataclass
from datetime import timedelta

from bson import ObjectId

from authsvc import clock, origin
from authsvc.models.devices import Device
from authsvc.models.users import User
from authsvc.security import opaque_tokens
from authsvc.security.networks import network_of

KNOWN_FOR = timedelta(days=365)
_NOTED_FOR = timedelta(days=1)
"""How long a note of a sign-in is as good as a new one: a sign-in from where there is one writes none."""
_NETWORK_KNOWN_FOR = timedelta(days=30) + _NOTED_FOR
_NOBODY = ObjectId(b"\0" * 12)


@dataclass(frozen=True, slots=True)
class Place:
    """From where a sign-in comes: what stands for an earlier one there, whether that is by cookie, how new its note."""

    known_as: str | None
    by_cookie: bool
    just_noted: bool

    @property
    def is_new(self) -> bool:
        """Tell whether the user was not seen here before."""
        return self.known_as is None


def recognise(user: User | None) -> Place:
    """Return whether and how the user is known where this request comes from.

    The same is read for an account that is not there.
    """
    owner = user.id if user is not None else _NOBODY
    asked = origin.current()
    network = _digest("network", owner, network_of(asked.ip))
    device = _digest("device", owner, asked.device) if asked.device is not None else network
    now = clock.now()
    known = Device.known([device, network], now)
    just_noted = network in known and known[network] > now + _NETWORK_KNOWN_FOR - _NOTED_FOR
    if device in known:
        return Place(device, device != network, just_noted)
    return Place(network if network in known else None, False, just_noted)


def remember_network(user: User, place: Place | None) -> None:
    """Note that a user signed in from the network that asks, unless they did so there within a day."""
    if place is not None and place.just_noted:
        return
    network = network_of(origin.current().ip)
    Device.remember(_digest("network", user.id, network), user.id, clock.now() + _NETWORK_KNOWN_FOR)


def is_elsewhere(user: User) -> bool:
    """Tell whether a user who is not known here is known somewhere."""
    return Device.any_of(user.id, clock.now())


def forget(user_id: str) -> None:
    """Forget where a user is known."""
    Device.remove_all(user_id)


def introduce(user: User) -> str:
    """Note that a user signed in with the device that asks; return its secret, a new one of 256 bits if it had none."""
    shown = origin.current().device
    secret = shown if shown is not None and opaque_tokens.is_well_formed(shown, "") else opaque_tokens.generate("")
    Device.remember(_digest("device", user.id, secret), user.id, clock.now() + KNOWN_FOR)
    return secret


def _digest(kind: str, owner: ObjectId, whose: str) -> str:
    return hashlib.sha256(f"{kind}\0{owner}\0{whose}".encode()).hexdigest()

"""Known devices: where a user has signed in before, so that a stranger's guessing does not lock them out there.

A browser is known for a year by a secret in a cookie, a network address for 30 days.
"""

import hashlib
from datetime import timedelta

from bson import ObjectId

from authsvc import clock, origin
from authsvc.models.devices import Device
from authsvc.models.users import User
from authsvc.security import opaque_tokens
from authsvc.security.networks import network_of

KNOWN_FOR = timedelta(days=365)
_NETWORK_KNOWN_FOR = timedelta(days=30)
_NOBODY = ObjectId(b"\0" * 12)


def recognise(user: User | None) -> tuple[str, bool] | None:
    """Return what stands for the place of this request if the user signed in there before, and whether by its cookie.

    The same is read for an account that is not there.
    """
    owner = user.id if user is not None else _NOBODY
    asked = origin.current()
    network = _digest("network", owner, network_of(asked.ip))
    device = _digest("device", owner, asked.device) if asked.device is not None else network
    known = Device.known([device, network], clock.now())
    if device in known:
        return device, device != network
    return (network, False) if network in known else None


def remember_network(user: User) -> None:
    """Note that a user signed in from the network that asks."""
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

"""What providers say of people, as it is used here: an address and a name, or none."""

from typing import Any

from authsvc.security import addresses, names
from authsvc.security.addresses import NotAnAddress
from authsvc.security.names import NotAName


def address(value: Any) -> str | None:
    """Return an address in its canonical form; None for anything else."""
    if not isinstance(value, str):
        return None
    try:
        return addresses.canonical(value)
    except (NotAnAddress, UnicodeError):  # half a surrogate, which JSON can spell
        return None


def name(value: Any) -> str | None:
    """Return a name in its canonical form; None for anything else."""
    if not isinstance(value, str):
        return None
    try:
        return names.canonical(value)
    except NotAName:
        return None

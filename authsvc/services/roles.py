"""Roles: which there are."""

_KNOWN = frozenset({"user", "admin"})


def known() -> frozenset[str]:
    """Return the names of all roles that somebody may have."""
    return _KNOWN

"""Continuous integration: it has every program, and time for all rounds."""

import os


def in_ci() -> bool:
    """Return whether these tests run in continuous integration."""
    return bool(os.environ.get("CI"))

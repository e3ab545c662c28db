"""Programs that some tests need, and that are no part of the Python environment: the rings `external` and `browser`."""

import shutil
from typing import NoReturn

import pytest

from tests.support.ci import in_ci

CHROMIUM = "chromium-headless-shell|chromium|chromium-browser|google-chrome"
"""The shell first: the same engine without the windows around it, at a seventh of the work for each page."""


def require(*programs: str, ring: str = "external") -> list[str]:
    """Return the paths of programs; `a|b` is any of the two. Skips the test if one is missing, but fails it in CI."""
    paths = {program: next(filter(None, map(shutil.which, program.split("|"))), None) for program in programs}
    missing = ", ".join(program.partition("|")[0] for program, path in paths.items() if path is None)
    if missing:
        skip(missing, ring=ring)
    return [path for path in paths.values() if path is not None]


def skip(missing: str, *, ring: str = "external") -> NoReturn:
    """Skip the test, with a reason that is the same for all tests that need this; fail it in CI."""
    assert not in_ci(), f"CI must have {missing}"
    pytest.skip(f"{ring}: needs {missing}")

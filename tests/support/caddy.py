"""Caddy in two versions: that of the system, and the newest, which is built once for each machine."""

from pathlib import Path

from tests.support import built
from tests.support.programs import require


def folder_of(version: str) -> Path:
    """Return the folder that has a version's program; without it the test is skipped, and fails in CI."""
    if version == "system":
        (program,) = require("caddy")
        return Path(program).parent
    return built.folder_of("caddy")

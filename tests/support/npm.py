"""Packages of npm that tests need, as a lock file pins them."""

import shutil
import subprocess
from pathlib import Path

from tests.support.programs import require


def installed(source: Path, folder: Path, *, ring: str = "external") -> Path:
    """Copy a folder with a lock file, and install its packages in the copy; return that. None of their scripts runs."""
    require("node", "npm", ring=ring)
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns("node_modules"))
    command = ["npm", "ci", "--silent", "--ignore-scripts", "--no-audit", "--no-fund"]
    subprocess.run(command, cwd=folder, check=True, timeout=150)
    return folder

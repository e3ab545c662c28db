"""Packages of npm that tests need, as a lock file pins them."""

import shutil
import subprocess
from pathlib import Path

from tests.support.programs import require
from tests.support.service import ROOT


def installed(source: Path, folder: Path, *, ring: str = "external") -> Path:
    """Copy a folder with a lock file, and install its packages in the copy; return that. None of their scripts runs."""
    require("node", "npm", ring=ring)
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns("node_modules", ".next", "dist"))
    command = ["npm", "ci", "--silent", "--ignore-scripts", "--no-audit", "--no-fund"]
    subprocess.run(command, cwd=folder, check=True, timeout=150)
    return folder


def packed(folder: Path) -> Path:
    """Return what `npm pack` makes of `sdk/js`, in a folder."""
    require("node", "npm")
    folder.mkdir(parents=True, exist_ok=True)
    command = ["npm", "pack", "--silent", "--pack-destination", str(folder)]
    done = subprocess.run(command, cwd=ROOT / "sdk/js", check=True, capture_output=True, text=True, timeout=60)
    return folder / done.stdout.strip()


def with_package(folder: Path, *packages: str) -> Path:
    """Install the package in a folder, from what `npm pack` makes of it, and others of npm beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "package.json").write_text('{"private": true, "type": "module"}')
    return add_package(folder, *packages)


def add_package(folder: Path, *packages: str) -> Path:
    """Install the package beside what there is in a folder, from what `npm pack` makes of it."""
    tarball = packed(folder)
    command = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", *packages, str(tarball)]
    subprocess.run(command, cwd=folder, check=True, timeout=150)
    return folder


def example_with_package(name: str, folder: Path) -> Path:
    """Copy an example that uses the package, and install what its lock file pins; the package is what is packed."""
    tarball = packed(folder)
    package = folder / "sdk/js"
    package.mkdir(parents=True)
    subprocess.run(["tar", "-xzf", tarball, "--strip-components=1", "-C", package], check=True, timeout=30)
    return installed(ROOT / "examples" / name, folder / "examples" / name, ring="browser")

"""Programs in Go that no system has as a package: built once for each machine, by the module proxy."""

import os
import subprocess
from pathlib import Path

from tests.support.programs import require, skip

MODULES = {
    "caddy": "github.com/caddyserver/caddy/v2/cmd/caddy@latest",
    "oauth2-proxy": "github.com/oauth2-proxy/oauth2-proxy/v7@latest",
}
_CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "authsvc-tests"


def folder_of(name: str) -> Path:
    """Return the folder that has a program; if it can't be built the test is skipped, and fails in CI."""
    if not (_CACHE / name).exists():
        require("go")
        _CACHE.mkdir(parents=True, exist_ok=True)
        built = subprocess.run(
            ["go", "install", MODULES[name]],
            env={**os.environ, "GOBIN": str(_CACHE)},
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )
        if built.returncode != 0:
            skip(f"the newest {name}, which could not be built: {built.stderr[-200:]}")
    return _CACHE

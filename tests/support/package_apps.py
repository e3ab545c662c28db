"""The example apps that use the npm package, built and served as their README says."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import requests

from tests.support.npm import example_with_package
from tests.support.races import eventually

SERVE = {"react": ["vite", "preview"], "nextjs": ["next", "start"]}
SECRET = "a secret for cookies of this test"


@dataclass(frozen=True)
class PackageApp:
    """An example at work."""

    name: str
    port: int

    @property
    def url(self) -> str:
        """Return its address."""
        return f"http://localhost:{self.port}"


@contextmanager
def package_app(name: str, folder: Path, authsvc: str, port: int) -> Iterator[PackageApp]:
    """Build and serve an example that uses the package; yield it once it answers."""
    app = PackageApp(name, port)
    source = example_with_package(name, folder)
    own = {"AUTHSVC": authsvc, "VITE_AUTHSVC": authsvc, "ORIGIN": app.url, "SESSION_SECRET": SECRET}
    environ = {**os.environ, **own, "NEXT_TELEMETRY_DISABLED": "1", "CI": ""}
    built = subprocess.run(
        ["npm", "run", "build"], cwd=source, env=environ, capture_output=True, text=True, timeout=400
    )
    assert built.returncode == 0, built.stdout + built.stderr
    command = ["npx", *SERVE[name], "--port", str(port)]
    with (folder / "log").open("w+") as log:
        process = subprocess.Popen(command, cwd=source, env=environ, stdout=log, stderr=log, start_new_session=True)
        try:
            eventually(lambda: requests.get(app.url, timeout=20).status_code < 500, 90)
            yield app
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(15)

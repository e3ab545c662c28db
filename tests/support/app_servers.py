"""An app whose server keeps the sessions of browsers: `authsvc/server`, as it is packed, in a process of its own."""

import os
import secrets
import shutil
import subprocess
from pathlib import Path
from typing import Any, Self

import requests

from tests.support.races import eventually
from tests.support.service import free_port

PROGRAM = Path(__file__).with_name("app_server.mjs")
SECRET = secrets.token_hex(16)


class AppServer:
    """The server of an app, before authsvc; the package is installed in `folder`."""

    def __init__(
        self, folder: Path, authsvc: str, *, known: str = SECRET, cache: Path | None = None, port: int = 0
    ) -> None:
        """`known` has the secrets of its cookies, and `cache` is a folder that it shares with others."""
        self.port = port or free_port()
        self.url = f"http://localhost:{self.port}"
        shutil.copy(PROGRAM, folder)
        own = {"AUTHSVC": authsvc, "PORT": str(self.port), "SECRETS": known, "CACHE": str(cache or "")}
        self._command = ["node", PROGRAM.name]
        self._process = subprocess.Popen(self._command, cwd=folder, env={**os.environ, **own})

    def __enter__(self) -> Self:
        eventually(lambda: requests.get(f"{self.url}/user", timeout=5).ok, 30)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait(10)


class Window:
    """A browser at an app: it keeps cookies, and says what browsers say of where a request comes from."""

    def __init__(self, app: AppServer) -> None:
        self._app = app
        self.jar = requests.Session()

    def ask(self, method: str, path: str, json: object = None, **headers: str) -> requests.Response:
        """Ask as a script of the app's pages does."""
        said = {"Sec-Fetch-Site": "same-origin", "User-Agent": "Mozilla/5.0 (X11; Linux x86_64)", **headers}
        return self.jar.request(method, self._app.url + path, json=json, headers=said, timeout=40)

    def register(self, name: str = "Ada", email: str = "") -> dict[str, Any]:
        """Sign up."""
        email = email or f"{secrets.token_hex(6)}@example.com"
        fields = {"name": name, "email": email, "password": "an analytical engine", "transport": "cookie"}
        answer = self.ask("POST", "/api/auth/register", fields)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def refresh(self) -> requests.Response:
        """Ask who is signed in, as the client does after a reload."""
        return self.ask("POST", "/api/auth/refresh-token")

    def user(self) -> dict[str, Any] | None:
        """Return who a page of the app is rendered for."""
        answer = self.ask("GET", "/user")
        assert answer.status_code == 200, answer.text
        return answer.json()

    @property
    def cookie(self) -> str:
        """Return the sealed cookie."""
        return str(self.jar.cookies.get("session"))

    @cookie.setter
    def cookie(self, value: str) -> None:
        self.jar.cookies.clear()
        self.jar.cookies.set("session", value, domain="localhost.local", path="/")

"""The configuration, read from the environment: `from_environment()` returns one of three, checked.

What the settings are is said in `authsvc.settings.schema`. Any APP_ENV except `development` and `testing` is
production. What is missing or weak there is named, all at once and without its value, in the message of a `SystemExit`.
"""

import os
import secrets
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from authsvc.models import connection
from authsvc.settings import LIMITS, formats, schema

__all__ = ["LIMITS", "Config", "Development", "Production", "Testing", "from_environment"]

INSTANCE = Path(__file__).parent / "instance"
REFUSED = 4
"""The exit code on refusal: starting again would not help."""


class Config:
    """A configuration: the settings in capitals, as Flask reads them, as far as they can be used."""

    APP_ENV = "production"

    def __init__(self, environ: Mapping[str, str]) -> None:
        production = self.APP_ENV == "production"
        fault = _production_database_fault if production else connection.complaint
        values, self._faults = schema.read(environ, production=production, database_fault=fault)
        vars(self).update(values)

    def refusal(self) -> str | None:
        """Return the one message that names everything that is missing or weak."""
        if not self._faults:
            return None
        complaints = "; ".join(f"{name} {complaint}" for name, complaint in self._faults.items())
        return f"authsvc can't start ({self.APP_ENV}): {complaints}."


class Development(Config):
    """On one's own machine: the embedded database, a secret made once and kept in `instance/`."""

    APP_ENV = "development"

    def __init__(self, environ: Mapping[str, str]) -> None:
        secret = environ.get("SECRET_KEY") or _kept_secret(INSTANCE / "secret_key")
        super().__init__({**environ, "SECRET_KEY": secret})


class Testing(Development):
    """For the suite: as in development, with nothing on disk except what a test puts there."""

    APP_ENV = "testing"


class Production(Config):
    """For others: nothing weak, nothing guessed."""


def from_environment(environ: Mapping[str, str] = os.environ) -> Config:
    """Return the checked configuration. Raises SystemExit, with everything that is wrong in one message."""
    kinds: dict[str, type[Config]] = {"development": Development, "testing": Testing}
    config = kinds.get(environ.get("APP_ENV", ""), Production)(environ)
    refusal = config.refusal()
    if refusal is not None:
        raise SystemExit(refusal)
    return config


def _production_database_fault(uri: str) -> str | None:
    fault = connection.complaint(uri)
    if fault is None and connection.database_of(uri) is None:
        fault = "names no database: end its path with one, as in …/authsvc"
    return "has no credentials" if fault is None and not formats.has_credentials(uri) else fault


def _kept_secret(path: Path) -> str:
    """Return the secret in a file, which one of several processes makes the first time."""
    path.parent.mkdir(mode=0o700, exist_ok=True)
    if not path.exists():
        draft = path.with_name(f"{path.name}.{os.getpid()}")
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_urlsafe(48), encoding="utf-8")
        with suppress(FileExistsError):
            os.link(draft, path)
        draft.unlink()
    return path.read_text(encoding="utf-8")


if __name__ == "__main__":
    try:
        from_environment()
    except SystemExit as refusal:
        print(refusal, file=sys.stderr)  # noqa: T201
        sys.exit(REFUSED)

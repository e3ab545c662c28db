"""The settings, read from the environment: `from_environment()` returns one of three checked configurations.

Anything that `APP_ENV` says but `development` and `testing` is production. What is missing or weak there is named, all
at once and without its value, in the message of a `SystemExit`.
"""

import os
import re
import secrets
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from authsvc import settings

INSTANCE = Path(__file__).parent / "instance"
REFUSED = 4
"""The exit code on refusal: starting again would not mend it."""


LIMITS = settings.LIMITS


class Config:
    """What all configurations have; the class attributes are the defaults that differ between them."""

    APP_ENV = "production"
    MIN_BCRYPT_ROUNDS = 10
    DEFAULT_MAIL_URL = ""
    DEFAULT_METRICS = "off"

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._complaints: list[str] = []
        self._environ = environ
        port = self._int("PORT", 8000, 1, 65535)
        self.PORT = port
        self.SECRET_KEY = self._str("SECRET_KEY", "") or self.default_secret()
        self.SECRET_KEY_FALLBACKS = self._list("SECRET_KEY_FALLBACKS")
        self.MONGODB_URI = self._str("MONGODB_URI", "")
        self.PUBLIC_URL = self._str("PUBLIC_URL", self.default_public_url(port)).rstrip("/")
        self.WEB_CONCURRENCY = self._int("WEB_CONCURRENCY", _cores(), 1, settings.MOST_WORKERS)
        self.CORS_ORIGINS = self._list("CORS_ORIGINS")
        self.TRUSTED_PROXIES = self._int("TRUSTED_PROXIES", 0, 0, 10)
        self.ACCESS_TOKEN_TTL = self._int("ACCESS_TOKEN_TTL", 900, 1, 86_400)
        self.SESSION_IDLE_TTL = self._int("SESSION_IDLE_TTL", 2_592_000, 1, 315_360_000)
        self.SESSION_MAX_TTL = self._int("SESSION_MAX_TTL", 31_536_000, 1, 315_360_000)
        self.REFRESH_REUSE_GRACE = self._int("REFRESH_REUSE_GRACE", 30, 0, 300)
        self.BCRYPT_ROUNDS = self._int("BCRYPT_ROUNDS", 12, self.MIN_BCRYPT_ROUNDS, 20)
        self.HASHING_MAX_WAIT = self._int("HASHING_MAX_WAIT", 5, 0, 60)
        self.REQUEST_DEADLINE = self._int("REQUEST_DEADLINE", 8, 1, 60)
        self.MAX_BODY_BYTES = self._int("MAX_BODY_BYTES", 65_536, 1024, 10_485_760)
        self.PASSWORD_MIN_LENGTH = self._int("PASSWORD_MIN_LENGTH", 8, 8, 64)
        self.EMAIL_VERIFICATION = self._str("EMAIL_VERIFICATION", "optional")
        self.MAIL_URL = self._str("MAIL_URL", self.DEFAULT_MAIL_URL)
        self.MAIL_FROM = self._str("MAIL_FROM", f"authsvc@{settings.host_of(self.PUBLIC_URL)}")
        self.MAIL_TEMPLATES = self._str("MAIL_TEMPLATES", "")
        self.MAIL_LANGUAGE = self._str("MAIL_LANGUAGE", "en")
        self.TOKEN_ISSUER = self._str("TOKEN_ISSUER", self.PUBLIC_URL)
        self.TOKEN_AUDIENCE = self._str("TOKEN_AUDIENCE", self.PUBLIC_URL)
        self.WEBAUTHN_RP_ID = self._str("WEBAUTHN_RP_ID", settings.host_of(self.PUBLIC_URL))
        self.WEBAUTHN_ORIGINS = self._list("WEBAUTHN_ORIGINS") or [self.PUBLIC_URL]
        self.ROLES = self._list("ROLES") or list(settings.OWN_ROLES)
        self.ACCOUNT_PAGES = self._switch("ACCOUNT_PAGES", "on") == "on"
        self.ACCOUNT_NAME = self._str("ACCOUNT_NAME", settings.host_of(self.PUBLIC_URL))
        self.ACCOUNT_LOGO = self._str("ACCOUNT_LOGO", "")
        self.ACCOUNT_THEME = self._str("ACCOUNT_THEME", "")
        self.METRICS = self._str("METRICS", self.DEFAULT_METRICS)
        self.RATE_LIMITS = self._switch("RATE_LIMITS", "on") == "on"
        self.LIMITS = {name: self._limit(f"LIMIT_{name.upper()}", value) for name, value in LIMITS.items()}
        self.LOG_LEVEL = self._str("LOG_LEVEL", "INFO").upper()
        self._check()

    def default_secret(self) -> str:
        """Return the SECRET_KEY to use where none is set."""
        return ""

    def default_public_url(self, port: int) -> str:
        """Return the PUBLIC_URL to use where none is set."""
        return f"http://localhost:{port}"

    def refusal(self) -> str | None:
        """Return the one message that names everything that is missing or weak."""
        if not self._complaints:
            return None
        return f"authsvc can't start ({self.APP_ENV}): " + "; ".join(self._complaints) + "."

    def _check(self) -> None:
        self._require("MONGODB_URI", self.MONGODB_URI.startswith(("mongodb://", "mongodb+srv://")), "is missing")
        for name in ("PUBLIC_URL", *(() if not self.CORS_ORIGINS else ("CORS_ORIGINS",))):
            values = self.CORS_ORIGINS if name == "CORS_ORIGINS" else [self.PUBLIC_URL]
            self._require(
                name, all(map(settings.is_origin, values)), "must be an origin: scheme, host, port, no path, no *"
            )
        self._require("LOG_LEVEL", self.LOG_LEVEL in ("DEBUG", "INFO", "WARNING", "ERROR"), "must be a level")
        own = settings.is_address(self.METRICS) and int(self.METRICS.rpartition(":")[2]) != self.PORT
        held = self.METRICS in ("on", "off") or own
        self._require("METRICS", held, "must be on, off, or an address with a port of its own: 127.0.0.1:9100")
        same = f"{self.TOKEN_ISSUER}/auth/refresh-token" != self.TOKEN_AUDIENCE
        self._require("TOKEN_AUDIENCE", same, "must not be that of the refresh tokens")
        if self._environ.get("WEBAUTHN_RP_ID") or self._environ.get("WEBAUTHN_ORIGINS"):
            self._check_webauthn()
        named = all(re.fullmatch(settings.ROLE, role) for role in self.ROLES)
        self._require("ROLES", named and set(settings.OWN_ROLES) <= set(self.ROLES), settings.ROLES_ADVICE)
        self._check_mail()
        for name, suffixes in settings.ACCOUNT_FILES.items():
            path = Path(getattr(self, name))
            held = not getattr(self, name) or (path.suffix in suffixes and path.is_file())
            self._require(name, held, f"must be a file: {', '.join(suffixes)}")

    def _check_webauthn(self) -> None:
        party, origins = self.WEBAUTHN_RP_ID, self.WEBAUTHN_ORIGINS
        self._require(
            "WEBAUTHN_ORIGINS", all(map(settings.is_origin, origins)), "must be origins, as browsers write them"
        )
        held = all(settings.belongs_to(settings.host_of(origin), party) for origin in origins)
        self._require("WEBAUTHN_RP_ID", held, "must be the host of each of WEBAUTHN_ORIGINS, or a domain above it")

    def _check_mail(self) -> None:
        self._require("MAIL_URL", bool(self.MAIL_URL), "is missing")
        self._require(
            "MAIL_TEMPLATES", not self.MAIL_TEMPLATES or Path(self.MAIL_TEMPLATES).is_dir(), "must be a folder"
        )
        for name, (shape, advice) in settings.MAIL.items():
            self._require(name, re.fullmatch(shape, getattr(self, name)) is not None, f"must be {advice}")

    def _require(self, name: str, held: bool, complaint: str) -> None:
        if not held and not any(told.startswith(f"{name} ") for told in self._complaints):
            self._complaints.append(f"{name} {complaint}")

    def _str(self, name: str, default: str) -> str:
        return self._environ.get(name) or default

    def _list(self, name: str) -> list[str]:
        return [part for part in re.split(r"[\s,]+", self._environ.get(name, "")) if part]

    def _int(self, name: str, default: int, least: int, most: int) -> int:
        text = self._environ.get(name) or str(default)
        held = re.fullmatch(r"[0-9]{1,9}", text, re.ASCII) is not None and least <= int(text) <= most
        self._require(name, held, f"must be a whole number from {least} to {most}")
        return int(text) if held else default

    def _switch(self, name: str, default: str) -> str:
        value = self._str(name, default)
        self._require(name, value in ("on", "off"), "must be on or off")
        return value

    def _limit(self, name: str, default: tuple[int, int]) -> tuple[int, int]:
        text = self._environ.get(name) or "{}/{}".format(*default)
        match = re.fullmatch(r"([1-9][0-9]{0,5})/([1-9][0-9]{0,4})", text, re.ASCII)
        self._require(name, match is not None, "must be a number of attempts and of seconds: 10/60")
        return (int(match[1]), int(match[2])) if match is not None else default


class Development(Config):
    """On one's own machine: the embedded database, a secret made once and kept in `instance/`."""

    APP_ENV = "development"
    MIN_BCRYPT_ROUNDS = 4
    DEFAULT_MAIL_URL = "console:"
    DEFAULT_METRICS = "on"

    def default_secret(self) -> str:
        """Return the secret kept in `instance/`, made the first time."""
        return _kept_secret(INSTANCE / "secret_key")


class Testing(Development):
    """For the suite: as in development, nothing on disk but what a test puts there."""

    APP_ENV = "testing"


class Production(Config):
    """For others: nothing weak, nothing guessed."""

    def default_public_url(self, _port: int) -> str:
        """Return nothing: the public address can't be guessed."""
        return ""

    def _check(self) -> None:
        self._require("PUBLIC_URL", bool(self.PUBLIC_URL), "is missing")
        super()._check()
        for name, value in [
            ("SECRET_KEY", self.SECRET_KEY),
            *(("SECRET_KEY_FALLBACKS", old) for old in self.SECRET_KEY_FALLBACKS),
        ]:
            self._require(name, bool(value), "is missing")
            self._require(
                name,
                len(value.encode()) >= settings.MIN_SECRET_BYTES,
                f"needs at least {settings.MIN_SECRET_BYTES} bytes",
            )
            self._require(name, not settings.is_weak(value), "is weak: use `openssl rand -base64 48`")
        self._require("PUBLIC_URL", re.match(settings.SECURE, self.PUBLIC_URL) is not None, "must be https")
        self._require("MAIL_URL", self.MAIL_URL != "console:", "must not print links: smtp://…, smtps://… or file:/…")
        self._require("MONGODB_URI", settings.has_credentials(self.MONGODB_URI), "has no credentials")
        for name in ("FLASK_DEBUG", "DEBUG", "TESTING"):
            off = self._environ.get(name, "").lower() in ("", "0", "false", "no", "off")
            self._require(name, off, "must be off")


def from_environment(environ: Mapping[str, str] = os.environ) -> Config:
    """Return the checked configuration. Raises SystemExit, with everything that is wrong in one message."""
    kinds: dict[str, Callable[[Mapping[str, str]], Config]] = {"development": Development, "testing": Testing}
    config = kinds.get(environ.get("APP_ENV", ""), Production)(environ)
    refusal = config.refusal()
    if refusal is not None:
        raise SystemExit(refusal)
    return config


def _cores() -> int:
    found = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(found, settings.MOST_WORKERS)


def _kept_secret(path: Path) -> str:
    """Return the secret in a file, making it the first time; of several processes one makes it."""
    path.parent.mkdir(mode=0o700, exist_ok=True)
    if not path.exists():
        draft = path.with_name(f"{path.name}.{os.getpid()}")
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_urlsafe(48))
        with suppress(FileExistsError):
            os.link(draft, path)
        draft.unlink()
    return path.read_text()


if __name__ == "__main__":
    try:
        from_environment()
    except SystemExit as refusal:
        print(refusal, file=sys.stderr)  # noqa: T201
        sys.exit(REFUSED)

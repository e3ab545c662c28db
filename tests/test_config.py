"""The settings: what is taken, and what production refuses, each alone. R97."""

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import config
from tests.support.service import Service

ROOT = Path(config.__file__).parent
GOOD = {
    "APP_ENV": "production",
    "SECRET_KEY": "Zk7wq3mXb9R2tYhV5nLc8sJf4gKp6xQa1uEo0iWz",
    "MONGODB_URI": "mongodb://authsvc:pw@db.internal:27017/authsvc",
    "PUBLIC_URL": "https://auth.corp.internal",
    "MAIL_URL": "smtp://authsvc:pw@mail.corp.internal",
}
CANARY = "cANARYvALUE"

REFUSED: list[tuple[str, str | None]] = [
    ("SECRET_KEY", None),
    ("SECRET_KEY", ""),
    ("SECRET_KEY", CANARY),
    ("SECRET_KEY", "Zk7wq3mXb9R2tYhV5nLc8sJf4gKp6xQ"),
    ("SECRET_KEY", "changeme"),
    ("SECRET_KEY", "secret"),
    ("SECRET_KEY", "dev"),
    ("SECRET_KEY", "super-secret"),
    ("SECRET_KEY", "changeme-changeme-changeme-changeme-0123456789"),
    ("SECRET_KEY", "this-is-a-super-secret-key-for-jwt-0123456789"),
    ("SECRET_KEY", "a" * 64),
    ("SECRET_KEY", "ab" * 32),
    ("SECRET_KEY", "0123456789" * 4),
    ("SECRET_KEY", "0123456789abcdef" * 4),
    ("SECRET_KEY", "abcdefghijklmnopqrstuvwxyz" * 2),
    ("SECRET_KEY", " " * 40),
    ("SECRET_KEY_FALLBACKS", "changeme"),
    ("SECRET_KEY_FALLBACKS", CANARY),
    ("SECRET_KEY_FALLBACKS", f"{GOOD['SECRET_KEY'][::-1]},short"),
    ("MONGODB_URI", None),
    ("MONGODB_URI", ""),
    ("MONGODB_URI", CANARY),
    ("MONGODB_URI", f"https://{CANARY}/authsvc"),
    ("MONGODB_URI", f"mongodb://{CANARY}.internal:27017/authsvc"),
    ("MONGODB_URI", f"mongodb://localhost:1,{CANARY}.internal:2/authsvc"),
    ("MONGODB_URI", f"mongodb://[{CANARY}/authsvc"),
    ("MONGODB_URI", f"mongodb://@{CANARY}.internal/authsvc"),
    ("MONGODB_URI", f"mongodb://:@{CANARY}.internal/authsvc"),
    ("MONGODB_URI", f"mongodb+srv://{CANARY}.internal/authsvc"),
    ("PUBLIC_URL", None),
    ("PUBLIC_URL", ""),
    ("PUBLIC_URL", CANARY),
    ("PUBLIC_URL", "http://auth.corp.internal"),
    ("PUBLIC_URL", "https://auth.corp.internal/path"),
    ("PUBLIC_URL", "https://auth.corp.internal?x"),
    ("PUBLIC_URL", "https://auth.corp.internal#x"),
    ("PUBLIC_URL", f"https://{CANARY}@auth.corp.internal"),
    ("PUBLIC_URL", f"https://[{CANARY}]"),
    ("PUBLIC_URL", "https://[::1"),
    ("PUBLIC_URL", "https://Auth.corp.internal"),
    ("PUBLIC_URL", "https://auth.corp.internal:443"),
    ("PUBLIC_URL", "https://auth.corp.internal:99999"),
    ("PUBLIC_URL", "https://auth.corp.internal:"),
    ("PUBLIC_URL", "https://auth corp"),
    ("PUBLIC_URL", "https://"),
    ("PUBLIC_URL", "ftp://auth.corp.internal"),
    ("CORS_ORIGINS", "*"),
    ("CORS_ORIGINS", "null"),
    ("CORS_ORIGINS", "https://*.corp.internal"),
    ("CORS_ORIGINS", "https://app.corp.internal/"),
    ("CORS_ORIGINS", "https://app.corp.internal,*"),
    ("CORS_ORIGINS", "https://app.corp.internal https://APP.corp.internal"),
    ("CORS_ORIGINS", "https://.*"),
    ("CORS_ORIGINS", "https://app.corp.internal:443"),
    ("CORS_ORIGINS", f"https://{CANARY}@app.corp.internal"),
    ("CORS_ORIGINS", f"https://[{CANARY}]"),
    ("WEBAUTHN_ORIGINS", "*"),
    ("WEBAUTHN_ORIGINS", "https://app.corp.internal/"),
    ("WEBAUTHN_ORIGINS", f"https://{CANARY}@app.corp.internal"),
    ("WEBAUTHN_RP_ID", CANARY),
    ("WEBAUTHN_RP_ID", "internal"),
    ("WEBAUTHN_RP_ID", "evil.internal"),
    ("WEBAUTHN_RP_ID", "login.auth.corp.internal"),
    ("WEBAUTHN_RP_ID", "th.corp.internal"),
    ("DEBUG", "1"),
    ("FLASK_DEBUG", "true"),
    ("TESTING", "yes"),
    ("BCRYPT_ROUNDS", "9"),
    ("BCRYPT_ROUNDS", "4"),
    ("BCRYPT_ROUNDS", "31"),
    ("EMAIL_VERIFICATION", "sometimes"),
    *(
        ("MAIL_URL", value)
        for value in (
            None,
            "console:",
            "file: x",
            CANARY,
            "http://mail",
            "smtp:///",
            f"smtp://u:{CANARY}@host/x",
            "smtp://h:x",
        )
    ),
    *(("MAIL_FROM", value) for value in (CANARY, "a@b\r\nBcc: c@d.io", "<a@b", "a b@c")),
    ("MAIL_TEMPLATES", f"/nowhere/{CANARY}"),
    *(("MAIL_LANGUAGE", value) for value in (CANARY, "../en", "e", "en/us")),
    ("LOG_LEVEL", CANARY),
    *(("RATE_LIMITS", value) for value in ("false", "0", "ON", CANARY)),
    *(
        (f"LIMIT_{name.upper()}", value)
        for name in config.LIMITS
        for value in (CANARY, "10", "0/90", "10/0", "-1/60", "10/60/60", "1.5/60", "\u0663/60", " 5/60", "9999999/60")
    ),
    ("TOKEN_AUDIENCE", f"{GOOD['PUBLIC_URL']}/auth/refresh-token"),
    *(
        (name, value)
        for name in (
            "PORT",
            "WEB_CONCURRENCY",
            "TRUSTED_PROXIES",
            "ACCESS_TOKEN_TTL",
            "SESSION_IDLE_TTL",
            "SESSION_MAX_TTL",
            "REFRESH_REUSE_GRACE",
            "BCRYPT_ROUNDS",
            "HASHING_MAX_WAIT",
            "REQUEST_DEADLINE",
            "MAX_BODY_BYTES",
            "PASSWORD_MIN_LENGTH",
        )
        for value in (CANARY, "-1", "1.5", "1e3", "0x10", "\u0663", " 5", "9" * 30)
    ),
]


def check(environ: dict[str, str]) -> str | None:
    """Return what a configuration is refused for, None where it is taken."""
    try:
        config.from_environment(environ)
    except SystemExit as refusal:
        return str(refusal)
    return None


def changed(name: str, value: str | None) -> dict[str, str]:
    """Return a good environment but for one setting."""
    environ = {**GOOD, name: value or ""}
    if value is None:
        del environ[name]
    return environ


def run(environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run the check as gunicorn does before anything listens."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    command = [sys.executable, str(ROOT / "config.py")]
    return subprocess.run(command, env={**kept, **environ}, capture_output=True, text=True, timeout=10, check=False)


class TestProduction:
    """R97"""

    def test_what_is_good_is_taken(self):
        assert check(GOOD) is None
        done = run(GOOD)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")

    @pytest.mark.parametrize(("name", "value"), REFUSED, ids=lambda text: ascii(text)[:40])
    def test_each_fault_alone_is_refused_by_name(self, name: str, value: str | None):
        refusal = check(changed(name, value))
        assert refusal is not None
        assert "\n" not in refusal
        assert name in refusal
        assert not any(f" {other} " in refusal for other in GOOD if other != name)
        if value and len(value) > 3:
            assert value not in refusal
        assert CANARY not in refusal
        assert CANARY.lower() not in refusal

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("MONGODB_URI", "mongodb://localhost/authsvc"),
            ("MONGODB_URI", "mongodb://localhost:27017/authsvc"),
            ("MONGODB_URI", "mongodb://127.0.0.1:27017,127.0.0.1:27018/authsvc?replicaSet=rs0"),
            ("MONGODB_URI", "mongodb://[::1]:27017/authsvc"),
            ("MONGODB_URI", "mongodb+srv://user:p%40ss@cluster.example.net/authsvc"),
            ("PUBLIC_URL", "https://auth.corp.internal:8443"),
            ("PUBLIC_URL", "https://auth.corp.internal/"),
            ("PUBLIC_URL", "http://localhost:8000"),
            ("PUBLIC_URL", "https://xn--bcher-kva.example"),
            ("CORS_ORIGINS", "https://app.corp.internal, http://localhost:3000  https://[::1]:3000"),
            ("CORS_ORIGINS", ""),
            ("WEBAUTHN_RP_ID", "corp.internal"),
            ("WEBAUTHN_ORIGINS", "https://auth.corp.internal, https://app.auth.corp.internal:8443"),
            ("SECRET_KEY_FALLBACKS", "p" + GOOD["SECRET_KEY"]),
            ("DEBUG", "0"),
            ("FLASK_DEBUG", "false"),
            ("TESTING", ""),
            ("LOG_LEVEL", "debug"),
            ("REFRESH_REUSE_GRACE", "0"),
            *(("EMAIL_VERIFICATION", mode) for mode in ("off", "optional", "required")),
            *(
                ("MAIL_URL", value)
                for value in (
                    "smtps://mail.corp.internal",
                    "smtp://u%40x:p@mail.corp.internal:2525/",
                    "file:/var/mail/out",
                )
            ),
            ("MAIL_FROM", "Corp sign-in <auth@corp.internal>"),
            ("MAIL_LANGUAGE", "pt-BR"),
        ],
    )
    def test_what_is_fine_is_taken(self, name: str, value: str):
        assert check(changed(name, value)) is None

    @pytest.mark.parametrize(
        "environment", ["", "prod", "Production", "dev", "Development", "DEVELOPMENT", "staging", " testing"]
    )
    def test_any_other_environment_is_production(self, environment: str):
        assert check({**GOOD, "APP_ENV": environment}) is None
        refusal = check({"APP_ENV": environment})
        assert refusal is not None
        assert {"SECRET_KEY", "MONGODB_URI", "PUBLIC_URL"} <= set(refusal.replace(":", " ").split())

    def test_everything_is_named_in_one_message(self):
        refusal = check({"SECRET_KEY": CANARY, "DEBUG": "1", "CORS_ORIGINS": "*", "PORT": "http"})
        assert refusal is not None
        for name in ("SECRET_KEY", "MONGODB_URI", "PUBLIC_URL", "DEBUG", "CORS_ORIGINS", "PORT"):
            assert refusal.count(f"{name} ") == 1
        assert CANARY not in refusal

    def test_a_random_secret_is_never_weak(self):
        """Nobody should be told to do what was just done: thousands of good secrets, with `dev` and `test` in some."""
        for _ in range(3000):
            secret = secrets.token_urlsafe(48)
            assert check({**GOOD, "SECRET_KEY": secret}) is None, secret
        assert check({**GOOD, "SECRET_KEY": "Zk7wq3mDEVb9R2tYhV5nLc8sJf4gTesTKp6xQa1u"}) is None

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("SECRET_KEY", None),
            ("SECRET_KEY", CANARY),
            ("MONGODB_URI", f"mongodb://[{CANARY}/authsvc"),
            ("MONGODB_URI", f"mongodb://{CANARY}.internal/authsvc"),
            ("PUBLIC_URL", f"https://[{CANARY}]"),
            ("CORS_ORIGINS", f"https://[{CANARY}]"),
            ("PORT", CANARY),
            ("DEBUG", "1"),
        ],
    )
    def test_as_a_program_it_says_one_line_and_fails(self, name: str, value: str | None):
        done = run(changed(name, value))
        assert done.returncode != 0
        assert done.stdout == ""
        assert done.stderr.count("\n") == 1
        assert name in done.stderr
        assert CANARY.lower() not in done.stderr.lower()


class TestDefaults:
    def test_they_are_those_of_the_contract(self):
        found = config.from_environment(GOOD)
        expected: dict[str, Any] = {
            "APP_ENV": "production",
            "PORT": 8000,
            "CORS_ORIGINS": [],
            "TRUSTED_PROXIES": 0,
            "ACCESS_TOKEN_TTL": 900,
            "SESSION_IDLE_TTL": 2_592_000,
            "SESSION_MAX_TTL": 31_536_000,
            "REFRESH_REUSE_GRACE": 30,
            "BCRYPT_ROUNDS": 12,
            "HASHING_MAX_WAIT": 5,
            "REQUEST_DEADLINE": 8,
            "MAX_BODY_BYTES": 65_536,
            "PASSWORD_MIN_LENGTH": 8,
            "TOKEN_ISSUER": GOOD["PUBLIC_URL"],
            "TOKEN_AUDIENCE": GOOD["PUBLIC_URL"],
            "LOG_LEVEL": "INFO",
            "EMAIL_VERIFICATION": "optional",
            "MAIL_FROM": "authsvc@auth.corp.internal",
            "SECRET_KEY_FALLBACKS": [],
        }
        assert {name: getattr(found, name) for name in expected} == expected
        assert len(os.sched_getaffinity(0)) == found.WEB_CONCURRENCY

    def test_an_empty_setting_is_one_that_is_not_there(self):
        assert config.from_environment({**GOOD, "PORT": "", "LOG_LEVEL": "", "CORS_ORIGINS": ""}).PORT == 8000


class TestDevelopment:
    @pytest.fixture
    def instance(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """Return the folder that development keeps its secret in."""
        monkeypatch.setattr(config, "INSTANCE", tmp_path / "instance")
        return tmp_path / "instance"

    def test_a_secret_is_made_once_and_kept(self, instance: Path):
        environ = {"APP_ENV": "development", "MONGODB_URI": "mongodb://localhost:1/x"}
        first = config.from_environment(environ).SECRET_KEY
        assert len(first) >= 43
        assert first == config.from_environment(environ).SECRET_KEY
        kept = list(instance.iterdir())
        assert [path.name for path in kept] == ["secret_key"]
        assert kept[0].stat().st_mode & 0o077 == 0
        assert instance.stat().st_mode & 0o077 == 0

    def test_a_given_secret_is_taken(self, instance: Path):
        environ = {"APP_ENV": "development", "MONGODB_URI": "mongodb://localhost:1/x", "SECRET_KEY": "given"}
        assert config.from_environment(environ).SECRET_KEY == "given"
        assert not instance.exists()

    def test_the_public_address_follows_the_port(self, instance: Path):
        environ = {"APP_ENV": "development", "MONGODB_URI": "mongodb://localhost:1/x", "PORT": "9123"}
        assert config.from_environment(environ).PUBLIC_URL == "http://localhost:9123"


class TestGunicorn:
    """R97: the real start refuses at once."""

    @pytest.fixture(
        params=[
            {},
            {"SECRET_KEY": CANARY},
            {"PUBLIC_URL": f"https://[{CANARY}]"},
            {"CORS_ORIGINS": "*"},
            {"PORT": CANARY},
            {"PORT": "99999"},
            {"METRICS": f"{CANARY}:b:99999"},
            {"METRICS": "127.0.0.1:99999"},
            {"WEB_CONCURRENCY": "0"},
            {"WEB_CONCURRENCY": "257"},
        ],
        ids=str,
    )
    def refused(self, request: pytest.FixtureRequest) -> Iterator[tuple[int, str, float]]:
        """Return exit code, console and seconds of a start that must be refused."""
        environ = {**GOOD, **request.param} if request.param else dict.fromkeys(GOOD, "")
        service = Service(**environ, BCRYPT_ROUNDS=10)
        began = time.monotonic()
        try:
            service.start(ready=False)
            yield service.wait(20), service.log(), time.monotonic() - began
        finally:
            service.stop()

    def test_it_says_one_line_and_ends(self, refused: tuple[int, str, float]):
        code, console, seconds = refused
        assert code == config.REFUSED
        assert seconds < 10
        assert console.startswith("authsvc can't start (production): ")
        assert console.count("\n") == 1
        assert "Traceback" not in console
        assert CANARY.lower() not in console.lower()

"""The settings: what is taken, and what production refuses, each alone. R97."""

import os
import re
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as options
from hypothesis import strategies as st

import config
from authsvc import settings
from authsvc.clients import mailer
from authsvc.settings import limits, schema
from tests.support.production import GOOD
from tests.support.service import Service
from tests.support.wire import ANDROID, APP_ORIGINS

ROOT = Path(config.__file__).parent
CANARY = "cANARYvALUE"
HOOK_SECRET = "whsec_kV8wq2ZrT5nYb7uJc4mXs9eLd1gHf6pA3oQi0RtWyUw="
FORMER_HOOK_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

U28_SENDERS = [
    "a@b.io, c@d.io",
    "Acme <a@b.io>, c@d.io",
    "a@b.io, Acme <c@d.io>",
    "Acme <a@b\u00fccher.example>",
    "\u00fc@b.io",
    "=?utf-8?q?a=40evil.io?=@b.io",
    "Acme <a@b.io> (sign-in)",
    "Acme\x00 <a@b.io>",
    "Acme\u2028 <a@b.io>",
    "Acme\tInc <a@b.io>",
    "a..b@c.io",
    "a@-b.io",
    "a@b_c.io",
    "a@[127.0.0.1]",
    '"a b"@c.io',
    f"{'a' * 65}@b.io",
    "@b.io",
    "a@",
    "<>",
]
"""U28: what a mail server would refuse, or the mail library would read as somebody else."""

U28_GOOD_SENDERS = [
    "a@b.io",
    "Acme, Inc. <a@b.io>",
    '"Acme, Inc." <a@b.io>',
    '"a@b" <c@d.io>',
    "M\u00fcller & Co. <a@xn--bcher-kva.example>",
]
U28_MAIL_URLS = [
    f"smtp://u:p{CANARY}@x@host",
    "smtp://u:p#x@host",
    "smtp://u:p/x@host",
    "smtp://u:p%zz@host",
    "smtp://u:100%@host",
    "smtp://u:p%0d%0aRCPT@host",
    "smtp://u:p%C3%A4@host",
    "smtp://u:p\u00e4@host",
    "smtp://u@host",
    "smtp://:p@host",
    "smtp://host:0",
    "smtp://host:70000",
    "smtp://host:025",
    "smtp://host:",
    "smtp://b\u00fccher.example",
    "smtp://[::1",
    "smtp://::1:25",
    "smtp:host",
    "smtp:/host",
    "SMTP://host",
    "file://var/mail",
    "file:/var/my mail",
    "consoles:",
]
"""U28: each of these was taken and failed at the first letter, or did not mean what it seems to."""

MAIL_PIECES = [
    "smtp:",
    "smtps:",
    "//",
    "/",
    "u",
    ":",
    "p",
    "@",
    "%40",
    "%",
    "[",
    "]",
    "::1",
    "host",
    "25",
    "99999",
    "?",
    "#",
]
SENDER_PIECES = [
    "Acme",
    " ",
    ",",
    "<",
    ">",
    '"',
    "\\",
    "a@b.io",
    "@",
    "=?utf-8?q?",
    "=40",
    "?=",
    "(",
    ")",
    ";",
    ":",
    ".",
    "\u00fc",
]

U28_GOOD_MAIL_URLS = [
    "smtp://[::1]:2525",
    "smtps://u:p%40%25@host:465",
    "smtp://u:a:b@host",
    "file:///var/mail",
    "smtp://u:@host",
]

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
    *(
        (name, value)
        for name in ("CORS_ORIGINS", "WEBAUTHN_ORIGINS")
        for value in (
            "capacitor",
            "capacitor:",
            "capacitor://",
            "capacitor:localhost",
            "capacitor://localhost/",
            "capacitor://local host".replace(" ", "%20"),
            "capacitor://*",
            "capacitor://*.localhost",
            "Capacitor://localhost",
            "capacitor://localhost:99999",
            "capacitor://localhost:0",
            f"capacitor://{CANARY}@localhost",
            "://localhost",
            "1app://localhost",
            "ftp://app.corp.internal",
            "file://localhost",
            "data://x",
            "javascript://x",
            "ws://app.corp.internal",
            "chrome-extension://*",
            "chrome-extension://abcdefghijklmnopabcdefghijklmnop/page.html",
            "android:apk-key-hash:",
            "android:apk-key-hash:short",
            f"android:apk-key-hash:{'a' * 42}=",
            f"android:apk-key-hash:{'a' * 42}+",
            f"android:apk-key-hash-sha256:{'a' * 43}",
        )
    ),
    ("CORS_ORIGINS", f"android:apk-key-hash:{'a' * 43}"),
    ("PUBLIC_URL", "capacitor://localhost"),
    ("WEBAUTHN_ORIGINS", "*"),
    ("WEBAUTHN_ORIGINS", "https://app.corp.internal/"),
    ("WEBAUTHN_ORIGINS", f"https://{CANARY}@app.corp.internal"),
    ("WEBAUTHN_RP_ID", CANARY),
    ("WEBAUTHN_RP_ID", "internal"),
    ("WEBAUTHN_RP_ID", "evil.internal"),
    ("WEBAUTHN_RP_ID", "login.auth.corp.internal"),
    ("WEBAUTHN_RP_ID", "th.corp.internal"),
    ("HOOK_SIGN_UP", CANARY),
    ("HOOK_SIGN_UP", "http://hooks.corp.internal/sign-up"),
    ("HOOK_SIGN_UP", "http://127.0.0.1:3000/"),
    ("HOOK_SIGN_UP", "https://user:password@hooks.corp.internal/"),
    ("HOOK_SIGN_UP", "https://hooks.corp.internal/#x"),
    ("HOOK_SIGN_UP", "https://hooks.corp.internal:99999/"),
    ("HOOK_SIGN_UP", "https://127.0.0.1/"),
    ("HOOK_SIGN_UP", "https://127.1:3000/ask"),
    ("HOOK_SIGN_UP", "https://0.0.0.0/"),
    ("HOOK_SIGN_UP", "https://localhost/"),
    ("HOOK_SIGN_UP", "https://[10.2.3.4]/"),
    ("HOOK_SIGN_UP", "https://[abc]/"),
    ("HOOK_SIGN_UP", "https://a..b/"),
    ("HOOK_SIGN_UP", "https://LOCALHOST.:3000/"),
    ("HOOK_TOKEN", "https://hooks.localhost/"),
    ("HOOK_TOKEN", "https://[::1]/"),
    ("HOOK_TOKEN", "https://[::ffff:127.0.0.1]/"),
    ("HOOK_TOKEN", "https://169.254.169.254/latest"),
    ("HOOK_TOKEN", "https://[fe80::1]/"),
    ("HOOK_TOKEN", "https://100.100.100.200/"),
    ("HOOK_TOKEN", "https://168.63.129.16/"),
    ("HOOK_TOKEN", "https://192.0.0.192/"),
    ("HOOK_TOKEN", "https://[fd00:ec2::254]/"),
    ("HOOK_TOKEN", "file:///etc/passwd"),
    ("HOOK_TOKEN", "https://hooks.corp.internal/a b"),
    ("HOOK_TOKEN", "https://hööks.corp.internal/"),
    ("HOOK_SECRET", CANARY),
    ("HOOK_SECRET", HOOK_SECRET.removeprefix("whsec_")),
    ("HOOK_SECRET", f"whsec_{CANARY}"),
    ("HOOK_SECRET", "whsec_c2hvcnQ="),
    ("HOOK_SECRET", "whsec_" + "A" * 43 + "="),
    ("HOOK_SECRET", f"{HOOK_SECRET},{HOOK_SECRET},{HOOK_SECRET}"),
    ("HOOK_SECRET", f"{HOOK_SECRET},{CANARY}"),
    ("APP_DOCUMENTS", "yes"),
    ("APP_DOCUMENTS", "off on"),
    ("APP_DOCUMENTS", f"https://{CANARY}"),
    ("APP_DOCUMENTS", "app.example.com off"),
    ("APP_DOCUMENTS", "on app.example.com"),
    ("APP_DOCUMENTS", "!app.example.com"),
    ("APP_DOCUMENTS", "*"),
    ("APP_DOCUMENTS", "on !*.example.com"),
    ("APP_DOCUMENTS", "App.example.com"),
    ("APP_DOCUMENTS", "app.example.com:99999"),
    ("APP_DOCUMENT_RESOURCES", CANARY),
    ("APP_DOCUMENT_RESOURCES", "https://mcp.example.com/#x"),
    ("APP_DOCUMENT_RESOURCES", "https://mcp.example.com/, /mcp"),
    ("APP_DOCUMENT_RESOURCES", "https://auth.corp.internal"),
    ("APP_DOCUMENT_RESOURCES", "https://auth.corp.internal/"),
    ("APP_DOCUMENT_RESOURCES", "https://auth.corp.internal/oauth2/userinfo"),
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
    *(("MAIL_FROM", value) for value in U28_SENDERS),
    *(("MAIL_URL", value) for value in U28_MAIL_URLS),
    ("MAIL_TEMPLATES", f"/nowhere/{CANARY}"),
    *((name, f"/nowhere/{CANARY}.png") for name in ("ACCOUNT_LOGO", "ACCOUNT_LOGO_DARK", "ACCOUNT_ICON")),
    ("ACCOUNT_LOGO_NAME", CANARY),
    *(("ACCOUNT_ACCENT", value) for value in (CANARY, "#fff", "2b59d2", "#2b59d1;", "#2b59dg", "\u0663" * 7)),
    *(
        ("ACCOUNT_SUPPORT", value)
        for value in (
            *(CANARY, "Help <help@example.com>", "a@b@example.com", "javascript:alert(1)", "http://example.com/help"),
            *(
                "https:///x",
                "https:///help",
                "https://u:p@example.com",
                "https://[::1",
                "https://example.com/a b",
                "//a.io",
            ),
        )
    ),
    *(
        ("ACCOUNT_LINKS", value)
        for value in (
            *(CANARY, "agb", "privacy=", f"{CANARY}=https://example.com", "terms=javascript:alert(1)", "terms=/terms"),
            *("terms=https://a.io terms=https://b.io", "terms=http://example.com", 'terms=https://a.io/"><b>'),
            *("terms=https://a.io, privacy", "terms=https://a.io,help=https://b.io"),
        )
    ),
    *(("MAIL_LANGUAGE", value) for value in (CANARY, "../en", "e", "en/us")),
    ("LOG_LEVEL", CANARY),
    *(("RATE_LIMITS", value) for value in ("false", "0", "ON", CANARY)),
    *(
        (f"LIMIT_{name.upper()}", value)
        for name in config.LIMITS
        for value in (CANARY, "10", "0/90", "10/0", "-1/60", "10/60/60", "1.5/60", "\u0663/60", " 5/60", "9999999/60")
    ),
    *(
        ("LIMITS", value)
        for value in (
            CANARY,
            "mfa_row",
            "mfa_row=",
            "login_account=10",
            "login_account=0/90",
            "login_account=10/0",
            "login_account=10/60/60",
            "login_account = 10/60",
            "login_account=9999999/60",
            "login_account=10/60 login_account=10/60",
            f"login_account=10/60 {CANARY}=10/60",
            "LOGIN_ACCOUNT=10/60",
            "LIMIT_LOGIN_ACCOUNT=10/60",
        )
    ),
    ("TOKEN_AUDIENCE", f"{GOOD['PUBLIC_URL']}/auth/refresh-token"),
    ("TOKEN_AUDIENCE", f"{GOOD['PUBLIC_URL']}/oauth2/token"),
    ("TOKEN_AUDIENCE", f"{GOOD['PUBLIC_URL']}/oauth2/userinfo"),
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
            "KEEPALIVE",
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
            ("CORS_ORIGINS", " ".join(APP_ORIGINS)),
            ("WEBAUTHN_ORIGINS", f"https://auth.corp.internal, {ANDROID}"),
            ("WEBAUTHN_ORIGINS", ANDROID),
            ("WEBAUTHN_ORIGINS", "chrome-extension://abcdefghijklmnopabcdefghijklmnop"),
            ("WEBAUTHN_RP_ID", "corp.internal"),
            ("WEBAUTHN_ORIGINS", "https://auth.corp.internal, https://app.auth.corp.internal:8443"),
            ("SECRET_KEY_FALLBACKS", "p" + GOOD["SECRET_KEY"]),
            ("HOOK_SECRET", HOOK_SECRET),
            ("HOOK_SECRET", f"{HOOK_SECRET}, {FORMER_HOOK_SECRET}"),
            ("HOOK_SECRET", HOOK_SECRET.rstrip("=")),
            ("APP_DOCUMENTS", "off"),
            ("APP_DOCUMENTS", "on, !bad.example"),
            ("APP_DOCUMENTS", "claude.ai *.example.org app.example.com:8443"),
            ("APP_DOCUMENT_RESOURCES", "https://mcp.example.com/mcp, urn:example:notes"),
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
            *(("MAIL_FROM", value) for value in U28_GOOD_SENDERS),
            *(("MAIL_URL", value) for value in U28_GOOD_MAIL_URLS),
            ("MAIL_LANGUAGE", "pt-BR"),
            ("ACCOUNT_ACCENT", "#2B59d1"),
            *(("ACCOUNT_SUPPORT", value) for value in ("help@corp.internal", "https://corp.internal:8443/help?a=1#b")),
            ("ACCOUNT_LINKS", "imprint=https://corp.internal/imprint  terms=https://corp.internal/t,1"),
            ("LIMITS", "login_account=5/300, mfa_account=10/900\tmfa_row=1/1"),
            ("LIMITS", " , "),
            ("NO_SUCH_SETTING", CANARY),
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

    @pytest.mark.slow
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
            "KEEPALIVE": 75,
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

    @pytest.mark.parametrize("name", ["HOOK_SIGN_UP", "HOOK_TOKEN"])
    @pytest.mark.parametrize(
        "url", ["https://hooks.corp.internal", "https://10.0.0.7:8443/ask?tenant=1", "https://[fd00::1]/"]
    )
    def test_a_hook_needs_a_secret(self, name: str, url: str):
        assert "HOOK_SECRET is missing" in (check({**GOOD, name: url}) or "")
        assert check({**GOOD, name: url, "HOOK_SECRET": HOOK_SECRET}) is None

    def test_an_empty_setting_is_one_that_is_not_there(self):
        assert config.from_environment({**GOOD, "PORT": "", "LOG_LEVEL": "", "CORS_ORIGINS": ""}).PORT == 8000


class TestLimits:
    def test_a_limit_that_nobody_names_has_its_default(self):
        assert config.from_environment(GOOD).LIMITS == settings.LIMITS

    def test_the_mapping_names_those_that_differ(self):
        taken = config.from_environment({**GOOD, "LIMITS": "login_account=7/70,mfa_row=8/80"})
        assert {**settings.LIMITS, "login_account": (7, 70), "mfa_row": (8, 80)} == taken.LIMITS
        assert taken.LIMIT_ALIASES == []

    @pytest.mark.parametrize("name", settings.LIMITS)
    def test_each_former_variable_still_works(self, name: str):
        taken = config.from_environment({**GOOD, limits.alias(name): "123/456"})
        assert {**settings.LIMITS, name: (123, 456)} == taken.LIMITS
        assert [limits.alias(name)] == taken.LIMIT_ALIASES

    def test_the_mapping_comes_before_a_former_variable(self):
        environ = {**GOOD, "LIMITS": "login_row=7/70", "LIMIT_LOGIN_ROW": "8/80", "LIMIT_MFA_ROW": "9/90"}
        taken = config.from_environment(environ)
        assert (taken.LIMITS["login_row"], taken.LIMITS["mfa_row"]) == ((7, 70), (9, 90))
        assert taken.LIMIT_ALIASES == ["LIMIT_LOGIN_ROW", "LIMIT_MFA_ROW"]


class TestLinks:
    @pytest.mark.parametrize("between", [" ", ", ", ",", "  \t "])
    def test_they_are_separated_by_blanks_or_commas(self, between: str):
        links = {"imprint": "https://a.io/i", "terms": "https://a.io/t,1"}
        taken = config.from_environment(
            {**GOOD, "ACCOUNT_LINKS": between.join(f"{name}={address}" for name, address in links.items())}
        )
        assert links == taken.ACCOUNT_LINKS
        assert list(taken.ACCOUNT_LINKS) == ["terms", "imprint"]


class TestReference:
    ROWS = {row.name: row for row in schema.reference()}

    def test_it_has_every_setting_that_the_application_gets(self):
        taken = {name for name in vars(config.from_environment(GOOD)) if name.isupper()}
        assert taken - {"LIMIT_ALIASES"} == set(self.ROWS) - {"APP_ENV"}
        assert {row.name for row in schema.limits_reference()} == set(settings.LIMITS)

    def test_each_row_says_what_the_setting_does(self):
        rows = [*schema.reference(), *schema.limits_reference()]
        assert [row.name for row in rows if not re.fullmatch(r"[a-z`].{10,}[^.\s]", row.about)] == []
        assert [row.name for row in rows if "\n" in row.default + row.bounds] == []

    def test_defaults_are_those_that_are_taken(self):
        taken = config.from_environment(GOOD)
        checked = 0
        for name, row in self.ROWS.items():
            match = re.match(r"`([^`]+)`(?:$|, in development)", row.default)
            if match is None or name == "APP_ENV":
                continue
            value = getattr(taken, name)
            written = {True: "on", False: "off"}[value] if isinstance(value, bool) else value
            written = ",".join(written) if isinstance(written, list) else str(written)
            assert match[1] in (written, "PUBLIC_URL"), name
            checked += 1
        assert checked > 20

    @pytest.mark.parametrize("name", [name for name, row in ROWS.items() if re.match(r"\d+ to \d+", row.bounds)])
    def test_bounds_are_those_that_are_kept(self, name: str):
        least, most = map(int, re.findall(r"\d+", self.ROWS[name].bounds)[:2])
        strict = re.search(r"in production at least (\d+)", self.ROWS[name].bounds)
        least = int(strict[1]) if strict else least
        for value, held in ((least - 1, False), (least, True), (most, True), (most + 1, False)):
            assert (check(changed(name, str(value))) is None) is held, value

    def test_what_is_required_is_refused_if_it_is_missing(self):
        required = {name for name, row in self.ROWS.items() if row.default.startswith("required")}
        assert required == {"SECRET_KEY", "MONGODB_URI", "PUBLIC_URL", "MAIL_URL"}
        for name in required:
            assert f"{name} is missing" in (check(changed(name, None)) or "")


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
        service = Service(fresh=True, **environ, BCRYPT_ROUNDS=10)
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


class TestU28MailSettings:
    @pytest.mark.parametrize(
        ("given", "written"),
        [
            ("Acme, Inc. <no-reply@acme.example>", '"Acme, Inc." <no-reply@acme.example>'),
            ("Acme. <no-reply@acme.example>", '"Acme." <no-reply@acme.example>'),
            ("  Acme <no-reply@acme.example>", "Acme <no-reply@acme.example>"),
            ("Acme<no-reply@acme.example>", "Acme <no-reply@acme.example>"),
            (r'"Acme \"A\"" <no-reply@acme.example>', r'"Acme \"A\"" <no-reply@acme.example>'),
            ("<no-reply@acme.example>", "no-reply@acme.example"),
        ],
    )
    def test_a_name_is_quoted_if_it_has_to_be(self, given: str, written: str) -> None:
        taken = config.from_environment({**GOOD, "MAIL_FROM": given})
        assert str(taken.MAIL_FROM) == written

    def test_a_service_at_an_ipv6_address_has_a_sender(self) -> None:
        assert config.from_environment({**GOOD, "PUBLIC_URL": "http://[::1]"}).MAIL_FROM == "authsvc@localhost"

    @given(st.one_of(st.text(max_size=60), st.lists(st.sampled_from(MAIL_PIECES), max_size=9).map("".join)))
    @options(deadline=None, max_examples=400)
    def test_what_is_taken_names_a_transport(self, url: str) -> None:
        """The settings and the mailer are two readers of one text."""
        if settings.mail_url_fault(url) is None:
            transport = mailer.from_url(url)
            if isinstance(transport, mailer.Smtp):
                assert 0 < transport.port < 65536
                assert transport.host
                assert not set(transport.host) & set("@/[] ")
                assert (transport.user is None) is ("@" not in url)

    @given(st.one_of(st.text(max_size=60), st.lists(st.sampled_from(SENDER_PIECES), max_size=9).map("".join)))
    @options(deadline=None, max_examples=400)
    def test_a_sender_that_is_taken_is_read_as_one_address(self, text: str) -> None:
        written = settings.sender(text)
        if written is None:
            return
        letter = EmailMessage()
        letter["From"], letter["To"] = written, "ada@example.com"
        letter.set_content("x")
        sender, _ = mailer.serialise(letter, "ada@example.com")
        assert sender in text
        assert settings.sender(written) == written

    @pytest.mark.parametrize("url", U28_MAIL_URLS)
    def test_what_is_refused_says_how_to_write_it_and_quotes_nothing(self, url: str) -> None:
        told = check({**GOOD, "MAIL_URL": url})
        assert told is not None
        assert url not in told.replace("smtp://user:password@host", "")
        assert len(told) > len("authsvc can't start (production): MAIL_URL .")

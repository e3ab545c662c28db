"""Every setting: its name, type, bounds and default, and what it does."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from marshmallow import EXCLUDE, ValidationError, post_load, pre_load, validates_schema

from authsvc.settings import formats, limits, mail
from authsvc.settings.brand import BrandSettings
from authsvc.settings.fields import (
    Choice,
    Default,
    Derived,
    FormerLimit,
    Limits,
    ProvidersFile,
    Setting,
    Switch,
    Whole,
    Words,
    each,
    must,
)
from authsvc.settings.hooks import HookSettings

Values = dict[str, Any]
Fault = Callable[[str], str | None]
"""Returns what is wrong with a text, without quoting it; None if nothing is."""

_OWN_ROLES = ("user", "admin")
_ROLE = re.compile(r"[a-z][a-z0-9_-]{0,31}", re.ASCII)
_CONTACT = re.compile(r"mailto:[!-~]+@[!-~]+|https://[!-~]+", re.ASCII)
_SECRET = (
    must(
        lambda text: len(text.encode()) >= formats.MIN_SECRET_BYTES, f"needs at least {formats.MIN_SECRET_BYTES} bytes"
    ),
    must(lambda text: not formats.is_weak(text), "is weak: use `openssl rand -base64 48`"),
)
_PUBLIC_URL = Derived("`PUBLIC_URL`", lambda above: above.get("PUBLIC_URL", ""))
_PUBLIC_HOST = Derived("host of `PUBLIC_URL`", lambda above: formats.host_of(above.get("PUBLIC_URL", "")))


def _local_url(above: Mapping[str, str]) -> str:
    return f"http://localhost:{above['PORT'] if formats.is_port(above['PORT']) else 8000}"


def _account_url(above: Mapping[str, str]) -> str:
    return "" if above["ACCOUNT_PAGES"] == "off" else f"{above.get('PUBLIC_URL', '')}/account"


class Settings(BrandSettings, HookSettings):
    """The settings; a default may follow from those above it."""

    class Meta:
        """How it is read."""

        # The environment holds much else, and single limits by the names that they had before LIMITS.

        unknown = EXCLUDE
        include = {limits.alias(name): FormerLimit() for name in limits.TABLE}

    SECRET_KEY = Setting(
        "seals signing keys, secrets of authenticator apps and waiting letters, so it must not be lost; at least 32"
        " random bytes (`openssl rand -base64 48`). In development it is made once, in `instance/`",
        default=None,
        bounds="in production at least 32 bytes, and random",
        strict=_SECRET,
    )
    SECRET_KEY_FALLBACKS = Words(
        "former secrets that may still open what they sealed, separated by commas", strict=tuple(map(each, _SECRET))
    )
    MONGODB_URI = Setting(
        "the database, with its name: `mongodb://user:password@host/authsvc`. In development the embedded one",
        default=None,
    )
    PORT = Whole(
        "where it listens, by IPv4 and IPv6: on all interfaces in production, only on this machine's own in"
        " development",
        8000,
        1,
        65535,
    )
    PUBLIC_URL = Setting(
        "the origin that clients see: `https://auth.example.com`. In development, requests to other hosts than"
        " localhost, IP addresses and this one are refused",
        default=None,
        development=Derived("`http://localhost:PORT`", _local_url),
        bounds="an origin; in production https",
        tidy=lambda text: text.rstrip("/") or text,
        rules=(must(formats.is_origin, "must be an origin: scheme, host, port, no path"),),
        strict=(must(formats.is_secure, "must be https"),),
    )
    WEB_CONCURRENCY = Whole(
        "worker processes. gunicorn reads it before authsvc does, and stops with an error of its own if it is not a"
        " number",
        Derived("number of cores", lambda _: str(min(formats.cores(), formats.MOST_WORKERS))),
        1,
        formats.MOST_WORKERS,
    )
    CORS_ORIGINS = Words(
        "origins whose pages may call, separated by commas; also those of apps (`capacitor://localhost`,"
        " `tauri://localhost`) and browser extensions (`chrome-extension://…`)",
        bounds="origins",
        rules=(each(must(formats.is_client_origin, "must be origins: scheme, host, port, no path, no *")),),
    )
    TRUSTED_PROXIES = Whole(
        "how many proxies in front set `X-Forwarded-For` and `X-Forwarded-Proto`; 0 ignores both. An entry that is not"
        " an address counts as unknown",
        0,
        0,
        10,
    )
    KEEPALIVE = Whole(
        "how long a connection may be idle between two requests. Let the proxy in front give it up earlier: nginx does"
        " after 60, Traefik and Caddy have to be told",
        75,
        1,
        3600,
    )
    ACCESS_TOKEN_TTL = Whole(
        "life of an access token. If it is made shorter, tokens issued for longer are refused at once"
        " as `token_invalid`, and a refresh gets a new one; they still name their session to a logout",
        900,
        1,
        86_400,
    )
    SESSION_IDLE_TTL = Whole("a session that is not refreshed for this long is over", 2_592_000, 1, 315_360_000)
    SESSION_MAX_TTL = Whole(
        "a session is over after this long, whatever happens. If it is made shorter, refresh tokens issued for longer"
        " are refused as `token_invalid`: those users sign in again, which ends their former session",
        31_536_000,
        1,
        315_360_000,
    )
    REFRESH_REUSE_GRACE = Whole(
        "for this long, a refresh token that was just used up gets the pair that replaced it; 0 is strict",
        30,
        0,
        300,
    )
    SESSION_CACHE = Switch(
        "whether workers keep sessions in memory, so that most requests need no read of the database. A sign-out still"
        " holds everywhere once it is answered, which takes 0.26 s longer. All workers and commands of a service have"
        " to have the same",
        default="off",
    )
    BCRYPT_ROUNDS = Whole(
        "cost of a password hash (log2); cheaper hashes are upgraded at sign-in", 12, 4, 20, strict_least=10
    )
    HASHING_MAX_WAIT = Whole("a request that would wait longer for a hash gets `503 hashing_busy` at once", 5, 0, 60)
    REQUEST_DEADLINE = Whole(
        "how long a request may spend on the database in all; a single step may take 4 seconds", 8, 1, 60
    )
    MAX_BODY_BYTES = Whole("the longest request body, in bytes", 65_536, 1024, 10_485_760)
    PASSWORD_MIN_LENGTH = Whole(
        "the shortest new password, in characters; 15 is advised for users without a second factor", 8, 8, 64
    )
    METRICS = Setting(
        "`on`: at `/metrics`, for everybody who can reach it; an address, `127.0.0.1:9100`: there and nowhere else",
        default="off",
        development="on",
        bounds="on, off, or an address with a port of its own",
    )
    ACCOUNT_PAGES = Switch(
        "the pages under `/account/`; `off` needs `LINK_URL`, and nobody can then sign in to apps", default="on"
    )
    ADMIN_PAGES = Switch("the console under `/admin/`, for administrators; it needs `ACCOUNT_PAGES`", default="on")
    LINK_URL = Setting(
        "where the pages are that links in letters lead to, if they are your own: each link adds `/verify-email`,"
        " `/undo-email`, `/reset-password` or `/email-code`, and `#token=…`",
        default=Derived("`PUBLIC_URL`/account", _account_url),
        bounds="an origin and a path; in production https",
        tidy=lambda text: text.rstrip("/"),
    )
    ACCOUNT_NAME = Setting("what account pages and letters call the service", default=_PUBLIC_HOST)
    SECURITY_CONTACT = Setting(
        "whom to tell of a vulnerability: `/.well-known/security.txt` (RFC 9116) names it",
        bounds="`mailto:` and an address, or an https URL",
        rules=(must(_CONTACT.fullmatch, "must be mailto:address or https://…"),),
    )
    EMAIL_VERIFICATION = Choice(
        "whether users must verify their address: never, if they like, or before they can sign in",
        "off",
        "optional",
        "required",
        default="optional",
    )
    EMAIL_CODES = Switch(
        "whether letters have six-digit codes: to sign in without a password, and beside the links that verify an"
        " address or reset a password. `off`: only links, and nobody signs in by a letter",
        default="on",
    )
    MAIL_URL = Setting(
        "`smtp://user:password@host:587` (STARTTLS if it is offered, always before a password), `smtps://…` (465),"
        " `file:/folder`. In user and password write `@` as `%40`, `:` as `%3A`, `/` as"
        " `%2F`, `#` as `%23`, `%` as `%25`",
        default=None,
        development="console:",
        bounds="smtp, smtps or file; in development also console",
        rules=(mail.mail_url_fault,),
        strict=(must(lambda url: url != "console:", "must not print links: smtp://…, smtps://… or file:/…"),),
    )
    MAIL_FROM = Setting(
        "the sender of letters: `Example <auth@example.com>`; write a domain that is not ASCII as `xn--…`",
        default=Derived(
            "`authsvc@` and the host of `PUBLIC_URL`",
            lambda above: mail.default_sender(above.get("PUBLIC_URL", "")),
        ),
        bounds="one address",
        tidy=mail.tidied_sender,
        rules=(must(lambda text: mail.sender(text) is not None, mail.SENDER_ADVICE),),
    )
    MAIL_TEMPLATES = Setting(
        "a folder with letters in your own words",
        bounds="a folder",
        rules=(must(lambda name: Path(name).is_dir(), "must be a folder"),),
    )
    MAIL_LANGUAGE = Setting(
        "the language of letters",
        default="en",
        bounds="a language: en, pt-BR",
        rules=(must(formats.LANGUAGE.fullmatch, "must be a language: en, pt-BR"),),
    )
    RATE_LIMITS = Switch("`off` throttles nothing, except `alarm_account`", default="on")
    LIMITS = Limits(
        "limits other than the defaults, each with its attempts and seconds: `login_account=5/300 mfa_account=10/900`",
        bounds="attempts and seconds from 1 to 999999",
    )
    ROLES = Words(
        "the roles that an account can have, `user` and `admin` among them; tokens carry the role for the services"
        " behind",
        default=",".join(_OWN_ROLES),
        bounds="small letters, digits, - and _, at most 32 in each",
        rules=(
            must(
                lambda roles: all(map(_ROLE.fullmatch, roles)) and {*_OWN_ROLES} <= {*roles},
                "must name user, admin and others of yours: small letters, digits, - and _, at most 32",
            ),
        ),
    )
    WEBAUTHN_RP_ID = Setting(
        "the domain that passkeys belong to: the host of each of `WEBAUTHN_ORIGINS`, or a domain above it. Passkeys are"
        " lost when it changes",
        default=_PUBLIC_HOST,
        bounds="a domain",
    )
    WEBAUTHN_ORIGINS = Words(
        "origins whose pages may use passkeys, separated by commas; also those of Android apps"
        " (`android:apk-key-hash:…`). The account pages always may",
        default=_PUBLIC_URL,
        bounds="origins",
    )
    TOKEN_ISSUER = Setting(
        "`iss` of all tokens. Apps that sign people in look for the metadata there, under `/.well-known/`, and refuse"
        " those of another issuer. If it is not `PUBLIC_URL`, a proxy there has to pass that path on",
        default=_PUBLIC_URL,
    )
    TOKEN_AUDIENCE = Setting("`aud` of access tokens", default=_PUBLIC_URL)
    PASSWORD_GRANT = Switch(
        "whether programs get an access token from `/oauth2/token` by somebody's password. OAuth forbids it (RFC 9700"
        " section 2.4): for your own tools that know nothing else, and for no other program",
        default="off",
    )
    APP_DOCUMENTS = Words(
        "whose apps may ask people to sign in without being registered, by a metadata document whose address is their"
        " client ID: `on` for any, `on !bad.example` for all others, or hosts, `app.example.com *.example.org`",
        default="off",
        bounds="off, on, or hosts",
        rules=(
            must(
                formats.is_document_rule,
                "must be off, on (but for hosts: on !bad.example), or hosts: app.example.com *.example.org",
            ),
        ),
    )
    APP_DOCUMENT_RESOURCES = Words(
        "resources that such apps may have access tokens for, such as your MCP servers, separated by commas; never"
        " `TOKEN_AUDIENCE` or this service",
        bounds="absolute URIs",
        rules=(each(must(formats.is_resource, "must be absolute URIs: https://mcp.example.com/mcp")),),
    )
    IDENTITY_PROVIDERS = ProvidersFile(
        "a TOML file with those that people can sign in with, such as Google or GitHub: a table for each. It is read at"
        " the start",
        bounds="a file",
    )
    LOG_LEVEL = Choice(
        "the least important lines to log", "DEBUG", "INFO", "WARNING", "ERROR", default="INFO", tidy=str.upper
    )

    def __init__(self, *, production: bool, database_fault: Fault) -> None:
        """Make a schema; `database_fault` returns what the driver objects to in a MONGODB_URI."""
        super().__init__()
        self._production = production
        self._database_fault = database_fault
        for field in self.fields.values():
            if isinstance(field, Setting):
                field.production = production

    @pre_load
    def _complete(self, environ: Mapping[str, str], **_: Any) -> dict[str, str]:
        """Return the text of each setting; an empty one counts as not set."""
        texts: dict[str, str] = {}
        for name, field in self.fields.items():
            text = field.text(environ, texts) if isinstance(field, Setting) else environ.get(name) or None
            if text is not None:
                texts[name] = text
        return texts

    @validates_schema(skip_on_field_errors=False)
    def _check_database(self, values: Values, **_: Any) -> None:
        if "MONGODB_URI" in values:
            _refuse(MONGODB_URI=self._database_fault(values["MONGODB_URI"]))

    @validates_schema(skip_on_field_errors=False)
    def _check_metrics(self, values: Values, **_: Any) -> None:
        metrics = values["METRICS"]
        own_port = formats.is_address(metrics) and int(metrics.rpartition(":")[2]) != values.get("PORT")
        if metrics not in ("on", "off") and not own_port:
            _refuse(METRICS="must be on, off, or an address with a port of its own: 127.0.0.1:9100")

    @validates_schema(skip_on_field_errors=False)
    def _check_audience(self, values: Values, **_: Any) -> None:
        others = {f"{values['TOKEN_ISSUER']}{path}" for path in _OTHER_AUDIENCES}
        if values["TOKEN_AUDIENCE"] in others:
            _refuse(TOKEN_AUDIENCE="must not be that of refresh tokens or of apps' tokens")  # noqa: S106

    @validates_schema(skip_on_field_errors=False)
    def _check_resources(self, values: Values, **_: Any) -> None:
        here = f"{values.get('PUBLIC_URL')}/"
        for uri in values.get("APP_DOCUMENT_RESOURCES", []):
            if uri == values["TOKEN_AUDIENCE"] or f"{uri}/".startswith(here):
                _refuse(APP_DOCUMENT_RESOURCES="must not be TOKEN_AUDIENCE, nor an address of this service")

    @validates_schema(skip_on_field_errors=False, pass_original=True)
    def _check_links(self, values: Values, environ: Mapping[str, str], **_: Any) -> None:
        pages = values["LINK_URL"]
        if not pages:
            _refuse(LINK_URL="is missing: without account pages, name those that links lead to")
        if not environ.get("LINK_URL"):
            return  # the default is as valid as PUBLIC_URL, of which one complaint is enough
        if not formats.is_page_address(pages):
            _refuse(LINK_URL="must be an address: origin and path")
        if self._production and not formats.is_secure(pages):
            _refuse(LINK_URL="must be https")

    @validates_schema(skip_on_field_errors=False, pass_original=True)
    def _check_passkeys(self, values: Values, environ: Mapping[str, str], **_: Any) -> None:
        if not environ.get("WEBAUTHN_RP_ID") and not environ.get("WEBAUTHN_ORIGINS"):
            return
        party, origins = values["WEBAUTHN_RP_ID"], values["WEBAUTHN_ORIGINS"]
        # An app or an extension has no host: the system knows from elsewhere for which domains it may speak.
        pages = [origin for origin in origins if formats.is_origin(origin)] or [values.get("PUBLIC_URL", "")]
        well_formed = all(map(formats.is_webauthn_origin, origins))
        in_domain = all(formats.belongs_to(formats.host_of(page), party) for page in pages)
        _refuse(
            WEBAUTHN_ORIGINS=None if well_formed else "must be origins, as browsers and Android write them",
            WEBAUTHN_RP_ID=None if in_domain else "must be the host of each of WEBAUTHN_ORIGINS, or a domain above it",
        )

    @validates_schema(skip_on_field_errors=False, pass_original=True)
    def _check_debugging(self, _values: Values, environ: Mapping[str, str], **_: Any) -> None:
        names = ("FLASK_DEBUG", "DEBUG", "TESTING") if self._production else ()
        off = ("", "0", "false", "no", "off")
        _refuse(**{name: "must be off" for name in names if environ.get(name, "").lower() not in off})

    @post_load
    def _gather_limits(self, values: Values, **_: Any) -> Values:
        """Put all limits into one mapping; LIMITS takes precedence over single variables."""
        aliases = {name: values.pop(limits.alias(name)) for name in limits.TABLE if limits.alias(name) in values}
        merged = {**limits.LIMITS, **aliases, **values["LIMITS"]}
        return {**values, "LIMITS": merged, "LIMIT_ALIASES": [limits.alias(name) for name in aliases]}


_OTHER_AUDIENCES = ("/auth/refresh-token", "/oauth2/token", "/oauth2/userinfo")
"""Under the issuer: what people's refresh tokens are for, apps' refresh tokens, and apps' access tokens."""


def _refuse(**faults: str | None) -> None:
    """Raise ValidationError for those settings that have a fault."""
    complaints = {name: [fault] for name, fault in faults.items() if fault is not None}
    if complaints:
        raise ValidationError(complaints)


def read(environ: Mapping[str, str], *, production: bool, database_fault: Fault) -> tuple[Values, dict[str, str]]:
    """Return the settings that can be used, and what is wrong with the others, by name."""
    try:
        return Settings(production=production, database_fault=database_fault).load(environ), {}
    except ValidationError as error:
        messages: Any = error.messages
        usable: Any = error.valid_data
        return usable, {name: complaints[0] for name, complaints in messages.items()}


@dataclass(frozen=True, slots=True)
class Row:
    """What the reference says of a setting or a limit, as Markdown; `bounds` is empty if any text will do."""

    name: str
    default: str
    about: str
    bounds: str


def reference() -> list[Row]:
    """Return a row for each setting, APP_ENV first."""
    about = "`development` and `testing` use the embedded database; any other value is production"
    fields = Settings(production=True, database_fault=lambda _: None).fields
    rows = [
        Row(name, _described(field), field.about, field.bounds)
        for name, field in fields.items()
        if isinstance(field, Setting)
    ]
    return [Row("APP_ENV", "`production`", about, ""), *rows]


def limits_reference() -> list[Row]:
    """Return a row for each limit that LIMITS can name."""
    return [Row(name, f"`{limit.most}/{limit.seconds}`", limit.about, "") for name, limit in limits.TABLE.items()]


def default(name: str) -> str:
    """Return the default of a setting in production, as the reference writes it."""
    return next(row.default.strip("`") for row in reference() if row.name == name)


def _described(field: Setting) -> str:
    """Return the default, and that of development if it is another."""
    default = _as_markdown(field.default)
    if field.development == field.default:
        return default
    return f"{default}, in development {_as_markdown(field.development)}"


def _as_markdown(default: Default) -> str:
    if isinstance(default, Derived):
        return default.description
    return "required" if default is None else default and f"`{default}`"

"""What the file of IDENTITY_PROVIDERS may say: one table for each provider that people can sign in with.

    [google]
    client_id = "…"
    client_secret_env = "GOOGLE_SECRET"

A table whose name is that of a preset has its kind; any other says `kind`.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

MOST = 20
"""How many providers there may be."""
MOST_BYTES = 100_000
"""Of the file, and of each file with a secret."""
ALGORITHMS = ("RS256", "ES256", "PS256", "EdDSA")
"""What an ID token may be signed by."""
ANY_TENANT = ("common", "organizations")
"""Tenants of Microsoft that stand for many, each of which is an issuer of its own."""

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?", re.ASCII)
_NOT_NAMES = ("complete", "confirm")
"""Steps of a sign-in, whose addresses stand beside those of providers."""
_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
CONSUMERS = "9188040d-6c67-4c5b-b112-36a304b66dad"
"""The tenant of all personal accounts of Microsoft."""
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_MOST_LABEL = 40
_PRINTABLE = re.compile(r"[\x21-\x7e]{1,1000}", re.ASCII)
_SECRET = re.compile(r"[\x20-\x7e]{1,1000}", re.ASCII)
"""RFC 6749 appendix A.2."""
_DOMAIN = re.compile(r"(?!-)[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63})+", re.ASCII)
_LINE = re.compile(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029]+")


@dataclass(frozen=True, slots=True)
class Preset:
    """What is known of a kind of provider: defaults, and what else has to be said."""

    issuer: str = ""
    label: str = ""
    scope: str = "openid email profile"
    needs: tuple[str, ...] = ("client_id", "client_secret")
    may: tuple[str, ...] = ()
    form_post: bool = False
    reauthenticates: bool = True
    """Whether it says `auth_time` if it is asked by `max_age`, as far as its documents say."""
    asks_userinfo: bool = True
    """Whether it is asked for what its ID token leaves out."""


_OF_OIDC = ("algorithms", "audiences", "authentication", "private", "scope")
PRESETS = {
    "oidc": Preset(needs=("issuer", "client_id", "client_secret"), may=_OF_OIDC),
    "google": Preset("https://accounts.google.com", "Google", reauthenticates=False),
    "microsoft": Preset(
        "", "Microsoft", needs=("tenant", "client_id", "client_secret"), reauthenticates=False, asks_userinfo=False
    ),
    "gitlab": Preset("https://gitlab.com", "GitLab", may=("issuer", "private")),
    "apple": Preset(
        "https://appleid.apple.com",
        "Apple",
        scope="openid email name",
        needs=("client_id", "team_id", "key_id", "key"),
        may=("issuer",),
        form_post=True,
        reauthenticates=False,
        asks_userinfo=False,
    ),
    "github": Preset(
        "https://github.com", "GitHub", scope="read:user user:email", may=("issuer", "private"), reauthenticates=False
    ),
}
SECRETS = ("client_secret", "key")
_TEXTS = ("client_id", "issuer", "label", "scope", "team_id", "key_id", "tenant", "authentication")
_LISTS = ("algorithms", "audiences", "domains")
_SWITCHES = ("trusted", "enabled", "private")
ALWAYS = ("kind", "label", "trusted", "enabled", "domains")
ABOUT: Mapping[str, str] = {
    "kind": "how it is spoken to: a preset. If it is left out, the name of the table is that",
    "label": f"what the button calls it, at most {_MOST_LABEL} characters",
    "enabled": "`false`: nobody can sign in with it, and no account can be connected to it",
    "trusted": "`true`: an account is connected by a verified address alone, without asking. Whoever runs the provider"
    " can then enter any account whose address they say is verified: only for one that you run yourself, or that owns"
    " the domain of all its addresses",
    "domains": "whose addresses may come from it: only identities with a verified address in one of these domains"
    " sign in or are connected. Subdomains are others",
    "issuer": "its address, as its metadata write it: each letter counts, and a slash at the end",
    "private": "`true`: its servers may be at private addresses (10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, fc00::/7),"
    " by https. All that its metadata name is asked then, so only for one that you run yourself",
    "client_id": "what it calls authsvc",
    "client_secret": "the secret that it has given to authsvc",
    "scope": "what it is asked for; `openid` is in it",
    "algorithms": f"what it may sign ID tokens by: {', '.join(ALGORITHMS)}",
    "audiences": "others that its ID tokens may also be for, if it names several; `azp` has to be `client_id` then",
    "authentication": "how the secret is sent: `basic` in a header, `post` in the form. By default as its metadata say",
    "tenant": "the id of a directory; `consumers` for personal accounts, `organizations` for those of any directory,"
    " `common` for both. An address counts as verified only from a single directory",
    "team_id": "the team at Apple",
    "key_id": "the id of the key",
    "key": "the private key that Apple lets you download once, as PEM",
}
"""What each member is for: the reference is written from it."""


@dataclass(frozen=True, slots=True)
class ProviderSettings:
    """One provider, as the operator has set it up. Neither secret is shown."""

    name: str
    kind: str
    label: str
    issuer: str
    client_id: str
    scope: str
    client_secret: str = field(default="", repr=False)
    key: str = field(default="", repr=False)
    team_id: str = ""
    key_id: str = ""
    tenant: str = ""
    algorithms: tuple[str, ...] = ("RS256",)
    audiences: tuple[str, ...] = ()
    authentication: str = ""
    domains: tuple[str, ...] = ()
    trusted: bool = False
    private: bool = False
    enabled: bool = True

    @property
    def form_post(self) -> bool:
        """Tell whether it comes back by a form that is posted."""
        return self.preset.form_post

    @property
    def preset(self) -> Preset:
        """Return what is known of its kind."""
        return PRESETS[self.kind]

    def issues(self, issuer: str) -> bool:
        """Tell whether identities of an issuer are this provider's; of any tenant each is an issuer of its own."""
        if self.tenant not in ANY_TENANT:
            return issuer == self.issuer
        before, after = self.issuer.split(self.tenant)
        return issuer.startswith(before) and _GUID.fullmatch(issuer[len(before) :].removesuffix(after)) is not None


def is_tenant(value: Any) -> bool:
    """Tell whether a value is the id of a tenant of Microsoft."""
    return isinstance(value, str) and _GUID.fullmatch(value) is not None


class NotUsable(ValueError):
    """The file can't be used; the message says why, without a value of it."""


def read(path: str, environ: Mapping[str, str], *, production: bool) -> tuple[ProviderSettings, ...]:
    """Return the providers of a file, in its order; none of no file. Raises NotUsable."""
    if not path:
        return ()
    try:
        tables = tomllib.loads(_text_of(path))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise NotUsable("is not TOML: see its syntax with any TOML checker") from error
    if len(tables) > MOST:
        raise NotUsable(f"has more than {MOST} providers")
    return tuple(_read(name, table, environ, production=production) for name, table in tables.items())


def _read(name: str, table: Any, environ: Mapping[str, str], *, production: bool) -> ProviderSettings:
    if _NAME.fullmatch(name) is None or name in _NOT_NAMES:
        raise NotUsable("has a name of a provider that is not 1 to 32 small letters, digits and hyphens, or is ours")
    if not isinstance(table, dict):
        raise NotUsable(f"must have a table for each provider: [{name}] (look there)")
    kind = table.get("kind", name)
    if not isinstance(kind, str) or kind not in PRESETS:
        raise NotUsable(f"must say in [{name}] of which kind it is: {', '.join(PRESETS)}")
    faults = _faults(kind, table, production=production)
    fault = next(faults, None)
    if fault is not None:
        raise NotUsable(f"[{name}]: {fault}")
    return _made(name, kind, table, environ)


def _faults(kind: str, table: Mapping[str, Any], *, production: bool) -> Iterator[str]:
    preset = PRESETS[kind]
    members = {*ALWAYS, *preset.needs, *preset.may}
    sources = {f"{secret}_{where}" for secret in SECRETS if secret in members for where in ("env", "file")}
    if unknown := sorted(set(table) - members - sources):
        yield f"{unknown[0]} is not a member that {kind} has"
    for member in preset.needs:
        ways = [way for way in (member, f"{member}_env", f"{member}_file") if way in table]
        if not ways or (member not in SECRETS and ways != [member]):
            yield f"{member} is missing"
        if len(ways) > 1:
            yield f"{member} must be said once"
    yield from _faults_of_types(table)
    yield from _faults_of_values(table, production=production)


def _faults_of_types(table: Mapping[str, Any]) -> Iterator[str]:
    for member, value in table.items():
        if member in _SWITCHES:
            if not isinstance(value, bool):
                yield f"{member} must be true or false"
        elif member in _LISTS:
            if not isinstance(value, list) or not value or not all(_is_plain(one) for one in value):
                yield f"{member} must be a list of texts"
            elif member == "domains" and not all(_DOMAIN.fullmatch(one) for one in value):
                yield "domains must be small and ASCII, as example.com or xn--bcher-kva.example"
        elif not isinstance(value, str) or not value:
            yield f"{member} must be a text"


def _faults_of_values(table: Mapping[str, Any], *, production: bool) -> Iterator[str]:
    if not _is_plain(table.get("client_id", "x")):
        yield "client_id must be printable ASCII"
    label = table.get("label", "x")
    if len(label) > _MOST_LABEL or _LINE.fullmatch(label) is None or not label.strip():
        yield f"label must be 1 to {_MOST_LABEL} characters in one line"
    if "issuer" in table and not _is_issuer(table["issuer"], production=production):
        yield "issuer must be an address without query and fragment: https://login.example.com"
    if not set(table.get("algorithms", ())) <= set(ALGORITHMS):
        yield f"algorithms may be {', '.join(ALGORITHMS)}"
    if table.get("authentication", "basic") not in ("basic", "post"):
        yield "authentication must be basic or post"
    if "openid" not in table.get("scope", "openid").split() or not table.get("scope", "x").isascii():
        yield "scope must name openid"
    tenant = table.get("tenant", "consumers")
    if tenant not in (*ANY_TENANT, "consumers") and not is_tenant(tenant):
        yield "tenant must be the id of a directory, or common, organizations or consumers"


def _made(name: str, kind: str, table: Mapping[str, Any], environ: Mapping[str, str]) -> ProviderSettings:
    preset = PRESETS[kind]
    values: dict[str, Any] = {"label": preset.label or name, "issuer": preset.issuer, "scope": preset.scope}
    values |= {member: table[member] for member in (*_TEXTS, *_SWITCHES) if member in table}
    values |= {member: tuple(table[member]) for member in _LISTS if member in table}
    if kind == "microsoft":
        tenant = {"consumers": CONSUMERS}.get(table["tenant"], table["tenant"])
        values |= {"tenant": tenant, "issuer": f"https://login.microsoftonline.com/{tenant}/v2.0"}
    if values.get("enabled", True):
        needed = (member for member in SECRETS if member in preset.needs)
        values |= {member: _secret(name, member, table, environ) for member in needed}
    if "key" in values and not _is_key(values["key"]):
        raise NotUsable(f"[{name}]: key must be a private key of Apple's: PEM, of the curve P-256")
    return ProviderSettings(name=name, kind=kind, **values)


def _is_key(text: str) -> bool:
    try:
        key = load_pem_private_key(text.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return False
    return isinstance(key, EllipticCurvePrivateKey) and isinstance(key.curve, SECP256R1)


def _secret(name: str, member: str, table: Mapping[str, Any], environ: Mapping[str, str]) -> str:
    """Return a secret from where the table says it is. Raises NotUsable."""
    if f"{member}_env" in table:
        secret = environ.get(table[f"{member}_env"], "")
        where = "the variable of the environment"
    elif f"{member}_file" in table:
        secret, where = _text_of(table[f"{member}_file"], f"[{name}]: {member}_file "), "the file"
    else:
        secret, where = table[member], "the table"
    secret = secret.strip("\r\n")
    if not secret:
        raise NotUsable(f"[{name}]: {member} is empty, in {where}")
    if member == "client_secret" and _SECRET.fullmatch(secret) is None:
        raise NotUsable(f"[{name}]: {member} must be printable ASCII, in {where}")
    return secret


def _text_of(path: str, about: str = "") -> str:
    """Return the text of a file. Raises NotUsable."""
    try:
        with Path(path).open("rb") as file:
            data = file.read(MOST_BYTES + 1)
        if len(data) > MOST_BYTES:
            raise NotUsable(f"{about}names a file that is too long")
        return data.decode("utf-8")
    except (OSError, ValueError) as error:
        if isinstance(error, NotUsable):
            raise
        raise NotUsable(f"{about}must name a file of text (UTF-8) that can be read") from error


def _is_plain(value: Any) -> bool:
    return isinstance(value, str) and _PRINTABLE.fullmatch(value) is not None


def _is_issuer(text: str, *, production: bool) -> bool:
    """Tell whether a text is an issuer (OpenID Connect Discovery section 2): its letters count as they are."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return False
    local = not production and parts.scheme == "http" and parts.hostname in _LOOPBACK
    plain = _is_plain(text) and "?" not in text and "#" not in text and "@" not in parts.netloc and port != 0
    return plain and bool(parts.hostname) and (local or parts.scheme == "https")

"""What is wrong with a deployment, and how to mend it: facts that no single setting shows."""

import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from time import process_time
from typing import Any
from urllib.parse import urlsplit

from flask import current_app
from publicsuffixlist import PublicSuffixList

from authsvc import clock, settings
from authsvc.errors.not_delivered import NotDelivered
from authsvc.models import admin_queries, connection, readiness
from authsvc.models.apps import App
from authsvc.models.driver_errors import DATABASE_ERRORS, in_short
from authsvc.models.letters import Letter
from authsvc.models.locks import Lock
from authsvc.security.envelope import SealBroken
from authsvc.security.passwords import hasher
from authsvc.services import (
    app_rules,
    apps,
    indexes,
    mail,
    providers,
    resources,
    servers,
    sign_ups,
    signing_keys,
    token_claims,
    totp,
    webhook_health,
    webhook_secrets,
)
from authsvc.services.findings import Finding
from authsvc.services.users import integrity
from authsvc.settings import formats, schema

_SLOWEST_HASH = 1.0
_FASTEST_HASH = 0.05
_MOST_SKEW = 2.0
_LONGEST_ACCESS = 3600
_KEY_REMEDY = "put the former one into SECRET_KEY_FALLBACKS; if it is lost for good, see `flask keys reset`"
_LOOPBACK = ("localhost", "127.0.0.1", "::1")

Config = Mapping[str, Any]


def examine() -> list[Finding]:
    """Return everything that is wrong with the deployment; an empty list if all is well."""
    return [finding for _, findings in _examined() for finding in findings]


def report() -> dict[str, Any]:
    """Return everything that is wrong with the deployment, and the names of what was examined and is sound."""
    areas = list(_examined())
    return {
        "items": [finding for _, findings in areas for finding in findings],
        "sound": [name for name, findings in areas if not findings],
    }


def areas() -> list[str]:
    """Return the names of everything that is examined."""
    return [_name_of(check) for check in (*_OF_SETTINGS, *_OF_THE_DATABASE)]


def _examined() -> Iterator[tuple[str, list[Finding]]]:
    config = current_app.config
    for check in _OF_SETTINGS:
        yield _name_of(check), list(check(config))
    try:
        for check in _OF_THE_DATABASE:
            yield _name_of(check), list(check(config))
    except DATABASE_ERRORS as error:
        what = f"{in_short(error)} ({type(error).__name__})"
        yield "database", [Finding("MONGODB_URI", what, "check what it says, and the network")]


def _name_of(check: Callable[[Config], Iterator[Finding]]) -> str:
    return check.__name__.removeprefix("_")


def _environment(config: Config) -> Iterator[Finding]:
    if config["APP_ENV"] != "production":
        yield Finding("APP_ENV", f"it runs as {config['APP_ENV']}", "unset APP_ENV, or set it to production")
    if not config["RATE_LIMITS"]:
        yield Finding("RATE_LIMITS", "guessing passwords is not slowed down", "set RATE_LIMITS=on")
    if config["METRICS"] == "on" and config["APP_ENV"] == "production":
        yield Finding("METRICS", "anybody can read /metrics", "set METRICS to an address of its own: 127.0.0.1:9100")
    if config["ACCESS_TOKEN_TTL"] > _LONGEST_ACCESS:
        yield Finding(
            "ACCESS_TOKEN_TTL",
            "services that verify tokens themselves trust one for over an hour after a sign-out",
            f"set it to {schema.default('ACCESS_TOKEN_TTL')}, and let clients refresh",
        )


def _former_names(config: Config) -> Iterator[Finding]:
    for alias in config["LIMIT_ALIASES"]:
        name = alias.removeprefix("LIMIT_").lower()
        yield Finding(
            alias,
            "it is the former name of a limit, and the next version will ignore it",
            "put {}={}/{} into LIMITS, and remove it".format(name, *config["LIMITS"][name]),
        )


def _cookies(config: Config) -> Iterator[Finding]:
    if config["APP_ENV"] == "production" and not config["PUBLIC_URL"].startswith("https://"):
        yield Finding("PUBLIC_URL", "cookies are sent over plain http", "put a proxy with TLS in front: https://…")


def _proxies(config: Config) -> Iterator[Finding]:
    https, hops = config["PUBLIC_URL"].startswith("https://"), config["TRUSTED_PROXIES"]
    if https and not hops:
        yield Finding(
            "TRUSTED_PROXIES",
            "PUBLIC_URL is https, so a proxy stands in front, but its address counts as everybody's",
            "set it to the number of proxies in front",
        )
    if hops and not https:
        yield Finding(
            "TRUSTED_PROXIES",
            "forwarded headers are believed, but PUBLIC_URL names no proxy: a client can pass for any address",
            "set it to 0, or PUBLIC_URL to what the proxy serves",
        )


def _origins(config: Config) -> Iterator[Finding]:
    own = urlsplit(config["PUBLIC_URL"])
    for origin in config["CORS_ORIGINS"]:
        page = urlsplit(origin)
        if page.scheme not in ("http", "https"):
            continue  # an app or an extension: it has no site, and signs in with "transport": "body"
        if own.hostname != page.hostname and {own.hostname, page.hostname} <= {*_LOOPBACK}:
            yield Finding(
                "CORS_ORIGINS",
                f"{origin} and {config['PUBLIC_URL']} are two sites to a browser, so the refresh cookie does not work",
                "use localhost in both, or 127.0.0.1 in both",
            )
        elif own.scheme == "https" and page.scheme == "http" and not _on_this_machine(page.hostname):
            yield Finding("CORS_ORIGINS", f"{origin} can be rewritten on its way", "serve it over https")
        elif _site(page.hostname) != _site(own.hostname) and not _on_this_machine(page.hostname):
            yield Finding(
                "CORS_ORIGINS",
                f"{origin} is another site than {config['PUBLIC_URL']}, so the refresh cookie does not work there",
                'serve both under one domain, or let the page sign in with "transport": "body"; then this is no fault',
            )


def _hashing(config: Config) -> Iterator[Finding]:
    begun = process_time()
    hasher().hash("how long does a password take?")
    seconds = process_time() - begun
    rounds, remedy = config["BCRYPT_ROUNDS"], "set it so that a hash takes a tenth to half of a second"
    if seconds > _SLOWEST_HASH:
        yield Finding("BCRYPT_ROUNDS", f"at {rounds} a password takes {seconds:.1f} s of a core to check", remedy)
    if seconds < _FASTEST_HASH:
        yield Finding("BCRYPT_ROUNDS", f"at {rounds} a password takes {seconds * 1e3:.0f} ms to guess offline", remedy)


def _workers(config: Config) -> Iterator[Finding]:
    cores = settings.cores()
    if not cores <= config["WEB_CONCURRENCY"] <= 4 * cores:
        yield Finding(
            "WEB_CONCURRENCY", f"{config['WEB_CONCURRENCY']} workers on {cores} cores", f"leave it unset, or at {cores}"
        )


def _mail(config: Config) -> Iterator[Finding]:
    url = config["MAIL_URL"]
    if not url.startswith("smtp") and config["APP_ENV"] == "production":
        yield Finding("MAIL_URL", "letters are written to files and sent to nobody", "set it to smtp://… or smtps://…")
    try:
        mail.transport().check()
    except NotDelivered as error:
        yield Finding("MAIL_URL", f"the mail server takes nothing ({error})", _mail_remedy(url))
    for kind, cause in mail.unwritable():
        yield Finding("MAIL_TEMPLATES", f"the letter {kind} can't be written ({cause})", "mend its template")


def _mail_remedy(url: str) -> str:
    """Return how to mend a mail server that can't be reached: no scheme works at every port."""
    parts = urlsplit(url)
    if parts.scheme == "smtps":
        return "check address, credentials and network; for a port where TLS begins by STARTTLS (587, 25) use smtp://…"
    if parts.scheme == "smtp" and parts.port == 465:
        return "use smtps://…: at port 465 TLS begins at once"
    return "check address, credentials and network"


def _outbox(_config: Config) -> Iterator[Finding]:
    dead = Letter.counts()[1]
    if dead:
        yield Finding("letters", f"{dead} could not be delivered", "see `flask letters list`, and the log")
    refused = Letter.refused()
    if refused:
        causes = ", ".join(sorted(set(refused)))
        yield Finding(
            "letters",
            f"{len(refused)} wait because the mail server refuses them ({causes})",
            "see what these codes mean for MAIL_FROM and for this sender's quota; they are tried for 48 hours",
        )


def _server(_config: Config) -> Iterator[Finding]:
    if not admin_queries.keeps_what_it_acknowledged(admin_queries.hello()):
        yield Finding(
            "MONGODB_URI",
            "the database is no replica set: what it acknowledged can be lost with its machine",
            "make it a replica set, of one member at first",
        )
    skew = abs((admin_queries.server_time() - clock.now()).total_seconds())
    if skew > _MOST_SKEW:
        yield Finding("clock", f"this machine and the database are {skew:.0f} s apart", "run NTP on both")


def _options(config: Config) -> Iterator[Finding]:
    for option, held in connection.overridden(config["MONGODB_URI"]):
        yield Finding(
            "MONGODB_URI",
            f"{option} has no effect: authsvc works with {held}",
            "remove it: in other tools it would have",
        )
    if connection.goes_to_one_member(config["MONGODB_URI"]):
        yield Finding(
            "MONGODB_URI",
            "directConnection=true binds authsvc to one member: it does not follow when another becomes the primary",
            "remove it, and name the replica set: replicaSet=…",
        )


def _rights(_config: Config) -> Iterator[Finding]:
    """Write without changing anything: the database refuses a user who may only read."""
    Lock.release("doctor", secrets.token_hex(16))
    yield from ()


def _indexes(_config: Config) -> Iterator[Finding]:
    missing = indexes.missing()
    shared = admin_queries.shared_addresses() if {"users.email_1", "users.email_key"} & {*missing} else 0
    if shared:
        yield Finding(
            "users", "accounts share an address but for its case, so no unique index can be made", "rename all but one"
        )
    for name in missing:
        yield Finding("indexes", f"{name} is missing", "start or restart authsvc, which makes it")
    for name in readiness.former_indexes():
        yield Finding(
            "indexes",
            f"{name} is of an earlier release; while it is there, accounts are looked up twice",
            "once no machine runs that release any more: `flask db ensure-indexes --drop-former`",
        )


def _keys(config: Config) -> Iterator[Finding]:
    outdated, lost = totp.sealed_otherwise()
    if lost:
        what = f"it does not open the secrets of {lost} authenticator apps, which can't be used"
        yield Finding("SECRET_KEY", what, _KEY_REMEDY)
    try:
        outdated += signing_keys.sealed_with_a_fallback() + webhook_secrets.count_outdated()
    except SealBroken:
        yield Finding("SECRET_KEY", "it does not open the signing keys", _KEY_REMEDY)
        return
    if outdated:
        what = "signing keys, authenticator apps or webhooks need it"
        yield Finding("SECRET_KEY_FALLBACKS", what, "run `flask keys reseal`")
    elif config["SECRET_KEY_FALLBACKS"] and not lost:
        what = "no signing key, authenticator app or webhook needs it any more"
        yield Finding("SECRET_KEY_FALLBACKS", what, "empty it")


def _issuer(config: Config) -> Iterator[Finding]:
    issuer = config["TOKEN_ISSUER"]
    if issuer != config["PUBLIC_URL"] and App.all(1):
        yield Finding(
            "TOKEN_ISSUER",
            f"apps look for the metadata at {issuer}/.well-known/, and refuse those at PUBLIC_URL",
            "unset it, or let a proxy there pass /.well-known/ on to authsvc; then this is no fault",
        )


def _password_grant(config: Config) -> Iterator[Finding]:
    if config["PASSWORD_GRANT"]:
        yield Finding(
            "PASSWORD_GRANT",
            "programs may ask people for their password, which RFC 9700 section 2.4 forbids",
            "register them, let them use codes with PKCE, and turn it off",
        )


def _account_pages(config: Config) -> Iterator[Finding]:
    if not config["ACCOUNT_PAGES"] and any(map(app_rules.needs_pages, apps.everything())):
        yield Finding(
            "ACCOUNT_PAGES",
            "apps are registered that people sign in to, and nobody can, since the pages for that are off",
            "turn it on, or delete them",
        )


def _passkeys(config: Config) -> Iterator[Finding]:
    host = formats.host_of(config["PUBLIC_URL"])
    if config["ACCOUNT_PAGES"] and not formats.belongs_to(host, config["WEBAUTHN_RP_ID"]):
        yield Finding(
            "WEBAUTHN_RP_ID",
            f"browsers refuse passkeys of {config['WEBAUTHN_RP_ID']} on the account pages, which are at {host}",
            "set it to that host or a domain above it, before anybody has a passkey, or ACCOUNT_PAGES=off",
        )


def _documents(config: Config) -> Iterator[Finding]:
    if config["APP_DOCUMENT_RESOURCES"] and config["APP_DOCUMENTS"] == ["off"]:
        yield Finding(
            "APP_DOCUMENT_RESOURCES",
            "no app can ask for them, since APP_DOCUMENTS is off",
            "name the hosts of such apps there, or empty it",
        )


def _providers(config: Config) -> Iterator[Finding]:
    yield from providers.check()
    if providers.all() and not config["ACCOUNT_PAGES"]:
        yield Finding(
            "ACCOUNT_PAGES",
            "providers are set up that people sign in with, and send them back to pages that are off",
            "turn it on, or empty IDENTITY_PROVIDERS",
        )


def _hooks(config: Config) -> Iterator[Finding]:
    yield from sign_ups.check()
    yield from token_claims.check()
    if config["HOOK_SECRET"] and not (config["HOOK_SIGN_UP"] or config["HOOK_TOKEN"]):
        yield Finding("HOOK_SECRET", "it signs nothing, since there is no hook", "empty it, or set HOOK_SIGN_UP")
    if len(config["HOOK_SECRET"]) > 1:
        yield Finding("HOOK_SECRET", "there are two, as while they are changed", "remove the former one from it")


def _accounts(_config: Config) -> Iterator[Finding]:
    yield from integrity.odd_accounts()
    yield from integrity.stranded_accounts()
    yield from integrity.shadowed_accounts()


def _apps(_config: Config) -> Iterator[Finding]:
    for app in apps.everything():
        if not app.requires_pkce:
            yield Finding(
                app.id,
                f"{app.name} may leave PKCE out, so a code that is stolen on its way can be used",
                "let it send a code_challenge, and run `flask apps change --pkce`",
            )
        if any(map(resources.is_audience_of_people, app.resources)):
            yield Finding(
                app.id,
                f"tokens of {app.name} may be for TOKEN_AUDIENCE, and who looks at no `typ` takes them for a user's",
                "check that each verifies `typ`, or give the API a resource of its own: `flask apps change --resource`",
            )


_Check = Callable[[Config], Iterator[Finding]]
_OF_SETTINGS: tuple[_Check, ...] = (
    _environment,
    _former_names,
    _cookies,
    _proxies,
    _origins,
    _hashing,
    _workers,
    _options,
    _mail,
    _password_grant,
    _documents,
    _providers,
    _hooks,
)
_OF_THE_DATABASE: tuple[_Check, ...] = (
    servers.kind,
    _server,
    _rights,
    _indexes,
    servers.expired,
    _keys,
    _issuer,
    _outbox,
    webhook_health.webhooks,
    _accounts,
    _apps,
    _account_pages,
    _passkeys,
)


def _on_this_machine(host: str | None) -> bool:
    """Tell whether a host is this machine: a page there is an app (`http://tauri.localhost`) or is being developed."""
    return (host or "") in _LOOPBACK or (host or "").endswith(".localhost")


def _site(host: str | None) -> str:
    """Return what a browser calls the site of a host: its registrable domain, else the host itself."""
    name = host or ""
    if name in _LOOPBACK or re.fullmatch(r"[0-9.]+|[0-9a-f:.]*:[0-9a-f:.]*", name):
        return name
    return _suffixes().privatesuffix(name) or name


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()  # reads its file: only an examination needs it

"""What is wrong with a deployment, and how to mend it: facts that no single setting shows."""

import os
import re
from collections.abc import Callable, Iterator, Mapping
from time import perf_counter
from typing import Any
from urllib.parse import urlsplit

from flask import current_app

from authsvc import clock
from authsvc.clients import mailer
from authsvc.models import deployment, readiness
from authsvc.models.letters import Letter
from authsvc.models.unavailable import DATABASE_ERRORS
from authsvc.security.envelope import SealBroken
from authsvc.security.passwords import hasher
from authsvc.services import signing_keys, totp
from authsvc.services.findings import Finding

_SLOWEST_HASH = 1.0
_FASTEST_HASH = 0.05
_MOST_SKEW = 2.0
_LONGEST_ACCESS = 3600
_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")

Config = Mapping[str, Any]


def examine() -> list[Finding]:
    """Return everything that is wrong with the deployment; nothing where it is as it should be."""
    config = current_app.config
    found = [finding for check in _OF_SETTINGS for finding in check(config)]
    try:
        return found + [finding for check in _OF_THE_DATABASE for finding in check(config)]
    except DATABASE_ERRORS as error:
        kind = type(error).__name__
        return [
            *found,
            Finding("MONGODB_URI", f"the database does not answer ({kind})", "check address, credentials and network"),
        ]


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
            "set it to 900, and let clients refresh",
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
        if {own.hostname, page.hostname} >= {"localhost", "127.0.0.1"}:
            yield Finding(
                "CORS_ORIGINS",
                f"{origin} and {config['PUBLIC_URL']} are two sites to a browser, so the refresh cookie does not work",
                "use localhost in both, or 127.0.0.1 in both",
            )
        elif own.scheme == "https" and page.scheme == "http":
            yield Finding("CORS_ORIGINS", f"{origin} can be rewritten on its way", "serve it over https")
        elif _site(page.hostname) != _site(own.hostname):
            yield Finding(
                "CORS_ORIGINS",
                f"{origin} is another site than {config['PUBLIC_URL']}, so the refresh cookie does not work there",
                'serve both under one domain, or sign in there with "transport": "body" and remove it here',
            )


def _hashing(config: Config) -> Iterator[Finding]:
    begun = perf_counter()
    hasher().hash("how long does a password take?")
    taken = perf_counter() - begun
    rounds, remedy = config["BCRYPT_ROUNDS"], "set it so that a hash takes a tenth to half of a second"
    if taken > _SLOWEST_HASH:
        yield Finding("BCRYPT_ROUNDS", f"at {rounds} a password takes {taken:.1f} s of a core to check", remedy)
    if taken < _FASTEST_HASH:
        yield Finding("BCRYPT_ROUNDS", f"at {rounds} a password takes {taken * 1e3:.0f} ms to guess offline", remedy)


def _workers(config: Config) -> Iterator[Finding]:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if not cores <= config["WEB_CONCURRENCY"] <= 4 * cores:
        yield Finding(
            "WEB_CONCURRENCY", f"{config['WEB_CONCURRENCY']} workers on {cores} cores", f"leave it unset, or at {cores}"
        )


def _mail(config: Config) -> Iterator[Finding]:
    if config["MAIL_URL"] == "console:" or config["MAIL_URL"].startswith("file:"):
        if config["APP_ENV"] == "production":
            yield Finding(
                "MAIL_URL", "letters are written to files and sent to nobody", "set it to smtp://… or smtps://…"
            )
        return
    try:
        mailer.from_url(config["MAIL_URL"]).check()
    except mailer.NotDelivered as error:
        yield Finding("MAIL_URL", f"the mail server takes nothing ({error})", "check address, credentials and network")


def _outbox(_config: Config) -> Iterator[Finding]:
    dead = Letter.counts()[1]
    if dead:
        yield Finding(
            "letters", f"{dead} could not be delivered", "see `error` in the collection `letters`, and the log"
        )


def _server(_config: Config) -> Iterator[Finding]:
    if "setName" not in deployment.server_says():
        yield Finding(
            "MONGODB_URI",
            "the database is no replica set: what it acknowledged can be lost with its machine",
            "make it a replica set, of one member at first",
        )
    skew = abs((deployment.server_time() - clock.now()).total_seconds())
    if skew > _MOST_SKEW:
        yield Finding("clock", f"this machine and the database are {skew:.0f} s apart", "run NTP on both")


def _write_concern(config: Config) -> Iterator[Finding]:
    given = re.search(r"[?&](w=(?!majority)[^&]*|journal=false|j=false)", config["MONGODB_URI"], re.IGNORECASE)
    if given is not None:
        yield Finding(
            "MONGODB_URI",
            f"{given[1]} asks for less than authsvc writes with (w=majority, journal=true)",
            "remove it: it has no effect here, and would have in other tools",
        )


def _indexes(_config: Config) -> Iterator[Finding]:
    missing = readiness.missing_indexes()
    shared = deployment.shared_addresses() if "users.email_any_case" in missing else 0
    if shared:
        yield Finding(
            "users", "accounts share an address but for its case, so no unique index can be made", "rename all but one"
        )
    for name in missing:
        yield Finding("indexes", f"{name} is missing", "start or restart authsvc, which makes it")


def _keys(config: Config) -> Iterator[Finding]:
    outdated, lost = totp.sealed_otherwise()
    if lost:
        remedy = "put the former one into SECRET_KEY_FALLBACKS"
        yield Finding("SECRET_KEY", f"it does not open the secrets of {lost} authenticator apps", remedy)
    try:
        outdated += signing_keys.sealed_with_a_fallback()
    except SealBroken:
        yield Finding("SECRET_KEY", "it does not open the signing keys", "put the former one into SECRET_KEY_FALLBACKS")
        return
    if outdated:
        yield Finding("SECRET_KEY_FALLBACKS", "signing keys or authenticator apps need it", "run `flask keys reseal`")
    elif config["SECRET_KEY_FALLBACKS"] and not lost:
        yield Finding("SECRET_KEY_FALLBACKS", "no signing key and no authenticator app needs it any more", "empty it")


_Check = Callable[[Config], Iterator[Finding]]
_OF_SETTINGS: tuple[_Check, ...] = (_environment, _cookies, _proxies, _origins, _hashing, _workers, _mail)
_OF_THE_DATABASE: tuple[_Check, ...] = (_server, _write_concern, _indexes, _keys, _outbox)


def _site(host: str | None) -> str:
    """Return roughly what a browser calls the site of a host: its last two labels, an address as it is."""
    name = host or ""
    return name if name in _LOOPBACK or re.fullmatch(r"[0-9.:]+", name) else ".".join(name.split(".")[-2:])

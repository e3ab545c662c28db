"""Metadata documents of apps: which addresses may be a client ID, whom a setting admits, and how long one is fresh.

An app that is registered nowhere describes itself in a document, whose address is its client ID
(draft-ietf-oauth-client-id-metadata-document).
"""

import base64
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from authsvc.security import redirect_uris

SCHEME = "https://"
LONGEST = 512
"""Characters of an address: it is a key in the database, and goes into every token."""

LEAST_FRESH = timedelta(minutes=5)
MOST_FRESH = timedelta(hours=24)
MOST_FRESH_WITH_KEYS = timedelta(hours=1)
"""Keys that an app no longer shows must soon be of no use."""
_FRESH = timedelta(hours=1)
"""How long one is fresh that says nothing of it."""

_KEY = "url_"
_PLACE = re.compile(r"[a-z0-9._-]+(?::[1-9][0-9]{0,4})?", re.ASCII)
_LEAST_PORT = 1024
"""Below that other services listen, which nobody shall be able to make us connect to."""
_PATH = re.compile(r"(?:/[A-Za-z0-9\-._~!$&'()*+,;=:@%]+)+/?", re.ASCII)
_PERCENT = re.compile(r"%(?![0-9A-F]{2})|%2[EF]|%5C|%[01]|%7F", re.ASCII)
"""Half an escape, one in small letters, and those of dots, slashes and controls: servers differ in what they read."""
_DOTS = re.compile(r"/\.{1,2}(?:/|\Z)", re.ASCII)
_SECONDS = re.compile(r'"?([0-9]{1,10})"?', re.ASCII)
_JSON = re.compile(r"application/(?:json|[a-z0-9!#$&^_.-]+\+json)", re.ASCII)


def is_address(text: str | None, *, own_origins: Iterable[str]) -> bool:
    """Tell whether a client ID may be the address of a document: https, at a host that is not ours, with a path.

    There is one way to write it. A query is refused, which is none of an app's identity (section 3 of the draft).
    """
    if text is None or len(text) > LONGEST or not text.startswith(SCHEME):
        return False
    try:
        if any(redirect_uris.fault_of(text, own_origin=origin, native=False) is not None for origin in own_origins):
            return False
        parts = urlsplit(text)
    except ValueError:
        return False
    if _PLACE.fullmatch(parts.netloc) is None or "?" in text or not _is_name(parts.hostname or ""):
        return False
    if parts.port not in (None, 443) and (parts.port or 0) < _LEAST_PORT:
        return False
    is_plain = _PATH.fullmatch(parts.path) is not None and _PERCENT.search(parts.path) is None
    return is_plain and _DOTS.search(parts.path) is None and parts.path != "/"


def place_of(address: str) -> str:
    """Return the host of a document, with its port if that is not the usual one."""
    return urlsplit(address).netloc


def key_of(app_id: str) -> str:
    """Return what stands for the id of an app in paths: the id, or for an address `url_` and its base64url."""
    if not app_id.startswith(SCHEME):
        return app_id
    return _KEY + base64.urlsafe_b64encode(app_id.encode()).decode().rstrip("=")


def id_of(key: str) -> str:
    """Return the id of an app that a key stands for; one that is written in another way is nobody's id, as it is."""
    if not key.startswith(_KEY):
        return key
    try:
        app_id = base64.urlsafe_b64decode(f"{key.removeprefix(_KEY)}==").decode("ascii")
    except ValueError:
        return key
    return app_id if key_of(app_id) == key else key


def is_admitted(address: str, rule: Sequence[str]) -> bool:
    """Tell whether a rule admits the document at an address.

    `on` admits all but those of hosts with a `!`, and of all hosts below these. Else only hosts that are named are
    admitted: `app.example.com` itself, `*.example.com` all below it; at another port than 443 only with that port.
    """
    place = place_of(address).removesuffix(":443")
    host = place.partition(":")[0]
    denied = [word[1:] for word in rule if word.startswith("!")]
    if any(host == one or host.endswith(f".{one}") for one in denied):
        return False
    return "on" in rule or any(place == word or (word[:2] == "*." and place.endswith(word[1:])) for word in rule)


def is_json(content_type: str | None) -> bool:
    """Tell whether a media type is that of JSON, or of something written in it (section 4 of the draft)."""
    name, _, parameters = (content_type or "").partition(";")
    charset = parameters.strip().lower().removeprefix("charset=").strip('"')
    return _JSON.fullmatch(name.strip().lower()) is not None and charset in ("", "utf-8")


def freshness(headers: Mapping[str, str], now: datetime, *, has_keys: bool) -> timedelta:
    """Return how long a document may be used without asking again, by what was said of it (RFC 9111 section 4.2).

    That is bounded: by five minutes and a day, and by an hour for one with keys.
    """
    most = MOST_FRESH_WITH_KEYS if has_keys else MOST_FRESH
    return max(LEAST_FRESH, min(most, _lifetime(headers, now)))


def _lifetime(headers: Mapping[str, str], now: datetime) -> timedelta:
    control = [part.strip().lower().partition("=") for part in headers.get("cache-control", "").split(",")]
    named = {name.strip(): value.strip() for name, _, value in reversed(control)}
    if {"no-store", "no-cache"} & set(named):
        return timedelta()
    for name in ("s-maxage", "max-age"):
        if name in named:
            return max(timedelta(), _seconds(named[name]) - _seconds(headers.get("age", "0")))
    if "expires" not in headers:
        return _FRESH
    try:
        return parsedate_to_datetime(headers["expires"]).astimezone(now.tzinfo) - now
    except (ValueError, OverflowError):
        return timedelta()


def _seconds(text: str) -> timedelta:
    match = _SECONDS.fullmatch(text)
    return timedelta(seconds=int(match[1])) if match is not None else timedelta()


def _is_name(host: str) -> bool:
    """Tell whether a host is a name, not a number: those are nobody's in particular."""
    return host == "localhost" or ("." in host and not host.rpartition(".")[2].isdigit())

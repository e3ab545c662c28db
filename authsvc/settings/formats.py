"""What the text of a setting may look like."""

# The standard library only: gunicorn reads this before it forks.

import os
import re
from collections import Counter
from collections.abc import Mapping

MIN_SECRET_BYTES = 32
MOST_WORKERS = 256
_MIN_DISTINCT = 12
_ORIGIN = re.compile(r"(https?)://([a-z0-9-]+(?:\.[a-z0-9-]+)*|\[[0-9a-f:.]+\])(?::([1-9]\d{0,4}))?", re.ASCII)
_APP_ORIGIN = re.compile(r"([a-z][a-z0-9+.-]*)://[A-Za-z0-9._-]{1,253}(?::([1-9]\d{0,4}))?", re.ASCII)
_NO_APP = ("http", "https", "ws", "wss", "ftp", "file", "data", "blob", "about", "javascript", "mailto", "view-source")
_ANDROID_ORIGIN = re.compile(r"android:apk-key-hash:[A-Za-z0-9_-]{43}", re.ASCII)
_SECURE = re.compile(r"https://|http://(localhost|127\.0\.0\.1|\[::1\])(:|$)", re.ASCII)
_ADDRESS = re.compile(r"(?:[0-9.]+|[a-z0-9.-]+|\[[0-9a-f:.]+\]):(\d{1,5})", re.ASCII)
_HOST = r"(?:localhost|[a-z0-9-]+(?:\.[a-z0-9-]+)+)"
_DENIED_HOST = re.compile(rf"!{_HOST}", re.ASCII)
_DOCUMENT_HOST = re.compile(rf"(?:\*\.)?{_HOST}(?::([1-9]\d{{0,4}}))?", re.ASCII)
_RESOURCE = re.compile(r"[a-z][a-z0-9+.-]*:[!$%&'()*+,\-./0-9:;=?@A-Z\[\]_a-z~]+", re.ASCII)
LONGEST_RESOURCE = 2000
_DEFAULT_PORTS = {"http": "80", "https": "443"}
_WELL_KNOWN = ("changeme", "change-me", "secret", "password", "example", "your-", "dev", "test", "default", "sample")
_WORD = r"(?<![a-z0-9]){}(?![a-z0-9])"
_MIN_RANDOM_BYTES = 48
"""A secret as long as this without its well-known words is random enough; `-dev-` can occur by chance."""


LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z]{2,4})?", re.ASCII)
"""A language as letters are written in one: `en`, `pt-BR`. It names a folder too, so it is no path."""


def is_production(environ: Mapping[str, str]) -> bool:
    """Tell whether this is production: it is unless APP_ENV says otherwise."""
    return environ.get("APP_ENV") not in ("development", "testing")


def brings_its_database(environ: Mapping[str, str]) -> bool:
    """Tell whether the service brings its own database: outside production, unless one is named."""
    return not is_production(environ) and not environ.get("MONGODB_URI")


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def words(text: str) -> list[str]:
    """Return the parts of a list that are separated by commas or blanks."""
    return [part for part in re.split(r"[\s,]+", text) if part]


def host_of(origin: str) -> str:
    """Return the host of an origin, or `localhost` if it is not an origin."""
    match = _ORIGIN.fullmatch(origin)
    return match[2] if match is not None else "localhost"


def belongs_to(host: str, domain: str) -> bool:
    """Tell whether a host is a domain, or below it (WebAuthn section 5.1.2: the effective domain)."""
    return host == domain or ("." in domain and host.endswith(f".{domain}"))


def is_origin(text: str) -> bool:
    """Tell whether the text is an origin as browsers write it: lower case, no default port (RFC 6454 section 6.2)."""
    match = _ORIGIN.fullmatch(text)
    return match is not None and match[3] != _DEFAULT_PORTS[match[1]] and int(match[3] or 0) < 65536


def is_page_address(text: str) -> bool:
    """Tell whether the text is an origin with a path, to which `/verify-email#token=…` can be added."""
    match = re.fullmatch(r"([^/]*//[^/]*)((?:/[A-Za-z0-9._~-]+)*)", text, re.ASCII)
    return match is not None and is_origin(match[1])


def is_client_origin(text: str) -> bool:
    """Tell whether the text is an origin that may call: of a page, of an app in a web view, of a browser extension.

    Apps have schemes of their own (`capacitor://localhost`, `tauri://localhost`, `chrome-extension://<id>`): browsers
    write them as they are, and hosts of theirs keep their case (WHATWG URL: not special, so opaque).
    """
    app = _APP_ORIGIN.fullmatch(text)
    return is_origin(text) or (app is not None and app[1] not in _NO_APP and int(app[2] or 0) < 65536)


def is_document_rule(parts: list[str]) -> bool:
    """Tell whether the parts say whose metadata documents are admitted: `off`, `on` but for `!hosts`, or only hosts."""
    if parts in (["off"], ["on"]):
        return True
    if "on" in parts:
        return all(part == "on" or _DENIED_HOST.fullmatch(part) for part in parts)
    matches = [_DOCUMENT_HOST.fullmatch(part) for part in parts if part != "off"]
    return len(matches) == len(parts) and all(match and int(match[1] or 0) < 65536 for match in matches)


def is_resource(text: str) -> bool:
    """Tell whether the text is an absolute URI of ASCII characters, without a fragment (RFC 8707 section 2)."""
    return len(text) <= LONGEST_RESOURCE and _RESOURCE.fullmatch(text) is not None


def is_webauthn_origin(text: str) -> bool:
    """Tell whether the text is an origin that may use passkeys: one that may call, or an Android app.

    Android writes `android:apk-key-hash:` and the base64url of the SHA-256 of the certificate that signed the app.
    """
    return is_client_origin(text) or _ANDROID_ORIGIN.fullmatch(text) is not None


def is_secure(origin: str) -> bool:
    """Tell whether an origin is https, or stays on this machine."""
    return _SECURE.match(origin) is not None


def is_port(text: str) -> bool:
    """Tell whether the text is the number of a port."""
    return re.fullmatch(r"[0-9]{1,5}", text, re.ASCII) is not None and 0 < int(text) < 65536


def is_address(text: str) -> bool:
    """Tell whether the text is an address to listen at: 127.0.0.1:9100."""
    match = _ADDRESS.fullmatch(text)
    return match is not None and is_port(match[1])


def is_weak(secret: str) -> bool:
    """Tell whether a secret is well known, or has too little variety to be random."""
    common = [word for word in _WELL_KNOWN if re.search(_WORD.format(re.escape(word)), secret.casefold())]
    rest = re.sub("|".join(map(re.escape, common)), "", secret, flags=re.IGNORECASE) if common else secret
    repeated = Counter(secret).most_common(1)
    return (
        len(set(secret)) < _MIN_DISTINCT
        or (bool(repeated) and repeated[0][1] > len(secret) // 2)
        or secret in (secret + secret)[1:-1]
        or (bool(common) and len(rest.encode()) < _MIN_RANDOM_BYTES)
    )


def has_credentials(uri: str) -> bool:
    """Tell whether a database URI signs in, or stays on this machine."""
    place = uri.partition("://")[2].partition("/")[0]
    hosts = place.rpartition("@")[2].split(",")
    local = all(re.fullmatch(r"(localhost|127\.0\.0\.1|\[::1\])(:\d+)?", host) for host in hosts)
    return re.match(r"[^:@]+:[^@]+@", place) is not None or "authMechanism=MONGODB-X509" in uri or local

"""Redirect URIs: which an app may register, and which of a request is a registered one (RFC 9700 section 4.1.3)."""

import ipaddress
import re
from collections.abc import Iterable
from urllib.parse import SplitResult, parse_qsl, urlsplit

LONGEST = 2000

_CHARACTERS = re.compile(r"[!#$%&'()*+,\-./0-9:;=?@A-Z\[\]_a-z~]+", re.ASCII)
"""Those of RFC 3986. No quote, no bracket of HTML, no backslash: a URI goes into headers and pages."""
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_HOST = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII)
"""A name without percent-encoding, empty labels and a dot at the end: browsers make other names of those."""
_NUMBER = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)", re.ASCII)
"""A host that browsers read as an IPv4 address (WHATWG URL, section 3.5)."""
_PRIVATE_USE = re.compile(r"[a-z][a-z0-9+-]*(?:\.[a-z0-9+-]+)+", re.ASCII)
"""A scheme of a native app, a domain name in reverse (RFC 8252 section 7.1)."""
_ANY_PORT = re.compile(r"(http://(?:127\.0\.0\.1|\[::1\]))(?::([1-9][0-9]{0,4}))?(/[^#]*)?", re.ASCII)
_HIGHEST_PORT = 65_535
_ANSWERS = frozenset({"code", "state", "iss", "error", "error_description", "error_uri"})
"""What is put into a URI that is registered, and so must not be in it: whoever reads it would find two of them."""


def fault_of(uri: str, *, own_origin: str, native: bool) -> str | None:
    """Return why an app may not register a URI, None if it may; `native` apps may have a scheme of their own."""
    if len(uri) > LONGEST or _CHARACTERS.fullmatch(uri) is None or "#" in uri:
        return "must be an absolute URI of ASCII characters, without a fragment"
    try:
        parts = urlsplit(uri)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "is not a URI"
    if parts.scheme not in ("https", "http"):
        is_own = _PRIVATE_USE.fullmatch(parts.scheme) and uri.startswith(f"{parts.scheme}:/")
        return None if native and is_own else "must begin with https://"
    if not host or "@" in parts.netloc or not uri.startswith(f"{parts.scheme}://") or not _is_host(parts, host):
        return "must name a host, and no user"
    if parts.scheme == "http" and host not in _LOOPBACK:
        return "must begin with https://, unless it is on this machine (http://localhost)"
    return "must not be an address of this service" if _is_of(parts, own_origin) else None


def has_an_answer(uri: str) -> bool:
    """Tell whether the query of a URI has a name by which apps are answered (RFC 6749 section 4.1.2, RFC 9207)."""
    return not _ANSWERS.isdisjoint(name for name, _ in parse_qsl(urlsplit(uri).query, keep_blank_values=True))


def place_of(uri: str) -> str:
    """Return where a URI leads, for people: its host, or the scheme of an installed app, which may name any host."""
    parts = urlsplit(uri)
    return parts.netloc if parts.scheme in ("https", "http") else parts.scheme


def find(uri: str, registered: Iterable[str], *, any_port: bool) -> str | None:
    """Return the URI of a request if it is a registered one, None if not.

    They are compared as whole texts. With `any_port`, for a native app, only the port of `http://127.0.0.1` and
    `http://[::1]` is free, since it takes the one that it gets (RFC 8252 section 7.3).
    """
    return uri if any(uri == one or (any_port and _is_same_but_port(uri, one)) for one in registered) else None


def _is_same_but_port(uri: str, registered: str) -> bool:
    asked, known = _ANY_PORT.fullmatch(uri), _ANY_PORT.fullmatch(registered)
    if asked is None or known is None or int(asked[2] or 80) > _HIGHEST_PORT:
        return False
    return (asked[1], asked[3]) == (known[1], known[3])


def _is_host(parts: SplitResult, host: str) -> bool:
    """Tell whether a host is one by whatever rules it is read: a name, or an address as it is usually written."""
    if "[" not in parts.netloc and _NUMBER.fullmatch(host) is None:
        return _HOST.fullmatch(host) is not None
    try:
        return "%" not in host and str(ipaddress.ip_address(host)) == host
    except ValueError:
        return False


def _is_of(parts: SplitResult, origin: str) -> bool:
    """Tell whether a URI leads to an origin, which has several names on this machine."""
    return _door(parts) == _door(urlsplit(origin))


def _door(parts: SplitResult) -> tuple[str, str | None, int | None]:
    host = _LOOPBACK[0] if parts.hostname in _LOOPBACK else parts.hostname
    return parts.scheme, host, parts.port or {"https": 443, "http": 80}.get(parts.scheme)

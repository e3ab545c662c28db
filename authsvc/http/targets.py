"""The target and the host of a request, each accepted in only one spelling.

A proxy decides by the text of a path (`location /admin`). Any other spelling that led to the same view would bypass its
rules, so there is none: no empty or dot segments, nothing percent-encoded, no target without its leading slash.
"""

import re
from ipaddress import ip_address
from wsgiref.types import WSGIEnvironment

from authsvc.errors import CrossOriginRefused, NotFound, RequestMalformed
from authsvc.settings import host_of

_PATH = re.compile(r"/|(?:/(?!\.{1,2}(?:/|\Z))[A-Za-z0-9._~-]+)+/?", re.ASCII)
_ABSOLUTE = re.compile(r"https?://([^/?#]*)([^?]*)", re.IGNORECASE | re.ASCII)
_HOST = re.compile(r"([A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{0,5})?", re.ASCII)
_PROBES = ("/healthz", "/readyz")


def admit(environ: WSGIEnvironment, *, public_url: str, only_local: bool) -> None:
    """Check target and host. Raises NotFound, RequestMalformed, and CrossOriginRefused if `only_local`.

    Afterwards `environ` has the host of an absolute target (RFC 9112 section 3.2.2).
    """
    # An offer to upgrade the connection is ignored (RFC 9110 section 7.8): this server accepts none.
    environ.pop("HTTP_UPGRADE", None)
    target = str(environ.get("RAW_URI") or environ.get("PATH_INFO", ""))
    absolute = _ABSOLUTE.fullmatch(target.partition("?")[0])
    if absolute is not None:
        environ["HTTP_HOST"] = absolute[1]
        environ["PATH_INFO"] = environ["PATH_INFO"] or "/"
    host = _host(environ)
    if only_local and host is not None and not _is_local(host, public_url):
        raise CrossOriginRefused("In development only localhost, IP addresses and the host of PUBLIC_URL are served.")
    path = target.partition("?")[0] if absolute is None else absolute[2] or "/"
    if not _PATH.fullmatch(path):
        raise NotFound


def _host(environ: WSGIEnvironment) -> str | None:
    """Return the host without its port, None for a probe that names none. Raises RequestMalformed."""
    header = environ.get("HTTP_HOST")
    if header is None and environ.get("SERVER_PROTOCOL") == "HTTP/1.0" and environ.get("PATH_INFO") in _PROBES:
        return None  # HTTP/1.0 has no Host, and some load balancers probe with it
    match = _HOST.fullmatch(header or "")
    if match is None:
        raise RequestMalformed("The Host header is missing or malformed (RFC 9112 section 3.2).")
    return match[1].lower()


def _is_local(host: str, public_url: str) -> bool:
    """Tell whether a host can't be a name that somebody else points at this machine (DNS rebinding)."""
    if host in ("localhost", host_of(public_url)) or host.endswith(".localhost"):
        return True
    try:
        ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True

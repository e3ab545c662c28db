"""The client's address and scheme, as trusted proxies state them."""

from wsgiref.types import WSGIEnvironment

from authsvc.security.networks import client_address


def believe(environ: WSGIEnvironment, hops: int) -> None:
    """Replace the peer's address and scheme by the client's, as `hops` proxies in front state them.

    `REMOTE_ADDR` becomes an address in its canonical form, or empty if it is unknown. No host, port or path prefix is
    believed (`X-Forwarded-Host` and others, `Forwarded`): nothing here needs them.
    """
    forwarded = str(environ.get("HTTP_X_FORWARDED_FOR", ""))
    environ["REMOTE_ADDR"] = client_address(environ.get("REMOTE_ADDR"), forwarded, hops) or ""
    schemes = str(environ.get("HTTP_X_FORWARDED_PROTO", "")).lower().rsplit(",", hops) if hops else []
    if len(schemes) >= hops > 0 and schemes[-hops].strip(" \t") in ("http", "https"):
        environ["wsgi.url_scheme"] = schemes[-hops].strip(" \t")

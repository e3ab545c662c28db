"""The headers of every answer for browsers and caches (OWASP Secure Headers, ASVS 3.4).

Only the standard library is imported: gunicorn's own answers use them too.
"""

from collections.abc import Mapping

_ALWAYS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
}
_HSTS = {"Strict-Transport-Security": "max-age=31536000; includeSubDomains"}
EXPOSED = ("X-Request-ID", "Retry-After", "RateLimit", "RateLimit-Policy", "WWW-Authenticate")
"""The headers that a page of another origin may read, if it may read the answer."""


def permission_for(origin: str) -> dict[str, str]:
    """Return the headers that let pages of an origin read an answer, with credentials or without (CORS)."""
    return {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Credentials": "true",
        "Access-Control-Expose-Headers": ", ".join(EXPOSED),
    }


def for_service_at(public_url: str) -> dict[str, str]:
    """Return the headers that every answer gets unless it sets them itself."""
    return {**_ALWAYS, **(_HSTS if public_url.startswith("https://") else {})}


def complete(headers: list[tuple[str, str]], fixed: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return an answer's headers, completed by those of `fixed` that it lacks."""
    present = {name.lower() for name, _ in headers}
    return [*headers, *(header for header in fixed.items() if header[0].lower() not in present)]

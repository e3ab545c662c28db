"""What every answer says to browsers and caches (OWASP Secure Headers, ASVS 3.4), gunicorn's own among them.

Standard library only: `gunicorn.conf.py` uses it too.
"""

_ALWAYS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_HSTS = {"Strict-Transport-Security": "max-age=31536000; includeSubDomains"}


def for_service_at(public_url: str) -> dict[str, str]:
    """Return the headers of every answer that has none of its own of the name."""
    return {**_ALWAYS, **(_HSTS if public_url.startswith("https://") else {})}

r"""Where somebody may be sent after a sign-in: a path of ours, or an address at an origin that the operator named.

Anyone can write such an address into a link. Browsers take `//evil`, `/\evil`, `https:evil` and tabs for other hosts.
The account pages' `redirect.js` has the same rule.
"""

import re
from collections.abc import Collection
from urllib.parse import urlencode, urlsplit

LONGEST = 2000

_LONGEST_QUERY = 6000
"""What comes before it in a request line fits too: browsers show pages of up to 8,190 characters in all."""

_VISIBLE = re.compile(r"[\u0021-\u005b\u005d-\u007e\u00a1-\uffff]+")
"""No blanks, control characters or backslashes."""

_BEGINNING = re.compile(r"/(?!/)|https?://[^/]")


def is_allowed(text: str, origins: Collection[str]) -> bool:
    """Tell whether somebody may be sent there; `origins` are all that count, our own included."""
    if len(text) > LONGEST or _VISIBLE.fullmatch(text) is None or _BEGINNING.match(text) is None:
        return False
    if text.startswith("/"):
        return True
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return False
    # Compared as text: `https://app.example.com:443` is another spelling, and nobody needs it.
    return "@" not in parts.netloc and f"{parts.scheme}://{parts.netloc}" in origins


def as_query(target: str | None) -> str:
    """Return the query with which a page goes on to a target, "" without one."""
    return f"?{urlencode({'return': target})}" if target else ""


def fits_into_link(target: str) -> bool:
    """Tell whether an address with this query is not too long for a server."""
    return len(as_query(target)) <= _LONGEST_QUERY

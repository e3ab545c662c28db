"""The code grant as a client of it: what goes to a provider's endpoints, and what comes from them (RFC 6749)."""

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode, urlsplit

from authsvc.clients.connector import Answer
from authsvc.clients.identity.base import Return
from authsvc.clients.identity.upstream import json_of
from authsvc.errors.not_believed import NotBelieved
from authsvc.errors.not_reached import NotReached

_LONGEST_URL = 2000
_TOKEN = re.compile(r"[\x21-\x7e]{1,16384}", re.ASCII)
_OF_THE_CLIENT = ("invalid_client", "unauthorized_client", "incorrect_client_credentials", "redirect_uri_mismatch")
"""What is for the operator to mend (RFC 6749 section 5.2, and GitHub's own)."""


def nobodys(redirect_uri: str) -> Return:
    """Return a code that no provider has given: what is said to it shows whether secret and redirect URI are right."""
    return Return("authsvc-looks-whether-it-is-known", None, "v" * 43, "", redirect_uri)


def with_query(address: str, members: Mapping[str, str]) -> str:
    """Return an address with more in its query (RFC 6749 section 3.1)."""
    return f"{address}{'&' if urlsplit(address).query else '?'}{urlencode(members, errors='replace')}"


def is_endpoint(address: str, schemes: Sequence[str]) -> bool:
    """Tell whether an address can be an endpoint: absolute, without credentials and fragment."""
    if len(address) > _LONGEST_URL or not address.isascii() or not address.isprintable() or " " in address:
        return False
    try:
        parts = urlsplit(address)
        _ = parts.port
    except ValueError:
        return False
    return parts.scheme in schemes and bool(parts.hostname) and "@" not in parts.netloc and "#" not in address


def plain(code: str) -> str:
    """Return a code if it can be one (RFC 6749 appendix A.11). Raises NotBelieved."""
    if not code or not code.isascii() or not code.isprintable():
        raise NotBelieved("the code can't be one")
    return code


def is_token(value: Any) -> bool:
    """Tell whether a value can be sent as a bearer token (RFC 6750 section 2.1)."""
    return isinstance(value, str) and _TOKEN.fullmatch(value) is not None


def tokens_of(answer: Answer) -> dict[str, Any]:
    """Return what a token endpoint gave (RFC 6749 section 5). Raises NotBelieved if it refused, else NotReached."""
    if answer.status not in (200, 400, 401, 403):
        raise NotReached(f"the token endpoint answered with {answer.status}")
    members = json_of(answer)
    if not isinstance(members, dict):
        raise NotReached("the token endpoint answered with no JSON object")
    error = members.get("error")
    if isinstance(error, str) and error in _OF_THE_CLIENT:
        raise NotReached(f"the token endpoint said {error}: look at client_id, secret and redirect URI")
    if error is not None or answer.status != 200:
        raise NotBelieved("the token endpoint did not take the code")
    return members

"""Parameters: of a query or a form, each once; unknown ones are ignored (RFC 6749 sections 3.1 and 3.2, appendix B)."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl

from flask import Request

from authsvc.errors import MalformedJson
from authsvc.errors.oauth_refusal import OAuthError, OAuthRefusal
from authsvc.http import parsing

_MOST = 100
_AS_IT_IS = "surrogateescape"
_UNREADABLE = re.compile("[\0\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Parameters:
    """The parameters of a request.

    `repeated` names those that it has more than once, `unreadable` those that are not UTF-8 or contain NUL; `values`
    has the first of each that can be read.
    """

    values: Mapping[str, str]
    repeated: frozenset[str]
    unreadable: frozenset[str]
    pairs: Sequence[tuple[str, str]] = ()

    def get(self, name: str) -> str | None:
        """Return a parameter; None without one, and for an empty one (RFC 6749 section 3.1)."""
        return self.values.get(name) or None

    def every(self, name: str) -> list[str]:
        """Return all values of a parameter that may be repeated, in their order, except empty ones."""
        return [value for other, value in self.pairs if other == name and value]

    def must_have(self, name: str) -> str:
        """Return a parameter. Raises OAuthRefusal without one."""
        value = self.get(name)
        if value is None:
            raise OAuthRefusal(OAuthError.INVALID_REQUEST, "A required parameter is missing.")
        return value

    def require_once(self, *, but: tuple[str, ...] = ()) -> None:
        """Refuse repeated parameters, and those that can't be read. Raises OAuthRefusal."""
        if self.unreadable:
            raise OAuthRefusal(OAuthError.INVALID_REQUEST, "A parameter is not UTF-8, or contains NUL.")
        if self.repeated - set(but):
            raise OAuthRefusal(OAuthError.INVALID_REQUEST, "A parameter is there more than once.")


def of_query(request: Request) -> Parameters:
    """Return the parameters of a request's query. Raises OAuthRefusal."""
    return _parsed(request.query_string)


def of_form(request: Request) -> Parameters:
    """Return the parameters of a request's body, which must be a form. Raises OAuthRefusal, BodyTooLarge."""
    if not parsing.is_media_type(request, parsing.FORM):
        raise OAuthRefusal(OAuthError.INVALID_REQUEST, "The body must be application/x-www-form-urlencoded.")
    try:
        body = parsing.read_body(request)
    except MalformedJson as problem:
        raise OAuthRefusal(OAuthError.INVALID_REQUEST, "The body can not be read.") from problem
    return _parsed(body)


def of_body(request: Request, *, but: tuple[str, ...] = ()) -> Parameters:
    """Return the parameters of a form, each once `but` these; a query has none. Raises OAuthRefusal, BodyTooLarge."""
    params = of_form(request)
    params.require_once(but=but)
    if request.query_string:
        raise OAuthRefusal(OAuthError.INVALID_REQUEST, "Parameters belong in the body, not in the query.")
    return params


def _parsed(raw: bytes) -> Parameters:
    try:
        pairs = parse_qsl(
            raw.decode("utf-8", _AS_IT_IS), keep_blank_values=True, errors=_AS_IT_IS, max_num_fields=_MOST
        )
    except ValueError as error:
        raise OAuthRefusal(OAuthError.INVALID_REQUEST, "The parameters can not be read.") from error
    values: dict[str, str] = {}
    repeated, unreadable = set(), set()
    for name, value in pairs:
        if _UNREADABLE.search(name + value) is not None:
            unreadable.add(name)
        elif name in values:
            repeated.add(name)
        else:
            values[name] = value
    readable = [pair for pair in pairs if pair[0] not in unreadable]
    return Parameters(values, frozenset(repeated), frozenset(unreadable), readable)

"""JSON, read strictly by RFC 8259: UTF-8, each member once, only numbers that are numbers, and not too deep."""

import json
import re
from typing import Any, NoReturn

_MAX_DEPTH = 64

# Linear: a string that is never closed runs to the end of the text and is one token, so no quote inside it is tried as
# the beginning of another. Possessive quantifiers (`++`, `*+`) keep nothing to go back to.
_STRING_OR_BRACKET = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[\]{}]', re.DOTALL)


def parse(body: bytes) -> Any:
    """Return the value of a text. Raises ValueError."""
    text = body.decode("utf-8")
    _check_depth(text)
    return json.loads(
        text,
        object_pairs_hook=_without_duplicates,
        parse_constant=_refuse_constant,
        parse_float=_finite,
    )


def _check_depth(text: str) -> None:
    """Bound the nesting: how deep the parser can go differs between versions of Python."""
    depth = 0
    for token in _STRING_OR_BRACKET.finditer(text):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(token[0], 0)
        if depth > _MAX_DEPTH:
            raise ValueError("too deep")


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("duplicate key")
    return members


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError("out of range")
    return number

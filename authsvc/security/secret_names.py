"""Secrets in documents of other programs, found by name and shape: plain passwords and hashes."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from authsvc.secret_words import is_password
from authsvc.security import foreign_hashes, passwords

_NAMES_OF_HASHES = re.compile(r"hash|digest|crypt|password|credential", re.IGNORECASE)
_JSON = ("{", "[")
_SHORTEST_HASH = 16


def plain_passwords(members: dict[str, Any], path: str = "", *, within: bool = False) -> Iterator[str]:
    """Yield the paths of values that seem to be plain passwords, at any depth; a known hash is none.

    The `value` of a credential, as Keycloak writes it, is one of them.
    """
    is_credential = isinstance(members.get("type"), str) and is_password(members["type"])
    for name, value in members.items():
        at = f"{path}{name}"
        holds = (
            within or is_password(name) or (name.lower() == "value" and (is_credential or "credential" in path.lower()))
        )
        yield from _plain(value, at, holds=holds)


def hashes(members: dict[str, Any], path: str = "") -> Iterator[str]:
    """Yield the paths of values that are recognised as password hashes, or have the name of one."""
    for name, value in members.items():
        yield from _hashes(name, value, f"{path}{name}")


def _hashes(name: str, value: Any, path: str) -> Iterator[str]:
    if isinstance(value, dict):
        yield from hashes(value, f"{path}.")
    elif isinstance(value, list):
        for one in value:
            yield from _hashes(name, one, f"{path}[]")
    elif isinstance(value, str) and len(value) >= _SHORTEST_HASH and _seems_hash(name, value):
        yield path
    elif isinstance(value, str) and value.lstrip()[:1] in _JSON:
        yield from _in_json(value, path, lambda inner: _hashes(name, inner, path))


def _seems_hash(name: str, value: str) -> bool:
    """Tell whether a value seems to be a hash. Hexadecimal digits may be anything, so there the name decides."""
    if _NAMES_OF_HASHES.search(name):
        return True
    signed = "$" in value or value.startswith(("{", "*"))
    return signed and (
        passwords.is_hash(foreign_hashes.unwrapped(value)) or foreign_hashes.refused_kind(value) is not None
    )


def _plain(value: Any, path: str, *, holds: bool) -> Iterator[str]:
    if isinstance(value, dict):
        yield from plain_passwords(value, f"{path}.", within=holds)
    elif isinstance(value, list):
        for one in value:
            yield from _plain(one, f"{path}[]", holds=holds)
    elif holds and _could_be_typed(value):
        yield path
    elif isinstance(value, str) and value.lstrip()[:1] in _JSON:
        yield from _in_json(value, path, lambda inner: _plain(inner, path, holds=holds))


def _in_json(text: str, path: str, look: Callable[[Any], Iterator[str]]) -> list[str]:
    """Return what `look` finds in a text that may be JSON; if it is nested too deeply, the text itself is suspect."""
    try:
        inner = json.loads(text)
        return [*look(inner)] if isinstance(inner, dict | list) else []
    except ValueError:
        return []
    except RecursionError:
        return [path]


def _could_be_typed(value: Any) -> bool:
    if isinstance(value, str):
        return value.strip() != "" and not passwords.is_hash(value)
    return isinstance(value, int | float | bytes) and not isinstance(value, bool)

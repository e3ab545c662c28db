"""Lists, a page at a time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self, TypeVar


class _Listed(Protocol):
    id: Any


T = TypeVar("T", bound=_Listed)


@dataclass(frozen=True, slots=True)
class Page:
    """Some items of a list; `next` names where the next page starts, None at the end."""

    items: list[Any]
    next: str | None

    @classmethod
    def of(cls, found: Sequence[T], limit: int, shown: Callable[[T], Any]) -> Self:
        """Return a page of what was `found` by asking for one more than `limit`."""
        return cls([shown(one) for one in found[:limit]], str(found[limit - 1].id) if len(found) > limit else None)

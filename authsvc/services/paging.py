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
    def of(cls, items: Sequence[T], limit: int, render: Callable[[T], Any]) -> Self:
        """Return a page of `items`, read with one more than `limit`; `render` makes of each what is answered."""
        return cls([render(one) for one in items[:limit]], str(items[limit - 1].id) if len(items) > limit else None)

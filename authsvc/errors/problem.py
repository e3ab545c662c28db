"""The base class of all refusals, and the list of them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class FieldError:
    """One wrong input: a JSON pointer (RFC 6901) into the body, or the name of a query parameter."""

    code: str
    detail: str
    pointer: str | None = None
    parameter: str | None = None

    def as_member(self) -> dict[str, str]:
        """Return the entry of the problem's `errors` list."""
        place = {"pointer": self.pointer} if self.parameter is None else {"parameter": self.parameter}
        known = {key: value for key, value in place.items() if value is not None}
        return {**known, "code": self.code, "detail": self.detail}


class Problem(Exception):
    """A refusal with an HTTP status, a stable code and a title.

    `extra` are further members of the problem document, `headers` further HTTP headers.
    """

    status: ClassVar[int]
    code: ClassVar[str]
    title: ClassVar[str]

    def __init__(self, detail: str | None = None, *, headers: Mapping[str, str] | None = None, **extra: Any) -> None:
        self.detail = detail or self.explanation().partition(". ")[0].rstrip(".") + "."
        super().__init__(self.detail)
        self.extra = extra
        self.headers = dict(headers or {})

    @classmethod
    def explanation(cls) -> str:
        """Return what the code means and what to do about it: the class's docstring on one line."""
        return " ".join((cls.__doc__ or cls.title).split())


def all_problems() -> dict[str, type[Problem]]:
    """Return every problem that can be answered, by its code.

    Raises RuntimeError if two share a code.
    """
    problems: dict[str, type[Problem]] = {}
    for problem in _subclasses(Problem):
        code = vars(problem).get("code")
        if code is not None and problems.setdefault(code, problem) is not problem:
            raise RuntimeError(f"two problems share the code {code}")
    return dict(sorted(problems.items(), key=lambda item: (item[1].status, item[0])))


def _subclasses(root: type[Problem]) -> Iterator[type[Problem]]:
    for child in root.__subclasses__():
        yield child
        yield from _subclasses(child)

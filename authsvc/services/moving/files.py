"""The files that users come in: JSON Lines and CSV, read line by line in bounded memory."""

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, BinaryIO, NoReturn

from bson.json_util import JSONOptions, object_hook

LONGEST = 4 * 2**20
"""Bytes that a line may have."""

_DEEPEST = 100
"""Levels that a document may have: MongoDB takes no more."""

_BOM = b"\xef\xbb\xbf"
_EXTENDED = JSONOptions(tz_aware=True, tzinfo=UTC)


class Unreadable(Exception):
    """A file that nothing can be taken from; the message says why."""


@dataclass(frozen=True, slots=True)
class Record:
    """What a line says, or why it says nothing; `line` is where it begins, `end` the last line of it."""

    line: int
    end: int
    members: dict[str, Any]
    fault: str | None = None


class Lines:
    """The lines of a file, with their numbers from 1: `number` is that of the last, `read` the bytes so far."""

    def __init__(self, source: BinaryIO) -> None:
        self._source = source
        self.number = 0
        self.read = 0

    def skip_to(self, number: int) -> None:
        """Leave out the lines before this one."""
        while self.number < number - 1 and self._next():
            pass

    def next(self) -> tuple[str, str | None] | None:
        """Return the text of the next line and what is wrong with it; None at the end."""
        raw = self._next()
        if not raw:
            return None
        if len(raw) > LONGEST:
            return "\n", f"longer than {LONGEST} bytes"
        try:
            return raw.decode(), None
        except UnicodeDecodeError:
            return "\n", "not UTF-8"

    def _next(self) -> bytes:
        raw = self._source.readline(LONGEST + 1)
        self.number += bool(raw)
        self.read += len(raw)
        part = raw
        while len(part) > LONGEST and not part.endswith(b"\n"):
            part = self._source.readline(LONGEST + 1)
            self.read += len(part)
        return raw.removeprefix(_BOM) if self.number == 1 else raw


def read_json(lines: Lines, from_line: int) -> Iterator[Record]:
    """Yield what JSON Lines say, MongoDB's extended JSON understood; blank lines say nothing."""
    lines.skip_to(from_line)
    while (found := lines.next()) is not None:
        text, fault = found
        if fault is not None:
            yield Record(lines.number, lines.number, {}, fault)
        elif not text.isspace():
            yield _parsed(text, lines.number)


def read_csv(lines: Lines, from_line: int) -> Iterator[Record]:
    """Yield the rows of a CSV file as what its first line calls their cells; empty cells say nothing.

    Raises Unreadable for a first line that does not name an email column.
    """
    rows = _Rows(lines)
    header = [name.strip() for name in rows.header()]
    if "email" not in [name.lower() for name in header]:
        raise Unreadable("the first line of a CSV file names its columns, and one of them is email")
    if len(set(header)) < len(header) or not all(header) or any(name.startswith("$") for name in header):
        raise Unreadable("the columns of a CSV file need names of their own")
    names = [name.lower() if name.lower() in ("email", "password", "name", "role") else name for name in header]
    lines.skip_to(from_line)
    for line, cells, broken in rows:
        wrong = f"{len(cells)} cells under {len(names)} columns" if len(cells) != len(names) else None
        fault = broken or wrong
        members = {} if fault else {name: cell for name, cell in zip(names, cells, strict=True) if cell != ""}
        yield Record(line, lines.number, members, fault)


class _Rows:
    """Rows of cells, each with the number of its first line."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self._first = 0
        self._fault: str | None = None
        self._reader = csv.reader(self._texts(), strict=True)

    def header(self) -> list[str]:
        for _, cells, fault in self:
            if fault is not None:
                raise Unreadable(f"the first line can't be read: {fault}")
            return cells
        raise Unreadable("the file is empty")

    def __iter__(self) -> Iterator[tuple[int, list[str], str | None]]:
        while True:
            self._first, self._fault = 0, None
            try:
                cells = next(self._reader)
            except StopIteration:
                return
            except csv.Error:
                cells, self._fault = [], self._fault or f"broken CSV, up to line {self._lines.number}"
            if cells or self._fault is not None:
                yield self._first, cells, self._fault

    def _texts(self) -> Iterator[str]:
        while (found := self._lines.next()) is not None:
            text, fault = found
            self._first = self._first or self._lines.number
            self._fault = self._fault or fault
            yield text


def _parsed(text: str, number: int) -> Record:
    try:
        found = json.loads(text, object_pairs_hook=_members, parse_constant=_refuse)
        if not isinstance(found, dict):
            return Record(number, number, {}, "no JSON object: a file has one in each line")
        if text.count("{") + text.count("[") > _DEEPEST and _depth(found) > _DEEPEST:
            return Record(number, number, {}, f"more than {_DEEPEST} levels deep")
    except Exception:  # noqa: BLE001 - what extended JSON raises for its many kinds of values has no common base
        return Record(number, number, {}, "broken JSON")
    return Record(number, number, found)


def _members(pairs: list[tuple[str, Any]]) -> Any:
    """Return an object, or the value that it stands for in extended JSON."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name twice")
    if not pairs or not pairs[0][0].startswith("$"):
        return found
    if len(pairs) == 1 and pairs[0][0] == "$date" and isinstance(pairs[0][1], str):  # the quicker way, for most of them
        time = datetime.fromisoformat(pairs[0][1])
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    return object_hook(found, _EXTENDED)


def _refuse(_: str) -> NoReturn:
    raise ValueError("no JSON")


def _depth(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + max(map(_depth, inner), default=0)

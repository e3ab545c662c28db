"""The files that users come in: JSON and CSV, read piece by piece in bounded memory."""

import codecs
import csv
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, BinaryIO, NoReturn

from bson.codec_options import DatetimeConversion
from bson.json_util import JSONOptions, object_hook

from authsvc.services.user_transfer.json_elements import Element, Elements, is_export

LONGEST = 4 * 2**20
"""Bytes that a line may have."""

_DEEPEST = 100
"""Levels of nesting in a document: MongoDB accepts no more."""

_PIECE = 64 * 1024
_BOM = b"\xef\xbb\xbf"
_OTHER_FILES = {
    b"\xff\xfe": "UTF-16: save it as UTF-8",
    b"\xfe\xff": "UTF-16: save it as UTF-8",
    b"\x1f\x8b": "compressed: unpack it",
    b"PK\x03\x04": "a ZIP archive: unpack it, or save a table as CSV",
}
_EXTENDED = JSONOptions(tz_aware=True, tzinfo=UTC, datetime_conversion=DatetimeConversion.DATETIME_AUTO)
_EMPTY_CELLS = frozenset({"", "\\N", "NULL"})
"""Empty values in CSV files of databases: PostgreSQL `\\N`, phpMyAdmin `NULL`."""

_FIREBASE_COLUMNS = ("localId", "email", "emailVerified", "passwordHash", "salt", "displayName", "photoUrl")
_FIREBASE_LATER = {
    7: "googleId",
    8: "googleEmail",
    19: "githubId",
    20: "githubEmail",
    23: "createdAt",
    24: "lastSignedInAt",
    25: "phoneNumber",
    26: "disabled",
    27: "customAttributes",
}
"""The columns of `firebase auth:export`, which writes no header; between these are four for each provider."""


class Unreadable(Exception):
    """A file that can't be imported from; the message says why."""


@dataclass(frozen=True, slots=True)
class Record:
    """An account's members, or what is wrong with them; `line` is where it begins, `end` how far the file was read.

    `around` marks what a file says of itself, before its accounts.
    """

    line: int
    end: int
    members: dict[str, Any]
    fault: str | None = None
    around: bool = False


class Lines:
    """The lines of a file, numbered from 1: `number` is that of the last, `read` the bytes so far."""

    def __init__(self, source: BinaryIO) -> None:
        self._source = source
        self.number = 0
        self.read = 0

    def skip_to(self, number: int) -> None:
        """Skip the lines before this one."""
        while self.number < number - 1 and self._next():
            pass

    def first(self) -> tuple[str, str | None]:
        """Return the first line that is not blank, or the beginning of one that is too long, and what is wrong with it.

        Raises Unreadable for a file of another kind.
        """
        while raw := self._source.readline(LONGEST):
            self.number += 1
            self.read += len(raw)
            if self.number == 1:
                _require_text(raw)
                raw = raw.removeprefix(_BOM)
            if raw.strip():
                return self._whole(raw)
        return "", None

    def _whole(self, raw: bytes) -> tuple[str, str | None]:
        """Return a line as text; if it was cut inside a character, read the rest of that too."""
        for _ in range(4):
            try:
                return raw.decode(), None
            except UnicodeDecodeError as error:
                if error.start < len(raw) - 3 or len(raw) < LONGEST:
                    break
                more = self._source.read(1)
                self.read += len(more)
                raw += more
        return raw.decode(errors="surrogateescape"), "not UTF-8"

    def pieces(self, *, continued: bool) -> Iterator[str]:
        """Yield the rest, in pieces that end with their line or have the greatest length; `number` is their line.

        Bytes that are not UTF-8 come as surrogates. `continued` says that the line read last has not ended.
        """
        decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        is_new = not continued
        while raw := self._source.readline(_PIECE):
            self.number += is_new
            self.read += len(raw)
            is_new = raw.endswith(b"\n")
            yield decoder.decode(raw, final=is_new)

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
    """Yield the accounts of a JSON file, MongoDB's extended JSON understood.

    If the first line is an object of its own, each line is read by itself, and a broken one costs no other. Any other
    file has its objects in an array, in a list of accounts, or one after another. Raises Unreadable.
    """
    text, fault = lines.first()
    first = _parse(text, lines.number) if fault is None else Record(lines.number, lines.number, {}, fault)
    if first.fault is not None or is_export(first.members):
        yield from _with_ends(_read_elements(lines, text), from_line)
        return
    if from_line <= lines.number:
        yield first
    lines.skip_to(from_line)
    while (following := lines.next()) is not None:
        text, fault = following
        if fault is not None:
            yield Record(lines.number, lines.number, {}, fault)
        elif not text.isspace():
            yield from _read_line(text, lines.number)


def read_csv(lines: Lines, from_line: int) -> Iterator[Record]:
    """Yield the rows of a CSV file, each cell under its name in the first line; empty cells are omitted.

    Cells are separated by commas, semicolons or tabs, whichever the first line has most of. Raises Unreadable if the
    first line does not name an email column.
    """
    first, fault = lines.first()
    if fault is not None or not first:
        raise Unreadable(f"the first line can't be read: {fault}" if fault is not None else "the file is empty")
    rows = _Rows(lines, first)
    head = next(iter(rows), (1, [], None))
    names = _firebase_columns(head[1]) or _columns(head[1], head[2])
    if names[0] == _FIREBASE_COLUMNS[0] and from_line <= head[0]:
        yield _row(head, names, lines.number)
    lines.skip_to(from_line)
    for row in rows:
        yield _row(row, names, lines.number)


def _row(row: tuple[int, list[str], str | None], names: list[str], end: int) -> Record:
    line, cells, broken = row
    fault = broken or (f"{len(cells)} cells under {len(names)} columns" if len(cells) != len(names) else None)
    if fault is not None:
        return Record(line, end, {}, fault)
    members = {
        name: cell for name, cell in zip(names, cells, strict=True) if cell not in _EMPTY_CELLS or _is_name(name, cell)
    }
    return Record(line, end, members)


def _is_name(column: str, cell: str) -> bool:
    """Tell whether a cell that looks empty is somebody's name."""
    return cell == "NULL" and "name" in column.lower()


def _columns(cells: list[str], fault: str | None) -> list[str]:
    """Return the names of the cells from the first line. Raises Unreadable."""
    if fault is not None:
        raise Unreadable(f"the first line can't be read: {fault}")
    header = [name.strip() for name in cells]
    if {"email", "user_email"}.isdisjoint(name.lower() for name in header):
        raise Unreadable("the first line of a CSV file must name its columns, including email")
    if len(set(header)) < len(header) or not all(header) or any(name.startswith("$") for name in header):
        raise Unreadable("the columns of a CSV file must have different names")
    return [name.lower() if name.lower() in ("email", "password", "name", "role") else name for name in header]


def _firebase_columns(cells: list[str]) -> list[str]:
    """Return the names of the cells if this is a row of `firebase auth:export`, which writes no first line."""
    if not (27 <= len(cells) <= 30 and cells[2] in ("true", "false") and ("@" in cells[1] or not cells[1])):
        return []
    names = [*_FIREBASE_COLUMNS, *(f"column {at + 1}" for at in range(len(_FIREBASE_COLUMNS), len(cells)))]
    for at, name in _FIREBASE_LATER.items():
        if at < len(cells) - 1:
            names[at] = name
    return names


class _Rows:
    """Rows of cells, each with the number of its first line."""

    def __init__(self, lines: Lines, first_line: str) -> None:
        self._lines = lines
        self._first = 0
        self._fault: str | None = None
        unquoted = re.sub(r'"[^"]*"', "", first_line)
        delimiter = max(",;\t", key=unquoted.count)
        self._reader = csv.reader(self._texts(first_line), strict=True, skipinitialspace=True, delimiter=delimiter)

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

    def _texts(self, first_line: str) -> Iterator[str]:
        self._first = self._lines.number
        yield first_line
        while (following := self._lines.next()) is not None:
            text, fault = following
            self._first = self._first or self._lines.number
            self._fault = self._fault or fault
            yield text


def _read_line(text: str, number: int) -> Iterator[Record]:
    """Yield the object of a line, or the objects: some programs write several on one line."""
    record = _parse(text, number)
    if record.fault != "broken JSON":
        yield record
        return
    elements = Elements(LONGEST)
    several = [*elements.feed(text, number), *elements.end(number)]
    if len(several) > 1 and all(one.fault is None for one in several):
        yield from (_parse(one.text, number) for one in several)
    else:
        yield record


def _read_elements(lines: Lines, first: str) -> Iterator[Record]:
    elements = Elements(LONGEST)
    for element in elements.feed(first, lines.number):
        yield _of_element(element)
    is_complete = first.endswith("\n") or not first
    for piece in lines.pieces(continued=not is_complete):
        if elements.is_lost and _is_account(piece, lines.number):
            yield from map(_of_element, elements.give_up())
        for element in elements.feed(piece, lines.number):
            yield _of_element(element)
    for element in elements.end(lines.number):
        yield _of_element(element)


def _is_account(line: str, number: int) -> bool:
    """Tell whether a line is an account by itself: then the object before it was cut."""
    if not (line.startswith('{"') and line.rstrip().endswith("}")):
        return False
    record = _parse(line, number)
    return record.fault is None and "email" in record.members


def _of_element(element: Element) -> Record:
    record = Record(element.line, element.end, {}, element.fault)
    if element.fault is None:
        fault = "not UTF-8" if any("\udc80" <= char <= "\udcff" for char in element.text) else None
        record = _parse(element.text, element.line) if fault is None else replace(record, fault=fault)
    return replace(record, end=element.end, around=element.around)


def _with_ends(records: Iterator[Record], from_line: int) -> Iterator[Record]:
    """Yield the records that end at a line or later; a record does not end a line that it shares with the next."""
    before: Record | None = None
    for record in records:
        if before is not None:
            yield replace(before, end=before.end - (record.line == before.end))
        before = record if record.around or record.end >= from_line else None
    if before is not None:
        yield before


def _require_text(head: bytes) -> None:
    """Refuse the beginning of another kind of file. Raises Unreadable."""
    for beginning, what in _OTHER_FILES.items():
        if head.startswith(beginning):
            raise Unreadable(f"the file is {what}")
    if b"\0" in head[:_PIECE]:
        raise Unreadable("the file is UTF-16 or not text: save it as UTF-8")


def _parse(text: str, number: int) -> Record:
    try:
        members = json.loads(text, object_pairs_hook=_members, parse_constant=_refuse)
        if not isinstance(members, dict):
            return Record(number, number, {}, "no JSON object: a file has one in each line")
        if text.count("{") + text.count("[") > _DEEPEST and _depth(members) > _DEEPEST:
            return Record(number, number, {}, f"more than {_DEEPEST} levels deep")
    except Exception:  # noqa: BLE001 - what extended JSON raises for its many kinds of values has no common base
        return Record(number, number, {}, "broken JSON")
    return Record(number, number, members)


def _members(pairs: list[tuple[str, Any]]) -> Any:
    """Return an object, or the value that it stands for in extended JSON."""
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("a name twice")
    if not pairs or not pairs[0][0].startswith("$"):
        return members
    if len(pairs) == 1 and pairs[0][0] == "$date" and isinstance(pairs[0][1], str):  # the quicker way, for most of them
        time = datetime.fromisoformat(pairs[0][1])
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    return object_hook(members, _EXTENDED)


def _refuse(_: str) -> NoReturn:
    raise ValueError("no JSON")


def _depth(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + max(map(_depth, inner), default=0)

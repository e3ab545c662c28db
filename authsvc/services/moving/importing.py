"""Taking users in: batches are read while the one before is written, and whoever is there already stays as it is."""

import sqlite3
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Self

from bson import ObjectId

from authsvc.models import readiness
from authsvc.models.audit import Action
from authsvc.models.readiness import IndexBlocked
from authsvc.models.users import moving
from authsvc.models.users.moving import Inserted, NewAccount
from authsvc.security.passwords import hasher, scheme_of
from authsvc.services import audit, roles
from authsvc.services.moving import files, records
from authsvc.services.moving.files import Lines, Record, Unreadable
from authsvc.services.moving.records import Invalid

BATCH = 1_000
_BATCH_BYTES = 8 * 2**20
_MOST_FAULTS = 10_000
"""Records that a batch may have: those that are no account count, too."""

_MOST_LISTED = 100
_REFUSED = "the database refuses it"

Write = Callable[[Sequence[NewAccount]], Inserted]


@dataclass(slots=True)
class Report:
    """What became of the lines up to `line`; of the faults and the duplicates the first are listed."""

    line: int = 0
    taken: int = 0
    duplicate: int = 0
    invalid: int = 0
    legacy: int = 0
    schemes: Counter[str] = field(default_factory=Counter)
    roles: Counter[str] = field(default_factory=Counter)
    faults: list[tuple[int, str]] = field(default_factory=list)
    duplicates: list[int] = field(default_factory=list)
    read: int = 0

    @classmethod
    def of(cls, shown: dict[str, Any]) -> Self:
        """Return the report that `shown` is of."""
        faults = [(one["line"], one["reason"]) for one in shown["invalidLines"]]
        counts = {name: shown[name] for name in ("line", "taken", "duplicate", "invalid", "legacy")}
        found = Counter(shown["hashSchemes"]), Counter(shown["roles"])
        return cls(**counts, schemes=found[0], roles=found[1], faults=faults, duplicates=shown["duplicateLines"])

    def shown(self) -> dict[str, Any]:
        """Return the report as JSON has it."""
        return {
            "line": self.line,
            "taken": self.taken,
            "duplicate": self.duplicate,
            "invalid": self.invalid,
            "legacy": self.legacy,
            "hashSchemes": dict(self.schemes.most_common()),
            "roles": dict(self.roles.most_common()),
            "invalidLines": [{"line": line, "reason": reason} for line, reason in self.faults],
            "duplicateLines": self.duplicates,
        }

    def note(self, batch: "_Batch", outcome: Inserted) -> Self:
        """Add a batch that is written."""
        self.line, self.read = batch.end, batch.read
        refused = [(batch.lines[at], _REFUSED) for at in outcome.refused]
        faults = sorted(batch.faults + refused)
        known = sorted(batch.lines[at] for at in outcome.known)
        self.invalid += len(faults)
        self.duplicate += len(known)
        self.faults += faults[: _MOST_LISTED - len(self.faults)]
        self.duplicates += known[: _MOST_LISTED - len(self.duplicates)]
        for at, kind in enumerate(batch.kinds):
            if at not in outcome.known and at not in outcome.refused:
                self.taken += 1
                self.legacy += kind.legacy
                self.schemes[kind.scheme] += 1
                self.roles[kind.role] += 1
        return self


@dataclass(frozen=True, slots=True)
class _Kind:
    scheme: str
    legacy: bool
    role: str


@dataclass(slots=True)
class _Batch:
    """Accounts with the lines that they are from, and what was read beside them."""

    accounts: list[NewAccount] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    kinds: list[_Kind] = field(default_factory=list)
    faults: list[tuple[int, str]] = field(default_factory=list)
    end: int = 0
    read: int = 0

    def add(self, record: Record, known_roles: frozenset[str]) -> None:
        self.end = record.end
        try:
            if record.fault is not None:
                raise Invalid(record.fault)
            account = records.account(record.members, known_roles)
        except Invalid as invalid:
            self.faults.append((record.line, str(invalid)))
            return
        self.accounts.append(account)
        self.lines.append(record.line)
        self.kinds.append(_kind(account))

    def is_full(self, begun: int) -> bool:
        many = len(self.accounts) >= BATCH or len(self.faults) >= _MOST_FAULTS
        return many or self.read - begun >= _BATCH_BYTES


def take(
    source: BinaryIO, *, as_csv: bool, report: Report, from_line: int, dry_run: bool
) -> Generator[Report, None, None]:
    """Take the users of a file in, from a line on; yield the report, brought up to date, after each batch.

    A dry run writes nothing, and nothing on record. What was yielded is in the database: an import that was interrupted
    goes on after `report.line`. Raises Unreadable, IndexBlocked, or a database error.
    """
    lines = Lines(source)
    batches = _batches(lines, (files.read_csv if as_csv else files.read_json)(lines, from_line))
    if dry_run:
        with closing(_Seen()) as seen:
            yield from _written(batches, seen.find_known, report)
        return
    try:
        readiness.ensure_indexes()
    except IndexBlocked as error:
        raise Unreadable(f"two documents of the collection {error} share what may be there once") from error
    audit.record(Action.USERS_IMPORTED, state="begun", line=from_line)
    state = "interrupted"
    try:
        yield from _written(batches, moving.insert_new, report)
        state = "done"
    finally:
        audit.record(
            Action.USERS_IMPORTED,
            state=state,
            line=report.line,
            taken=report.taken,
            duplicate=report.duplicate,
            invalid=report.invalid,
        )


def _written(batches: Iterator[_Batch], write: Write, report: Report) -> Iterator[Report]:
    with ThreadPoolExecutor(1) as writer:
        waiting: list[_Batch] = []
        coming = []
        for batch in batches:
            waiting.append(batch)
            coming.append(writer.submit(write, batch.accounts))
            if len(waiting) > 1:
                yield report.note(waiting.pop(0), coming.pop(0).result())
        for batch, written in zip(waiting, coming, strict=True):
            yield report.note(batch, written.result())


def _batches(lines: Lines, found: Iterator[Record]) -> Iterator[_Batch]:
    batch, begun, known_roles = _Batch(), 0, roles.known()
    for record in found:
        batch.add(record, known_roles)
        batch.read = lines.read
        if batch.is_full(begun):
            yield batch
            batch, begun = _Batch(), lines.read
    if batch.end:
        yield batch


def _kind(account: NewAccount) -> _Kind:
    password = account.password
    scheme = scheme_of(password) or "none"
    return _Kind(scheme, password is not None and hasher().would_replace(password), account.role or "user")


class _Seen:
    """Whose ids and addresses are there, or were in the file so far; on disk, since it grows with both.

    A dry run reads all accounts once: the embedded database takes longer to look some thousands of them up.
    """

    def __init__(self) -> None:
        self._database = sqlite3.connect("", check_same_thread=False)
        self._database.execute("CREATE TABLE seen (key TEXT PRIMARY KEY) WITHOUT ROWID")
        there = (key for user_id, email in moving.ids_and_addresses() for key in _keys(user_id, email))
        self._database.executemany("INSERT OR IGNORE INTO seen VALUES (?)", there)

    def close(self) -> None:
        self._database.close()

    def find_known(self, accounts: Sequence[NewAccount]) -> Inserted:
        """Tell what inserting these would do; nothing is written."""
        found = Inserted()
        for at, account in enumerate(accounts):
            keys = _keys(account.id, account.email)
            if any(self._database.execute("SELECT 1 FROM seen WHERE key = ?", key).fetchone() for key in keys):
                found.known.add(at)
            else:
                self._database.executemany("INSERT INTO seen VALUES (?)", keys)
        return found


def _keys(user_id: ObjectId, email: str) -> tuple[tuple[str], tuple[str]]:
    return (str(user_id),), (email.lower(),)

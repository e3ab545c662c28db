"""Import of users: one batch is read while the one before is written; existing accounts are not changed."""

import sqlite3
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from typing import Any, BinaryIO, Self

from bson import ObjectId

from authsvc.events import happened
from authsvc.events.catalogue import AccountImported, UsersImported
from authsvc.models.readiness import IndexBlocked, IndexConflict
from authsvc.models.users import transfer
from authsvc.models.users.transfer import Inserted, NewAccount
from authsvc.security.passwords import hasher, scheme_of
from authsvc.services import indexes, sign_ups, webhook_messages
from authsvc.services.sign_ups import Refusal
from authsvc.services.user_transfer import files, listed_identities
from authsvc.services.user_transfer.files import Lines, Record, Unreadable
from authsvc.services.user_transfer.listed_identities import Known
from authsvc.services.user_transfer.products import FirebaseConfig, Options
from authsvc.services.user_transfer.records import Invalid, OfAnotherKind, Reader, Reading
from authsvc.services.users import roles

BATCH = 1_000
_BATCH_BYTES = 8 * 2**20
_MOST_FAULTS = 10_000
"""Records that a batch may have, those that are no account included."""

_MOST_LISTED = 100
_REFUSED = "refused by the database"
_LINKED = "identities: one is another account's"
_FORBIDDEN = "refused by HOOK_SIGN_UP"
_ASKED_AT_ONCE = 8
"""Questions to a hook, of those of a batch."""
_COUNTS = {
    "line": "line",
    "imported": "taken",
    "duplicate": "duplicate",
    "invalid": "invalid",
    "legacy": "legacy",
    "verified": "verified",
    "disabled": "disabled",
    "identities": "identities",
}
_COUNTERS = {
    "schemes": "hashSchemes",
    "roles": "roles",
    "resets": "needReset",
    "omissions": "notCarriedOver",
    "remarks": "remarks",
    "skipped": "skipped",
}
"""Attributes of a report, and what JSON calls them."""

Write = Callable[[Sequence[NewAccount]], Inserted]
Ask = Callable[[Sequence[NewAccount], Sequence[int]], dict[int, str]]
"""Returns which of the accounts at these positions must not be made, and why."""


@dataclass(frozen=True, slots=True)
class Form:
    """How to read a file.

    `product` is a key of `products.PRODUCTS`, None to recognise the export by its fields; `firebase` are the parameters
    of its hashes. `aliases` says which of our providers a name of the product means.
    """

    as_csv: bool
    product: str | None = None
    firebase: FirebaseConfig | None = None
    aliases: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Report:
    """The outcome for the lines up to `line`; only the first faults and duplicates are listed."""

    line: int = 0
    imported: int = 0
    duplicate: int = 0
    invalid: int = 0
    legacy: int = 0
    schemes: Counter[str] = field(default_factory=Counter)
    roles: Counter[str] = field(default_factory=Counter)
    verified: int = 0
    disabled: int = 0
    identities: int = 0
    format: str | None = None
    resets: Counter[str] = field(default_factory=Counter)
    omissions: Counter[str] = field(default_factory=Counter)
    remarks: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    faults: list[tuple[int, str]] = field(default_factory=list)
    duplicates: list[int] = field(default_factory=list)
    read: int = 0

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """Return the report that `as_json` wrote."""
        faults = [(one["line"], one["reason"]) for one in data["invalidLines"]]
        values: dict[str, Any] = {name: data.get(key, 0) for name, key in _COUNTS.items()}
        values |= {name: Counter(data.get(key, {})) for name, key in _COUNTERS.items()}
        return cls(**values, format=data["format"], faults=faults, duplicates=data["duplicateLines"])

    def as_json(self) -> dict[str, Any]:
        """Return the report as JSON."""
        return {
            "format": self.format,
            **{key: getattr(self, name) for name, key in _COUNTS.items()},
            **{key: dict(getattr(self, name).most_common()) for name, key in _COUNTERS.items()},
            "invalidLines": [{"line": line, "reason": reason} for line, reason in self.faults],
            "duplicateLines": self.duplicates,
        }

    def note(self, batch: "_Batch", outcome: Inserted) -> Self:
        """Add a batch that was written."""
        self.line, self.read, self.format = batch.end, batch.read, batch.format
        refused = [(batch.lines[at], _REFUSED) for at in outcome.refused]
        refused += [(batch.lines[at], _LINKED) for at in outcome.linked]
        refused += [(batch.lines[at], reason) for at, reason in outcome.forbidden.items()]
        faults = sorted(batch.faults + refused)
        known = sorted(batch.lines[at] for at in outcome.known)
        self.skipped.update(batch.skipped)
        self.invalid += len(faults)
        self.duplicate += len(known)
        self.faults += faults[: _MOST_LISTED - len(self.faults)]
        self.duplicates += known[: _MOST_LISTED - len(self.duplicates)]
        absent = outcome.absent
        for at, kind in enumerate(batch.kinds):
            if at not in absent:
                self._count(kind)
        return self

    def _count(self, kind: "_Kind") -> None:
        self.imported += 1
        self.legacy += kind.legacy
        self.verified += kind.verified
        self.disabled += kind.disabled
        self.identities += kind.identities
        self.schemes[kind.scheme] += 1
        self.roles[kind.role] += 1
        self.resets.update(() if kind.reset is None else (kind.reset,))
        self.omissions.update(kind.omissions)
        self.remarks.update(kind.remarks)


@dataclass(frozen=True, slots=True)
class _Kind:
    scheme: str
    legacy: bool
    role: str
    verified: bool
    disabled: bool
    identities: int
    reset: str | None
    omissions: tuple[str, ...]
    remarks: tuple[str, ...]


@dataclass(slots=True)
class _Batch:
    """Accounts with their lines, and the records beside them."""

    accounts: list[NewAccount] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    kinds: list[_Kind] = field(default_factory=list)
    faults: list[tuple[int, str]] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    end: int = 0
    read: int = 0
    format: str | None = None

    def add(self, record: Record, reader: Reader) -> None:
        self.end = record.end
        try:
            if record.fault is not None:
                raise Invalid(record.fault)
            if record.around:
                reader.note(record.members)
                return
            reading = reader.read(record.members)
        except Invalid as invalid:
            self.faults.append((record.line, str(invalid)))
            return
        except OfAnotherKind as other:
            self.skipped[str(other)] += 1
            return
        self.format = reader.title
        if reading is not None:
            self.accounts.append(reading.account)
            self.lines.append(record.line)
            self.kinds.append(_kind(reading))

    def is_full(self, start: int) -> bool:
        many = len(self.accounts) >= BATCH or len(self.faults) >= _MOST_FAULTS
        return many or self.read - start >= _BATCH_BYTES


def import_users(
    source: BinaryIO, form: Form, *, report: Report, from_line: int, dry_run: bool
) -> Generator[Report, None, None]:
    """Import the users of a file, from a line on; yield the updated report after each batch.

    A dry run writes nothing, not even to the record. A batch that was yielded is in the database, so an interrupted
    import resumes after `report.line`. Raises Unreadable, HookFailed, or a database error.
    """
    batches, ask = _batches(Lines(source), form, from_line), _asker()
    if dry_run:
        with closing(DuplicateIndex()) as index:
            yield from _write(batches, partial(_look, index, ask), report)
        return
    try:
        indexes.make()
    except IndexBlocked as error:
        raise Unreadable(f"two documents in the collection {error} share a value that must be unique") from error
    except IndexConflict as error:
        raise Unreadable(f"the index {error}; drop that index") from error
    happened(UsersImported(state="begun", line=from_line))
    state = "interrupted"
    try:
        yield from _write(batches, partial(_insert, ask), report)
        state = "done"
    finally:
        happened(
            UsersImported(
                state=state,
                line=report.line,
                taken=report.imported,
                duplicate=report.duplicate,
                invalid=report.invalid,
            )
        )


def _write(batches: Iterator[_Batch], write: Write, report: Report) -> Iterator[Report]:
    write = _until_one_fails(write)
    with ThreadPoolExecutor(1) as writer:
        waiting: list[_Batch] = []
        coming = []
        for batch in batches:
            waiting.append(batch)
            coming.append(writer.submit(write, batch.accounts))
            if len(waiting) > 1:
                yield report.note(waiting.pop(0), coming.pop(0).result())
        for batch, outcome in zip(waiting, coming, strict=True):
            yield report.note(batch, outcome.result())


def _until_one_fails(write: Write) -> Write:
    """Return what writes batches one by one, and none after one that failed: an import goes on where it stopped."""
    has_failed = False  # the next batch waits already when one fails, so only who writes them is in time

    def write_next(accounts: Sequence[NewAccount]) -> Inserted:
        nonlocal has_failed
        if has_failed:
            raise CancelledError
        try:
            return write(accounts)
        except BaseException:
            has_failed = True
            raise

    return write_next


def _asker() -> Ask | None:
    """Return what asks HOOK_SIGN_UP, and raises HookFailed; None if there is no such hook."""
    ask_one = sign_ups.permit_row()

    def ask(accounts: Sequence[NewAccount], positions: Sequence[int]) -> dict[int, str]:
        with ThreadPoolExecutor(_ASKED_AT_ONCE) as pool:
            answers = list(pool.map(lambda at: ask_one(accounts[at].raw), positions))
        refusals = {at: answer for at, answer in zip(positions, answers, strict=True) if isinstance(answer, Refusal)}
        return {at: f"{_FORBIDDEN}: {one.reason}" if one.reason else _FORBIDDEN for at, one in refusals.items()}

    return ask if sign_ups.is_asked() else None


def _insert(ask: Ask | None, accounts: Sequence[NewAccount]) -> Inserted:
    """Insert those of a batch that may be made; while a hook fails, nothing of it is (R124). Raises HookFailed."""
    forbidden: dict[int, str] = {}
    known: set[int] = set()
    if ask is not None:
        known = transfer.known_among(accounts)
        forbidden = ask(accounts, [at for at in range(len(accounts)) if at not in known])
    there = transfer.ids_among(accounts)
    new = [one.id for at, one in enumerate(accounts) if one.id not in there and at not in forbidden and at not in known]
    with webhook_messages.tell_of_new_accounts(AccountImported.name, new) as made:
        outcome = transfer.insert_new(accounts, forbidden, known)
        absent = outcome.absent
        made.update(one.id for at, one in enumerate(accounts) if at not in absent)
    return outcome


def _look(index: "DuplicateIndex", ask: Ask | None, accounts: Sequence[NewAccount]) -> Inserted:
    """Return the outcome that an insert would have. Raises HookFailed."""
    forbidden: dict[int, str] = {}
    if ask is not None:
        known = index.known_among(accounts)
        forbidden = ask(accounts, [at for at in range(len(accounts)) if at not in known])
    return index.note_new(accounts, forbidden)


def _batches(lines: Lines, form: Form, from_line: int) -> Iterator[_Batch]:
    options = Options(form.firebase, Known(listed_identities.configured(), form.aliases))
    reader = Reader(roles.known(), product=form.product, options=options)
    batch, start = _Batch(), 0
    for record in (files.read_csv if form.as_csv else files.read_json)(lines, from_line):
        batch.add(record, reader)
        batch.read = lines.read
        if batch.is_full(start):
            yield batch
            batch, start = _Batch(), lines.read
    if batch.end or batch.accounts or batch.faults:
        batch.end = lines.number
        yield batch


def _kind(reading: Reading) -> _Kind:
    password = reading.account.password
    return _Kind(
        scheme=scheme_of(password) or "none",
        legacy=password is not None and hasher().would_replace(password),
        role=reading.account.role or "user",
        verified=reading.verified,
        disabled=reading.disabled,
        identities=len(reading.account.identities),
        reset=reading.reset,
        omissions=tuple(reading.omissions),
        remarks=tuple(reading.remarks),
    )


class DuplicateIndex:
    """The ids, addresses and identities that exist, or were in the file so far; on disk, since it grows with both."""

    def __init__(self) -> None:
        """Read all accounts once: the embedded database takes longer to look up some thousands of them."""
        self._database = sqlite3.connect("", check_same_thread=False)
        self._database.execute("CREATE TABLE keys (key TEXT PRIMARY KEY) WITHOUT ROWID")
        stored = (key for one in transfer.known_accounts() for key in (*_keys(*one[:2]), *_identity_keys(one[2])))
        self._database.executemany("INSERT OR IGNORE INTO keys VALUES (?)", stored)

    def close(self) -> None:
        """Remove the index."""
        self._database.close()

    def known_among(self, accounts: Sequence[NewAccount]) -> set[int]:
        """Return the positions of those accounts that exist already, by id or address."""
        return {at for at, one in enumerate(accounts) if self._has_any(_keys(one.id, one.email))}

    def note_new(self, accounts: Sequence[NewAccount], forbidden: Mapping[int, str]) -> Inserted:
        """Return the outcome that an insert of these would have, but for those that are forbidden, and note them."""
        outcome = Inserted(forbidden=dict(forbidden))
        for at, account in enumerate(accounts):
            if at in forbidden:
                continue
            keys, identities = _keys(account.id, account.email), _identity_keys(account.identities)
            if self._has_any(keys):
                outcome.known.add(at)
            elif self._has_any(identities):
                outcome.linked.add(at)
            else:
                self._database.executemany("INSERT INTO keys VALUES (?)", [*keys, *identities])
        return outcome

    def _has_any(self, keys: Sequence[tuple[str]]) -> bool:
        return any(self._database.execute("SELECT 1 FROM keys WHERE key = ?", key).fetchone() for key in keys)


def _keys(user_id: ObjectId, email: str) -> tuple[tuple[str], tuple[str]]:
    return (str(user_id),), (transfer.key_of(email),)


def _identity_keys(keys: Sequence[str]) -> list[tuple[str]]:
    return [(f"identity {key}",) for key in keys]

"""`flask users import` and `flask users export`: users with their password hashes."""

import io
import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, TextIO, cast

import click
from flask.cli import with_appcontext

from authsvc.cli.output import plainly, printable
from authsvc.errors import HookFailed
from authsvc.models.driver_errors import DATABASE_ERRORS
from authsvc.services.user_transfer import exporting, importing, listed_identities, products
from authsvc.services.user_transfer.checkpoint import Checkpoint
from authsvc.services.user_transfer.exporting import ExportSummary
from authsvc.services.user_transfer.files import Unreadable
from authsvc.services.user_transfer.importing import Form, Report
from authsvc.services.user_transfer.products import PRODUCTS, FirebaseConfig

_CONTAINS = "It contains the password hash of every user: anyone who has it can guess passwords without limits."
_INTERRUPTED = "Interrupted: everything up to line {} is imported. Run it again to continue."
_STOPS: tuple[type[BaseException], ...] = (KeyboardInterrupt, HookFailed, *DATABASE_ERRORS)

ReportProgress = Callable[[int, int], None]
"""Reports progress: how far the work is, in the units of its whole, and how many users that makes."""


@click.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option("--format", "kind", type=click.Choice(["auto", "jsonl", "csv"]), default="auto", show_default=True)
@click.option(
    "--from",
    "product",
    type=click.Choice(["auto", "own", *sorted(PRODUCTS)]),
    default="auto",
    show_default=True,
    help="Which product exported it; own is authsvc or MongoDB, or any other file with the field names of authsvc.",
)
@click.option(
    "--firebase-hash-config",
    "firebase",
    type=click.File(encoding="utf-8"),
    help="A file with the project's hash_config, as the Firebase console shows it.",
)
@click.option(
    "--provider",
    "aliases",
    multiple=True,
    metavar="THEIRS=OURS",
    help="Which of IDENTITY_PROVIDERS the export means by a name of its own, such as oidc.acme=acme. May be repeated.",
)
@click.option("--dry-run", is_flag=True, help="Report what would be imported, and write nothing.")
@click.option("--from-line", type=click.IntRange(1), default=1, help="Start at this line.")
@click.option("--state", type=click.Path(dir_okay=False), help="Keep a checkpoint in this file, and resume from it.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@with_appcontext
@plainly
def import_users(
    *,
    file: str,
    kind: str,
    product: str,
    firebase: TextIO | None,
    aliases: tuple[str, ...],
    dry_run: bool,
    from_line: int,
    state: str | None,
    as_json: bool,
) -> None:
    """Import the users in FILE (- is standard input), with their password hashes.

    FILE is an export of Auth0, Devise, Django, Firebase, Keycloak, Laravel, MongoDB, Supabase, WordPress or authsvc, or
    any JSON or CSV file with such field names. Accounts that exist already, by id or email address, are not changed, so
    an import can be run again. Exits with 1 if a line was invalid.
    """
    _require_file_for_checkpoint(state, file, dry_run or from_line > 1)
    report = Report()
    with _opened(file) as source:
        checkpoint = Checkpoint(Path(state), source) if state is not None else None
        try:
            if checkpoint is not None:
                report = checkpoint.load()
            as_csv = _is_csv(kind, file, source)
            form = Form(as_csv, None if product == "auto" else product, _firebase(firebase), _named(aliases))
            line = max(from_line, report.line + 1)
            updates = importing.import_users(source, form, report=report, from_line=line, dry_run=dry_run)
            _follow(updates, checkpoint, _users_in(report), 0 if file == "-" else Path(file).stat().st_size)
        except Unreadable as unreadable:
            raise click.ClickException(str(unreadable)) from unreadable
        except _STOPS:
            if not dry_run:
                click.echo(_INTERRUPTED.format(report.line), err=True)
            raise
    click.echo(json.dumps(report.as_json(), indent=2) if as_json else "\n".join(_report_lines(report, dry_run)))
    if report.invalid:
        raise click.exceptions.Exit(1)


@click.command("export")
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True), default="-")
@click.option("--without-factors", is_flag=True, help="Leave out authenticator apps, recovery codes and passkeys.")
@click.option("--yes", is_flag=True, help="Don't ask for confirmation.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
@with_appcontext
@plainly
def export_users(*, file: str, without_factors: bool, yes: bool, as_json: bool) -> None:
    """Export all users to FILE (- is standard output), with their password hashes, as JSON Lines.

    `flask users import` reads them. FILE must not exist yet. Only its owner can read it, and it appears when complete.
    """
    if file != "-" and Path(file).exists():
        raise click.ClickException(f"{file} already exists")
    if not yes:
        click.confirm(f"{_CONTAINS} Continue?", abort=True, err=True)
    summary = ExportSummary()
    with (
        _created(file) as out,
        closing(exporting.export_users(out, factors=not without_factors)) as updates,
        _progress(exporting.about_how_many()) as report_progress,
    ):
        for summary in updates:
            report_progress(summary.users, summary.users)
    text = json.dumps(summary.as_json(), indent=2) if as_json else "\n".join(_summary_lines(summary))
    click.echo(text, err=file == "-")


def _require_file_for_checkpoint(state: str | None, file: str, otherwise: bool) -> None:
    if state is not None and (file == "-" or otherwise):
        raise click.UsageError("--state needs a file, and can't be combined with --dry-run or --from-line")


def _firebase(source: TextIO | None) -> FirebaseConfig | None:
    """Read Firebase's parameters; from a file, since everybody on the machine can see an argument."""
    if source is None:
        return None
    try:
        return products.firebase_config(source.read(100_000))
    except ValueError as error:
        raise click.ClickException(f"--firebase-hash-config: {error}") from error


def _named(aliases: tuple[str, ...]) -> dict[str, str]:
    """Return which of our providers each name in an export means. Raises ClickException for one that is not set up."""
    ours = set(listed_identities.configured().values())
    named = dict(alias.rpartition("=")[::2] for alias in aliases)
    for alias, name in named.items():
        if not alias or name not in ours:
            raise click.ClickException(f"--provider: {name or alias} is not one of IDENTITY_PROVIDERS")
    return named


def _follow(updates: Generator[Report, None, None], checkpoint: Checkpoint | None, before: int, size: int) -> None:
    with closing(updates), _progress(size) as report_progress:
        for report in updates:
            if checkpoint is not None:
                checkpoint.save(report)
            report_progress(report.read, _users_in(report) - before)
    if checkpoint is not None:
        checkpoint.remove()


def _users_in(report: Report) -> int:
    return report.imported + report.duplicate + report.invalid


def _opened(file: str) -> io.BufferedReader:
    return io.BufferedReader(cast(Any, sys.stdin.buffer)) if file == "-" else Path(file).open("rb")


def _is_csv(kind: str, file: str, source: io.BufferedReader) -> bool:
    """Tell whether a file is CSV: as somebody says, by its name, else by its beginning."""
    if kind != "auto":
        return kind == "csv"
    if file != "-" and Path(file).suffix.lower() in (".csv", ".json", ".jsonl", ".ndjson"):
        return Path(file).suffix.lower() == ".csv"
    return not source.peek(64).removeprefix(b"\xef\xbb\xbf").lstrip().startswith((b"{", b"["))


@contextmanager
def _created(file: str) -> Iterator[TextIO]:
    """Open a file that only its owner can read, and that gets its name when complete."""
    if file == "-":
        yield sys.stdout
        return
    target = Path(file)
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with open(handle, "w", encoding="utf-8") as out:
            yield out
            out.flush()
            os.fsync(out.fileno())
        Path(name).rename(target)
    finally:
        Path(name).unlink(missing_ok=True)


@contextmanager
def _progress(whole: int) -> Iterator[ReportProgress]:
    """Show how far the work is, how fast it is and how long it takes, if standard error is a terminal."""
    if not (sys.stderr.isatty() and whole):
        yield lambda *_: None
        return
    start = time.monotonic()
    progressbar = click.progressbar(length=whole, file=sys.stderr, item_show_func=lambda rate: rate, show_eta=True)
    with progressbar as bar:

        def report_progress(done: int, users: int) -> None:
            rate = users / max(time.monotonic() - start, 1e-3)
            bar.update(min(done, whole) - bar.pos, f"{users:,} users, {rate:,.0f}/s")

        yield report_progress


def _report_lines(report: Report, dry_run: bool) -> Iterator[str]:
    if dry_run:
        yield "Dry run: nothing was written."
    if report.format is not None:
        yield f"format     {report.format}"
    yield f"imported   {report.imported:>12,}"
    yield f"duplicate  {report.duplicate:>12,}  already exist, by id or email address"
    yield f"invalid    {report.invalid:>12,}"
    yield from (printable(f"  line {line}: {reason}") for line, reason in report.faults)
    if report.invalid > len(report.faults):
        yield f"  … and {report.invalid - len(report.faults):,} more"
    if report.duplicates and report.duplicate <= len(report.duplicates):
        yield f"duplicates are on lines {', '.join(map(str, report.duplicates))}"
    yield from _counted("roles", report.roles)
    yield from _counted("hashes", report.schemes)
    yield f"legacy     {report.legacy:>12,}  hashes that are upgraded to bcrypt at the next sign-in"
    yield f"verified   {report.verified:>12,}  email addresses that were verified there"
    yield f"disabled   {report.disabled:>12,}  disabled there, and here"
    yield f"identities {report.identities:>12,}  at other providers, which sign in here"
    for kind, count in report.resets.most_common():
        yield f"{kind} hashes can't be imported: {_accounts(count)} will need a password reset"
    for what, counts in (("skipped", report.skipped), ("not carried over", report.omissions)):
        if counts:
            yield printable(f"{what}: " + ", ".join(f"{name} ({n:,})" for name, n in counts.most_common()))
    yield from (printable(f"{remark} ({_accounts(count)})") for remark, count in report.remarks.most_common())


def _summary_lines(summary: ExportSummary) -> Iterator[str]:
    yield f"{summary.users:,} users. {_CONTAINS}"
    yield from _counted("hashes", summary.schemes)
    if summary.omissions:
        yield printable(f"Passwords in plain text are left out: {', '.join(summary.omissions)}.")
    if summary.with_app:
        yield f"{summary.with_app:,} have an authenticator app, whose secret only this SECRET_KEY decrypts."
    if summary.with_identities:
        yield f"{summary.with_identities:,} sign in with other providers, wherever IDENTITY_PROVIDERS names those."
    if summary.with_passkeys:
        yield f"{summary.with_passkeys:,} have passkeys, which are in the collection `passkeys`: copy that too."


def _accounts(count: int) -> str:
    return "1 account" if count == 1 else f"{count:,} accounts"


def _counted(what: str, counts: Counter[str]) -> Iterator[str]:
    if counts:
        yield f"{what:<10} " + ", ".join(f"{name} {count:,}" for name, count in counts.most_common())

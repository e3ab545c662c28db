"""`flask users import` and `flask users export`: users of other programs come in, and everybody can leave."""

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

from authsvc.cli.output import plainly
from authsvc.models.unavailable import DATABASE_ERRORS
from authsvc.services.moving import exporting, importing
from authsvc.services.moving.exporting import Given
from authsvc.services.moving.files import Unreadable
from authsvc.services.moving.importing import Report
from authsvc.services.moving.places import Place

_CONTAINS = "It holds the password hash of every user: whoever has it can guess at them, unthrottled and unseen."
_STOPS: tuple[type[BaseException], ...] = (KeyboardInterrupt, *DATABASE_ERRORS)

Tell = Callable[[int, int], None]
"""What is told of a progress: how far it is, in the units of its whole, and how many users that makes."""


@click.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option("--format", "kind", type=click.Choice(["auto", "jsonl", "csv"]), default="auto", show_default=True)
@click.option("--dry-run", is_flag=True, help="Say what would be taken, and write nothing.")
@click.option("--from-line", type=click.IntRange(1), default=1, help="Go on at this line.")
@click.option("--state", type=click.Path(dir_okay=False), help="Keep the place here, and go on from it.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@with_appcontext
@plainly
def import_users(*, file: str, kind: str, dry_run: bool, from_line: int, state: str | None, as_json: bool) -> None:
    """Take the users of FILE in (- is standard input), with the password hashes that they have.

    FILE is JSON Lines, as mongoexport and `flask users export` write them, or CSV with the names of its columns in the
    first line. Whoever is there already, by id or address, stays as they are: an import may be run again. Exits with 1
    where a line was invalid.
    """
    if state is not None and (file == "-" or dry_run or from_line > 1):
        raise click.UsageError("--state goes with a file, and without --dry-run and --from-line")
    report = Report()
    with _opened(file) as source:
        place = Place(Path(state), source) if state is not None else None
        try:
            if place is not None:
                report = place.load()
            as_csv = kind == "csv" or (kind == "auto" and _looks_like_csv(file, source))
            line = max(from_line, report.line + 1)
            taking = importing.take(source, as_csv=as_csv, report=report, from_line=line, dry_run=dry_run)
            _follow(taking, place, _seen(report), 0 if file == "-" else Path(file).stat().st_size)
        except Unreadable as unreadable:
            raise click.ClickException(str(unreadable)) from unreadable
        except _STOPS:
            if not dry_run:
                click.echo(f"Interrupted: what is up to line {report.line} is in. Run it again to go on.", err=True)
            raise
    click.echo(json.dumps(report.shown(), indent=2) if as_json else "\n".join(_told(report, dry_run)))
    if report.invalid:
        raise click.exceptions.Exit(1)


@click.command("export")
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True), default="-")
@click.option("--without-factors", is_flag=True, help="Leave authenticator apps, recovery codes and passkeys out.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Print what it holds as JSON.")
@with_appcontext
@plainly
def export_users(*, file: str, without_factors: bool, yes: bool, as_json: bool) -> None:
    """Write all users to FILE (- is standard output), with their password hashes, as JSON Lines.

    `flask users import` takes them in again. FILE is made anew, for its owner alone, and is there once it is complete.
    """
    if file != "-" and Path(file).exists():
        raise click.ClickException(f"{file} is there already")
    if not yes:
        click.confirm(f"{_CONTAINS} Go on?", abort=True, err=True)
    given = Given()
    with (
        _created(file) as out,
        closing(exporting.give(out, factors=not without_factors)) as giving,
        _progress(exporting.about_how_many()) as tell,
    ):
        for given in giving:
            tell(given.users, given.users)
    said = json.dumps(given.shown(), indent=2) if as_json else "\n".join(_said(given))
    click.echo(said, err=file == "-")


def _follow(taking: Generator[Report, None, None], place: Place | None, before: int, size: int) -> None:
    with closing(taking), _progress(size) as tell:
        for report in taking:
            if place is not None:
                place.keep(report)
            tell(report.read, _seen(report) - before)
    if place is not None:
        place.forget()


def _seen(report: Report) -> int:
    return report.taken + report.duplicate + report.invalid


def _opened(file: str) -> io.BufferedReader:
    return io.BufferedReader(cast(Any, sys.stdin.buffer)) if file == "-" else Path(file).open("rb")


def _looks_like_csv(file: str, source: io.BufferedReader) -> bool:
    """Tell what a file is by its name, else by what it begins with."""
    if file != "-" and Path(file).suffix.lower() in (".csv", ".json", ".jsonl", ".ndjson"):
        return Path(file).suffix.lower() == ".csv"
    return not source.peek(64).removeprefix(b"\xef\xbb\xbf").lstrip().startswith((b"{", b"["))


@contextmanager
def _created(file: str) -> Iterator[TextIO]:
    """Open a file that only its owner can read, and that has its name once everything is in it."""
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
def _progress(whole: int) -> Iterator[Tell]:
    """Show how far a work is, how fast it is and how long it takes, where somebody is looking."""
    if not (sys.stderr.isatty() and whole):
        yield lambda *_: None
        return
    begun = time.monotonic()
    shown = click.progressbar(length=whole, file=sys.stderr, item_show_func=lambda rate: rate, show_eta=True)
    with shown as bar:

        def tell(done: int, users: int) -> None:
            rate = users / max(time.monotonic() - begun, 1e-3)
            bar.update(min(done, whole) - bar.pos, f"{users:,} users, {rate:,.0f}/s")

        yield tell


def _told(report: Report, dry_run: bool) -> Iterator[str]:
    if dry_run:
        yield "Nothing was written: this is what an import would do."
    yield f"taken      {report.taken:>12,}"
    yield f"duplicate  {report.duplicate:>12,}  there already, by id or address"
    yield f"invalid    {report.invalid:>12,}"
    yield from (f"  line {line}: {reason}" for line, reason in report.faults)
    if report.invalid > len(report.faults):
        yield f"  … and {report.invalid - len(report.faults):,} more"
    if report.duplicates and report.duplicate <= len(report.duplicates):
        yield f"duplicates are in the lines {', '.join(map(str, report.duplicates))}"
    yield from _counted("roles", report.roles)
    yield from _counted("hashes", report.schemes)
    yield f"legacy     {report.legacy:>12,}  hashes that become bcrypt of today's cost at the next sign-in"


def _said(given: Given) -> Iterator[str]:
    yield f"{given.users:,} users. {_CONTAINS}"
    yield from _counted("hashes", given.schemes)
    if given.with_app:
        yield f"{given.with_app:,} have an authenticator app, whose secret only this SECRET_KEY opens."
    if given.with_passkeys:
        yield f"{given.with_passkeys:,} have passkeys, which stay in the collection `passkeys`: copy that too."


def _counted(what: str, counts: Counter[str]) -> Iterator[str]:
    if counts:
        yield f"{what:<10} " + ", ".join(f"{name} {count:,}" for name, count in counts.most_common())

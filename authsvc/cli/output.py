"""The output of commands: tables for people, JSON for programs, failures in one line."""

import errno
import io
import json
import os
import secrets
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import click

from authsvc import logs, origin
from authsvc.errors import Problem
from authsvc.models.driver_errors import DATABASE_ERRORS, in_short
from authsvc.security.envelope import SealBroken
from authsvc.services import standings
from authsvc.services.findings import Finding

P = ParamSpec("P")
R = TypeVar("R")


as_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def limit_option(default: int) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Return the option `--limit`, bounded to numbers that the database takes."""
    return click.option(
        "--limit",
        type=click.IntRange(1, 1_000_000),
        default=default,
        show_default=True,
        help="How many to list at most.",
    )


_JOINERS = "\u200c\u200d"


def plainly(command: Callable[P, R]) -> Callable[P, R]:
    """Make a command report failures in one line, and exit with 1; and end once what it changed holds everywhere."""

    @wraps(command)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        _replace_unencodable()
        kwargs.update({name: _as_utf8(value) for name, value in kwargs.items() if isinstance(value, str)})
        command_path = click.get_current_context().command_path
        origin.set_origin(origin.Origin(user_agent=command_path, request_id=secrets.token_hex(16)))
        try:
            with logs.only_warnings():
                return command(*args, **kwargs)
        except Problem as problem:
            details = [str(error["detail"]) for error in problem.extra.get("errors", ())]
            raise click.ClickException(printable(" ".join(details) or problem.detail)) from problem
        except SealBroken as broken:
            raise click.ClickException(
                "SECRET_KEY can't decrypt what is stored: put the previous one into SECRET_KEY_FALLBACKS, "
                "or, if it is lost for good, run `flask keys reset`"
            ) from broken
        except UnicodeEncodeError as error:  # in an argument that the environment's encoding could not read
            raise click.ClickException("an argument is not in the environment's encoding (PYTHONUTF8=1?)") from error
        except DATABASE_ERRORS as error:
            raise click.ClickException(printable(in_short(error))) from error
        except OSError as error:
            if error.errno == errno.EPIPE:  # the reader is gone: click ends in silence
                raise
            raise click.ClickException(printable(f"{error.filename or 'system'}: {error.strerror or error}")) from error
        finally:
            standings.settle()

    return wrapper


def printable(text: str) -> str:
    """Return a text on one line, with `?` for every character that could control a terminal."""
    return "".join(char if char.isprintable() or char in _JOINERS else "?" for char in text)


def say(text: str) -> None:
    """Print one line, safe for data from accounts."""
    click.echo(printable(text))


def show(rows: Sequence[Mapping[str, Any]], *, as_json: bool) -> None:
    """Print rows with the same members, as a table or as a JSON list."""
    texts = [{name: _text(value) for name, value in row.items()} for row in rows]
    if as_json:
        click.echo(json.dumps(texts, indent=2))
        return
    titles = list(texts[0]) if texts else []
    widths = [max(len(title), *(len(_cell(row[title])) for row in texts)) for title in titles]
    for cells in ([title.upper() for title in titles], *([_cell(row[title]) for title in titles] for row in texts)):
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip())


def show_one(row: Mapping[str, Any], *, as_json: bool) -> None:
    """Print one row, one member on each line, or as a JSON object."""
    texts = {name: _text(value) for name, value in row.items()}
    if as_json:
        click.echo(json.dumps(texts, indent=2))
        return
    width = max(map(len, texts))
    for name, value in texts.items():
        click.echo(f"{name.ljust(width)}  {_cell(value)}".rstrip())


def print_findings(findings: Sequence[Finding], *, as_json: bool) -> None:
    """Print findings, and exit with 1 if there are any."""
    if as_json:
        show([asdict(one) for one in findings], as_json=True)
    for one in () if as_json else findings:
        click.echo(f"{one.about}: {one.what}\n    {one.remedy}")
    if findings:
        raise click.exceptions.Exit(1)


def moment(time: datetime) -> str:
    """Return a time in UTC to the second, in RFC 3339 format."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def _text(value: Any) -> Any:
    return moment(value) if isinstance(value, datetime) else value


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else printable(str(value))


def _replace_unencodable() -> None:
    """Print `?` for characters that the encoding of standard output lacks; standard error escapes them already."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")


def _as_utf8(argument: str) -> str:
    """Return an argument as it was typed: in the C locale Python decodes non-ASCII bytes to surrogates."""
    try:
        argument.encode()
    except UnicodeEncodeError:
        pass
    else:
        return argument
    try:
        return os.fsencode(argument).decode()
    except UnicodeError as error:
        raise click.UsageError("an argument is not UTF-8") from error

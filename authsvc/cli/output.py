"""How commands speak: tables for people, JSON for programs, failures in one line."""

import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import click

from authsvc import logs, origin
from authsvc.errors import Problem
from authsvc.models.unavailable import DATABASE_ERRORS
from authsvc.security.envelope import SealBroken
from authsvc.services.findings import Finding

P = ParamSpec("P")
R = TypeVar("R")


as_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def plainly(command: Callable[P, R]) -> Callable[P, R]:
    """Let a command say in one line why it could not do its work, and exit with 1."""

    @wraps(command)
    def spoken(*args: P.args, **kwargs: P.kwargs) -> R:
        speaker = click.get_current_context().command_path
        origin.set_origin(origin.Origin(user_agent=speaker, request_id=secrets.token_hex(16)))
        try:
            with logs.only_warnings():
                return command(*args, **kwargs)
        except Problem as problem:
            said = [str(error["detail"]) for error in problem.extra.get("errors", ())]
            raise click.ClickException(" ".join(said) or problem.detail) from problem
        except SealBroken as broken:
            raise click.ClickException(
                "SECRET_KEY does not open what is stored; put the former one into SECRET_KEY_FALLBACKS"
            ) from broken
        except DATABASE_ERRORS as error:
            raise click.ClickException("the database does not answer") from error

    return spoken


def show(rows: Sequence[Mapping[str, Any]], *, as_json: bool) -> None:
    """Print rows of the same members, as a table or as a JSON list."""
    shown = [{name: _text(value) for name, value in row.items()} for row in rows]
    if as_json:
        click.echo(json.dumps(shown, indent=2))
        return
    titles = list(shown[0]) if shown else []
    widths = [max(len(title), *(len(_cell(row[title])) for row in shown)) for title in titles]
    for cells in ([title.upper() for title in titles], *([_cell(row[title]) for title in titles] for row in shown)):
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip())


def show_one(row: Mapping[str, Any], *, as_json: bool) -> None:
    """Print one thing, a member a line, or as a JSON object."""
    shown = {name: _text(value) for name, value in row.items()}
    if as_json:
        click.echo(json.dumps(shown, indent=2))
        return
    width = max(map(len, shown))
    for name, value in shown.items():
        click.echo(f"{name.ljust(width)}  {_cell(value)}".rstrip())


def tell(findings: Sequence[Finding], *, as_json: bool) -> None:
    """Print what an examination found; exit with 1 where that is something."""
    if as_json:
        show([asdict(one) for one in findings], as_json=True)
    for one in () if as_json else findings:
        click.echo(f"{one.about}: {one.what}\n    {one.remedy}")
    if findings:
        raise click.exceptions.Exit(1)


def moment(time: datetime) -> str:
    """Return a time in UTC to the second, as RFC 3339 has it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def _text(value: Any) -> Any:
    return moment(value) if isinstance(value, datetime) else value


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = "" if value is None else str(value)
    return "".join(char if char.isprintable() else "?" for char in text)

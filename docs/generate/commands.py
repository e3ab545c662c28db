"""`reference/commands.md`: every command, its arguments and options."""

from collections.abc import Iterator

import click
from flask import Flask

from authsvc import cli
from docs.generate import markdown

INTRODUCTION = """
Run these from the folder of the service, with the same environment as the service. In development, write
`make cli c="users list"`. If authsvc is installed as a package, `authsvc users list` does the same from any folder, and
`authsvc serve` starts the service and passes further options on to gunicorn.

The commands work with and without a running service. They exit with 0 on success, 1 if the command failed, and 2 if it
was wrong.
"""


def text(_app: Flask) -> str:
    """Return the page."""
    sections = [section(name, command) for name, command in leaves(cli.COMMANDS, "flask")]
    return markdown.page("Commands", INTRODUCTION, *sections)


def leaves(commands: tuple[click.Command, ...], before: str) -> Iterator[tuple[str, click.Command]]:
    """Yield each command that does something, with its full name."""
    for command in commands:
        name = f"{before} {command.name}"
        if isinstance(command, click.Group):
            yield from leaves(tuple(command.commands.values()), name)
        else:
            yield name, command


def section(name: str, command: click.Command) -> str:
    """Return what is to be said about one command."""
    context = click.Context(command, info_name=name)
    usage = " ".join([name, *command.collect_usage_pieces(context)])
    options = [parameter for parameter in command.params if isinstance(parameter, click.Option)]
    explanation = "\n\n".join(" ".join(part.split()) for part in (command.help or "").split("\n\n"))
    table = markdown.table(("option", "what it does"), (row(option, context) for option in options))
    return f"## `{name}`\n\n{explanation}\n\n```text\n{usage}\n```\n\n{table}"


def row(option: click.Option, context: click.Context) -> tuple[str, str]:
    """Return the row of one option."""
    record = option.get_help_record(context)
    return (f"`{record[0]}`", " ".join(record[1].split())) if record is not None else (f"`{option.opts[0]}`", "")

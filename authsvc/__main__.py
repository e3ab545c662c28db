"""`authsvc`, or `python -m authsvc`: one command for serving and for looking after the service, from any folder."""

import os
import sys
from pathlib import Path

import click
from flask.cli import ScriptInfo

from authsvc import __version__, cli

_PACKAGE = Path(__file__).parent
_ROOT = _PACKAGE.parent
"""The folder of `wsgi.py` and `config.py`: that of the checkout, or where the package is installed."""


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="authsvc")
@click.pass_context
def main(context: click.Context) -> None:
    """Serve authsvc, and look after the accounts and keys of one that runs.

    Settings come from the environment. All commands but `serve` work beside a running service.
    """
    context.obj = ScriptInfo(app_import_path=f"{_ROOT / 'wsgi.py'}:app", set_debug_flag=False)


@main.command(context_settings={"ignore_unknown_options": True}, add_help_option=False)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[GUNICORN OPTIONS]...")
def serve(arguments: tuple[str, ...]) -> None:
    """Serve with gunicorn; what follows is passed on to it."""
    installed = _PACKAGE / "gunicorn.conf.py"
    settings = installed if installed.exists() else _ROOT / "gunicorn.conf.py"
    os.execv(sys.executable, [sys.executable, "-m", "gunicorn", "-c", str(settings), *arguments])


for command in cli.COMMANDS:
    main.add_command(command)


if __name__ == "__main__":
    main(prog_name="authsvc")

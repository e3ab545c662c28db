"""The hooks of the settings: programs of the operator that decide who may sign up, and what tokens say besides.

See docs/decisions/0064-hooks-are-asked-first.md.
"""

from collections.abc import Mapping
from typing import Any, cast

from flask import Flask, current_app

from authsvc.clients.connector import Connector
from authsvc.clients.hook import MOST_BYTES, SECONDS, Hook, Read
from authsvc.clients.kept_lookups import KeptLookups
from authsvc.security import standard_webhooks
from authsvc.services.findings import Finding

SIGN_UP = "sign_up"
TOKEN = "token"  # noqa: S105 - a name
SETTINGS = {SIGN_UP: "HOOK_SIGN_UP", TOKEN: "HOOK_TOKEN"}
"""Where each is, by its name."""

_REMEDY = "start or mend the program there; until then nobody gets past it"
_EXTENSION = "authsvc.hooks"
_FOR_THE_DATABASE = 1.0
"""Seconds that a request keeps for the database, whose deadline goes on while hooks are asked, one after the other."""

_look_up = KeptLookups(len(SETTINGS), SECONDS)


def init_app(app: Flask, connector: Connector | None = None) -> None:
    """Make the hooks of the settings, which are asked by this connector or by a guarded one.

    The operator chose them: https may lead to private networks. Outside production they may be on this machine, and
    plain http.
    """
    keys = [standard_webhooks.read_secret(text) for text in app.config["HOOK_SECRET"]]
    app.extensions[_EXTENSION] = {
        name: Hook(name, app.config[setting], keys, connector or _new_connector(app))
        for name, setting in SETTINGS.items()
        if app.config[setting]
    }


def find(name: str) -> Hook | None:
    """Return a hook by its name; None if there is none."""
    return cast("dict[str, Hook]", current_app.extensions[_EXTENSION]).get(name)


def check(name: str, data: Mapping[str, Any], read: Read[object]) -> list[Finding]:
    """Ask a hook a question from which nothing follows, and return what is wrong with it."""
    hook = find(name)
    fault = None if hook is None else hook.fault(data, read)
    return [] if fault is None else [Finding(SETTINGS[name], f"it gives no usable answer ({fault})", _REMEDY)]


def _new_connector(app: Flask) -> Connector:
    most = max(app.config["REQUEST_DEADLINE"] - _FOR_THE_DATABASE, 0.5)
    seconds = min(SECONDS, most / max(1, sum(bool(app.config[setting]) for setting in SETTINGS.values())))
    local = app.config["APP_ENV"] != "production"
    return Connector(local=local, private=True, seconds=seconds, most_bytes=MOST_BYTES, resolve=_look_up)

"""Changes of apps: what administrators, or a command (`by` is None), do to one that is registered."""

from typing import Any

from authsvc import clock
from authsvc.errors import FieldError, ValidationFailed
from authsvc.errors.overtaken import Overtaken
from authsvc.events import happening
from authsvc.events.catalogue import AppChanged, AppDisabled, AppEnabled, AppNarrowed
from authsvc.models.apps import App, AppKind
from authsvc.services import app_rules, apps, callers, step_up
from authsvc.services.callers import Caller
from authsvc.services.retries import retried

_MEMBERS = ("name", *app_rules.defaults(AppKind.WEB))
"""What can be changed in an app, whatever its kind, which can't."""

_PROMISES = ("grant_types", "scopes", "resources")
"""What an app that loses some of it may not go on using."""


def change(by: Caller | None, app_id: str, changes: dict[str, Any]) -> App:
    """Change members of an app, and whether it is `disabled`.

    Raises NotFound, ValidationFailed, FreshLoginRequired (before anything is changed).
    """
    app = apps.look_up(app_id)
    values = {name: value for name, value in changes.items() if name != "disabled"}
    if values and app.has_document:
        raise ValidationFailed([FieldError("not_allowed", "This app is what its document says.", "")])
    _require_fresh(by, app, values)
    if changes.get("disabled") is False and app.disabled_at is not None and app.trusted:
        step_up.require_fresh_of(by)
    if values:
        _set(by, app_id, values)
    if changes.get("disabled") is True:
        disable(by, app_id)
    if changes.get("disabled") is False:
        enable(by, app_id)
    return apps.look_up(app_id)


@retried
def disable(by: Caller | None, app_id: str) -> App:
    """Disable an app and end what it has, also if it was disabled before. Raises NotFound."""
    app = apps.look_up(app_id)
    is_new = app.disabled_at is None
    with happening(AppDisabled(actor=callers.id_of(by), app=app.id, repeated=not is_new)):
        # One with a document stays refused, however long nobody asks for it.
        stays = {"expires_at": None} if app.has_document else {}
        if is_new and app.change(ends=True, disabled_at=clock.now(), **stays) is None:
            raise Overtaken
    return apps.look_up(app_id)


@retried
def enable(by: Caller | None, app_id: str) -> App:
    """Let people sign in to a disabled app again; what it had stays invalid. Raises NotFound, FreshLoginRequired."""
    app = apps.look_up(app_id)
    if app.disabled_at is None:
        return app
    if app.trusted:
        step_up.require_fresh_of(by)
    with happening(AppEnabled(actor=callers.id_of(by), app=app.id)):
        if app.change(disabled_at=None) is None:
            raise Overtaken
    return apps.look_up(app_id)


@retried
def _set(by: Caller | None, app_id: str, values: dict[str, Any]) -> None:
    app = apps.look_up(app_id)
    current = _values_of(app)
    # Keys go with the method that needs them.
    is_other_method = values.get("auth_method", current["auth_method"]) != current["auth_method"]
    wanted = {**current, **({"jwks": None} if is_other_method else {}), **values}
    wanted |= {
        "name": app_rules.canonical_name(wanted["name"]),
        "jwks": app_rules.canonical_keys(wanted["jwks"]),
    }
    # What an operator has let an app have stays until somebody takes it away.
    by_operator = by is None or not _adds(wanted["resources"], to=current["resources"])
    app_rules.require_possible(AppKind(app.kind), wanted, by_operator=by_operator)
    _require_fresh(by, app, values)
    news = {name: value for name, value in wanted.items() if value != current[name]}
    if not news:
        return
    is_less = _is_less(wanted, than=current)
    event = (AppNarrowed if is_less else AppChanged)(actor=callers.id_of(by), app=app.id, fields=sorted(news))
    if not app_rules.keeps_secret(AppKind(app.kind), wanted["auth_method"]):
        news["secrets"] = []
    with happening(event):
        if app.change(ends=is_less, **news) is None:
            raise Overtaken


def _values_of(app: App) -> dict[str, Any]:
    return {name: value if not isinstance(value := getattr(app, name), list) else list(value) for name in _MEMBERS}


def _require_fresh(by: Caller | None, app: App, values: dict[str, Any]) -> None:
    """Ask for a fresh sign-in for changes of a trusted app, for other credentials, and for what makes one weightier.

    Raises FreshLoginRequired.
    """
    current = _values_of(app)
    is_other = any(name in values and values[name] != current[name] for name in ("auth_method", "jwks"))
    # Nothing else proves who an app is that keeps no secret: whoever has such an address gets its codes.
    is_other |= not app.is_confidential and _adds(values.get("redirect_uris", []), to=current["redirect_uris"])
    if (
        (app.trusted and values)
        or is_other
        or app_rules.weight_of({**current, **values}) - app_rules.weight_of(current)
    ):
        step_up.require_fresh_of(by)


def _is_less(wanted: dict[str, Any], *, than: dict[str, Any]) -> bool:
    """Tell whether an app may do less than before, or people are asked who were not."""
    return (than["trusted"] and not wanted["trusted"]) or any(_adds(than[name], to=wanted[name]) for name in _PROMISES)


def _adds(names: list[str], *, to: list[str]) -> bool:
    return not set(names) <= set(to)

"""Grants: what people have allowed apps, so that nobody is asked twice."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any

from bson import ObjectId

from authsvc import clock
from authsvc.errors import NotFound, Problem, RequestGone
from authsvc.errors.overtaken import Overtaken
from authsvc.events import happening
from authsvc.events.catalogue import GrantGiven, GrantRevoked
from authsvc.models.apps import App, AppKind
from authsvc.models.grants import Grant
from authsvc.models.ids import new_id
from authsvc.models.users import User
from authsvc.services.callers import Caller
from authsvc.services.paging import Page
from authsvc.services.retries import retried


def covers(user: User, app: App, scopes: list[str], resources: list[str]) -> bool:
    """Tell whether a user need not be asked again: an installed app can be impersonated, so they always are.

    See RFC 8252 section 8.6. They are about an app that nobody has registered, too.
    """
    if app.trusted:
        return True
    is_known = app.kind != AppKind.NATIVE and not app.has_document
    grant = Grant.find(user.id, app.id) if is_known else None
    return grant is not None and _has(grant, scopes, resources)


@retried
def add(user: User, app: App, scopes: list[str], resources: list[str], confirm: Callable[[ObjectId], None]) -> None:
    """Note that a user allows an app these scopes, at these resources; then confirm what rests on the grant, by its id.

    If that is refused, nothing was allowed: what is new is taken back, and its record with it.
    """
    known, now = Grant.find(user.id, app.id), clock.now()
    asked = Grant(
        id=new_id() if known is None else known.id,
        user=user.id,
        app=app.id,
        scopes=scopes,
        resources=resources,
        created_at=now,
        last_used_at=now,
    )
    with ExitStack() as stack:
        if known is None or not _has(known, scopes, resources):
            stack.enter_context(happening(GrantGiven.by_owner(user, app=app.id, scopes=scopes, grant=str(asked.id))))
        if not (asked.insert_if_first() if known is None else asked.add()):
            raise Overtaken
        try:
            confirm(asked.id)
        except Problem:
            asked.take_back(known)
            raise


def use(user: User, app: App, scopes: list[str], resources: list[str], confirm: Callable[[ObjectId], None]) -> None:
    """Confirm what rests on what a user has allowed before. Raises RequestGone if they have taken it back."""
    known = Grant.find(user.id, app.id)
    if known is None or not _has(known, scopes, resources):
        raise RequestGone
    confirm(known.id)
    Grant.note_use(user.id, app.id, clock.now())


def is_given(user_id: ObjectId, app: App, scopes: list[str], resources: list[str]) -> bool:
    """Tell whether a user still allows an app this; nobody is asked about one that is the operator's own."""
    if app.trusted:
        return True
    grant = Grant.find(user_id, app.id)
    return grant is not None and _has(grant, scopes, resources)


def note_use(user_id: ObjectId, app: App) -> None:
    """Note that an app has just made use of what a user allows it."""
    Grant.note_use(user_id, app.id, clock.now())


def remove_all(user_id: str) -> None:
    """Forget what a user has allowed, or somebody who was in the account before."""
    Grant.remove_all(user_id)


def list_of(user_id: str, limit: int, cursor: str | None) -> Page:
    """Return a page of what a user has allowed apps, newest first; `cursor` is the `next` of the page before."""
    stored = Grant.of(user_id, limit + 1, before=cursor)
    names = App.names(grant.app for grant in stored)
    return Page.of(stored, limit, lambda grant: _described(grant, names))


def exported(user_id: str, most: int) -> list[dict[str, Any]]:
    """Return everything that is stored of what a user has allowed apps."""
    return list_of(user_id, most, None).items


def revoke(who: Caller, grant_id: str) -> None:
    """Take back what the caller allowed an app. Raises NotFound for any other grant."""
    grant = Grant.find_own(grant_id, who.user_id)
    if grant is None:
        raise NotFound
    with happening(GrantRevoked(actor=who.user_id, target=who.user_id, app=grant.app, grant=str(grant.id))):
        if Grant.remove(grant_id, who.user_id) is None:
            raise NotFound


def _has(grant: Grant, scopes: list[str], resources: list[str]) -> bool:
    return set(scopes) <= set(grant.scopes) and set(resources) <= set(grant.resources)


def _described(grant: Grant, names: Mapping[str, str]) -> dict[str, Any]:
    return {
        "id": str(grant.id),
        "app": {"id": grant.app, "name": names[grant.app]},
        "scopes": grant.scopes,
        "resources": grant.resources,
        "created_at": grant.created_at,
        "last_used_at": grant.last_used_at,
    }

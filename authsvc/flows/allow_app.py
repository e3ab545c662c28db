"""Allow an app what it asks for, in an order that no other answer, no change and no crash can get between.

First the decision, which one answer wins: if another one refused it at the same moment, nothing is allowed. Then the
grant. Then the code can be used: whoever has it gets nothing before that, and nothing at all if the process dies.
"""

from collections.abc import Callable, Mapping
from typing import Any

from bson import ObjectId

from authsvc.errors import Problem, RequestGone, SessionEnded
from authsvc.models.apps import App
from authsvc.models.authorizations import Authorization
from authsvc.models.sessions import EndReason
from authsvc.models.users import User
from authsvc.services import app_documents, apps, authorizations, grants, step_up
from authsvc.services.callers import Caller


def allow(app: App, request: Authorization, who: Caller, code: Mapping[str, Any], *, asked: bool) -> None:
    """Note that a person allows an app what it asks for, and let it use the code.

    If they were not `asked`, because they allowed that before, it must still be so.

    Raises RequestGone if the request has been answered, or cancelled by what happened meanwhile; SessionEnded, and
    TooManyAttempts.
    """
    user, session = user_of(who), step_up.live_session(who)
    if not app.trusted:
        app_documents.count_allowed(user, app)
    authorizations.accept(request, session, user)

    def confirm(grant: ObjectId | None) -> None:
        _require_same(app, who, user)
        authorizations.confirm(request, grant, code)

    try:
        _note(app, request, user, confirm, asked=asked)
    except Problem:
        authorizations.forget(request)
        raise


def user_of(who: Caller) -> User:
    """Return the account of a caller, if it may sign in. Raises SessionEnded."""
    user = User.find(who.user_id)
    if user is None or user.disabled_at is not None:
        raise SessionEnded(EndReason.ACCOUNT_DELETED if user is None else EndReason.ACCOUNT_DISABLED)
    return user


def _note(
    app: App, request: Authorization, user: User, confirm: Callable[[ObjectId | None], None], *, asked: bool
) -> None:
    """Store the grant, unless there is one or nobody is asked about the app, and confirm the code."""
    if app.trusted:
        confirm(None)
        return
    app_documents.note_allowed(app)
    note = grants.add if asked else grants.use
    note(user, app, request.params["scopes"], request.params["resources"], confirm)


def _require_same(app: App, who: Caller, before: User) -> None:
    """Refuse what is no longer as it was before the decision was stored. Raises RequestGone, SessionEnded.

    Whoever changes or deletes an account or an app writes that first, and sweeps up second: what was stored in between
    is either seen by the sweep, or sees the change here.
    """
    user, _ = user_of(who), step_up.live_session(who)
    current = apps.find(app.id)
    if current is None or current.epoch != app.epoch or (user.link_epoch or 0) != (before.link_epoch or 0):
        raise RequestGone

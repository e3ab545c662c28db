"""What an app gets when a person allows it: a session of its own, which ends by the same rules as theirs."""

from datetime import timedelta

from flask import current_app

from authsvc import clock, origin
from authsvc.errors.oauth_refusal import OAuthError, OAuthRefusal
from authsvc.events import happening
from authsvc.events.catalogue import AppSignedIn, CodeReused
from authsvc.models.apps import App
from authsvc.models.authorizations import Authorization
from authsvc.models.base import object_id
from authsvc.models.notices import Notices
from authsvc.models.sessions import EndReason, Session
from authsvc.models.users import User
from authsvc.services import app_scopes, app_tokens, apps, grants, sessions

MAX_LIVE = 20
"""Live sessions of a user at one app; they are not counted among the user's own."""


def open_session(app: App, request: Authorization, user: User) -> Session:
    """Open the session that a code was given for; of more than 20 the oldest ends.

    If the code has been used again meanwhile, the session has ended before anybody has its tokens. Raises OAuthRefusal
    if what the user allowed is no longer so.
    """
    now, session = clock.now(), new(app, request, user)
    with happening(AppSignedIn.by_owner(user, app=app.id, session=str(session.id))):
        session.insert()
        # Whoever changes an account writes the user first and ends the sessions second; so all is read again once the
        # session is stored.
        again = request.read_again()
        reason = reason_to_end(app, request)
        if again is None or again.cancelled_at is not None:
            reason = reason or EndReason.LOGOUT
        if reason is not None:
            Session.end(session.id, reason, now)
            raise OAuthRefusal(OAuthError.INVALID_GRANT, "What was allowed is no longer so.")
    # A second use is noted before it ends the session, which was perhaps not yet there.
    if again is not None and again.reused_at is not None:
        end_reused(request)
    idle = timedelta(seconds=current_app.config["SESSION_IDLE_TTL"])
    for surplus in Session.beyond(str(user.id), now, idle, MAX_LIVE, app=app.id):
        sessions.end(str(surplus), EndReason.REPLACED)
    return session


def new(app: App, request: Authorization, user: User) -> Session:
    """Return the session that a code was given for, not opened yet."""
    now, asked = clock.now(), origin.current()
    return Session(
        id=request.granted,
        user=user.id,
        role=user.role,
        email=user.email,
        methods=request.methods,
        auth_time=request.auth_time,
        created_at=now,
        last_used_at=now,
        expires_at=now + timedelta(seconds=current_app.config["SESSION_MAX_TTL"]),
        ip=asked.ip,
        user_agent=asked.user_agent,
        app=app.id,
        app_epoch=app.epoch,
        scopes=request.scopes,
        resources=request.params["resources"],
        parent=request.session,
        by_device=request.user_code is not None or None,
    )


def find(app: App, session_id: str) -> Session:
    """Return an app's session that has a token, ended or not.

    Raises OAuthRefusal if it is stored no longer, or all that the app had has ended since.
    """
    session = Session.find(session_id)
    if session is None or (session.app_epoch or 0) != app.epoch:
        raise OAuthRefusal(OAuthError.INVALID_GRANT, "The session has ended.")
    return session


def require_allowed(app: App, session: Session) -> User:
    """Return the user of an app's live session; it ends if they may not sign in, or no longer allow what it is for.

    Raises OAuthRefusal.
    """
    user = User.find(str(session.user))
    reason = _account_reason(user)
    current = apps.find(app.id)
    if current is None or (session.app_epoch or 0) != current.epoch:
        reason = reason or EndReason.ADMIN
    elif not grants.is_given(session.user, current, session.scopes, session.resources or []):
        reason = reason or EndReason.LOGOUT
    if user is None or reason is not None:
        sessions.end(str(session.id), reason or EndReason.ACCOUNT_DELETED)
        raise OAuthRefusal(OAuthError.INVALID_GRANT, "What was allowed is no longer so.")
    return user


def end_reused(request: Authorization) -> None:
    """End the session that a code gave which is now used a second time: somebody copied it (RFC 6749 section 4.1.2)."""
    session = Session.find(str(request.granted))
    if session is None or session.ended_at is not None:
        Notices.post([request.granted])  # whoever ended it may have died before telling
        return
    reuse = CodeReused(
        target=session.user, email=session.email, app=request.app, session=str(session.id), reason=EndReason.TOKEN_REUSE
    )
    sessions.end_stolen(session, reuse)


def revoke(app: App, text: str) -> None:
    """End the session that an app's token belongs to; what the user allowed the app stays (RFC 7009 section 2.1).

    A service has no session, and only its token ends.

    A token that is unknown, another app's or too old ends nothing, and the answer tells nothing of it.
    """
    token = app_tokens.read(text)
    if token is None:
        app_tokens.revoke_service(app, text)
    elif token.claims["client_id"] == app.id:
        sessions.end(token.claims["sid"])


def end_children(session_id: str, reason: EndReason, *, but_lasting: bool) -> None:
    """End what apps got in a session; `but_lasting` spares what outlasts it (`offline_access`, devices)."""
    children = Session.children_of(session_id, but_with=app_scopes.OFFLINE if but_lasting else None)
    count = sessions.end_each(children, reason)
    if count:
        sessions.note_end(children[0].user, reason, count=count)


def end_all(user_id: str, reason: EndReason, *, app: str | None = None) -> None:
    """End a user's sessions at one app, or at all."""
    live = Session.live_of_apps(user_id, app=app)
    count = sessions.end_each(live, reason)
    if count:
        sessions.note_end(user_id, reason, count=count)
    if not live:
        Notices.post([object_id(user_id)])  # whoever ended them may have died before telling


def require_parent(session: Session) -> None:
    """Refuse a session whose user has left the one in which they allowed it, unless it may outlast that.

    Raises OAuthRefusal.
    """
    # Its end follows from the other's. But one that expires is not noticed until somebody looks at it.
    if (
        session.parent is None
        or session.by_device
        or app_scopes.OFFLINE in session.scopes
        or sessions.is_of(str(session.parent), session.user)
    ):
        return
    sessions.end(str(session.id), EndReason.LOGOUT)
    raise OAuthRefusal(OAuthError.INVALID_GRANT, "The session has ended.")


def _account_reason(user: User | None) -> EndReason | None:
    if user is None:
        return EndReason.ACCOUNT_DELETED
    return EndReason.ACCOUNT_DISABLED if user.disabled_at is not None else None


def _is_in_force(request: Authorization, user: User) -> bool:
    """Tell whether the session is live in which a user allowed something; for a device, whether it was not copied."""
    if request.user_code is None:
        return sessions.is_of(request.session or "", user.id)
    session = Session.find(request.session or "")
    return session is None or session.end_reason != EndReason.TOKEN_REUSE


def reason_to_end(app: App, request: Authorization) -> EndReason | None:
    """Return why a code that was given opens no session any more; None if it does."""
    user = User.find(str(request.user))
    if user is None or user.disabled_at is not None:
        return _account_reason(user)
    if (user.link_epoch or 0) != request.epoch:
        return EndReason.PASSWORD_CHANGED
    if not _is_in_force(request, user):
        return EndReason.LOGOUT
    current = apps.find(app.id)
    if current is None or current.epoch != app.epoch:
        return EndReason.ADMIN
    allowed = (request.scopes, request.params["resources"])
    return None if grants.is_given(user.id, app, *allowed) else EndReason.LOGOUT

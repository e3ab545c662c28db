"""Sessions: opening one, refreshing it, ending it, and telling whether it is live."""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from bson import ObjectId
from flask import current_app

from authsvc import clock, origin, request_settings
from authsvc.errors import InvalidCredentials, NotFound, SessionEnded, TokenInvalid, TokenRefused
from authsvc.errors.overtaken import Overtaken
from authsvc.events import catalogue, happened, happening
from authsvc.events.catalogue import CodeReused, LoginSucceeded, RefreshTokenReused, SessionOutdated
from authsvc.events.event import Event
from authsvc.models.apps import App
from authsvc.models.base import object_id
from authsvc.models.driver_errors import DATABASE_ERRORS
from authsvc.models.ids import new_id
from authsvc.models.notices import Notices
from authsvc.models.sessions import EndReason, Session
from authsvc.models.users import User
from authsvc.services import standings
from authsvc.services.callers import Caller
from authsvc.services.paging import Page

MAX_LIVE = 100
_CLAIM = timedelta(seconds=10)
"""How long it may take to put a theft on record before another tries."""
_DATED = ("createdAt", "authTime", "lastUsedAt")
"""What of a session's record is set when tokens are written."""
LEEWAY = timedelta(seconds=10)
"""How far ahead another machine's clock may be before a token that it dated is compared with its session."""
_BY_THEMSELVES = (EndReason.LOGOUT, EndReason.LOGOUT_OTHERS, EndReason.EMAIL_VERIFIED, EndReason.REPLACED)


def open_session(session: Session, user: User) -> None:
    """Open a new session for a user who has authenticated by its methods; of more than 100 the oldest ends.

    Raises InvalidCredentials if what was verified is no longer so.
    """
    methods = session.methods
    with happening(LoginSucceeded.by_owner(user, session=str(session.id), methods=methods)):
        session.insert()
        # Whoever changes an account writes the user first and ends the sessions second. So the user is read again once
        # the session is stored: a sign-in in flight outlives no change of password, state, factors, role or address.
        current = User.find(str(user.id))
        reason = _changed(user, current, methods) or _not_enough(session, current)
        if current is None or reason is not None:  # not on record: nobody was signed in by it
            Session.end(session.id, reason or EndReason.ACCOUNT_DELETED, session.created_at)
            raise InvalidCredentials
        bring_up_to_date(session, current)
    _end_surplus(user, session.created_at)


def open_first(session: Session, user: User, registered: Event, add: Callable[[User], object]) -> None:
    """Make an account by `add`, and open its first session; `registered` is told with it. Raises what `add` does."""
    sign_in = LoginSucceeded.by_owner(user, session=str(session.id), methods=session.methods, registered=True)
    with happening(registered, sign_in):
        # The session is there before the account, so whoever changes that finds it. Until then it is of no use: nobody
        # has a token of it.
        try:
            session.insert()
            add(user)
        except Exception:  # nobody gets a token of it, whatever was stored
            with suppress(*DATABASE_ERRORS):
                Session.discard(session.id)
            raise


def new(
    user: User,
    methods: list[str],
    *,
    passkey: ObjectId | None = None,
    identity: ObjectId | None = None,
    life: timedelta | None = None,
) -> Session:
    """Return a session that is not opened yet, of a user who has authenticated by `methods` (RFC 8176).

    It lasts as long as sessions may, or for a shorter `life`.
    """
    now, asked = clock.now(), origin.current()
    return Session(
        id=new_id(),
        user=user.id,
        role=user.role,
        email=user.email,
        methods=methods,
        **dict.fromkeys(("auth_time", "created_at", "last_used_at"), now),
        expires_at=now + (_max_life() if life is None else min(life, _max_life())),
        ip=asked.ip,
        user_agent=asked.user_agent,
        passkeys=[] if passkey is None else [passkey],
        identities=[] if identity is None else [identity],
    )


def _end_surplus(user: User, now: datetime) -> None:
    for surplus in Session.beyond(str(user.id), now, _idle(), MAX_LIVE):
        end(str(surplus), EndReason.REPLACED)


def bring_up_to_date(session: Session, user: User) -> None:
    """Copy role and address of a user who was just read into their session, where they have changed."""
    current: User | None = user
    while current is not None and (session.role, session.email) != (current.role, current.email):
        session.copy_account(current.role, current.email)
        current = User.find(str(user.id))  # or it was changed there and back meanwhile, and the copy is the old one


def rotate(session_id: str, generation: int, *, as_of: datetime) -> Session:
    """Advance a session by one generation and return it.

    Of several requests with the same refresh token one advances it; the others, within the grace time, get the session
    as it is. An older token, or a later hour, is taken for theft and ends the session (RFC 9700 4.14.2). A newer one
    shows that a backup was restored, and ends it too. `as_of` is when the request came: a hook that was asked since may
    have taken longer than the grace time. Raises TokenInvalid, SessionEnded.
    """
    now = clock.now()
    rotated = Session.rotate(session_id, generation, now, _idle())
    if rotated is not None:
        return rotated
    session = Session.find(session_id)
    if session is None:
        raise TokenInvalid
    if session.ended_at is not None:
        if session.end_reason == EndReason.TOKEN_REUSE:  # whoever found that out may have died before telling
            Notices.post([session.id])
        raise SessionEnded(session.end_reason or EndReason.ADMIN)
    if _is_over(session.expires_at, session.last_used_at, now):
        _end_one(session, EndReason.EXPIRED)
        raise SessionEnded(EndReason.EXPIRED)
    if session.generation < generation:
        _end_outdated(session, generation)
        raise SessionEnded(EndReason.EXPIRED)
    if session.generation == generation + 1 and _within_grace(session.rotated_at, as_of):
        return session
    theft = RefreshTokenReused(
        target=session.user, email=session.email, session=str(session.id), reason=EndReason.TOKEN_REUSE, app=session.app
    )
    end_stolen(session, theft)
    raise SessionEnded(EndReason.TOKEN_REUSE)


def find_exchangeable(claims: Mapping[str, Any]) -> Session | None:
    """Return the session of a verified refresh token if `rotate` would take that at this moment; exchange nothing."""
    now, session = clock.now(), Session.find(claims["sid"])
    if session is None or session.ended_at is not None or _is_over(session.expires_at, session.last_used_at, now):
        return None
    age = session.generation - claims["generation"]
    return session if age == 0 or (age == 1 and _within_grace(session.rotated_at, now)) else None


def caller(_header: Any, claims: Mapping[str, Any], app: App | None = None) -> Caller:
    """Return the caller with a verified access token, by its session as it is now (a `user_lookup_loader`).

    `app` is whose token it is, if it is an app's. Raises TokenInvalid, SessionEnded.
    """
    return _caller(claims, _load_state(claims, app))


def caller_as_kept(claims: Mapping[str, Any], app: App | None = None) -> Caller:
    """Return what `caller` does, by what this worker keeps of the session if it may. `auth_time` may be later by now.

    Raises TokenInvalid, SessionEnded.
    """
    kept: Mapping[str, Any] | None = standings.of(claims["sid"])
    if kept is not None and _refusal(kept, claims, app) is None:
        return _caller(claims, kept)
    state = standings.read(claims["sid"], partial(Session.state_of, claims["sid"]), _names_of)
    return _caller(claims, _accepted(state, claims, app))


def refreshable(claims: Mapping[str, Any], app: App | None = None) -> Caller:
    """Return the caller with a verified refresh token, if it could be exchanged now; that exchanges nothing.

    Raises TokenInvalid, SessionEnded.
    """
    state = _load_state(claims, app)
    age = state["generation"] - claims["generation"]
    if age != 0 and not (age == 1 and _within_grace(state.get("rotatedAt"), clock.now())):
        raise TokenInvalid
    return _caller(claims, state)


def require_minted(claims: Mapping[str, Any]) -> None:
    """Refuse a token from the future, unless the record of its session is from there too. Raises TokenInvalid."""
    # If it is, our clock is wrong: it was set back, or another machine's is ahead. Nobody is signed out by that. But we
    # never wrote a time that no record bears out (R42).
    if _is_from_the_future(claims) and not _is_recorded(claims, Session.state_of(claims["sid"]) or {}):
        raise TokenInvalid


def end(session_id: str, reason: EndReason = EndReason.LOGOUT) -> None:
    """End a session; one that has ended already stays as it is."""
    session = Session.find(session_id)
    if session is not None:
        _end_one(session, reason)


def end_own(who: Caller, session_id: str) -> bool:
    """End one of the caller's live sessions; tell whether it is the one that asks. Raises NotFound for any other."""
    session = Session.find(session_id)
    if session is None or str(session.user) != who.user_id or not _end_one(session, EndReason.LOGOUT):
        raise NotFound
    return str(session.id) == who.session_id


def end_all(user_id: str, reason: EndReason, *, but: str | None = None, actor: str | None = None) -> None:
    """End all sessions of a user except one, and those at apps; `actor` is who did it to them."""
    # If the process dies in between, no app's session outlives the others. One that is being opened meanwhile does not
    # either: whoever opens it looks at these once it is stored.
    count = end_each(Session.live_of_apps(user_id), reason)
    count += Session.end_all(user_id, reason, clock.now(), but=but)
    count += end_each(Session.live_of_apps(user_id), reason)
    if count:
        note_end(user_id, reason, actor, count=count)


def end_each(live: Sequence[Session], reason: EndReason) -> int:
    """End these sessions of apps at once; return how many."""
    if not live:
        return 0
    ends = [catalogue.AppSignedOut(target=one.user, app=one.app or "", session=str(one.id)) for one in live]
    with happening(*ends):
        return Session.end_each([one.id for one in live], reason, clock.now())


def end_others(who: Caller) -> None:
    """End all of the caller's sessions except the present one, and sign-ins whose second factor is still to come."""
    happened(catalogue.SignedOutElsewhere(actor=who.user_id, target=who.user_id, own_session=who.session_id))


def end_everywhere(who: Caller) -> None:
    """End all of the caller's sessions, and sign-ins whose second factor is still to come."""
    happened(catalogue.SignedOutEverywhere(actor=who.user_id, target=who.user_id, own_session=who.session_id))


def tell_again(claims: Mapping[str, Any]) -> None:
    """Tell all workers of a session that has ended, and of all others of its user, which may have ended with it."""
    Notices.post([object_id(claims["sid"]), object_id(claims["sub"])])


def is_of(session_id: str, user_id: ObjectId) -> bool:
    """Tell whether a session is a live one of this user."""
    session = Session.find(session_id)
    if session is None or session.user != user_id or session.ended_at is not None:
        return False
    is_over = _is_over(session.expires_at, session.last_used_at, clock.now())
    if is_over:
        _end_one(session, EndReason.EXPIRED)
    return not is_over


def list_of(user_id: str, limit: int, cursor: str | None, *, current: str | None) -> Page:
    """Return a page of a user's live sessions, newest first, from a `next` on; `current` is the caller's own."""
    now, idle = clock.now(), _idle()
    live = Session.live(user_id, now, idle, limit=limit + 1, before=cursor)
    names = App.names(session.app for session in live if session.app is not None)
    return Page.of(live, limit, lambda session: _described(session, current, idle, names))


def count_of(user: User) -> int:
    """Return how many live sessions a user has, without those of apps."""
    return Session.count_own(str(user.id), clock.now(), _idle())


def exported(session: Session) -> dict[str, Any]:
    """Return everything that is stored of a session and means something to its user."""
    names = ["created_at", "last_used_at", "expires_at", "ip", "user_agent", "methods", "ended_at", "end_reason"]
    names += ["app", "scopes"]
    return {"id": str(session.id), **{name: getattr(session, name) for name in names}}


def note_end(owner: str | ObjectId, reason: EndReason, by: str | None = None, *, count: int) -> None:
    """Tell of several sessions of a user that have ended; `by` is who did it to them."""
    actor = owner if reason in _BY_THEMSELVES else by
    happened(catalogue.SessionEnded(actor=actor, target=owner, reason=reason, count=count))


def _end_one(session: Session, reason: EndReason) -> bool:
    """End a session, with what follows from it; tell whether this call did."""
    if session.ended_at is not None:
        Notices.post([session.id])  # whoever ended it may have died before
        return False
    actor = session.user if reason in _BY_THEMSELVES else None
    end = catalogue.SessionEnded(
        actor=actor, target=session.user, reason=reason, session=str(session.id), app=session.app
    )
    try:
        with happening(end):
            if not _ended_by_us(session, reason):
                raise Overtaken
    except Overtaken:
        return False
    return True


def _ended_by_us(session: Session, reason: EndReason) -> bool:
    now = clock.now()
    if reason == EndReason.EXPIRED:  # unless it was used meanwhile
        return Session.end_expired(str(session.id), reason, now, _idle())
    return Session.end(session.id, reason, now) is not None


def _caller(claims: Mapping[str, Any], state: Mapping[str, Any]) -> Caller:
    return Caller(claims["sub"], state["email"], state["role"], claims["sid"], state["authTime"])


def _names_of(state: Mapping[str, Any]) -> Collection[ObjectId]:
    """Return what notices are about a session; nothing for one that has ended, which is not kept."""
    is_live = state.get("endedAt") is None
    return tuple(state[name] for name in ("_id", "user", "parent") if name in state) if is_live else ()


def _load_state(claims: Mapping[str, Any], app: App | None) -> Mapping[str, Any]:
    """Return the state of the session that verified claims name. Raises TokenInvalid, SessionEnded."""
    return _accepted(Session.state_of(claims["sid"]), claims, app)


def _accepted(state: Mapping[str, Any] | None, claims: Mapping[str, Any], app: App | None) -> Mapping[str, Any]:
    """Return the state of a session that was just read, which ends if it has expired.

    Raises TokenInvalid, SessionEnded.
    """
    if state is None:
        raise TokenInvalid
    refusal = _refusal(state, claims, app)
    if refusal is None:
        return state
    if refusal.extra.get("reason") == EndReason.EXPIRED and state.get("endedAt") is None:
        end(claims["sid"], EndReason.EXPIRED)
    raise refusal


def _refusal(state: Mapping[str, Any], claims: Mapping[str, Any], app: App | None) -> TokenRefused | None:
    """Return why a session in this state does not bear out verified claims; None if it does."""
    if str(state["user"]) != claims["sub"] or (_is_from_the_future(claims) and not _is_recorded(claims, state)):
        return TokenInvalid()
    if state.get("endedAt") is not None:
        return SessionEnded(state["endReason"])
    if app is not None and state.get("appEpoch", 0) != app.epoch:  # all of the app's end, and this one will be noted
        return SessionEnded(EndReason.ADMIN)
    is_over = _is_over(state["expiresAt"], state["lastUsedAt"], clock.now())
    return SessionEnded(EndReason.EXPIRED) if is_over else None


def _is_from_the_future(claims: Mapping[str, Any]) -> bool:
    return bool(claims["iat"] > (clock.now() + LEEWAY).timestamp())


def _is_recorded(claims: Mapping[str, Any], state: Mapping[str, Any]) -> bool:
    latest = max((state[name] for name in _DATED if name in state), default=None)
    # Within the grace time a token is written and the record is not.
    grace = timedelta(seconds=current_app.config["REFRESH_REUSE_GRACE"])
    return latest is not None and claims["iat"] <= (latest + grace + LEEWAY).timestamp()


def _described(session: Session, current: str | None, idle: timedelta, names: Mapping[str, str]) -> dict[str, Any]:
    return {
        "id": str(session.id),
        "app": None if session.app is None else {"id": session.app, "name": names[session.app]},
        "current": str(session.id) == current,
        "created_at": session.created_at,
        "last_used_at": session.last_used_at,
        "expires_at": min(session.expires_at, session.last_used_at + idle),
        "ip": session.ip,
        "user_agent": session.user_agent,
        "methods": session.methods,
    }


def _end_outdated(session: Session, generation: int) -> None:
    """End a session whose refresh token is newer than the database, which was restored from a backup.

    Nobody did anything wrong, so its user gets no letter. But nobody knows which tokens were issued in between.
    """
    outdated = SessionOutdated(target=session.user, session=str(session.id), reason=EndReason.EXPIRED)
    with suppress(Overtaken), happening(outdated):
        if not Session.end_outdated(session.id, generation, EndReason.EXPIRED, clock.now()):
            raise Overtaken


def end_stolen(session: Session, theft: RefreshTokenReused | CodeReused) -> None:
    """End a session whose token or code was copied, on record and with a letter to its user."""
    now = clock.now()
    # Of many requests with the token one records the theft; if that one dies, the next does. The others only end it.
    if not Session.claim_theft(session.id, now, now - _CLAIM):
        Session.end(session.id, EndReason.TOKEN_REUSE, now)
        return
    try:
        with happening(theft):
            Session.end(session.id, EndReason.TOKEN_REUSE, now)
    except Exception:
        Session.release_theft(session.id)
        raise


def _changed(verified: User, now: User | None, methods: list[str]) -> EndReason | None:
    if now is None:
        return EndReason.ACCOUNT_DELETED
    if now.disabled_at is not None:
        return EndReason.ACCOUNT_DISABLED
    if now.password != verified.password:
        return EndReason.PASSWORD_CHANGED
    if "otp" in methods and "pwd" not in methods and now.email != verified.email:
        return EndReason.REPLACED  # a code proved the mailbox of an address that is not the account's any more
    return EndReason.REPLACED if now.is_verified and not verified.is_verified else None


def _not_enough(session: Session, now: User | None) -> EndReason | None:
    if now is None or not set(session.passkeys) <= set(now.passkeys or []):
        return EndReason.REPLACED
    if not set(session.identities) <= {one.id for one in now.all_identities}:
        return EndReason.REPLACED
    return EndReason.REPLACED if now.mfa_enabled and "mfa" not in session.methods else None


def _is_over(expires_at: datetime, last_used_at: datetime, now: datetime) -> bool:
    return now >= expires_at or now >= last_used_at + _idle()


def _idle() -> timedelta:
    return request_settings.current().idle


def _max_life() -> timedelta:
    return timedelta(seconds=current_app.config["SESSION_MAX_TTL"])


def _within_grace(rotated_at: datetime | None, now: datetime) -> bool:
    """Tell whether a session was just rotated; another machine's clock, or a faster request, may be ahead of ours."""
    grace = timedelta(seconds=current_app.config["REFRESH_REUSE_GRACE"])
    return bool(grace) and rotated_at is not None and now - rotated_at < grace

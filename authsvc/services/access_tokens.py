"""Personal access tokens: a script acts for their owner, within the scopes that they have."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from bson import ObjectId

from authsvc import clock
from authsvc.errors import FieldError, NotFound, Problem, SessionEnded, TokenInvalid, ValidationFailed
from authsvc.events import happened, happening
from authsvc.events.catalogue import AccessTokenIssued, AccessTokenRevoked
from authsvc.models.access_tokens import AccessToken
from authsvc.models.ids import new_id
from authsvc.models.sessions import EndReason, Session
from authsvc.models.users import User
from authsvc.security import opaque_tokens
from authsvc.services import standings, throttles
from authsvc.services.callers import Caller
from authsvc.services.paging import Page

PREFIX = "asv_"
MOST = 100
"""Access tokens that an account can have at a time."""

_USE_NOTED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A new token with its text, which is known only now."""

    document: AccessToken
    text: str


def issue(who: Caller, name: str, scopes: list[str], expires_in_days: int | None) -> IssuedToken:
    """Make a token for the caller, and tell them by letter.

    Raises ValidationFailed if there are `MOST` already, TooManyAttempts, and SessionEnded if the session or the account
    has ended in the meantime.
    """
    throttles.count_change(who)
    _require_room(who, MOST - 1)
    now = clock.now()
    text = opaque_tokens.generate(PREFIX)
    document = AccessToken(
        id=new_id(),
        user=ObjectId(who.user_id),
        name=name,
        scopes=scopes,
        digest=opaque_tokens.digest(text),
        created_at=now,
        expires_at=None if expires_in_days is None else now + timedelta(days=expires_in_days),
    )
    issued = AccessTokenIssued(
        actor=who.user_id, target=who.user_id, email=who.email, token_id=str(document.id), scopes=scopes
    )
    with happening(issued):
        document.insert()
        try:
            _require_room(who, MOST)  # of several at once none may be one too many
            # Whoever disables an account, or resets its password, writes the user and ends the sessions first, and
            # deletes the tokens last. So both are read once the token is stored, and none is left behind.
            _require_signed_in(who)
        except Problem:
            AccessToken.remove(document.id, who.user_id)
            raise
    return IssuedToken(document, text)


def authenticate(text: str, *, as_kept: bool = False) -> Caller:
    """Return the caller with a token, and note its use: by token and user as they are now.

    `as_kept` lets this worker use what it keeps of them. Raises TokenInvalid.
    """
    valid = _valid_as_kept(text) if as_kept else _Valid(*resolve(text))
    if valid.use_is_news():
        valid.used_at = clock.now()
        AccessToken.touch(valid.token_id, valid.used_at, _USE_NOTED_EVERY)
    return valid.caller


def resolve(text: str) -> tuple[AccessToken, User]:
    """Return a valid token and its user, without noting a use. Raises TokenInvalid."""
    stored = _read(_digest(text))
    if stored is None:
        raise TokenInvalid
    return stored


class _Valid:
    """A token that is valid until it expires, or a notice says something else, and whom it stands for."""

    def __init__(self, token: AccessToken, user: User) -> None:
        self.token_id: ObjectId = token.id
        self.user_id: ObjectId = user.id
        self.expires_at = token.expires_at
        self.used_at: datetime | None = token.last_used_at
        self.caller = Caller(str(user.id), user.email, user.role, scopes=frozenset(token.scopes))

    def use_is_news(self) -> bool:
        """Tell whether a use is worth a write: the time is kept to the minute."""
        return self.used_at is None or clock.now() - self.used_at >= _USE_NOTED_EVERY

    def names(self) -> Collection[ObjectId]:
        """Return what notices are about it."""
        return (self.token_id, self.user_id)


def _valid_as_kept(text: str) -> _Valid:
    digest = _digest(text)
    kept: _Valid | None = standings.of(digest)
    if kept is not None and not _is_over(kept.expires_at):
        return kept
    valid = standings.read(digest, partial(_load, digest), _Valid.names)
    if valid is None:
        raise TokenInvalid
    return valid


def _load(digest: str, *, to_keep: bool) -> _Valid | None:
    stored = _read(digest, to_keep=to_keep)
    return None if stored is None else _Valid(*stored)


def _read(digest: str, *, to_keep: bool = False) -> tuple[AccessToken, User] | None:
    """Return the valid token with a digest, and its user; None if there is none."""
    token = AccessToken.find_by_digest(digest, to_keep=to_keep)
    if token is None or _is_over(token.expires_at):
        return None
    user = User.by_key(token.user, to_keep=to_keep)
    return None if user is None or user.disabled_at is not None else (token, user)


def _digest(text: str) -> str:
    if not opaque_tokens.is_well_formed(text, PREFIX):
        raise TokenInvalid
    return opaque_tokens.digest(text)


def _is_over(expires_at: datetime | None) -> bool:
    return expires_at is not None and expires_at <= clock.now()


def list_of(user_id: str, limit: int, cursor: str | None) -> Page:
    """Return a page of a user's tokens, newest first; `cursor` is the `next` of the page before."""
    return Page.of(AccessToken.live(user_id, clock.now(), limit=limit + 1, before=cursor), limit, lambda token: token)


def count_of(user: User) -> int:
    """Return how many valid tokens a user has."""
    return AccessToken.count(str(user.id), clock.now())


def revoke(who: Caller, token_id: str) -> None:
    """Delete one of the caller's tokens. Raises NotFound for any other."""
    with happening(AccessTokenRevoked(actor=who.user_id, target=who.user_id, token_id=token_id.lower())):
        if not AccessToken.remove(token_id, who.user_id):
            raise NotFound


def revoke_all(user_id: str, *, actor: str | None = None) -> None:
    """Delete all tokens of a user; `actor` is who did it to them."""
    count = AccessToken.remove_all(user_id)
    if count:
        happened(AccessTokenRevoked(actor=actor, target=user_id, count=count))


def _require_room(who: Caller, most: int) -> None:
    """Refuse an account with more tokens than that. Raises ValidationFailed."""
    if AccessToken.count(who.user_id, clock.now()) > most:
        detail = f"An account can have at most {MOST} access tokens. Revoke one first."
        raise ValidationFailed([FieldError("not_allowed", detail, "")])


def _require_signed_in(who: Caller) -> None:
    """Refuse a caller whose session has ended in the meantime. Raises SessionEnded."""
    reason = _reason_of_end(who)
    if reason is not None:
        raise SessionEnded(reason)


def _reason_of_end(who: Caller) -> str | None:
    """Return why the caller is no longer signed in; None if they are."""
    user = User.find(who.user_id)
    if user is None or user.disabled_at is not None:
        return EndReason.ACCOUNT_DELETED if user is None else EndReason.ACCOUNT_DISABLED
    state = Session.state_of(who.session_id or "")
    if state is None:
        return EndReason.LOGOUT
    return state["endReason"] if state.get("endedAt") is not None else None

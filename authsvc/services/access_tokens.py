"""Personal access tokens: a script acts for their owner, within the scopes that they have."""

from dataclasses import dataclass
from datetime import timedelta

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
from authsvc.services import throttles
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


def authenticate(text: str) -> Caller:
    """Return the caller with a token, by token and user as they are now, and note its use. Raises TokenInvalid."""
    token, user = resolve(text)
    if _use_is_news(token):
        AccessToken.touch(token.id, clock.now(), _USE_NOTED_EVERY)
    return Caller(str(user.id), user.email, user.role, scopes=frozenset(token.scopes))


def resolve(text: str) -> tuple[AccessToken, User]:
    """Return a valid token and its user, without noting a use. Raises TokenInvalid."""
    if not opaque_tokens.is_well_formed(text, PREFIX):
        raise TokenInvalid
    token = AccessToken.find_by_digest(opaque_tokens.digest(text))
    if token is None or (token.expires_at is not None and token.expires_at <= clock.now()):
        raise TokenInvalid
    user = User.find(str(token.user))
    if user is None or user.disabled_at is not None:
        raise TokenInvalid
    return token, user


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


def _use_is_news(token: AccessToken) -> bool:
    """Tell whether a use is worth a write: the time is kept to the minute."""
    return token.last_used_at is None or clock.now() - token.last_used_at >= _USE_NOTED_EVERY

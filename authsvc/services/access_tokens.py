"""Personal access tokens: what a script shows in its owner's place, for the scopes it was given and nothing else."""

from dataclasses import dataclass
from datetime import timedelta

from bson import ObjectId

from authsvc import clock
from authsvc.errors import NotFound, SessionEnded, TokenInvalid
from authsvc.models.access_tokens import AccessToken
from authsvc.models.audit import Action
from authsvc.models.sessions import Session
from authsvc.models.users import User
from authsvc.security import opaque_tokens
from authsvc.services import audit, mail
from authsvc.services.callers import Caller
from authsvc.services.paging import Page

PREFIX = "asv_"

_USE_NOTED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A new token with its text: the only time that is known."""

    document: AccessToken
    text: str


def issue(who: Caller, name: str, scopes: list[str], expires_in_days: int | None) -> IssuedToken:
    """Make a token of the caller's, and tell them by letter.

    Raises SessionEnded where the session or the account was ended meanwhile.
    User and session are read again once the token stands: whoever disables an account, or resets its password, writes
    the user and ends the sessions first and deletes the tokens last, so that none is left behind.
    """
    now = clock.now()
    text = opaque_tokens.generate(PREFIX)
    document = AccessToken(
        id=ObjectId(),
        user=ObjectId(who.user_id),
        name=name,
        scopes=scopes,
        digest=opaque_tokens.digest(text),
        created_at=now,
        expires_at=None if expires_in_days is None else now + timedelta(days=expires_in_days),
    )
    audit.record(
        Action.ACCESS_TOKEN_ISSUED, actor=who.user_id, target=who.user_id, token_id=str(document.id), scopes=scopes
    )
    with mail.announcing("access_token_made", document.user, to=who.email, **mail.place()):
        document.insert()
        reason = _ended_meanwhile(who)
        if reason is not None:
            AccessToken.remove(document.id, who.user_id)
            raise SessionEnded(reason)
    return IssuedToken(document, text)


def authenticate(text: str) -> Caller:
    """Return whom a token speaks for, by token and user as they are now, and note its use. Raises TokenInvalid."""
    token, user = standing(text)
    if _use_is_news(token):
        AccessToken.touch(token.id, clock.now(), _USE_NOTED_EVERY)
    return Caller(str(user.id), user.email, user.role, scopes=frozenset(token.scopes))


def standing(text: str) -> tuple[AccessToken, User]:
    """Return a token that is good and its user; looking at it is not using it. Raises TokenInvalid."""
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


def revoke(who: Caller, token_id: str) -> None:
    """Delete one of the caller's tokens. Raises NotFound for any other."""
    if not AccessToken.remove(token_id, who.user_id):
        raise NotFound
    audit.record(Action.ACCESS_TOKEN_REVOKED, actor=who.user_id, target=who.user_id, token_id=token_id.lower())


def revoke_all(user_id: str, *, actor: str | None = None) -> None:
    """Delete all tokens of a user; `actor` is who did it to them."""
    count = AccessToken.remove_all(user_id)
    if count:
        audit.record(Action.ACCESS_TOKEN_REVOKED, actor=actor, target=user_id, count=count)


def _ended_meanwhile(who: Caller) -> str | None:
    """Return why the caller is signed in no more, None where they are."""
    user = User.find(who.user_id)
    if user is None or user.disabled_at is not None:
        return "account_deleted" if user is None else "account_disabled"
    standing = Session.standing(who.session_id or "")
    if standing is None:
        return "logout"
    return standing["endReason"] if standing.get("endedAt") is not None else None


def _use_is_news(token: AccessToken) -> bool:
    """Tell whether a use is worth a write: the time is kept to the minute."""
    return token.last_used_at is None or clock.now() - token.last_used_at >= _USE_NOTED_EVERY

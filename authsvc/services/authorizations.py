"""Authorizations: what an app asks of a person, their answer, and the code for it (RFC 6749 section 4.1)."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from bson import ObjectId

from authsvc import clock
from authsvc.errors import RequestGone
from authsvc.errors.oauth_refusal import OAuthError, OAuthRefusal
from authsvc.models.apps import App, AppKind
from authsvc.models.authorizations import Authorization
from authsvc.models.ids import new_id
from authsvc.models.sessions import Session
from authsvc.models.users import User
from authsvc.security import opaque_tokens, pkce, redirect_uris
from authsvc.security.envelope import SealBroken
from authsvc.services.vaults import vault

PREFIX = "asr_"
CODE_PREFIX = "asc_"
_PURPOSE = "states"
_BROWSER_BYTES = 16  # a browser may keep many of them
LIFE = timedelta(hours=1)
"""People register and verify their address on the way."""

CODE_LIFE = timedelta(seconds=60)
CONFIRMED_WITHIN = timedelta(minutes=1)
"""How long it may take from the decision to the code; after that whoever was at it has died."""

KEPT_AFTER = timedelta(hours=1)
"""How long a used code is remembered, so that a second use is seen."""


@dataclass(frozen=True, slots=True)
class NewRequest:
    """A request, by the secret that the page gets, and the one that the browser keeps in a cookie."""

    secret: str
    browser: str


def begin(app: App, params: dict[str, Any]) -> NewRequest:
    """Store a request that was validated, until somebody answers it. Its `state` is the app's secret, and sealed."""
    now, request_id = clock.now(), new_id()
    state = params.get("state")
    sealed = None if state is None else vault(_PURPOSE).seal(state.encode(), str(request_id))
    secret, browser = opaque_tokens.generate(PREFIX), secrets.token_urlsafe(_BROWSER_BYTES)
    Authorization(
        id=request_id,
        digest=opaque_tokens.digest(secret),
        browser=opaque_tokens.digest(browser),
        app=app.id,
        app_epoch=app.epoch,
        params={**params, "state": sealed},
        created_at=now,
        expires_at=now + LIFE,
    ).insert()
    return NewRequest(secret, browser)


def find(secret: str, browsers: Sequence[str]) -> Authorization:
    """Return a request that is not answered yet, in the browser that began it. Raises RequestGone."""
    if not opaque_tokens.is_well_formed(secret, PREFIX):
        raise RequestGone
    request = Authorization.find(opaque_tokens.digest(secret), clock.now())
    if request is None or request.browser not in [opaque_tokens.digest(one) for one in browsers]:
        raise RequestGone
    return request


def state_of(request: Authorization) -> str | None:
    """Return what the app wants back with the answer. Raises RequestGone if SECRET_KEY no longer opens it."""
    sealed = request.params.get("state")
    try:
        return None if sealed is None else vault(_PURPOSE).open(sealed, str(request.id)).decode()
    except SealBroken as error:
        raise RequestGone from error


def deny(request: Authorization) -> None:
    """Note that the request was refused. Raises RequestGone if it has been answered."""
    if not request.decide(clock.now()):
        raise RequestGone


def accept(request: Authorization, session: Session, user: User) -> None:
    """Note that a user allows what is asked in a session, in one step that only one answer can win.

    Raises RequestGone if the request has been answered, or is for somebody else. There is no code until that is
    confirmed.
    """
    now = clock.now()
    answer = {
        "user": user.id,
        "epoch": user.link_epoch or 0,
        "session": str(session.id),
        "scopes": request.params["scopes"],
        "methods": list(session.methods),
        "auth_time": session.auth_time,
        "granted": new_id(),
        "expires_at": now + KEPT_AFTER,
    }
    if not request.decide(now, **answer):
        raise RequestGone


def generate_code() -> tuple[str, dict[str, Any]]:
    """Return a new code, and what is stored of it."""
    code = opaque_tokens.generate(CODE_PREFIX)
    return code, {"code_digest": opaque_tokens.digest(code), "code_expires_at": clock.now() + CODE_LIFE}


def confirm(request: Authorization, grant: ObjectId | None, code: Mapping[str, Any]) -> None:
    """Let the code be used for what a user has just allowed, now that the grant on which it rests is stored.

    Raises RequestGone if something has cancelled it meanwhile.
    """
    if not request.confirm(clock.now() - CONFIRMED_WITHIN, grant=grant, **code):
        raise RequestGone


def forget(request: Authorization) -> None:
    """Forget a request that came to nothing, and whoever answered it."""
    request.forget()


def cancel_codes(user_id: str, *, app: str | None = None, grant: str | None = None) -> None:
    """Use up a user's codes that no app, or not this one, has exchanged yet; not those that rest on another grant."""
    Authorization.cancel_all(ObjectId(user_id), clock.now(), app=app, grant=None if grant is None else ObjectId(grant))


def remove_all(user_id: str) -> None:
    """Forget what apps have asked a user, or somebody who was in the account before."""
    Authorization.remove_all(ObjectId(user_id))


def redeem(app: App, code: str | None) -> Authorization | None:
    """Use up an app's code, whatever comes of it; return what it was given for, None if it was used before.

    Raises OAuthRefusal for a code that is not one of this app's: another app's attempt uses nothing up.
    """
    if code is None or not opaque_tokens.is_well_formed(code, CODE_PREFIX):
        raise _invalid()
    request = Authorization.use(opaque_tokens.digest(code), app.id, clock.now())
    if request is not None and not is_possible(app, request):
        raise _invalid()
    return request


def find_redeemable(app: App, code: str | None) -> Authorization | None:
    """Return what an app's code was given for if `redeem` would take it at this moment; use up nothing."""
    if code is None or not opaque_tokens.is_well_formed(code, CODE_PREFIX):
        return None
    request = Authorization.find_unused(opaque_tokens.digest(code), app.id)
    return request if request is not None and is_possible(app, request) else None


def is_possible(app: App, request: Authorization) -> bool:
    """Tell whether an app may still ask for what it asked for: it may have been disabled or changed meanwhile."""
    uri, any_port = request.params["redirect_uri"], app.kind == AppKind.NATIVE
    is_registered = redirect_uris.find(uri, app.redirect_uris, any_port=any_port) is not None
    is_proved = request.params.get("challenge") is not None or not app.requires_pkce
    return request.app_epoch == app.epoch and is_registered and is_proved


def note_reuse(app: App, code: str) -> Authorization:
    """Return what a code was given for that is used again. Raises OAuthRefusal if there is none."""
    request = Authorization.note_reuse(opaque_tokens.digest(code), app.id, clock.now())
    if request is None:
        raise _invalid()
    return request


def is_for(request: Authorization, user_id: str) -> bool:
    """Tell whether a user may answer a request: anybody, unless the app expects somebody (its `id_token_hint`)."""
    return request.params.get("subject") in (None, user_id)


def require_valid(request: Authorization, redirect_uri: str | None, verifier: str | None) -> None:
    """Refuse a code that has expired, or is not shown by whoever asked for it. Raises OAuthRefusal.

    The verifier is the proof (RFC 7636 section 4.6); a verifier without a challenge is refused too (RFC 9700 section
    4.8.2).
    """
    challenge = request.params.get("challenge")
    proved = pkce.is_verifier_of(challenge, verifier or "") if challenge else verifier is None
    is_late = request.code_expires_at is None or request.code_expires_at <= clock.now()
    if is_late or not proved or redirect_uri != request.params["redirect_uri"]:
        raise _invalid()


def _invalid() -> OAuthRefusal:
    return OAuthRefusal(OAuthError.INVALID_GRANT, "The code is unknown, expired, used, or not for this app.")

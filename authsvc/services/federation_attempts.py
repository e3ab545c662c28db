"""Attempts to sign in with another provider: begun in one browser, and taken up once, there (RFC 9700 section 4.7)."""

import json
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from typing import Any

from bson import ObjectId

from authsvc import clock
from authsvc.clients.identity.base import Claims, Errand, IdentityProvider, Return
from authsvc.errors import RequestGone
from authsvc.models.federation_attempts import FederationAttempt, Intent, Step
from authsvc.security import opaque_tokens, pkce
from authsvc.security.envelope import SealBroken
from authsvc.services import providers
from authsvc.services.callers import Caller
from authsvc.services.vaults import vault

PREFIX = "asf_"
LIFE = timedelta(minutes=10)
LINK_LIFE = timedelta(hours=1)
"""How long a link waits for a sign-in: people set a password or read a letter on the way."""

_PURPOSE = "federation"
_BROWSER_BYTES = 16  # a browser may keep many of them


@dataclass(frozen=True, slots=True)
class Wish:
    """What a browser is sent to a provider for; `max_age` is how long ago somebody may have signed in there."""

    intent: Intent
    return_to: str | None = None
    max_age: int | None = None
    login_hint: str | None = None


@dataclass(frozen=True, slots=True)
class NewAttempt:
    """An attempt, by its secret, the one that the browser keeps in a cookie, and where the browser is sent, if away."""

    secret: str
    browser: str
    location: str = ""


@dataclass(frozen=True, slots=True)
class Callback:
    """What a browser brought back from a provider: a `code`, or none if the provider refused."""

    provider: str
    state: str
    code: str | None = None
    iss: str | None = None
    user: str | None = None


def begin(provider: IdentityProvider, wish: Wish, who: Caller | None) -> NewAttempt:
    """Store an attempt, and return where to send the browser; `who` is the caller whose session asks for it, if any.

    Raises UpstreamUnavailable, before anything is stored.
    """
    secret, nonce, verifier = opaque_tokens.generate(PREFIX), secrets.token_urlsafe(32), secrets.token_urlsafe(48)
    errand = Errand(
        state=secret,
        nonce=nonce,
        challenge=pkce.challenge_of(verifier),
        redirect_uri=providers.redirect_uri(provider),
        max_age=wish.max_age,
        login_hint=wish.login_hint,
    )
    location = provider.location(errand)
    attempt = FederationAttempt(
        step=Step.RETURN, provider=provider.name, intent=wish.intent, max_age=wish.max_age, return_to=wish.return_to
    )
    if who is not None:
        attempt.session, attempt.user = who.session_id, ObjectId(who.user_id)
    begun = _stored(attempt, secret, {"nonce": nonce, "verifier": verifier}, LIFE)
    return replace(begun, location=location)


def take(callback: Callback, browsers: Sequence[str]) -> FederationAttempt:
    """Return the attempt that a browser has come back from, for this one time, whatever comes of it.

    Raises RequestGone for one of another browser or with another provider, and takes nothing then.
    """
    theirs = _digest(callback.state), Step.RETURN, _digests(browsers), callback.provider
    attempt = FederationAttempt.take(*theirs, clock.now())
    if attempt is None:
        raise RequestGone
    return attempt


def claims_of(attempt: FederationAttempt, provider: IdentityProvider, callback: Callback) -> Claims:
    """Return who has come back, as the provider says. Raises ProviderRefused, UpstreamUnavailable, RequestGone."""
    kept = _open(attempt)
    back = Return(
        code=callback.code or "",
        iss=callback.iss,
        verifier=kept["verifier"],
        nonce=kept["nonce"],
        redirect_uri=providers.redirect_uri(provider),
        max_age=attempt.max_age,
        since=attempt.created_at,
        user=callback.user,
    )
    return provider.claims(back)


def wait(attempt: FederationAttempt, step: Step, claims: Claims, user: ObjectId | None = None) -> NewAttempt:
    """Let an identity that a provider has told wait to be linked: to the account `user`, or to any."""
    secret = opaque_tokens.generate(PREFIX)
    waiting = FederationAttempt(
        step=step, provider=attempt.provider, intent=attempt.intent, return_to=attempt.return_to, user=user
    )
    return _stored(waiting, secret, {**asdict(claims), "auth_time": None}, LINK_LIFE)


def find_waiting(token: str, browsers: Sequence[str]) -> FederationAttempt:
    """Return what waits to be linked in one of these browsers. Raises RequestGone."""
    attempt = FederationAttempt.find(_digest(token), _digests(browsers), clock.now())
    if attempt is None or attempt.step == Step.RETURN:
        raise RequestGone
    return attempt


def take_waiting(attempt: FederationAttempt) -> Claims:
    """Return which identity waits, for this one time. Raises RequestGone if another call took it."""
    same = attempt.digest, attempt.step, [attempt.browser], attempt.provider
    if FederationAttempt.take(*same, clock.now()) is None:
        raise RequestGone
    return Claims(**_open(attempt))


def _stored(attempt: FederationAttempt, secret: str, contents: dict[str, Any], life: timedelta) -> NewAttempt:
    browser, now = secrets.token_urlsafe(_BROWSER_BYTES), clock.now()
    attempt.digest, attempt.browser = opaque_tokens.digest(secret), opaque_tokens.digest(browser)
    attempt.sealed = vault(_PURPOSE).seal(json.dumps(contents).encode(), attempt.digest)
    attempt.created_at, attempt.expires_at = now, now + life
    attempt.insert()
    return NewAttempt(secret, browser)


def _open(attempt: FederationAttempt) -> dict[str, Any]:
    """Return what was sealed. Raises RequestGone if SECRET_KEY no longer opens it."""
    try:
        contents: dict[str, Any] = json.loads(vault(_PURPOSE).open(attempt.sealed, attempt.digest))
    except SealBroken as error:
        raise RequestGone from error
    return contents


def _digest(secret: str) -> str:
    """Return what is stored of a secret. Raises RequestGone for what can't be one."""
    if not opaque_tokens.is_well_formed(secret, PREFIX):
        raise RequestGone
    return opaque_tokens.digest(secret)


def _digests(browsers: Sequence[str]) -> list[str]:
    return [opaque_tokens.digest(one) for one in browsers]

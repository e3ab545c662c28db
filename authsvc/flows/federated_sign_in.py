"""Sign in with another provider: go there, come back once, in the same browser, and be let in."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from flask import current_app

from authsvc.clients.identity.base import Claims, IdentityProvider
from authsvc.errors import AccountDisabled, EmailUnverified, LinkConfirmationRequired, ProviderRefused, TokenMissing
from authsvc.events import happened
from authsvc.events.catalogue import LoginFailed
from authsvc.flows import federated_accounts, federated_session, sign_in
from authsvc.flows.federated_accounts import Waiting
from authsvc.flows.federated_session import FreshToken
from authsvc.flows.sign_in import Pending
from authsvc.methods import federated
from authsvc.models.federation_attempts import FederationAttempt, Intent, Step
from authsvc.models.users import Identity
from authsvc.services import factors, federation_attempts, guesses, identities, providers, throttles
from authsvc.services.callers import Caller
from authsvc.services.federation_attempts import Callback, NewAttempt, Wish
from authsvc.services.tokens import TokenPair
from authsvc.settings import Limit


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it, and where to go then.

    A sign-in, perhaps without its second factor; a link that waits for one; an identity that was linked; or an access
    token of a session that is fresh now.
    """

    result: TokenPair | Pending | Waiting | Identity | FreshToken
    return_to: str | None = None


def begin(provider_name: str, wish: Wish, who: Caller | None) -> NewAttempt:
    """Return where to send a browser; `who` is the caller whose session asks for that, unless it is to sign in.

    Raises NotFound, TokenMissing, FreshLoginRequired, ValidationFailed, TooManyAttempts, UpstreamUnavailable.
    """
    throttles.count(guesses.by_browser(Limit.FEDERATION_ADDRESS))
    provider = providers.find(provider_name)
    if wish.intent == Intent.SIGN_IN:
        if wish.max_age is not None:
            federated_session.require_dating(provider, "/maxAge")
        return federation_attempts.begin(provider, wish, None)
    if who is None:
        raise TokenMissing
    return federated_session.begin(provider, wish, who)


def complete(callback: Callback, browsers: Sequence[str]) -> Outcome:
    """Go on with what a browser went away for, in that browser, once, within ten minutes (O53).

    Raises NotFound if the provider is not enabled (O61), RequestGone, ProviderRefused, UpstreamUnavailable; what
    `sign_in.by_proof` and `federated_accounts.owner_of` raise, or `federated_session.link` and `reauthenticate`.
    """
    provider = providers.find(callback.provider)
    attempt = federation_attempts.take(callback, browsers)
    claims = _claims(provider, attempt, callback)
    return_to = attempt.return_to
    if attempt.intent == Intent.LINK:
        return Outcome(federated_session.link(provider, attempt, claims), return_to)
    if attempt.intent == Intent.REAUTHENTICATE:
        return Outcome(federated_session.reauthenticate(attempt, claims), return_to)
    with _recording_refusals():
        owner = federated_accounts.owner_of(provider, claims)
    if owner is None:
        return Outcome(federated_accounts.wait(attempt, claims), return_to)
    identity = federated.identity_of(owner.user, claims)
    if identity is None:
        raise ProviderRefused
    pair = sign_in.by_proof(owner.user, federated.AMR, identity=identity.id, opening=owner.opening)
    identities.note_use(owner.user, identity.key, claims.email)
    return Outcome(pair, return_to)


def confirm(who: Caller, token: str, browsers: Sequence[str]) -> Identity:
    """Link the identity that waits, in the browser where it does, to the account that somebody has just signed in to.

    That has to be the one with the address which the provider verified; if it verified none, any whose own address is
    proved (unless nobody's ever is). Raises RequestGone, NotFound, LinkConfirmationRequired, EmailUnverified, and what
    `identities.link` does.
    """
    waiting = federation_attempts.find_waiting(token, browsers)
    provider = providers.find(waiting.provider)
    if waiting.step == Step.CONFIRM and str(waiting.user) != who.user_id:
        raise LinkConfirmationRequired
    if current_app.config["EMAIL_VERIFICATION"] != "off" and not factors.owner(who).is_verified:
        raise EmailUnverified
    claims = federation_attempts.take_waiting(waiting)
    return identities.link(who, federated.new_identity(provider, claims))


def _claims(provider: IdentityProvider, attempt: FederationAttempt, callback: Callback) -> Claims:
    """Return who has come back. Raises ProviderRefused, UpstreamUnavailable, RequestGone."""
    with _recording_refusals():
        if callback.code is None:
            raise ProviderRefused
        claims = federation_attempts.claims_of(attempt, provider, callback)
        if attempt.max_age is not None and claims.auth_time is None:
            raise ProviderRefused
        federated.require_domain(provider, claims)
        return claims


@contextmanager
def _recording_refusals() -> Iterator[None]:
    """Put on record that somebody came from a provider in vain; whose account it is, nobody knows."""
    try:
        yield
    except (ProviderRefused, AccountDisabled) as refusal:
        happened(LoginFailed(reason=refusal.code))
        raise

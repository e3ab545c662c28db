"""Go to another provider while signed in: to link an identity there, or to verify once more who one is."""

from dataclasses import dataclass
from functools import partial

from authsvc.clients.identity.base import Claims, IdentityProvider
from authsvc.errors import FieldError, SessionEnded, ValidationFailed
from authsvc.events import happening
from authsvc.events.catalogue import Reauthenticated
from authsvc.methods import federated, registry
from authsvc.models.federation_attempts import FederationAttempt, Intent
from authsvc.models.sessions import EndReason, Session
from authsvc.models.users import Identity
from authsvc.services import (
    callers,
    factors,
    federation_attempts,
    identities,
    step_up,
    throttles,
    token_claims,
    tokens,
    ways_in,
)
from authsvc.services.callers import Caller
from authsvc.services.federation_attempts import NewAttempt, Wish


@dataclass(frozen=True, slots=True)
class FreshToken:
    """An access token of a session that is fresh now, and its life in seconds."""

    access_token: str
    expires_in: int


def begin(provider: IdentityProvider, wish: Wish, who: Caller) -> NewAttempt:
    """Return where to send the browser of somebody who is signed in.

    To link, they have to be fresh. To verify who they are, the provider is told to sign them in anew, and has to say
    when it did. Raises FreshLoginRequired, ScopeMissing, ValidationFailed, TooManyAttempts, UpstreamUnavailable.
    """
    callers.require_scope(who, None)
    throttles.count_safeguard(who)
    if wish.intent == Intent.LINK:
        step_up.require_fresh(who)
        return federation_attempts.begin(provider, wish, who)
    require_dating(provider, "/intent")
    mine = [one for one in factors.owner(who).all_identities if ways_in.provider_of(one) == provider.name]
    anew = Wish(wish.intent, wish.return_to, max_age=0, login_hint=mine[0].email if mine else None)
    return federation_attempts.begin(provider, anew, who)


def require_dating(provider: IdentityProvider, pointer: str) -> None:
    """Refuse a provider that does not say when somebody signed in there. Raises ValidationFailed."""
    if not provider.reauthenticates:
        detail = "This provider does not say when somebody signed in there."
        raise ValidationFailed([FieldError("not_allowed", detail, pointer)])


def link(provider: IdentityProvider, attempt: FederationAttempt, claims: Claims) -> Identity:
    """Link an identity to the account of the session that began, if that is still live and fresh (R113).

    Raises IdentityTaken, FreshLoginRequired, SessionEnded, ValidationFailed, NotReady.
    """
    return identities.link(_caller(attempt), federated.new_identity(provider, claims))


def reauthenticate(attempt: FederationAttempt, claims: Claims) -> FreshToken:
    """Make the session that began fresh; return an access token that says so.

    As a password, an identity is enough without a second factor. Raises ProviderRefused if it is not one of the
    account's, SecondFactorRequired, SessionEnded, HookFailed.
    """
    who = _caller(attempt)
    user = factors.owner(who)
    proof, identity = federated.authenticate(user, claims)
    registry.require_password_to_be_enough(user)
    ext = token_claims.of_session_read_by(partial(step_up.foresee, who, proof.amr), user)
    with happening(Reauthenticated.by_owner(user, session=who.session_id, methods=proof.amr)):
        session = step_up.renew(who, proof.amr, identity=identity.id)
        now_stored = factors.owner(who)
        if now_stored.mfa_enabled or identity.id not in now_stored.identities:  # changed meanwhile
            step_up.outdate(who.user_id)
            registry.require_password_to_be_enough(now_stored)
            raise SessionEnded(EndReason.REPLACED)
    identities.note_use(user, identity.key, claims.email)
    pair = tokens.mint(session, user, ext)
    return FreshToken(pair.access_token, pair.expires_in)


def _caller(attempt: FederationAttempt) -> Caller:
    """Return who began, by the session that did; whether it is live and fresh now is still to be seen.

    Raises SessionEnded.
    """
    session = Session.find(attempt.session or "")
    if session is None or session.user != attempt.user:
        raise SessionEnded(EndReason.LOGOUT)
    return Caller(str(session.user), session.email, session.role, str(session.id), session.auth_time)

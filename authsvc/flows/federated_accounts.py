"""Whose account an identity at another provider is: the table of linking, read from the top.

| identity | address, as the provider says | account with it here | what happens |
|---|---|---|---|
| linked | any | any | it signs in to its account |
| new | none, or not verified | any | it waits for a sign-in to an account whose address is proved |
| new | verified | none | there is a new account, whose address is proved |
| new | verified | not proved | it becomes the only way in; all that was set up there before goes |
| new | verified | proved | it waits for a sign-in to that account; one of a `trusted` provider is linked at once |

Somebody who is signed in links an identity by going there for that, whatever its address (`federated_session`). See
docs/decisions/0048-identities-are-stored-with-the-account.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from authsvc import clock, origin
from authsvc.clients.identity.base import Claims, IdentityProvider
from authsvc.errors import AccountDisabled, EmailTaken, HookFailed
from authsvc.errors.overtaken import Overtaken
from authsvc.events import happening
from authsvc.events.catalogue import AccountRegistered, EmailVerifiedByProvider
from authsvc.flows import sign_in
from authsvc.flows.sign_in import Opening
from authsvc.methods import federated
from authsvc.models.federation_attempts import FederationAttempt, Step
from authsvc.models.ids import new_id
from authsvc.models.users import Identity, User
from authsvc.security import names
from authsvc.security.names import NotAName
from authsvc.services import federation_attempts, identities, sign_ups, throttles, ways_in
from authsvc.services.federation_attempts import NewAttempt
from authsvc.services.retries import retried
from authsvc.services.sign_ups import How
from authsvc.services.users import profile
from authsvc.settings import Limit


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose account an identity signs in to; `opening` was prepared before that was made or changed, if it was."""

    user: User
    opening: Opening | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """An identity that waits for a sign-in. `attempt` has the token for it, `name` is what its provider calls it.

    `email` is the address of the account that is meant, None for any; `methods` are those that sign in to that.
    """

    attempt: NewAttempt
    name: str | None = None
    email: str | None = None
    methods: Sequence[str] = ()


@retried
def owner_of(provider: IdentityProvider, claims: Claims) -> Owner | None:
    """Return whose account an identity signs in to, a new one if need be; None if it has to wait.

    An account that is disabled gets nothing, and nobody is told so before they have proved that it is theirs. The hooks
    are asked before an account is made or changed (R124). Raises AccountDisabled, EmailTaken (somebody may still take
    the address back), TooManyAttempts, NotReady, HookRefused, HookFailed.
    """
    known = federated.find(claims)
    if known is not None:
        return Owner(known)
    if not claims.email or not claims.email_verified:
        return None
    holder = User.find_by_typed(claims.email)
    if holder is None:
        return _register(provider, claims, claims.email)
    if federated.identity_of(holder, claims) is not None:  # linked since we looked
        return Owner(holder)
    if holder.is_verified and not provider.trusted:
        return None
    if holder.disabled_at is not None:
        raise AccountDisabled
    return _join(holder, provider, claims) if holder.is_verified else _prove(holder, provider, claims)


def wait(attempt: FederationAttempt, claims: Claims) -> Waiting:
    """Let an identity wait for a sign-in to the account that has its address, or to any if it has none."""
    holder = User.find_by_typed(claims.email) if claims.email and claims.email_verified else None
    if holder is None:
        return Waiting(federation_attempts.wait(attempt, Step.ADDRESS, claims), claims.name)
    begun = federation_attempts.wait(attempt, Step.CONFIRM, claims, holder.id)
    return Waiting(begun, claims.name, claims.email, _ways_in(holder))


def _register(provider: IdentityProvider, claims: Claims, email: str) -> Owner:
    """Make an account. Raises EmailTaken, TooManyAttempts, HookRefused, HookFailed, Overtaken."""
    identity = federated.new_identity(provider, claims)
    user = User(id=new_id(), name=claims.name or _name_in(email), email=email, email_verified_at=clock.now())
    user.linked_identities, user.locale = [identity], origin.current().language
    with throttles.counting_unless(HookFailed, throttles.by_network(Limit.REGISTER_ADDRESS)):
        permit = sign_ups.permit(user, How.PROVIDER, provider=provider.name)
        opening = _prepare(user, identity)
    try:
        with happening(AccountRegistered.by_owner(user, provider=provider.name)):
            return Owner(profile.add(user, permit), opening)
    except EmailTaken as error:
        if federated.find(claims) is not None or User.find_by_typed(email) is not None:
            raise Overtaken from error  # by another sign-in
        raise


def _join(holder: User, provider: IdentityProvider, claims: Claims) -> Owner:
    """Link an identity to the account with its proved address. Raises ValidationFailed, HookFailed, Overtaken."""
    identity = federated.new_identity(provider, claims)
    identities.require_free(identity, holder)
    opening = None if holder.mfa_enabled else _prepare(holder, identity)  # with a second factor nobody is let in yet
    with happening(identities.linked(holder, identity)):
        changed = User.add_identity(holder, identity)
        if changed is None:
            raise Overtaken
    return Owner(changed, opening)


def _prove(holder: User, provider: IdentityProvider, claims: Claims) -> Owner:
    """Give the account with an address that nobody proved to whoever has proved it to a provider (R112).

    As for a letter that is opened elsewhere: whoever registered the address may be somebody else. Raises HookFailed,
    Overtaken.
    """
    identity = federated.new_identity(provider, claims)
    # Asked about as it will be: the address is proved, and no second factor is left.
    holder.email_verified_at = clock.now()
    opening = _prepare(holder, identity)
    with happening(EmailVerifiedByProvider.by_owner(holder, provider=provider.name)):
        changed = User.prove_email(holder, identity)
        if changed is None:
            raise Overtaken
    return Owner(changed, opening)


def _prepare(user: User, identity: Identity) -> Opening:
    """Prepare the session of an account that is about to be made or changed. Raises HookFailed."""
    return sign_in.prepare(user, federated.AMR, identity=identity.id)


def _ways_in(user: User) -> list[str]:
    """Return how a user can sign in: by which methods, and with which providers."""
    methods = {"password": user.password is not None, "passkey": bool(user.passkeys)}
    linked = dict.fromkeys(ways_in.provider_of(one) for one in ways_in.usable_identities(user))
    return [*(name for name, is_there in methods.items() if is_there), *linked]


def _name_in(email: str) -> str | None:
    """Return the name of a mailbox, for somebody of whom the provider tells no name."""
    try:
        return names.canonical(email.partition("@")[0])
    except NotAName:
        return None

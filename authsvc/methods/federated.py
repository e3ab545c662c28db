"""Identities at other providers: finding whose one is, and what it proves.

It is no method of `registry`: nobody answers by it, since the browser goes to the provider and comes back.
"""

from authsvc.clients.identity.base import Claims, IdentityProvider
from authsvc.errors import ProviderRefused
from authsvc.methods.base import Proof
from authsvc.models.users import Identity, User, key_of
from authsvc.security import addresses
from authsvc.security.addresses import NotAnAddress

AMR = ["fed"]
"""How a session that began at another provider says so."""


def find(claims: Claims) -> User | None:
    """Return whose account an identity signs in to: by issuer and subject, and nothing else (R109)."""
    user = User.find_by_identity(key_of(claims.issuer, claims.subject))
    return user if user is not None and identity_of(user, claims) is not None else None  # or it can't be read


def identity_of(user: User, claims: Claims) -> Identity | None:
    """Return the account's identity that a provider told of."""
    return user.identity_by(key_of(claims.issuer, claims.subject))


def require_domain(provider: IdentityProvider, claims: Claims) -> None:
    """Refuse who has no verified address in the domains of a provider, if it has any (R115). Raises ProviderRefused."""
    if not provider.domains:
        return
    try:
        email = addresses.canonical(claims.email if claims.email and claims.email_verified else "")
    except NotAnAddress as error:
        raise ProviderRefused from error
    if email.rpartition("@")[2] not in provider.domains:
        raise ProviderRefused


def new_identity(provider: IdentityProvider, claims: Claims) -> Identity:
    """Return an identity as it is to be linked."""
    return Identity.of(provider.name, claims.issuer, claims.subject, claims.email)


def authenticate(user: User, claims: Claims) -> tuple[Proof, Identity]:
    """Return what an identity proves of a user who is signed in. Raises ProviderRefused if it is not one of theirs.

    Also if the provider does not say when they signed in there: then it may not have asked them now.
    """
    identity = identity_of(user, claims)
    if identity is None or claims.auth_time is None:
        raise ProviderRefused
    return Proof(user, AMR), identity

"""What a provider of identities does, and what is handed to and fro.

A provider says who somebody is: (issuer, subject). Its address, name and claims come from elsewhere and are checked
here, so that nothing above has to know how one kind differs from another.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Errand:
    """What a browser is sent away with; `challenge` is the S256 of the verifier (RFC 7636)."""

    state: str
    nonce: str
    challenge: str
    redirect_uri: str
    max_age: int | None = None
    login_hint: str | None = None


@dataclass(frozen=True, slots=True)
class Return:
    """What a browser came back with, and what was kept of its errand.

    `iss` is that of the callback (RFC 9207). `since` is when the errand began: with `max_age`, the provider has to say
    that the person signed in no earlier than that much before. `user` is Apple's form field, JSON text, as it came.
    """

    code: str = field(repr=False)
    iss: str | None
    verifier: str = field(repr=False)
    nonce: str = field(repr=False)
    redirect_uri: str
    max_age: int | None = None
    since: datetime | None = None
    user: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Claims:
    """What the provider says, verified.

    `email` is as the provider writes it, and `email_verified` is true only if the provider says so of that very
    address. `name` is as the provider writes it.
    """

    issuer: str
    subject: str
    email: str | None = None
    email_verified: bool = False
    name: str | None = None
    auth_time: datetime | None = None


class IdentityProvider(Protocol):
    """One that people sign in with."""

    @property
    def name(self) -> str:
        """Return the slug in our addresses."""

    @property
    def label(self) -> str:
        """Return what the button calls it."""

    @property
    def issuer(self) -> str:
        """Return who issues its identities, byte for byte."""

    @property
    def trusted(self) -> bool:
        """Tell whether an address that it has verified may join accounts without being asked."""

    @property
    def domains(self) -> tuple[str, ...]:
        """Return whose verified addresses may come from it; none means any, or no address at all."""

    @property
    def form_post(self) -> bool:
        """Tell whether it comes back by a form that is posted, not by a link."""

    @property
    def icon(self) -> str:
        """Return whose mark the button has: google, github, microsoft, apple, gitlab or oidc."""

    @property
    def reauthenticates(self) -> bool:
        """Tell whether it says when a person has signed in, so that it can be asked to sign them in anew."""

    def location(self, errand: Errand) -> str:
        """Return where to send a browser. Raises UpstreamUnavailable."""

    def claims(self, back: Return) -> Claims:
        """Return who has come back. Raises ProviderRefused, UpstreamUnavailable."""

    def faults(self, redirect_uri: str) -> list[str]:
        """Return what is wrong with the provider or with what is set for it, as far as it can be asked."""

"""A vault: texts that are sealed for one purpose with a secret, and opened with it or one of its predecessors."""

import hmac
from dataclasses import dataclass

from authsvc.security import envelope


@dataclass(frozen=True, slots=True)
class Vault:
    """Seals with `secret`; opens with that or one of `fallbacks`. `purpose` separates the seals of different parts.

    `whose` in each function binds a seal to one document: copied to another one, it does not open.
    """

    secret: str
    fallbacks: tuple[str, ...]
    purpose: str

    def seal(self, text: bytes, whose: str) -> str:
        """Return a text, sealed with the secret."""
        return envelope.seal(text, self.secret, self.purpose, whose)

    def open(self, sealed: str, whose: str) -> bytes:
        """Return the text of a seal. Raises SealBroken if none of the secrets opens it."""
        return envelope.unseal(sealed, [self.secret, *self.fallbacks], self.purpose, whose)

    def opens(self, sealed: str, whose: str) -> bool:
        """Tell whether any of the secrets opens a seal."""
        return any(envelope.opens(sealed, one, self.purpose, whose) for one in (self.secret, *self.fallbacks))

    def is_current(self, sealed: str, whose: str) -> bool:
        """Tell whether the secret itself opens a seal."""
        return envelope.opens(sealed, self.secret, self.purpose, whose)

    def is_outdated(self, sealed: str, whose: str) -> bool:
        """Tell whether only a fallback opens a seal."""
        return not self.is_current(sealed, whose) and self.opens(sealed, whose)

    def reseal(self, sealed: str, whose: str) -> str:
        """Return the same text, sealed with the secret. Raises SealBroken."""
        return self.seal(self.open(sealed, whose), whose)

    def fingerprint(self, text: str, whose: str) -> str:
        """Return what is stored of a text that is too short to be hashed: without the secret nobody can guess it."""
        return envelope.fingerprint(text, self.secret, self.purpose, whose)

    def matches(self, fingerprint: str, text: str, whose: str) -> bool:
        """Tell in constant time whether a fingerprint, by any of the secrets, is that of a text."""
        secrets = (self.secret, *self.fallbacks)
        own = (envelope.fingerprint(text, secret, self.purpose, whose) for secret in secrets)
        return sum(hmac.compare_digest(one, fingerprint) for one in own) > 0  # all of them are compared

"""Events of what authenticates an account: passwords, second factors, personal access tokens."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from authsvc.events.event import PRIVATE, Event, Failure, Recorded, Weighty


@dataclass(frozen=True, kw_only=True)
class PasswordChanged(Weighty):
    """A user changed their password."""

    name = "password.changed"


@dataclass(frozen=True, kw_only=True)
class PasswordSet(Weighty):
    """A user whose account had no password set one."""

    name = "password.set"


@dataclass(frozen=True, kw_only=True)
class PasswordIncorrect(Failure):
    """Somebody who is signed in gave a wrong password."""

    name = "password.incorrect"


@dataclass(frozen=True, kw_only=True)
class PasswordResetRequested(Event):
    """A link that sets a new password was asked for."""

    name = "password.reset_requested"


@dataclass(frozen=True, kw_only=True)
class EmailCodeFailed(Failure):
    """A code that verifies an address, sets a password or re-authenticates was wrong."""

    name = "email_code.failed"


@dataclass(frozen=True, kw_only=True)
class PasswordReset(Weighty):
    """A new password was set by a link."""

    name = "password.reset"


@dataclass(frozen=True, kw_only=True)
class AccessTokenIssued(Weighty):
    """A personal access token was made."""

    name = "access_token.issued"
    token_id: str
    scopes: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class AccessTokenRevoked(Event):
    """One or more personal access tokens were revoked.

    `token_id` is the one, or `count` says how many.
    """

    name = "access_token.revoked"
    token_id: str | None = None
    count: int | None = None


@dataclass(frozen=True, kw_only=True)
class AccessTokensRevoked(Event):
    """Somebody revoked all personal access tokens of an account."""

    recorded = Recorded.BY_EFFECT
    name = "access_tokens.revoked"


@dataclass(frozen=True, kw_only=True)
class SecondFactorFailed(Failure):
    """A second factor was wrong."""

    name = "second_factor.failed"
    method: str


@dataclass(frozen=True, kw_only=True)
class EnrolmentCodeFailed(SecondFactorFailed):
    """The first code of an authenticator app was wrong."""


@dataclass(frozen=True, kw_only=True)
class TotpEnabled(Weighty):
    """An authenticator app was enabled."""

    name = "totp.enabled"
    factor: str


@dataclass(frozen=True, kw_only=True)
class TotpDisabled(Weighty):
    """An authenticator app was removed."""

    name = "totp.disabled"
    factor: str


@dataclass(frozen=True, kw_only=True)
class RecoveryCodesReplaced(Weighty):
    """An account was given new recovery codes."""

    name = "recovery_codes.replaced"


@dataclass(frozen=True, kw_only=True)
class RecoveryCodeUsed(Event):
    """A recovery code was used.

    `remaining` are left.
    """

    name = "recovery_code.used"
    remaining: str


@dataclass(frozen=True, kw_only=True)
class PasskeyAdded(Weighty):
    """A passkey was registered."""

    name = "passkey.added"
    factor: str


@dataclass(frozen=True, kw_only=True)
class PasskeyRenamed(Event):
    """A passkey was given another name."""

    name = "passkey.renamed"
    passkey: str


@dataclass(frozen=True, kw_only=True)
class PasskeyRemoved(Weighty):
    """A passkey was removed."""

    name = "passkey.removed"
    factor: str


@dataclass(frozen=True, kw_only=True)
class PasskeyCopied(Failure):
    """The counter of a passkey went back, so it may have been copied, and was revoked.

    See WebAuthn section 6.1.1.
    """

    name = "passkey.copied"
    factor: str


@dataclass(frozen=True, kw_only=True)
class SecondFactorRequired(Weighty):
    """A user asked for a second factor at every sign-in: until then a password was enough beside a passkey."""

    name = "second_factor.required"


@dataclass(frozen=True, kw_only=True)
class SecondFactorsReset(Weighty):
    """All second factors of an account were removed."""

    name = "second_factors.reset"


@dataclass(frozen=True, kw_only=True)
class IdentityLinked(Weighty):
    """An identity at another provider was connected to an account, and signs in to it from now on.

    `provider` is the provider's name, `label` what people call it.
    """

    name = "identity.linked"
    provider: str
    identity: str
    label: str = field(metadata=PRIVATE)


@dataclass(frozen=True, kw_only=True)
class IdentityUnlinked(Weighty):
    """An identity at another provider was disconnected from an account.

    `provider` is the provider's name, `label` what people call it.
    """

    name = "identity.unlinked"
    provider: str
    identity: str
    label: str = field(metadata=PRIVATE)

"""The catalogue: everything that can happen (ASVS 16.3).

The `name` of an event is stored and published, so it never changes. Two classes share a name if the same thing has
different consequences.
"""

from collections.abc import Iterator

from authsvc.events.accounts import (
    AccountCreated,
    AccountDeleted,
    AccountDisabled,
    AccountEnabled,
    AccountExported,
    AccountInvited,
    AccountRegistered,
    EmailChangeCancelled,
    EmailChanged,
    EmailChangedElsewhere,
    EmailChangeRequested,
    EmailChangeReverted,
    EmailVerified,
    EmailVerifiedByAdmin,
    EmailVerifiedByProvider,
    EmailVerifiedByReset,
    EmailVerifiedElsewhere,
    ProfileChanged,
    RegistrationRepeated,
    RoleChanged,
    VerificationRequested,
)
from authsvc.events.apps import (
    AppChanged,
    AppCreated,
    AppDeleted,
    AppDisabled,
    AppEnabled,
    AppNarrowed,
    AppSecretAdded,
    AppSecretRemoved,
    AppSignedIn,
    AppSignedOut,
    CodeReused,
    GrantGiven,
    GrantRevoked,
)
from authsvc.events.credentials import (
    AccessTokenIssued,
    AccessTokenRevoked,
    AccessTokensRevoked,
    EmailCodeFailed,
    EnrolmentCodeFailed,
    IdentityLinked,
    IdentityUnlinked,
    PasskeyAdded,
    PasskeyCopied,
    PasskeyRemoved,
    PasskeyRenamed,
    PasswordChanged,
    PasswordIncorrect,
    PasswordReset,
    PasswordResetRequested,
    PasswordSet,
    RecoveryCodesReplaced,
    RecoveryCodeUsed,
    SecondFactorFailed,
    SecondFactorRequired,
    SecondFactorsReset,
    TotpDisabled,
    TotpEnabled,
)
from authsvc.events.event import Event, Recorded
from authsvc.events.operations import (
    DatabaseBackedUp,
    LetterDropped,
    LetterRetried,
    SigningKeyRetired,
    SigningKeyRotated,
    SigningKeysResealed,
    SigningKeysReset,
    UsersExported,
    UsersImported,
)
from authsvc.events.sessions import (
    AttemptsThrottled,
    LoginCodeRequested,
    LoginFailed,
    LoginSucceeded,
    Reauthenticated,
    RefreshTokenReused,
    SecondFactorAsked,
    SessionEnded,
    SessionOutdated,
    SignedOutByAdmin,
    SignedOutElsewhere,
    SignedOutEverywhere,
)

__all__ = [
    "AccessTokenIssued",
    "AccessTokenRevoked",
    "AccessTokensRevoked",
    "AccountCreated",
    "AccountDeleted",
    "AccountDisabled",
    "AccountEnabled",
    "AccountExported",
    "AccountInvited",
    "AccountRegistered",
    "AppChanged",
    "AppCreated",
    "AppDeleted",
    "AppDisabled",
    "AppEnabled",
    "AppNarrowed",
    "AppSecretAdded",
    "AppSecretRemoved",
    "AppSignedIn",
    "AppSignedOut",
    "AttemptsThrottled",
    "CodeReused",
    "DatabaseBackedUp",
    "EmailChangeCancelled",
    "EmailChangeRequested",
    "EmailChangeReverted",
    "EmailChanged",
    "EmailChangedElsewhere",
    "EmailCodeFailed",
    "EmailVerified",
    "EmailVerifiedByAdmin",
    "EmailVerifiedByProvider",
    "EmailVerifiedByReset",
    "EmailVerifiedElsewhere",
    "EnrolmentCodeFailed",
    "GrantGiven",
    "GrantRevoked",
    "IdentityLinked",
    "IdentityUnlinked",
    "LetterDropped",
    "LetterRetried",
    "LoginCodeRequested",
    "LoginFailed",
    "LoginSucceeded",
    "PasskeyAdded",
    "PasskeyCopied",
    "PasskeyRemoved",
    "PasskeyRenamed",
    "PasswordChanged",
    "PasswordIncorrect",
    "PasswordReset",
    "PasswordResetRequested",
    "PasswordSet",
    "ProfileChanged",
    "Reauthenticated",
    "RecoveryCodeUsed",
    "RecoveryCodesReplaced",
    "RefreshTokenReused",
    "RegistrationRepeated",
    "RoleChanged",
    "SecondFactorAsked",
    "SecondFactorFailed",
    "SecondFactorRequired",
    "SecondFactorsReset",
    "SessionEnded",
    "SessionOutdated",
    "SignedOutByAdmin",
    "SignedOutElsewhere",
    "SignedOutEverywhere",
    "SigningKeyRetired",
    "SigningKeyRotated",
    "SigningKeysResealed",
    "SigningKeysReset",
    "TotpDisabled",
    "TotpEnabled",
    "UsersExported",
    "UsersImported",
    "VerificationRequested",
]


def every_kind() -> Iterator[type[Event]]:
    """Yield each class of event that can happen."""
    for name in __all__:
        yield globals()[name]


def names() -> list[str]:
    """Return the names that are put on record, sorted."""
    return sorted({kind.name for kind in every_kind() if kind.recorded is not Recorded.BY_EFFECT})


def sentences() -> dict[str, str]:
    """Return what each name says happened: the first paragraph of the docstring of the class that declares it."""
    declaring = [kind for kind in every_kind() if "name" in vars(kind)]
    return {kind.name: " ".join((kind.__doc__ or "").split("\n\n")[0].split()) for kind in declaring}

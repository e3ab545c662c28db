"""Events in the life of an account: made, changed, gone."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from authsvc.events.event import PRIVATE, Event, Failure, Recorded, Weighty


@dataclass(frozen=True, kw_only=True)
class AccountRegistered(Event):
    """Somebody signed up.

    `provider` is the one that they came from, if any.
    """

    name = "account.registered"
    provider: str | None = None


@dataclass(frozen=True, kw_only=True)
class RegistrationRepeated(Failure):
    """Somebody tried to sign up with an address that has an account."""

    name = "account.registration_repeated"


@dataclass(frozen=True, kw_only=True)
class AccountInvited(Weighty):
    """An administrator made an account, and its owner was sent a link that sets a password.

    `link` sets the password.
    """

    name = "account.invited"
    role: str
    link: str | None = field(default=None, metadata=PRIVATE)


@dataclass(frozen=True, kw_only=True)
class AccountCreated(Weighty):
    """An operator made an account with a password."""

    name = "account.created"
    role: str


@dataclass(frozen=True, kw_only=True)
class AccountImported(Event):
    """An account came with an import from a file, which is on record as a whole."""

    recorded = Recorded.BY_EFFECT
    name = "account.imported"


@dataclass(frozen=True, kw_only=True)
class AccountDisabled(Event):
    """An account was disabled."""

    name = "account.disabled"


@dataclass(frozen=True, kw_only=True)
class AccountEnabled(Event):
    """An account was enabled again."""

    name = "account.enabled"


@dataclass(frozen=True, kw_only=True)
class AccountDeleted(Event):
    """An account was deleted.

    `language` is the one in which its owner is told.
    """

    name = "account.deleted"
    language: str = field(default="", metadata=PRIVATE)


@dataclass(frozen=True, kw_only=True)
class AccountExported(Event):
    """A user downloaded everything stored about them."""

    name = "account.exported"


@dataclass(frozen=True, kw_only=True)
class RoleChanged(Weighty):
    """An account was given another role.

    `before` is the former role.
    """

    name = "role.changed"
    role: str
    before: str


@dataclass(frozen=True, kw_only=True)
class ProfileChanged(Event):
    """The name or locale of an account was changed.

    `changed` names the members.
    """

    name = "profile.changed"
    changed: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class EmailVerified(Event):
    """An address was verified.

    It was done in one of the account's own sessions.
    """

    name = "email.verified"


@dataclass(frozen=True, kw_only=True)
class EmailVerifiedElsewhere(EmailVerified):
    """Somebody verified the address outside the account's own sessions."""


@dataclass(frozen=True, kw_only=True)
class EmailVerifiedByProvider(EmailVerified):
    """Somebody came from a provider that had verified the address.

    `provider` is its name; the identity there is the only way in that is left.
    """

    provider: str


@dataclass(frozen=True, kw_only=True)
class EmailVerifiedByAdmin(EmailVerified):
    """An administrator vouched for the address: whoever holds the account keeps it as it is."""


@dataclass(frozen=True, kw_only=True)
class EmailVerifiedByReset(EmailVerified):
    """Somebody verified the address by setting a password, which ends more than verifying it does."""


@dataclass(frozen=True, kw_only=True)
class EmailChangeRequested(Event):
    """A user asked to use another address."""

    name = "email.change_requested"


@dataclass(frozen=True, kw_only=True)
class EmailChangeCancelled(Event):
    """A user no longer wants the address that they asked for."""

    name = "email.change_cancelled"


@dataclass(frozen=True, kw_only=True)
class EmailChanged(Weighty):
    """An account changed to another address.

    The new one was verified in one of the account's own sessions. `email` is the former one, and `undo` the link that
    goes there; None if the change is itself an undo.
    """

    name = "email.changed"
    undo: str | None = field(default=None, metadata=PRIVATE)


@dataclass(frozen=True, kw_only=True)
class EmailChangedElsewhere(EmailChanged):
    """An account has another address, verified outside its own sessions."""


@dataclass(frozen=True, kw_only=True)
class EmailChangeReverted(Weighty):
    """A change of address was taken back.

    `link` sets a password, and goes to the restored address.
    """

    name = "email.change_reverted"
    link: str | None = field(default=None, metadata=PRIVATE)


@dataclass(frozen=True, kw_only=True)
class VerificationRequested(Event):
    """Another link that verifies an address was asked for."""

    name = "email.verification_requested"

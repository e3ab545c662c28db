"""Letters: which event is announced by which letter, and to whom.

Letters that somebody asks for (a link that verifies an address, or sets a password) are no consequence of an event: the
flow that was asked posts them.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from bson import ObjectId

from authsvc.events import catalogue
from authsvc.events.event import Event
from authsvc.models.apps import App
from authsvc.models.letters import LetterKind
from authsvc.security.quoting import sanitize
from authsvc.services import mail
from authsvc.subscribers.changes import evidence


@dataclass(frozen=True, slots=True)
class Notice:
    """A letter that announces an event, with the facts in it.

    `verified` says that whoever caused the event has just shown a link that was mailed to this address, and so owns it.
    """

    kind: LetterKind
    facts: Mapping[str, str] = field(default_factory=dict)
    verified: bool = False


def NO_LETTER(_: Event) -> None:  # noqa: N802 - an entry of a table
    """Announce nothing."""


@contextmanager
def notifying(event: Event) -> Iterator[None]:
    """Store the letter before what is done inside, and let it go once that is done (see `mail.notify_on_success`).

    An account without an address, which another program may have stored, gets none.
    """
    notice = None if event.repeated else LETTERS[type(event)](event)
    if notice is None or not isinstance(event.email, str):
        yield
        return
    owner = ObjectId(event.target)
    with mail.notify_on_success(
        notice.kind,
        owner,
        to=event.email,
        evidence=partial(evidence, event),
        verified=notice.verified,
        **notice.facts,
    ):
        yield


def _from_where(kind: LetterKind, *names: str, verified: bool = False) -> Callable[[Event], Notice]:
    """Return an entry for a letter that says from where the request came, and these facts of the event."""

    def notice(event: Event) -> Notice:
        return Notice(kind, {**{name: getattr(event, name) for name in names}, **mail.request_facts()}, verified)

    return notice


def _of_provider(kind: LetterKind) -> Callable[[Any], Notice]:
    return lambda event: Notice(kind, {"provider": event.label, **mail.request_facts()})


def _stolen(event: Any) -> Notice:
    """Name the app whose session it was: its name is somebody else's text, so little of it is quoted.

    Of one that is not registered only the host is known.
    """
    app = App.find(event.app) if event.app is not None else None
    name = "" if app is None else app.document_place or sanitize(app.name)
    return Notice(LetterKind.SESSION_STOLEN, {"app": name or event.app or "", **mail.request_facts()})


def _changed(event: Any) -> Notice:
    if event.undo is None:
        return Notice(LetterKind.EMAIL_TAKEN_BACK)
    return Notice(LetterKind.EMAIL_CHANGED, {"link": event.undo, **mail.request_facts()})


def _restored(event: Any) -> Notice:
    return Notice(LetterKind.EMAIL_RESTORED, {"link": event.link})


def _invited(event: Any) -> Notice:
    return Notice(LetterKind.INVITATION, {"link": event.link})


LETTERS: Mapping[type[Event], Callable[[Event], Notice | None]] = {
    catalogue.AccountRegistered: NO_LETTER,
    catalogue.RegistrationRepeated: NO_LETTER,
    catalogue.AccountInvited: _invited,
    catalogue.AccountCreated: NO_LETTER,
    catalogue.AccountDisabled: NO_LETTER,
    catalogue.AccountEnabled: NO_LETTER,
    catalogue.AccountDeleted: _from_where(LetterKind.ACCOUNT_DELETED, "language"),
    catalogue.AccountExported: NO_LETTER,
    catalogue.AccountImported: NO_LETTER,
    catalogue.RoleChanged: NO_LETTER,
    catalogue.ProfileChanged: NO_LETTER,
    catalogue.PasswordChanged: _from_where(LetterKind.PASSWORD_CHANGED),
    catalogue.PasswordSet: _from_where(LetterKind.PASSWORD_SET),
    catalogue.PasswordIncorrect: NO_LETTER,
    catalogue.PasswordResetRequested: NO_LETTER,
    catalogue.PasswordReset: _from_where(LetterKind.PASSWORD_CHANGED, verified=True),
    catalogue.EmailVerified: NO_LETTER,
    catalogue.EmailVerifiedElsewhere: NO_LETTER,
    catalogue.EmailVerifiedByProvider: NO_LETTER,
    catalogue.EmailVerifiedByAdmin: NO_LETTER,
    catalogue.EmailVerifiedByReset: NO_LETTER,
    catalogue.EmailChangeRequested: NO_LETTER,  # its own flow posts two, one to each address
    catalogue.EmailChangeCancelled: NO_LETTER,
    catalogue.EmailChanged: _changed,
    catalogue.EmailChangedElsewhere: _changed,
    catalogue.EmailChangeReverted: _restored,
    catalogue.VerificationRequested: NO_LETTER,
    catalogue.Reauthenticated: NO_LETTER,
    catalogue.LoginSucceeded: NO_LETTER,  # one from a new place is told afterwards
    catalogue.LoginCodeRequested: NO_LETTER,
    catalogue.LoginFailed: NO_LETTER,
    catalogue.AttemptsThrottled: NO_LETTER,
    catalogue.SessionEnded: NO_LETTER,
    catalogue.SessionOutdated: NO_LETTER,
    catalogue.RefreshTokenReused: _stolen,
    catalogue.SignedOutEverywhere: NO_LETTER,
    catalogue.SignedOutElsewhere: NO_LETTER,
    catalogue.SignedOutByAdmin: NO_LETTER,
    catalogue.AccessTokenIssued: _from_where(LetterKind.ACCESS_TOKEN_MADE),
    catalogue.AccessTokenRevoked: NO_LETTER,
    catalogue.AccessTokensRevoked: NO_LETTER,
    catalogue.SecondFactorAsked: NO_LETTER,
    catalogue.SecondFactorFailed: NO_LETTER,  # a first one in a day is told afterwards
    catalogue.EmailCodeFailed: NO_LETTER,
    catalogue.EnrolmentCodeFailed: NO_LETTER,
    catalogue.TotpEnabled: _from_where(LetterKind.FACTOR_ADDED, "factor"),
    catalogue.TotpDisabled: _from_where(LetterKind.FACTOR_REMOVED, "factor"),
    catalogue.RecoveryCodesReplaced: _from_where(LetterKind.RECOVERY_CODES_REPLACED),
    catalogue.RecoveryCodeUsed: _from_where(LetterKind.RECOVERY_CODE_USED, "remaining"),
    catalogue.PasskeyAdded: _from_where(LetterKind.FACTOR_ADDED, "factor"),
    catalogue.PasskeyRenamed: NO_LETTER,
    catalogue.PasskeyRemoved: _from_where(LetterKind.FACTOR_REMOVED, "factor"),
    catalogue.PasskeyCopied: _from_where(LetterKind.PASSKEY_COPIED, "factor"),
    catalogue.SecondFactorRequired: NO_LETTER,  # it takes nothing away, and one told of the passkey
    catalogue.SecondFactorsReset: _from_where(LetterKind.FACTORS_RESET),
    catalogue.IdentityLinked: _of_provider(LetterKind.IDENTITY_LINKED),
    catalogue.IdentityUnlinked: _of_provider(LetterKind.IDENTITY_UNLINKED),
    catalogue.AppCreated: NO_LETTER,
    catalogue.AppChanged: NO_LETTER,
    catalogue.AppNarrowed: NO_LETTER,
    catalogue.AppDisabled: NO_LETTER,
    catalogue.AppEnabled: NO_LETTER,
    catalogue.AppSecretAdded: NO_LETTER,
    catalogue.AppSecretRemoved: NO_LETTER,
    catalogue.AppDeleted: NO_LETTER,
    catalogue.GrantGiven: NO_LETTER,
    catalogue.GrantRevoked: NO_LETTER,
    catalogue.AppSignedIn: NO_LETTER,
    catalogue.AppSignedOut: NO_LETTER,
    catalogue.CodeReused: _stolen,
    catalogue.DatabaseBackedUp: NO_LETTER,
    catalogue.SigningKeyRotated: NO_LETTER,
    catalogue.SigningKeyRetired: NO_LETTER,
    catalogue.SigningKeysResealed: NO_LETTER,
    catalogue.SigningKeysReset: NO_LETTER,
    catalogue.LetterRetried: NO_LETTER,
    catalogue.LetterDropped: NO_LETTER,
    catalogue.UsersImported: NO_LETTER,
    catalogue.UsersExported: NO_LETTER,
    catalogue.WebhookCreated: NO_LETTER,
    catalogue.WebhookChanged: NO_LETTER,
    catalogue.WebhookSecretAdded: NO_LETTER,
    catalogue.WebhookDisabled: NO_LETTER,
    catalogue.WebhookEnabled: NO_LETTER,
    catalogue.WebhookDeleted: NO_LETTER,
    catalogue.WebhookDeliveryRetried: NO_LETTER,
}

"""What each event changes, so that after a crash somebody else can tell whether it happened.

An event is announced before it is done (see `events.happening`). Its record and its letter carry evidence of what was
there before, until the change is confirmed.
"""

from collections.abc import Callable, Mapping
from typing import Any, cast

from bson import ObjectId

from authsvc.events import catalogue
from authsvc.events.event import Event
from authsvc.models.evidence import Evidence, Subject
from authsvc.models.signing_keys import COLLECTIONS, Ring

Row = Callable[[Event], Subject | None]


def CHANGES_NOTHING(_: Event) -> None:  # noqa: N802 - an entry of a table
    """Say that an event is told once it is done, or has nothing to be done but what follows from it."""


def evidence(event: Event) -> Evidence | None:
    """Return how to tell later whether an event happened, None if it changes nothing. Raises a database error."""
    subject = None if event.repeated else CHANGES[type(event)](event)
    return Evidence.of(subject) if subject is not None else None


def _account(*fields: str) -> Row:
    """Return a row for an event that changes these fields of the account, by their names in the database."""
    return lambda event: Subject("users", _id(event.target), fields)


def _document(collection: str, name: str, *fields: str) -> Row:
    """Return a row for an event whose fact `name` is the id of a document: one that comes or goes, or has new `fields`.

    Without that fact the event is told of several, once they are done.
    """

    def row(event: Event) -> Subject | None:
        key = _id(getattr(event, name))
        return Subject(collection, key, fields or ("_id",)) if key is not None else None

    return row


def _new_account(event: Event) -> Subject:
    """Return the account that an event makes, under a new id."""
    return Subject("users", _id(event.target), ("_id",), is_new=True)


def _new_document(collection: str, name: str) -> Callable[[Event], Subject]:
    """Return a row for an event that makes a document: its fact `name` is the new id."""
    return lambda event: Subject(collection, _id(getattr(event, name)), ("_id",), is_new=True)


def _session_end(event: Event) -> Subject | None:
    """Return the session that an event ends, if it is of one: it was live when it was read, or the event is not told.

    If another event ends it first, this one is refused.
    """
    key = _id(getattr(event, "session", None))
    return Subject("sessions", key, ("endedAt",), before={}) if key is not None else None


def _own_end(event: Event) -> Subject | None:
    """Return the session that signs out everywhere, if it is one that does: it ends with all the others."""
    key = _id(event.own_session)
    return Subject("sessions", key, ("endedAt",), before={}) if key is not None else None


def _sign_in(event: Event) -> Subject:
    """Return the session that is opened; in a registration, the account: the session is there before it."""
    opening = cast(catalogue.LoginSucceeded, event)
    return _new_account(event) if opening.registered else _new_document("sessions", "session")(event)


def _signing_key(event: Event) -> Subject:
    """Return the key that comes or goes, in the collection of its ring."""
    rotation = cast(catalogue.SigningKeyRotated | catalogue.SigningKeyRetired, event)
    return Subject(COLLECTIONS[Ring(rotation.ring)], rotation.key, ("_id",))


def _id(value: Any) -> Any:
    return ObjectId(value) if isinstance(value, str) and ObjectId.is_valid(value) else value


_APP = (
    *("name", "authMethod", "redirectUris", "logoutUris", "backchannelUri", "grantTypes", "scopes", "resources"),
    *("jwks", "idTokenAlg", "requiresPkce", "trusted"),
)
_FACTORS = ("totp", "passkeys", "copiedPasskeys", "recoveryCodeHashes")

CHANGES: Mapping[type[Event], Row] = {
    catalogue.AccountRegistered: _new_account,
    catalogue.RegistrationRepeated: _new_account,  # there is one already: it costs as much as a registration, for R18
    catalogue.AccountInvited: _new_account,
    catalogue.AccountCreated: _new_account,
    catalogue.AccountDisabled: _account("disabledAt"),
    catalogue.AccountEnabled: _account("disabledAt"),
    catalogue.AccountDeleted: _account("_id"),
    catalogue.AccountExported: CHANGES_NOTHING,
    catalogue.AccountImported: _new_account,
    catalogue.RoleChanged: _account("role"),
    catalogue.ProfileChanged: _account("name", "locale"),
    catalogue.PasswordChanged: _account("password"),
    catalogue.PasswordSet: _account("password"),
    catalogue.PasswordIncorrect: CHANGES_NOTHING,
    catalogue.PasswordResetRequested: CHANGES_NOTHING,
    catalogue.PasswordReset: _account("password"),
    catalogue.EmailVerified: _account("emailVerifiedAt"),
    catalogue.EmailVerifiedElsewhere: _account("emailVerifiedAt"),
    catalogue.EmailVerifiedByAdmin: _account("emailVerifiedAt"),
    catalogue.EmailVerifiedByProvider: _account("emailVerifiedAt"),
    catalogue.EmailVerifiedByReset: _account("emailVerifiedAt"),
    catalogue.EmailChangeRequested: CHANGES_NOTHING,
    catalogue.EmailChangeCancelled: CHANGES_NOTHING,
    catalogue.EmailChanged: _account("email"),
    catalogue.EmailChangedElsewhere: _account("email"),
    catalogue.EmailChangeReverted: _account("email"),
    catalogue.VerificationRequested: CHANGES_NOTHING,
    catalogue.Reauthenticated: _document("sessions", "session", "authTime"),
    catalogue.LoginSucceeded: _sign_in,
    catalogue.LoginCodeRequested: CHANGES_NOTHING,
    catalogue.LoginFailed: CHANGES_NOTHING,
    catalogue.AttemptsThrottled: CHANGES_NOTHING,
    catalogue.SessionEnded: _session_end,
    catalogue.SessionOutdated: _session_end,
    catalogue.RefreshTokenReused: _session_end,
    catalogue.SignedOutEverywhere: _own_end,
    catalogue.SignedOutElsewhere: CHANGES_NOTHING,
    catalogue.SignedOutByAdmin: CHANGES_NOTHING,
    catalogue.AccessTokenIssued: _new_document("access_tokens", "token_id"),
    catalogue.AccessTokenRevoked: _document("access_tokens", "token_id"),
    catalogue.AccessTokensRevoked: CHANGES_NOTHING,
    catalogue.SecondFactorAsked: _new_document("mfa_tickets", "ticket"),
    catalogue.SecondFactorFailed: CHANGES_NOTHING,
    catalogue.EmailCodeFailed: CHANGES_NOTHING,
    catalogue.EnrolmentCodeFailed: CHANGES_NOTHING,
    catalogue.TotpEnabled: _account("totp"),
    catalogue.TotpDisabled: _account("totp"),
    catalogue.RecoveryCodesReplaced: _account("recoveryCodeHashes"),
    catalogue.RecoveryCodeUsed: _account("recoveryCodeHashes"),
    catalogue.PasskeyAdded: _account("passkeys"),
    catalogue.PasskeyRenamed: _document("passkeys", "passkey", "name"),
    catalogue.PasskeyRemoved: _account("passkeys", "copiedPasskeys"),
    catalogue.PasskeyCopied: _account("passkeys"),
    catalogue.SecondFactorRequired: _account("passkeysOptional"),
    catalogue.SecondFactorsReset: _account(*_FACTORS),
    catalogue.IdentityLinked: _account("linkedIdentities"),
    catalogue.IdentityUnlinked: _account("linkedIdentities"),
    catalogue.AppCreated: _new_document("apps", "app"),
    catalogue.AppChanged: _document("apps", "app", *_APP),
    catalogue.AppNarrowed: _document("apps", "app", *_APP),
    catalogue.AppDisabled: _document("apps", "app", "disabledAt"),
    catalogue.AppEnabled: _document("apps", "app", "disabledAt"),
    catalogue.AppSecretAdded: _document("apps", "app", "secrets"),
    catalogue.AppSecretRemoved: _document("apps", "app", "secrets"),
    catalogue.AppDeleted: _document("apps", "app"),
    catalogue.GrantGiven: _document("grants", "grant", "scopes"),
    catalogue.GrantRevoked: _document("grants", "grant"),
    catalogue.AppSignedIn: _new_document("sessions", "session"),
    catalogue.AppSignedOut: _session_end,
    catalogue.CodeReused: _session_end,
    catalogue.SigningKeyRotated: _signing_key,
    catalogue.SigningKeyRetired: _signing_key,
    catalogue.DatabaseBackedUp: CHANGES_NOTHING,
    catalogue.SigningKeysResealed: CHANGES_NOTHING,
    catalogue.SigningKeysReset: CHANGES_NOTHING,
    catalogue.LetterRetried: CHANGES_NOTHING,
    catalogue.LetterDropped: _document("letters", "letter"),
    catalogue.UsersImported: CHANGES_NOTHING,
    catalogue.UsersExported: CHANGES_NOTHING,
    catalogue.WebhookCreated: _new_document("webhooks", "webhook"),
    catalogue.WebhookChanged: _document("webhooks", "webhook", "url", "events", "description"),
    catalogue.WebhookSecretAdded: _document("webhooks", "webhook", "secrets"),
    catalogue.WebhookDisabled: _document("webhooks", "webhook", "disabledAt"),
    catalogue.WebhookEnabled: _document("webhooks", "webhook", "disabledAt"),
    catalogue.WebhookDeleted: _document("webhooks", "webhook"),
    catalogue.WebhookDeliveryRetried: CHANGES_NOTHING,
}

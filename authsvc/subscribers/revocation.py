"""Revocation: what each event ends.

The invariant: *after an undo, reset or proof, nothing that was set up since an intruder could have been there opens the
account.* What is stored with the account (address, password, second factors) goes in the write that makes the change;
everything else goes here, by one table. See docs/decisions/0027-recovery-undoes-the-intrusion.md.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import Any

from authsvc.events import begun, catalogue
from authsvc.events.event import Event, Recorded
from authsvc.models.links import LinkPurpose
from authsvc.models.mfa import MfaTicket
from authsvc.models.sessions import EndReason
from authsvc.models.users import User
from authsvc.services import (
    access_tokens,
    app_sessions,
    authorizations,
    devices,
    email_codes,
    grants,
    links,
    logout_notices,
    passkeys,
    sessions,
)
from authsvc.subscribers.changes import evidence


class Children(Enum):
    """Which of the sessions that apps got in a session end with it."""

    BUT_LASTING = "those without offline_access"
    ALL = "all of them: whoever copied the session may have made them"


@dataclass(frozen=True, slots=True)
class Ends:
    """What an event ends.

    `sessions` is the reason that the account's sessions end for, None if they go on; `keeps_own` spares the session
    that does it. `tickets` are sign-ins that wait for a second factor, or for a code from a letter. `links` are
    purposes. `devices` are the browsers and networks where the user is known, except that of the session that is
    spared. `passkeys` are those that the account no longer holds.

    With its sessions go those at apps, and codes that apps have not exchanged yet. `apps` is the reason that only those
    end for: the account's at the app that the event names, or at all apps. `of_app` is all that the app has, of
    everybody; if the app is gone, what they allowed it goes too. `children` are what apps got in the session that the
    event ends. `grants` is what the account has allowed apps: whoever was there before may have allowed their own.

    Challenges have no column: each is bound to a ticket or to a session and can't be answered without it. Nor do links
    that ask for another address: they die with the session that asked.
    """

    sessions: EndReason | None = None
    keeps_own: bool = False
    tickets: bool = False
    access_tokens: bool = False
    links: tuple[LinkPurpose, ...] = ()
    devices: bool = False
    passkeys: bool = False
    apps: EndReason | None = None
    of_app: bool = False
    children: Children | None = None
    grants: bool = False


_HOLDER = (LinkPurpose.VERIFY, LinkPurpose.CHANGE, LinkPurpose.RESET, LinkPurpose.INVITE)
"""All but the links that take a change of address back: those belong to whoever had the account before."""

_PROVED_INSIDE = Ends(
    EndReason.EMAIL_VERIFIED, keeps_own=True, tickets=True, access_tokens=True, links=_HOLDER, passkeys=True
)
# Mostly it is the same person, on the phone that the letter came to: the reason is no alarm.
_PROVED_ELSEWHERE = Ends(
    EndReason.EMAIL_VERIFIED, tickets=True, access_tokens=True, links=_HOLDER, devices=True, passkeys=True, grants=True
)

# Access tokens stay: they were made by somebody who knew the password, or signed in by what the account had instead.
_NEW_PASSWORD = Ends(
    EndReason.PASSWORD_CHANGED,
    keeps_own=True,
    tickets=True,
    links=(LinkPurpose.CHANGE, LinkPurpose.RESET, LinkPurpose.INVITE),
    devices=True,
)

ENDS_NOTHING = Ends()

ENDS: Mapping[type[Event], Ends] = {
    catalogue.SignedOutEverywhere: Ends(EndReason.LOGOUT, tickets=True),
    catalogue.SignedOutElsewhere: Ends(EndReason.LOGOUT_OTHERS, keeps_own=True, tickets=True),
    catalogue.SignedOutByAdmin: Ends(EndReason.ADMIN, tickets=True),
    catalogue.PasswordChanged: _NEW_PASSWORD,
    catalogue.PasswordSet: _NEW_PASSWORD,
    catalogue.PasswordReset: Ends(
        EndReason.PASSWORD_RESET,
        tickets=True,
        access_tokens=True,
        links=_HOLDER,
        devices=True,
        passkeys=True,
        grants=True,
    ),
    catalogue.EmailVerified: _PROVED_INSIDE,
    catalogue.EmailVerifiedElsewhere: _PROVED_ELSEWHERE,
    catalogue.EmailVerifiedByProvider: _PROVED_ELSEWHERE,
    catalogue.EmailVerifiedByAdmin: Ends(links=(LinkPurpose.VERIFY,)),
    catalogue.EmailChanged: _PROVED_INSIDE,
    catalogue.EmailChangedElsewhere: _PROVED_ELSEWHERE,
    # The reset link that goes to the restored address stays; earlier ones are dead, since the address is another.
    catalogue.EmailChangeReverted: Ends(
        EndReason.LOGOUT_OTHERS,
        tickets=True,
        access_tokens=True,
        links=(LinkPurpose.VERIFY, LinkPurpose.CHANGE),
        devices=True,
        passkeys=True,
        grants=True,
    ),
    catalogue.SecondFactorsReset: Ends(tickets=True, passkeys=True, apps=EndReason.ADMIN),
    catalogue.AccessTokensRevoked: Ends(access_tokens=True),
    catalogue.AccountDisabled: Ends(
        EndReason.ACCOUNT_DISABLED, tickets=True, access_tokens=True, links=_HOLDER, devices=True, passkeys=True
    ),
    catalogue.AccountDeleted: Ends(
        EndReason.ACCOUNT_DELETED,
        tickets=True,
        access_tokens=True,
        links=(*_HOLDER, LinkPurpose.REVERT),
        devices=True,
        passkeys=True,
        grants=True,
    ),
    catalogue.SessionEnded: Ends(children=Children.BUT_LASTING),
    catalogue.SessionOutdated: Ends(children=Children.BUT_LASTING),
    catalogue.RefreshTokenReused: Ends(children=Children.ALL),
    catalogue.GrantRevoked: Ends(apps=EndReason.LOGOUT),
    catalogue.AppDeleted: Ends(of_app=True),
    # By what it comes with, the reset.
    catalogue.EmailVerifiedByReset: ENDS_NOTHING,
    catalogue.AccountRegistered: ENDS_NOTHING,
    catalogue.RegistrationRepeated: ENDS_NOTHING,
    catalogue.AccountInvited: ENDS_NOTHING,
    catalogue.AccountCreated: ENDS_NOTHING,
    catalogue.AccountEnabled: ENDS_NOTHING,
    catalogue.AccountExported: ENDS_NOTHING,
    catalogue.AccountImported: ENDS_NOTHING,
    catalogue.RoleChanged: ENDS_NOTHING,
    catalogue.ProfileChanged: ENDS_NOTHING,
    catalogue.PasswordIncorrect: ENDS_NOTHING,
    catalogue.PasswordResetRequested: ENDS_NOTHING,
    catalogue.EmailChangeRequested: ENDS_NOTHING,
    catalogue.EmailChangeCancelled: Ends(links=(LinkPurpose.CHANGE,)),
    catalogue.VerificationRequested: ENDS_NOTHING,
    catalogue.Reauthenticated: ENDS_NOTHING,
    catalogue.LoginSucceeded: ENDS_NOTHING,
    catalogue.LoginCodeRequested: ENDS_NOTHING,
    catalogue.LoginFailed: ENDS_NOTHING,
    catalogue.AttemptsThrottled: ENDS_NOTHING,
    catalogue.AccessTokenIssued: ENDS_NOTHING,
    catalogue.AccessTokenRevoked: ENDS_NOTHING,
    catalogue.SecondFactorAsked: ENDS_NOTHING,
    catalogue.SecondFactorFailed: ENDS_NOTHING,
    catalogue.EmailCodeFailed: ENDS_NOTHING,
    catalogue.EnrolmentCodeFailed: ENDS_NOTHING,
    catalogue.TotpEnabled: ENDS_NOTHING,
    catalogue.TotpDisabled: ENDS_NOTHING,
    catalogue.RecoveryCodesReplaced: ENDS_NOTHING,
    catalogue.RecoveryCodeUsed: ENDS_NOTHING,
    catalogue.SecondFactorRequired: ENDS_NOTHING,
    catalogue.PasskeyAdded: ENDS_NOTHING,
    catalogue.PasskeyRenamed: ENDS_NOTHING,
    catalogue.PasskeyRemoved: ENDS_NOTHING,
    catalogue.PasskeyCopied: ENDS_NOTHING,
    catalogue.IdentityLinked: ENDS_NOTHING,
    catalogue.IdentityUnlinked: ENDS_NOTHING,
    catalogue.AppCreated: ENDS_NOTHING,
    catalogue.AppChanged: ENDS_NOTHING,
    catalogue.AppNarrowed: Ends(of_app=True),
    catalogue.AppDisabled: Ends(of_app=True),
    catalogue.AppEnabled: ENDS_NOTHING,
    catalogue.AppSecretAdded: ENDS_NOTHING,
    catalogue.AppSecretRemoved: ENDS_NOTHING,
    catalogue.GrantGiven: ENDS_NOTHING,
    catalogue.AppSignedIn: ENDS_NOTHING,
    catalogue.AppSignedOut: ENDS_NOTHING,
    catalogue.CodeReused: ENDS_NOTHING,
    catalogue.DatabaseBackedUp: ENDS_NOTHING,
    catalogue.SigningKeyRotated: ENDS_NOTHING,
    catalogue.SigningKeyRetired: ENDS_NOTHING,
    catalogue.SigningKeysResealed: ENDS_NOTHING,
    catalogue.SigningKeysReset: ENDS_NOTHING,
    catalogue.LetterRetried: ENDS_NOTHING,
    catalogue.LetterDropped: ENDS_NOTHING,
    catalogue.UsersImported: ENDS_NOTHING,
    catalogue.UsersExported: ENDS_NOTHING,
    catalogue.WebhookCreated: ENDS_NOTHING,
    catalogue.WebhookChanged: ENDS_NOTHING,
    catalogue.WebhookSecretAdded: ENDS_NOTHING,
    catalogue.WebhookDisabled: ENDS_NOTHING,
    catalogue.WebhookEnabled: ENDS_NOTHING,
    catalogue.WebhookDeleted: ENDS_NOTHING,
    catalogue.WebhookDeliveryRetried: ENDS_NOTHING,
}


@contextmanager
def ending(event: Event) -> Iterator[None]:
    """End what an event ends, around the change that is made inside.

    Whatever signs in ends before the change and again after it, whatever became of it: if the process dies in between,
    or the database does not say what it did, nobody stays signed in. The rest ends once the change is made. What an app
    has is not valid from the moment of the change on, so there it is enough that its end is stored before.
    """
    ends = ENDS[type(event)]
    if ends == ENDS_NOTHING:
        yield
        return
    if ends.of_app:
        with logout_notices.end_every_on_success(getattr(event, "app", ""), partial(evidence, event)):
            yield
        return
    # Without a record nothing is changed inside. But what somebody allowed after their codes had ended and before their
    # sessions had is found only the second time.
    if (ends.sessions is not None or event.recorded is not Recorded.BY_EFFECT) and not event.repeated:
        _end_access(ends, event)
    try:
        yield
    finally:
        with begun():
            _end_access(ends, event)
    with begun():
        _end_rest(ends, event)


def _end_access(ends: Ends, event: Event) -> None:
    user_id = str(event.target)
    # Who did it is recorded with the event, unless only its effects are.
    actor = str(event.actor) if event.recorded is Recorded.BY_EFFECT and event.actor is not None else None
    if ends.tickets:  # first: what is completed meanwhile is a session by then
        MfaTicket.remove_all(user_id)
        email_codes.cancel(user_id)
    if ends.sessions is not None or ends.apps is not None:
        which = {name: getattr(event, name, None) for name in ("app", "grant")}
        authorizations.cancel_codes(user_id, **which)
    if ends.sessions is not None:
        own = event.own_session if ends.keeps_own else None
        sessions.end_all(user_id, ends.sessions, but=own, actor=actor)
    if ends.apps is not None:
        app_sessions.end_all(user_id, ends.apps, app=getattr(event, "app", None))
    if ends.access_tokens:
        access_tokens.revoke_all(user_id, actor=actor)
    if ends.grants:
        grants.remove_all(user_id)
    if ends.children is not None:
        _end_children(ends.children, event)


def _end_children(which: Children, event: Any) -> None:
    if event.session is not None:  # else several sessions ended, and those at apps with them
        app_sessions.end_children(event.session, event.reason, but_lasting=which is Children.BUT_LASTING)


def _end_rest(ends: Ends, event: Event) -> None:
    user_id = str(event.target)
    if ends.grants:
        authorizations.remove_all(user_id)
    if ends.links:
        links.cancel(user_id, *ends.links)
    if ends.passkeys:
        passkeys.sweep(User.find(user_id), user_id)
    if ends.devices:
        devices.forget(user_id, but_here=ends.keeps_own and event.own_session is not None)

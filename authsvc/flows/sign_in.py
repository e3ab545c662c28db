"""Sign in: by password, by a second factor after that, or by passkey; and the last steps that all ways share."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from bson import ObjectId
from flask import current_app

from authsvc import clock
from authsvc.errors import (
    AccountDisabled,
    EmailCodeInvalid,
    EmailUnverified,
    InvalidCredentials,
    MfaCodeInvalid,
    MfaTokenInvalid,
    PasskeyInvalid,
    SecondFactorRequired,
)
from authsvc.events import happened, happening
from authsvc.events.catalogue import LoginFailed, SecondFactorAsked
from authsvc.methods import passkey, registry
from authsvc.methods import password as passwords
from authsvc.methods.base import Answer, Question
from authsvc.models.challenges import ChallengePurpose
from authsvc.models.letters import LetterKind
from authsvc.models.mfa import MfaTicket
from authsvc.models.sessions import Session
from authsvc.models.users import User
from authsvc.security import opaque_tokens, stored_addresses
from authsvc.services import challenges, devices, guesses, mail, sessions, throttles, token_claims, tokens
from authsvc.services.devices import Recognition
from authsvc.services.passkeys import Options
from authsvc.services.throttles import Bucket
from authsvc.services.token_claims import Ext
from authsvc.services.tokens import TokenPair
from authsvc.settings import Limit

PREFIX = "asm_"
LIFE = timedelta(minutes=5)


_REFUSALS = (
    *(InvalidCredentials, PasskeyInvalid, EmailCodeInvalid),
    *(AccountDisabled, EmailUnverified, SecondFactorRequired),
)
"""Those that are put on record."""


@dataclass(frozen=True, slots=True)
class Pending:
    """A sign-in whose first factor was right: the ticket that completes it, and by which methods; `expires_in` in s."""

    mfa_token: str
    methods: list[str]
    expires_in: int = int(LIFE.total_seconds())


@dataclass(frozen=True, slots=True)
class Opening:
    """A session that is about to be opened, and what its first access token says besides."""

    session: Session
    ext: Ext


def by_password(email: str, password: str) -> TokenPair | Pending:
    """Sign in by password, or begin to if the account has a second factor.

    An unknown address, a wrong password and a disabled account's wrong password take the same work and give the same
    answer (ASVS 6.3.8). Raises TooManyAttempts, InvalidCredentials, AccountDisabled, EmailUnverified, HashingBusy,
    HookFailed.
    """
    with _verified(email, password) as (user, recognition):
        return finish(user, passwords.AMR, recognition=recognition)


def by_password_only(email: str, password: str) -> TokenPair:
    """Sign in by password where nothing else can be asked, for as long as one access token lasts.

    Nobody can refresh a session of this kind, so one that outlasted its token would only push out others.
    Raises what `by_password` does, and SecondFactorRequired.
    """
    with _verified(email, password) as (user, recognition):
        if user.mfa_enabled:
            raise SecondFactorRequired([method.name for method in registry.second_factors_of(user)])
        life = timedelta(seconds=current_app.config["ACCESS_TOKEN_TTL"])
        return open_session(prepare(user, passwords.AMR, life=life), user, recognition=recognition)


def passkey_options(mfa_token: str | None) -> Options:
    """Return what a browser needs to sign in by passkey, or to complete the sign-in of a ticket.

    Raises MfaTokenInvalid, MfaNotEnabled, TooManyAttempts.
    """
    throttles.count(guesses.by_browser(Limit.CHALLENGE_ADDRESS))
    if mfa_token is None:
        return passkey.request_options(ChallengePurpose.LOGIN)
    ticket, user = _resolve(mfa_token)
    return passkey.request_options(ChallengePurpose.MFA, ticket.digest, user=user, verify_user=False)


def complete(mfa_token: str, answer: Answer) -> TokenPair:
    """Complete a sign-in by a second factor.

    Raises MfaTokenInvalid, MfaCodeInvalid, ChallengeInvalid, TooManyAttempts, InvalidCredentials, HookFailed.
    """
    ticket, user = _resolve(mfa_token)
    question = Question(ChallengePurpose.MFA, ticket.digest)
    recognition = devices.recognise(user)
    try:
        with registry.verifying(user, answer, question, *guesses.at_factor(user, recognition)) as proof:
            # Once the factor is known to be right, and before it is spent: nothing is spent in vain.
            amr = list(dict.fromkeys([*_methods_of(ticket), *proof.amr]))
            opening = prepare(user, amr, passkey=proof.passkey, identity=ticket.identity)
            if not MfaTicket.redeem(ticket.digest, clock.now()):
                raise MfaTokenInvalid
    except MfaCodeInvalid:
        if not recognition.is_browser_known_by_factor:
            _warn(user, ticket)
        raise
    return open_session(opening, user, recognition=recognition)


def by_passkey(challenge_id: str, credential: dict[str, Any]) -> TokenPair:
    """Sign in by a passkey that names its account and verifies its user: two factors in one.

    Raises ChallengeInvalid, PasskeyInvalid, AccountDisabled, EmailUnverified, TooManyAttempts, InvalidCredentials,
    HookFailed.
    """
    with throttles.counting(guesses.at_passkey(), failures=(PasskeyInvalid,)):
        challenge = challenges.redeem(challenge_id, ChallengePurpose.LOGIN)
        assertion = passkey.identify(credential)
        with recording_failures(assertion.user):
            proof = passkey.authenticate(assertion, challenge, owner=None, verify_user=True)
            _require_allowed(proof.user)
            recognition = devices.recognise(proof.user)
            opening = prepare(proof.user, proof.amr, passkey=proof.passkey)
            return open_session(opening, proof.user, recognition=recognition)


def by_proof(
    user: User, amr: list[str], *, identity: ObjectId | None = None, opening: Opening | None = None
) -> TokenPair | Pending:
    """Sign in a user who has proved by another first factor than a password who they are, and how (`amr`).

    `identity` is the one at another provider, if it was by that, and `opening` what was prepared for it, if anything
    was. A refusal is put on record. Raises AccountDisabled, EmailUnverified, InvalidCredentials, HookFailed.
    """
    with recording_failures(user):
        _require_allowed(user)
        return finish(user, amr, recognition=devices.recognise(user), identity=identity, opening=opening)


def finish(
    user: User,
    amr: list[str],
    *,
    recognition: Recognition,
    identity: ObjectId | None = None,
    opening: Opening | None = None,
) -> TokenPair | Pending:
    """Open a session for a user whose first factor was right, or ask for the second one.

    `opening` is what was prepared for that, if anything was. Raises InvalidCredentials, HookFailed.
    """
    if user.mfa_enabled:
        return _ask(user, amr, identity)
    if opening is None or opening.session.user != user.id:
        opening = prepare(user, amr, identity=identity)
    return open_session(opening, user, recognition=recognition)


def prepare(
    user: User,
    amr: list[str],
    *,
    passkey: ObjectId | None = None,
    identity: ObjectId | None = None,
    life: timedelta | None = None,
) -> Opening:
    """Prepare a session for a user who has authenticated by `amr` (RFC 8176); nothing is stored.

    `life` is for a session that lasts less than others. Raises HookFailed.
    """
    session = sessions.new(user, amr, passkey=passkey, identity=identity, life=life)
    return Opening(session, token_claims.of_session(session, user))


def open_session(opening: Opening, user: User, *, recognition: Recognition) -> TokenPair:
    """Open a session that was prepared for a user, and tell them if they are not known here.

    Raises InvalidCredentials if what was verified is no longer so.
    """
    sessions.open_session(opening.session, user)
    if recognition.is_new and devices.is_elsewhere(user):
        mail.post(LetterKind.NEW_SIGN_IN, user.id, to=user.email, **mail.request_facts())
    devices.remember_network(user, recognition, devices.proof_of(user))
    guesses.forgive_strangers(user)
    return tokens.mint(opening.session, user, opening.ext)


def enter(opening: Opening, user: User) -> TokenPair:
    """Return the tokens of the first session of an account that was just made, and note where that was."""
    devices.remember_network(user, None, devices.proof_of(user))
    return tokens.mint(opening.session, user, opening.ext)


@contextmanager
def _verified(email: str, password: str) -> Iterator[tuple[User, Recognition]]:
    """Verify a password within the limits on guesses; a refusal inside is put on record as one of the sign-in."""
    account = User.find_by_typed(email)
    recognition = devices.recognise(account)
    address = stored_addresses.spellings(email)[0]
    right = guesses.right_password(account, recognition, address)
    with (
        throttles.counting(
            *guesses.at_password(account, recognition, address), failures=(InvalidCredentials,), successes=right
        ),
        recording_failures(account),
    ):
        user = passwords.verify(account, password, address=address)
        if user is None:
            raise InvalidCredentials
        _require_allowed(user)
        yield user, recognition


def _require_allowed(user: User) -> None:
    """Refuse a user who was verified and may not sign in. Raises AccountDisabled, EmailUnverified."""
    if user.disabled_at is not None:
        raise AccountDisabled
    if current_app.config["EMAIL_VERIFICATION"] == "required" and not user.is_verified:
        raise EmailUnverified


@contextmanager
def recording_failures(user: User | None) -> Iterator[None]:
    """Put a sign-in that fails on record, for an unknown account too."""
    try:
        yield
    except _REFUSALS as refusal:
        happened(LoginFailed(target=user.id if user is not None else None, reason=refusal.code))
        raise


def _ask(user: User, amr: list[str], identity: ObjectId | None) -> Pending:
    """Ask for a second factor after the right first one; the ticket is valid for nothing else."""
    text = opaque_tokens.generate(PREFIX)
    digest, state = opaque_tokens.digest(text), _state_of(user, amr)
    ticket = MfaTicket(
        digest=digest, user=user.id, state=state, methods=amr, identity=identity, expires_at=clock.now() + LIFE
    )
    with happening(SecondFactorAsked(target=user.id, ticket=digest)):
        ticket.insert()
    return Pending(text, [method.name for method in registry.second_factors_of(user)])


def _resolve(mfa_token: str) -> tuple[MfaTicket, User]:
    """Return a ticket that is valid at this moment and its user. Raises MfaTokenInvalid."""
    if not opaque_tokens.is_well_formed(mfa_token, PREFIX):
        raise MfaTokenInvalid
    ticket = MfaTicket.find(opaque_tokens.digest(mfa_token), clock.now())
    user = User.find(str(ticket.user)) if ticket is not None else None
    if ticket is None or user is None or user.disabled_at is not None or not _stands(ticket, user):
        raise MfaTokenInvalid
    return ticket, user


def _stands(ticket: MfaTicket, user: User) -> bool:
    """Tell whether what a sign-in began by is still so."""
    return ticket.state == _state_of(user, ticket.methods) and ticket.identity in (None, *user.identities)


def _state_of(user: User, methods: list[str]) -> str:
    """Return a digest of what was verified: a ticket dies with its password, and after a code with its address."""
    address = f" at {user.email}" if "otp" in methods else ""
    return hashlib.sha256(f"mfa ticket {user.password}{address}".encode()).hexdigest()


def _methods_of(ticket: MfaTicket) -> list[str]:
    """Return by which methods a sign-in began; tickets of before say nothing, and were for a password."""
    return ticket.methods or passwords.AMR


def _warn(user: User, ticket: MfaTicket) -> None:
    """Tell a user, once a day, that somebody has their first factor and not their second one (ASVS 6.3.5)."""
    kind = LetterKind.PASSWORD_KNOWN if "pwd" in _methods_of(ticket) else LetterKind.SIGN_IN_STOPPED
    if throttles.is_first(Bucket(Limit.ALARM_ACCOUNT, str(user.id), user.id)):
        mail.post(kind, user.id, to=user.email, **mail.request_facts())

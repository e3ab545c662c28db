"""Second factors: which an account has, and taking any of them as proof."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NoReturn

from bson import ObjectId

from authsvc import clock, metrics
from authsvc.errors import (
    MfaCodeInvalid,
    MfaTokenInvalid,
    NotFound,
    PasskeyInvalid,
    SecondFactorRequired,
)
from authsvc.models.audit import Action
from authsvc.models.mfa import MfaTicket
from authsvc.models.passkeys import Passkey
from authsvc.models.users import User
from authsvc.security import opaque_tokens
from authsvc.services import (
    audit,
    callers,
    challenges,
    devices,
    factors,
    links,
    mail,
    passkeys,
    recovery_codes,
    sign_in,
    throttles,
    totp,
)
from authsvc.services.callers import Caller
from authsvc.services.passkeys import Options
from authsvc.services.throttles import Key
from authsvc.services.tokens import TokenPair

PREFIX = "asm_"
LIFE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Pending:
    """A sign-in whose password was right: the ticket to complete it with, and by what; `expires_in` in seconds."""

    mfa_token: str
    methods: list[str]
    expires_in: int = int(LIFE.total_seconds())


@dataclass(frozen=True, slots=True)
class Shown:
    """By what somebody has proved who they are (RFC 8176), and by which passkey, if it was one."""

    methods: list[str]
    passkey: ObjectId | None = None


def status(who: Caller) -> dict[str, Any]:
    """Return which factors the caller has. Raises SessionEnded."""
    user = factors.owner(who)
    return {
        "has_password": user.password is not None,
        "totp": {"enabled": user.totp_enabled, "confirmed_at": user.totp.confirmed_at if user.totp else None},
        "recovery_codes": {"remaining": len(user.recovery_code_hashes or [])},
        "passkeys": Passkey.among(user.all_passkeys),
    }


def methods(user: User) -> list[str]:
    """Return by what a sign-in can be completed."""
    held = {
        "totp": user.totp_enabled,
        "recovery_code": user.mfa_enabled and bool(user.recovery_code_hashes),
        "passkey": bool(user.passkeys),
    }
    return [name for name, there in held.items() if there]


def require_password_to_do(user: User) -> None:
    """Refuse the password alone for who has a second factor. Raises SecondFactorRequired."""
    if user.mfa_enabled:
        raise SecondFactorRequired([name for name in methods(user) if name != "recovery_code"])


def ask(user: User) -> Pending:
    """Ask for the second factor of who has shown the right password: a ticket that is good for nothing else."""
    text = opaque_tokens.generate(PREFIX)
    ticket = MfaTicket(
        digest=opaque_tokens.digest(text), user=user.id, state=_state(user), expires_at=clock.now() + LIFE
    )
    ticket.insert()
    metrics.LOGINS.labels("second_factor_asked").inc()
    audit.record(Action.SECOND_FACTOR_ASKED, target=user.id)
    return Pending(text, methods(user))


def passkey_options(mfa_token: str | None) -> Options:
    """Return what a browser needs to sign in by passkey: anybody, or who has a ticket. Raises MfaTokenInvalid,
    MfaNotEnabled, TooManyAttempts.
    """
    throttles.count(throttles.by_network("challenge_address"))
    if mfa_token is None:
        return passkeys.request_options("passkey.login")
    ticket, user = _found(mfa_token)
    return passkeys.request_options("passkey.mfa", ticket.digest, user=user, verify_user=False)


def complete(mfa_token: str, proof: Mapping[str, Any]) -> TokenPair:
    """Complete a sign-in by a second factor.

    The ticket is used up once the factor is known to be right, and before that is spent: nothing is spent in vain.
    Raises MfaTokenInvalid, MfaCodeInvalid, ChallengeInvalid, TooManyAttempts, InvalidCredentials, NotReady.
    """
    ticket, user = _found(mfa_token)

    def use() -> None:
        if not MfaTicket.redeem(ticket.digest, clock.now()):
            raise MfaTokenInvalid

    shown = prove(user, proof, "mfa", bound_to=ticket.digest, before_spending=use)
    place = devices.recognise(user)
    return sign_in.open_for(user, ["pwd", *shown.methods], place=place, passkey=shown.passkey)


def login_by_passkey(challenge_id: str, credential: dict[str, Any]) -> TokenPair:
    """Sign in by a passkey that names its account and verifies its user: two factors in one.

    Raises ChallengeInvalid, PasskeyInvalid, AccountDisabled, EmailUnverified, TooManyAttempts, InvalidCredentials.
    """
    with throttles.counting(throttles.by_network("login_address"), failures=(PasskeyInvalid,)):
        challenge = challenges.redeem(challenge_id, "passkey.login")
        claimed = passkeys.claim(credential)
        with sign_in.on_record(claimed.user):
            shown = passkeys.prove(claimed, challenge, credential, owner=None, verify_user=True)
            sign_in.require_allowed(shown.user)
            place = devices.recognise(shown.user)
            return sign_in.open_for(shown.user, shown.methods, place=place, passkey=shown.passkey.id)


def prove(
    user: User,
    proof: Mapping[str, Any],
    purpose: str,
    *,
    bound_to: str,
    alone: bool = False,
    before_spending: Callable[[], None] = lambda: None,
) -> Shown:
    """Take a second factor of a user's as proof, and spend it.

    `proof` holds `code`, or `recovery_code`, or `challenge_id` and `credential`. Wrong ones count together, whatever
    the factor and wherever they are shown. `alone` is for where no password is shown with it: a passkey has to verify
    its user then. Raises MfaCodeInvalid, ChallengeInvalid, TooManyAttempts, NotReady.
    """
    with throttles.counting(Key("mfa_account", str(user.id), user.id), failures=(MfaCodeInvalid,)):
        if "credential" in proof:
            shown = _by_passkey(user, proof, f"passkey.{purpose}", bound_to, alone)
            before_spending()
            return shown
        by_code = "code" in proof
        spend = totp.check(user, proof["code"]) if by_code else recovery_codes.check(user, proof["recovery_code"])
        if spend is not None:
            before_spending()
        if spend is None or not spend():
            _refuse(user, "totp" if by_code else "recovery_code")
        return Shown(list(totp.METHODS))


def forget(user_id: str) -> None:
    """Let no pending sign-in of a user be completed."""
    MfaTicket.remove_all(user_id)


def reset(user_id: str, by: Caller) -> None:
    """Remove all second factors of somebody who has lost them, and whose it is is known otherwise.

    Who has no password gets a link that sets one. One's own take a fresh sign-in, as everywhere. Raises NotFound,
    FreshLoginRequired.
    """
    user = User.find(user_id)
    if user is None:
        raise NotFound
    if user_id.lower() == by.user_id:
        callers.require_fresh(by)
    if user.mfa_enabled:
        with factors.changing(user, "factors_reset", Action.SECOND_FACTORS_RESET, actor=by.user_id):
            User.clear_factors(user_id)
        if user.password is None:
            mail.post("reset", user.id, to=user.email, link=links.issue("reset", user, user.email))
    passkeys.sweep(User.find(user_id), user_id)
    forget(user_id)


def _by_passkey(user: User, proof: Mapping[str, Any], purpose: str, bound_to: str, alone: bool) -> Shown:
    challenge = challenges.redeem(proof["challenge_id"], purpose, bound_to)
    claimed = passkeys.claim(proof["credential"])
    try:
        shown = passkeys.prove(claimed, challenge, proof["credential"], owner=user, verify_user=alone)
    except PasskeyInvalid:
        _refuse(user, "passkey")
    return Shown([*(name for name in shown.methods if name != "mfa"), "mfa"], shown.passkey.id)


def _refuse(user: User, method: str) -> NoReturn:
    metrics.LOGINS.labels("mfa_code_invalid").inc()
    audit.record(Action.SECOND_FACTOR_FAILED, target=user.id, method=method)
    raise MfaCodeInvalid


def _found(mfa_token: str) -> tuple[MfaTicket, User]:
    """Return a ticket that is good at this moment and its user. Raises MfaTokenInvalid."""
    if not opaque_tokens.is_well_formed(mfa_token, PREFIX):
        raise MfaTokenInvalid
    ticket = MfaTicket.find(opaque_tokens.digest(mfa_token), clock.now())
    user = User.find(str(ticket.user)) if ticket is not None else None
    if ticket is None or user is None or user.disabled_at is not None or ticket.state != _state(user):
        raise MfaTokenInvalid
    return ticket, user


def _state(user: User) -> str:
    """Return a digest of what was verified: a ticket dies with the password that it was given for."""
    return hashlib.sha256(f"mfa ticket {user.password}".encode()).hexdigest()

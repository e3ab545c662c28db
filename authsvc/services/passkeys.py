"""Passkeys (WebAuthn): registering them, and taking their word for who somebody is."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NoReturn
from urllib.parse import urlsplit

from bson import ObjectId
from flask import current_app

from authsvc import clock
from authsvc.errors import (
    FieldError,
    LastLoginMethod,
    MfaNotEnabled,
    NotFound,
    PasskeyInvalid,
    Problem,
    ValidationFailed,
)
from authsvc.models.audit import Action
from authsvc.models.passkeys import Passkey
from authsvc.models.users import User
from authsvc.security import webauthn
from authsvc.security.webauthn import Assertion, Credential, NewCredential, NotGenuine, RelyingParty
from authsvc.services import audit, challenges, factors, mail
from authsvc.services.callers import Caller
from authsvc.services.paging import Page

Answer = dict[str, Any]

MOST = 20
"""Passkeys that an account can have."""


@dataclass(frozen=True, slots=True)
class Options:
    """What a browser is to ask an authenticator, and the id under which its answer is awaited."""

    challenge_id: str
    public_key: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Claim:
    """Whose passkey an answer claims to be from, None where that is nobody's, and the user handle that it names."""

    user: User | None
    passkey: Passkey | None
    handle: bytes | None


@dataclass(frozen=True, slots=True)
class Proof:
    """Whose passkey has proved what."""

    user: User
    passkey: Passkey
    assertion: Assertion

    @property
    def methods(self) -> list[str]:
        """Return how somebody signed in, by this passkey alone (RFC 8176): a key in hardware or a synced one.

        Where its user was verified (PIN, fingerprint) that is two factors in one.
        """
        return [_key(self.assertion), "user", *(["mfa"] if self.assertion.user_verified else [])]


def creation_options(who: Caller) -> Options:
    """Return what a browser needs to make a passkey for the caller. Raises EmailUnverified, SessionEnded."""
    user = factors.to_add_to(who)
    challenge = challenges.issue("passkey.register", _bound_to(who, user))
    known = _credentials(user)
    asked = webauthn.creation_options(
        _party(), challenge.challenge, known, handle=user.id.binary, account=user.email, name=user.name or ""
    )
    return Options(str(challenge.id), asked)


def register(who: Caller, challenge_id: str, name: str, credential: Answer) -> Passkey:
    """Register the passkey that was made for the caller's challenge: it signs in, and is a second factor from now on.

    Raises ChallengeInvalid, ValidationFailed, PasskeyKnown, EmailUnverified, FreshLoginRequired, SessionEnded.
    """
    user = factors.to_add_to(who)
    challenge = challenges.redeem(challenge_id, "passkey.register", _bound_to(who, user))
    if len(user.all_passkeys) >= MOST:
        _refuse(f"An account has at most {MOST} passkeys.")
    try:
        made = webauthn.check_registration(_party(), challenge, credential)
    except NotGenuine:
        _refuse("This is not a new passkey for this challenge and this site, which verified its user.")
    passkey = _stored(user, name, made)
    try:
        with factors.adding(who, user, _named(passkey), Action.PASSKEY_ADDED, [_key(made), "user", "mfa"]):
            factors.settle(who, lambda _: User.add_passkey(factors.to_add_to(who), passkey.id))
    except Problem:
        Passkey.remove(passkey.id)
        raise
    return passkey


def list_own(who: Caller, limit: int, cursor: str | None) -> Page:
    """Return a page of the caller's passkeys, newest first; `cursor` is the `next` of the page before."""
    own = factors.owner(who).all_passkeys
    return Page.of(Passkey.among(own, limit=limit + 1, before=cursor), limit, lambda passkey: passkey)


def rename(who: Caller, passkey_id: str, name: str) -> Passkey:
    """Give one of the caller's passkeys another name. Raises NotFound for any other, SessionEnded."""
    _own(factors.owner(who), passkey_id)
    passkey = Passkey.rename(passkey_id, who.user_id, name)
    if passkey is None:
        raise NotFound
    audit.record(Action.PASSKEY_RENAMED, actor=who.user_id, target=who.user_id, passkey=str(passkey.id))
    return passkey


def remove(who: Caller, passkey_id: str) -> None:
    """Remove one of the caller's passkeys. Raises NotFound for any other, LastLoginMethod, SessionEnded."""
    user = factors.owner(who)
    passkey = _own(user, passkey_id)

    def change(user: User) -> User | None:
        if passkey.id not in user.all_passkeys:
            raise NotFound
        if user.password is None and user.passkeys == [passkey.id]:
            raise LastLoginMethod
        return User.remove_factor(user, passkey.id)

    with factors.changing(user, "factor_removed", Action.PASSKEY_REMOVED, factor=_named(passkey)):
        factors.settle(who, change)
    Passkey.remove(passkey.id)


def request_options(purpose: str, bound_to: str = "", *, user: User | None = None, verify_user: bool = True) -> Options:
    """Return what a browser needs to show a passkey: any of this site's, or one of this user's.

    Raises MfaNotEnabled for a user who has none.
    """
    if user is not None and not user.passkeys:
        raise MfaNotEnabled
    challenge = challenges.issue(purpose, bound_to)
    known = _credentials(user) if user is not None else []
    asked = webauthn.request_options(_party(), challenge.challenge, known, verify_user=verify_user)
    return Options(str(challenge.id), asked)


def claim(credential: Answer) -> Claim:
    """Return whose passkey an answer claims to be from; it has proved nothing yet."""
    try:
        claimed, handle = webauthn.claimed_id(credential)
    except NotGenuine:
        return Claim(None, None, None)
    passkey = Passkey.find_by_credential(claimed)
    return Claim(User.find(str(passkey.user)) if passkey is not None else None, passkey, handle)


def prove(claimed: Claim, challenge: bytes, credential: Answer, *, owner: User | None, verify_user: bool) -> Proof:
    """Return what a passkey, `owner`'s where one is asked by name, proves about a challenge. Raises PasskeyInvalid."""
    user, passkey = claimed.user, claimed.passkey
    if passkey is None or user is None or passkey.id not in (user.passkeys or []):
        raise PasskeyInvalid
    if (owner is not None and owner.id != user.id) or claimed.handle not in _handles(user, named=owner is not None):
        raise PasskeyInvalid
    try:
        shown = webauthn.check_assertion(_party(), challenge, credential, passkey.public_key, verify_user=verify_user)
    except NotGenuine as error:
        raise PasskeyInvalid from error
    if not Passkey.advance(passkey.id, shown.sign_count, backed_up=shown.backed_up, now=clock.now()):
        _end_copied(user, passkey)
        raise PasskeyInvalid
    return Proof(user, passkey, shown)


def sweep(user: User | None, user_id: str) -> None:
    """Delete what is stored of passkeys that the account does not hold any more."""
    Passkey.remove_all(user_id, but=user.all_passkeys if user is not None else [])


def _handles(user: User, *, named: bool) -> tuple[bytes | None, ...]:
    """Return the user handles that an answer may name; only who was asked for by name may leave it out."""
    return (user.id.binary, None) if named else (user.id.binary,)


def _end_copied(user: User, passkey: Passkey) -> None:
    """End a passkey whose counter went back: there is another copy of its key (WebAuthn section 6.1.1)."""
    with (
        suppress(_GoneMeanwhile),
        factors.changing(user, "passkey_copied", Action.PASSKEY_COPIED, factor=_named(passkey)),
    ):
        if User.end_copied(str(user.id), passkey.id) is None:
            raise _GoneMeanwhile


class _GoneMeanwhile(Exception):
    pass


def _stored(user: User, name: str, made: NewCredential) -> Passkey:
    passkey = Passkey(
        id=ObjectId(),
        user=user.id,
        credential=made.id,
        public_key=made.public_key,
        sign_count=made.sign_count,
        transports=made.transports,
        backed_up=made.backed_up,
        name=name,
        created_at=clock.now(),
    )
    passkey.insert()
    return passkey


def _own(user: User, passkey_id: str) -> Passkey:
    found = next((one for one in Passkey.among(user.all_passkeys) if str(one.id) == passkey_id.lower()), None)
    if found is None:
        raise NotFound
    return found


def _bound_to(who: Caller, user: User) -> str:
    """Return what a challenge to register is good for: this session, and the factors that the account has now."""
    return f"{who.session_id}/{user.factor_epoch or 0}"


def _refuse(said: str) -> NoReturn:
    raise ValidationFailed([FieldError("not_allowed", said, "/credential")])


def _credentials(user: User) -> list[Credential]:
    return [Credential(one.credential, one.transports) for one in Passkey.among(user.passkeys or [])]


def _party() -> RelyingParty:
    config = current_app.config
    return RelyingParty(config["WEBAUTHN_RP_ID"], config["WEBAUTHN_ORIGINS"], urlsplit(config["PUBLIC_URL"]).netloc)


def _key(shown: Assertion | NewCredential) -> str:
    return "hwk" if shown.device_bound else "swk"


def _named(passkey: Passkey) -> str:
    return mail.harmless(f"the passkey {passkey.name}")

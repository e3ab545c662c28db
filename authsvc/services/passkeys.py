"""Passkeys (WebAuthn): registering, listing, renaming and removing them."""

from dataclasses import dataclass
from typing import Any, NoReturn
from urllib.parse import urlsplit

from flask import current_app

from authsvc import clock
from authsvc.errors import (
    FieldError,
    NotFound,
    Problem,
    ValidationFailed,
)
from authsvc.events import happening
from authsvc.events.catalogue import PasskeyAdded, PasskeyRemoved, PasskeyRenamed
from authsvc.models.challenges import ChallengePurpose
from authsvc.models.ids import new_id
from authsvc.models.passkeys import Passkey
from authsvc.models.users import User
from authsvc.security import webauthn
from authsvc.security.quoting import sanitize
from authsvc.security.webauthn import Assertion, Credential, NewCredential, NotGenuine, RelyingParty
from authsvc.services import challenges, factors, throttles, ways_in
from authsvc.services.callers import Caller
from authsvc.services.paging import Page

Answer = dict[str, Any]

MOST = 20
"""Passkeys that an account can have."""


@dataclass(frozen=True, slots=True)
class Options:
    """What a browser has to ask an authenticator, and the id of the challenge that its answer belongs to."""

    challenge_id: str
    public_key: dict[str, Any]


def creation_options(who: Caller) -> Options:
    """Return what a browser needs to make a passkey for the caller.

    Raises EmailUnverified, SessionEnded, TooManyAttempts.
    """
    throttles.count_safeguard(who)
    user = factors.to_add_to(who)
    challenge = challenges.issue(ChallengePurpose.REGISTER, _bound_to(who, user))
    known = credentials_of(user)
    options = webauthn.creation_options(
        party(), challenge.challenge, known, handle=user.id.binary, account=user.email, name=user.name or ""
    )
    return Options(str(challenge.id), options)


def register(who: Caller, challenge_id: str, name: str, credential: Answer) -> Passkey:
    """Register the passkey that was made for the caller's challenge: from now on it signs in, and is a second factor.

    Raises ChallengeInvalid, ValidationFailed, PasskeyKnown, EmailUnverified, FreshLoginRequired, SessionEnded.
    """
    user = factors.to_add_to(who)
    challenge = challenges.redeem(challenge_id, ChallengePurpose.REGISTER, _bound_to(who, user))
    if len(user.all_passkeys) >= MOST:
        _refuse(f"An account can have at most {MOST} passkeys.")
    try:
        made = webauthn.check_registration(party(), challenge, credential)
    except NotGenuine:
        _refuse("This is not a new passkey for this challenge and site that verified its user.")
    passkey = _insert(user, name, made)
    try:
        added = PasskeyAdded.by_owner(user, factor=label_of(passkey))
        with factors.adding(who, user, added, [kind_of_key(made), "user", "mfa"]):
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
    """Give one of the caller's passkeys another name. Raises NotFound for any other, SessionEnded, TooManyAttempts."""
    throttles.count_change(who)
    own = _own(factors.owner(who), passkey_id)
    with happening(PasskeyRenamed(actor=who.user_id, target=who.user_id, passkey=str(own.id))):
        passkey = Passkey.rename(passkey_id, who.user_id, name)
        if passkey is None:
            raise NotFound
    return passkey


def remove(who: Caller, passkey_id: str) -> None:
    """Remove one of the caller's passkeys. Raises NotFound for any other, LastLoginMethod, SessionEnded."""
    user = factors.owner(who)
    passkey = _own(user, passkey_id)

    def change(user: User) -> User | None:
        if passkey.id not in user.all_passkeys:
            raise NotFound
        ways_in.require_another(user, but=passkey.id)
        return User.remove_factor(user, passkey.id)

    with happening(PasskeyRemoved.by_owner(user, factor=label_of(passkey))):
        factors.settle(who, change)
    Passkey.remove(passkey.id)


def credentials_of(user: User) -> list[Credential]:
    """Return the credentials of a user's valid passkeys."""
    return [Credential(one.credential, one.transports) for one in Passkey.among(user.passkeys or [])]


def party() -> RelyingParty:
    """Return this site as authenticators know it."""
    config = current_app.config
    # Whoever lists the origins of their apps does not mean to shut out the account pages.
    own = [config["PUBLIC_URL"]] if config["ACCOUNT_PAGES"] else []
    origins = dict.fromkeys([*config["WEBAUTHN_ORIGINS"], *own])
    return RelyingParty(config["WEBAUTHN_RP_ID"], tuple(origins), urlsplit(config["PUBLIC_URL"]).netloc)


def kind_of_key(key: Assertion | NewCredential) -> str:
    """Return how RFC 8176 calls a key: one in hardware, or one that is synchronised."""
    return "hwk" if key.device_bound else "swk"


def label_of(passkey: Passkey) -> str:
    """Return how a letter calls a passkey."""
    return sanitize(f"the passkey {passkey.name}")


def sweep(user: User | None, user_id: str) -> None:
    """Delete the stored passkeys that the account no longer has."""
    Passkey.remove_all(user_id, but=user.all_passkeys if user is not None else [])


def _insert(user: User, name: str, made: NewCredential) -> Passkey:
    passkey = Passkey(
        id=new_id(),
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
    """Return one of the user's passkeys. Raises NotFound for any other."""
    for passkey in Passkey.among(user.all_passkeys):
        if str(passkey.id) == passkey_id.lower():
            return passkey
    raise NotFound


def _bound_to(who: Caller, user: User) -> str:
    """Return what a challenge to register is bound to: this session, and the factors that the account has now."""
    return f"{who.session_id}/{user.factor_epoch or 0}"


def _refuse(detail: str) -> NoReturn:
    raise ValidationFailed([FieldError("not_allowed", detail, "/credential")])

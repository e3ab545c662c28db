"""The journeys: register, login, refresh, logout, each told with the nouns beside it."""

from collections.abc import Mapping
from typing import Any

from flask import current_app

from authsvc import clock
from authsvc.errors import EmailTaken, InvalidCredentials, SessionEnded, TokenInvalid
from authsvc.models.audit import Action
from authsvc.models.users import User
from authsvc.security import addresses
from authsvc.security.passwords import PasswordHash
from authsvc.services import (
    accounts,
    audit,
    devices,
    emails,
    factors,
    freshness,
    links,
    mail,
    mfa,
    passkeys,
    passwords,
    sessions,
    sign_in,
    throttles,
    tokens,
)
from authsvc.services.callers import Caller
from authsvc.services.devices import Place
from authsvc.services.mfa import Pending
from authsvc.services.passkeys import Options
from authsvc.services.throttles import Key
from authsvc.services.tokens import TokenPair

_NO_ADDRESS = ""


def register(name: str, email: str, password: str) -> TokenPair | None:
    """Create an account and sign in.

    Where addresses must be verified nobody is signed in (None), and a known address gets the same answer for the same
    work; its owner gets a letter. Raises ValidationFailed, TooManyAttempts, EmailTaken, HashingBusy.
    """
    passwords.check(password, email, name)
    throttles.count(throttles.by_network("register_address"))
    if current_app.config["EMAIL_VERIFICATION"] == "required":
        _register_in_silence(name, email, password)
        return None
    user = _create(name, email, passwords.hashed(password))
    emails.ask_for_proof(user)
    return sign_in.open_for(user, ["pwd"], place=None)


def login(email: str, password: str) -> TokenPair | Pending:
    """Sign in by password, or begin to where that is not enough.

    An unknown address, a wrong password and a disabled account's wrong password take the same work and give the same
    answer (ASVS 6.3.8). Raises TooManyAttempts, InvalidCredentials, AccountDisabled, EmailUnverified, HashingBusy.
    """
    address = _canonical(email)
    found = User.find_by_email(address)
    place = devices.recognise(found)
    guesses = _guesses(found, place, address or email.strip().casefold())
    with throttles.counting(*guesses, failures=(InvalidCredentials,)), sign_in.on_record(found):
        user = passwords.verify(found, password)
        if user is None:
            raise InvalidCredentials
        sign_in.require_allowed(user)
        return mfa.ask(user) if user.mfa_enabled else sign_in.open_for(user, ["pwd"], place=place)


def refresh(refresh_token: str) -> TokenPair:
    """Exchange a refresh token for a new pair. Raises TokenInvalid, SessionEnded, TooManyAttempts."""
    claims = tokens.read_refresh(refresh_token)
    throttles.count(throttles.by_network("refresh_address"), Key("refresh_session", claims["sid"], claims["sub"]))
    session = sessions.rotate(claims["sid"], claims["generation"])
    user = User.find(str(session.user))
    if user is None or user.disabled_at is not None:
        reason = "account_deleted" if user is None else "account_disabled"
        sessions.end(str(session.id), reason)
        raise SessionEnded(reason)
    sessions.bring_up_to_date(session, user)
    return tokens.mint(session, user)


def reauthenticate(who: Caller, proof: Mapping[str, Any]) -> tuple[str, int]:
    """Make the caller's session fresh by a proof of theirs; return an access token that says so and its life (s).

    A password will do where there is no second factor, and a second factor where there is one. Raises SessionEnded,
    PasswordIncorrect, SecondFactorRequired, MfaCodeInvalid, ChallengeInvalid, TooManyAttempts, HashingBusy.
    """
    user = factors.owner(who)
    if "password" in proof:
        mfa.require_password_to_do(user)
        user, methods = passwords.prove(who, proof["password"]), ["pwd"]
    else:
        shown = mfa.prove(user, proof, "reauthenticate", bound_to=who.session_id or "", alone=True)
        methods = shown.methods
    session = freshness.prove_again(who, methods)
    now_stored = factors.owner(who)
    if now_stored.mfa_enabled and "mfa" not in methods:  # enabled while the password was being hashed
        freshness.outdate(who.user_id)
        mfa.require_password_to_do(now_stored)
    audit.record(Action.REAUTHENTICATED, actor=user.id, target=user.id, session=who.session_id, methods=methods)
    pair = tokens.mint(session, user)
    return pair.access_token, pair.expires_in


def reauthentication_options(who: Caller) -> Options:
    """Return what a browser needs for the caller to prove themselves by passkey. Raises MfaNotEnabled, SessionEnded."""
    return passkeys.request_options("passkey.reauthenticate", who.session_id or "", user=factors.owner(who))


def logout(*, access_token: str | None, refresh_token: str | None) -> None:
    """End the session that the token names, whatever its age; the access token decides where both are there.

    Raises TokenInvalid.
    """
    if access_token is not None:
        claims = tokens.read_access_even_expired(access_token)
    elif refresh_token is not None:
        claims = tokens.read_refresh(refresh_token, even_expired=True)
    else:
        raise TokenInvalid
    sessions.end(claims["sid"])


def shown_session(*, access_token: str | None, refresh_token: str | None) -> str | None:
    """Return the id of the session that a request shows, by its access token or else by its cookie; None without.

    Raises TokenInvalid for an access token that is none.
    """
    if access_token is not None:
        return str(tokens.read_access_even_expired(access_token)["sid"])
    try:
        return str(tokens.read_refresh(refresh_token or "")["sid"])
    except (TokenInvalid, SessionEnded):
        return None


def replace_session(refresh_token: str) -> None:
    """End the session of a refresh token that a new sign-in replaces; one that is no good is nobody's."""
    try:
        claims = tokens.read_refresh(refresh_token, even_expired=True)
    except TokenInvalid:
        return
    sessions.end(claims["sid"], "replaced")


def _create(name: str, email: str, password: PasswordHash) -> User:
    """Insert an account. Raises EmailTaken."""
    user = accounts.add(User(name=name, email=email, password=password, password_changed_at=clock.now()))
    audit.record(Action.ACCOUNT_REGISTERED, actor=user.id, target=user.id)
    return user


def _created(name: str, email: str, password: PasswordHash) -> User | None:
    try:
        return _create(name, email, password)
    except EmailTaken:
        return None


def _register_in_silence(name: str, email: str, password: str) -> None:
    """Create an account, or tell the owner of the one there is: as many hashes and as many database commands.

    An account that is there stays as it is, proved or not: its owner gets a link that sets a password, and the links
    that went out before are good no more, so whoever has the mailbox gets the password that they chose last.
    """
    new = passwords.hashed(password)
    has_room = throttles.has_room(Key("verify_account", email))
    created = _created(name, email, new)
    user = User.find_by_email(email)
    if created is None:
        links.is_reserved(email)  # once more, as for who is created
        audit.record(Action.REGISTRATION_REPEATED, target=user.id if user is not None else None)
    if user is not None and user.disabled_at is not None:
        user = None
    links.cancel(str(user.id) if user is not None else "", "verify")
    if user is None or not has_room:
        mail.post_in_vain("known", link=links.issue_in_vain("reset", email))
    elif created is not None:
        emails.ask_for_proof(user, in_silence=True)
    else:
        link = links.issue("reset", user, user.email)
        mail.post_in_silence("known", user.id, to=user.email, link=link)


def _guesses(user: User | None, place: Place, address: str) -> tuple[Key, ...]:
    """Return what a wrong password counts against: where a user is known, not what strangers count against."""
    if place.known_as is None:
        return throttles.by_network("login_address"), Key("login_account", address, user.id if user else None)
    own = Key("login_device", place.known_as, user.id if user else None)
    return (own,) if place.by_cookie else (throttles.by_network("login_address"), own)


def _canonical(email: str) -> str:
    """Return the canonical address, or one that no account has: it is looked up all the same."""
    try:
        return addresses.canonical(email)
    except addresses.NotAnAddress:
        return _NO_ADDRESS

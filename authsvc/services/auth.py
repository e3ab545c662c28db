"""The journeys: register, login, refresh, logout, each told with the nouns beside it."""

from collections.abc import Iterator
from contextlib import contextmanager

from authsvc import metrics
from authsvc.errors import AccountDisabled, InvalidCredentials, SessionEnded, TokenInvalid
from authsvc.models.audit import Action
from authsvc.models.users import User
from authsvc.security import addresses
from authsvc.services import audit, devices, passwords, sessions, throttles, tokens
from authsvc.services.throttles import Key
from authsvc.services.tokens import TokenPair

_NO_ADDRESS = ""


def register(name: str, email: str, password: str) -> TokenPair:
    """Create an account and sign in. Raises ValidationFailed, TooManyAttempts, EmailTaken, HashingBusy."""
    passwords.check(password, email, name)
    throttles.count(throttles.by_network("register_address"))
    user = User.register(name, email, password)
    audit.record(Action.ACCOUNT_REGISTERED, actor=user.id, target=user.id)
    return _sign_in(user, ["pwd"])


def login(email: str, password: str) -> TokenPair:
    """Sign in by password.

    An unknown address, a wrong password and a disabled account's wrong password take the same work and give the same
    answer (ASVS 6.3.8). Raises TooManyAttempts, InvalidCredentials, AccountDisabled, HashingBusy.
    """
    address = _canonical(email)
    found = User.find_by_email(address)
    guesses = _guesses(found, address or email.strip().casefold())
    with throttles.counting(*guesses, failures=(InvalidCredentials,)), _on_record(found):
        user = passwords.verify(found, password)
        if user is None:
            raise InvalidCredentials
        if user.disabled_at is not None:
            raise AccountDisabled
        return _sign_in(user, ["pwd"])


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
    return tokens.mint(session, user)


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


def replace_session(refresh_token: str) -> None:
    """End the session of a refresh token that a new sign-in replaces; one that is no good is nobody's."""
    try:
        claims = tokens.read_refresh(refresh_token, even_expired=True)
    except TokenInvalid:
        return
    sessions.end(claims["sid"], "replaced")


def _sign_in(user: User, methods: list[str]) -> TokenPair:
    session = sessions.open_session(user, methods)
    devices.remember_network(user)
    return tokens.mint(session, user)


@contextmanager
def _on_record(user: User | None) -> Iterator[None]:
    """Put a sign-in that fails on record, for an unknown account too."""
    try:
        yield
    except (InvalidCredentials, AccountDisabled) as refusal:
        metrics.LOGINS.labels(refusal.code).inc()
        audit.record(Action.LOGIN_FAILED, target=user.id if user is not None else None, reason=refusal.code)
        raise


def _guesses(user: User | None, address: str) -> tuple[Key, ...]:
    """Return what a wrong password counts against: where a user is known, not what strangers count against."""
    place = devices.recognise(user)
    if place is None:
        return throttles.by_network("login_address"), Key("login_account", address, user.id if user else None)
    digest, by_cookie = place
    own = Key("login_device", digest, user.id if user else None)
    return (own,) if by_cookie else (throttles.by_network("login_address"), own)


def _canonical(email: str) -> str:
    """Return the canonical address, or one that no account has: it is looked up all the same."""
    try:
        return addresses.canonical(email)
    except addresses.NotAnAddress:
        return _NO_ADDRESS

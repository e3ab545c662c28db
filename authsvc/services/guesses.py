"""Guesses at passwords and second factors: which of them are counted together.

Strangers share one limit. Each browser and network of an earlier sign-in, and each live session, has a limit of its
own: nobody can use up what the user needs without being there.

Guesses at codes have a limit of their own only in places where a second factor was used before, not only a password.
Places where the address was verified by a letter are counted apart from strangers, together for each account: a mailbox
is no second factor.

Each guess is counted twice: in a short window, and in a row, which only a success breaks. Nobody fails more than a
hundred times in a row (NIST SP 800-63B-4 section 3.2.2): after that strangers are refused until the user signs in, or
verifies the address.
"""

from collections.abc import Sequence

from authsvc import origin, settings
from authsvc.models.devices import Proof
from authsvc.models.sessions import Session
from authsvc.models.users import User
from authsvc.security import opaque_tokens
from authsvc.security.networks import network_of
from authsvc.services import devices, throttles
from authsvc.services.callers import Caller
from authsvc.services.devices import Recognition
from authsvc.services.throttles import Bucket
from authsvc.settings import Limit


def at_password(user: User | None, recognition: Recognition, address: str) -> tuple[Bucket, ...]:
    """Return the buckets of a wrong password at a sign-in; an unknown account is counted by its `address`."""
    account = str(user.id) if user is not None else address
    target = user.id if user is not None else None
    row = throttles.any_of(Limit.LOGIN_ROW, recognition.known or (account,), target)
    if recognition.is_new:
        return throttles.by_network(Limit.LOGIN_ADDRESS), Bucket(Limit.LOGIN_ACCOUNT, address, target), row
    own = throttles.any_of(Limit.LOGIN_DEVICE, recognition.known, target)
    return (own, row) if recognition.by_cookie else (throttles.by_network(Limit.LOGIN_ADDRESS), own, row)


def at_own_password(who: Caller, recognition: Recognition) -> tuple[Bucket, ...]:
    """Return the buckets of a wrong password of somebody signed in."""
    session = who.session_id or ""
    return (
        Bucket(Limit.REAUTHENTICATE_SESSION, session, who.user_id),
        throttles.any_of(Limit.REAUTHENTICATE_ACCOUNT, recognition.known or (who.user_id,), who.user_id),
        Bucket(Limit.LOGIN_ROW, session, who.user_id),
    )


def at_factor(user: User, recognition: Recognition) -> tuple[Bucket, ...]:
    """Return the buckets of a wrong second factor at a sign-in, whatever the factor."""
    by_letter = (f"proved {user.id}",) if recognition.known_by(Proof.LETTER) else (str(user.id),)
    return _at_factor(user, recognition.known_by(Proof.FACTOR) or by_letter)


def at_own_factor(user: User, who: Caller) -> tuple[Bucket, ...]:
    """Return the buckets of a wrong second factor of somebody signed in, whatever the factor."""
    # Sessions by password only are counted together: somebody who knew the password may have opened a hundred.
    session = Session.find(who.session_id or "")
    by_factor = not user.mfa_enabled or (session is not None and "mfa" in session.methods)
    return _at_factor(user, ((who.session_id or "") if by_factor else f"sessions by password {user.id}",))


def at_email_code(user: User | None, recognition: Recognition, counter: str) -> tuple[Bucket, ...]:
    """Return the buckets of a wrong code from a letter, for all challenges of an account, or of an address (`counter`).

    `recognition` is of a user whose places count apart, or empty.
    """
    target = user.id if user is not None else None
    own = (
        throttles.any_of(Limit.EMAIL_CODE_ACCOUNT, recognition.known or (counter,), target),
        throttles.any_of(Limit.EMAIL_CODE_ROW, recognition.known or (counter,), target),
    )
    return own if recognition.by_cookie else (throttles.by_network(Limit.EMAIL_CODE_ADDRESS), *own)


def at_own_email_code(who: Caller) -> tuple[Bucket, ...]:
    """Return the buckets of a wrong code from a letter to somebody signed in, for all challenges (R116)."""
    session = who.session_id or ""
    return (
        Bucket(Limit.REAUTHENTICATE_SESSION, session, who.user_id),
        Bucket(Limit.EMAIL_CODE_ACCOUNT, f"sessions of {who.user_id}", who.user_id),
        Bucket(Limit.EMAIL_CODE_ROW, f"session {session}", who.user_id),
    )


def at_passkey() -> Bucket:
    """Return the bucket of an invalid passkey at a sign-in that names nobody."""
    return by_browser(Limit.LOGIN_ADDRESS)


def by_browser(limit: Limit) -> Bucket:
    """Return the bucket of the caller's browser, if somebody has signed in there, and then of its network.

    So a planted cookie gains nothing.
    """
    return throttles.any_of(limit, devices.browsers(), last=throttles.by_network(limit))


def right_password(user: User | None, recognition: Recognition, address: str) -> Bucket:
    """Return the bucket of right passwords: they take as long to hash."""
    if recognition.by_cookie:
        return throttles.any_of(Limit.PASSWORD_RIGHT, recognition.known, user.id if user is not None else None)
    return Bucket(Limit.PASSWORD_RIGHT, str(user.id) if user is not None else address)


def at_app(app_id: str) -> Bucket:
    """Return the bucket of wrong credentials of an app, from the caller's network.

    Whoever makes up apps fills no more than 256 buckets, and learns from none which apps there are.
    """
    return Bucket(Limit.APP_GUESSES, f"{opaque_tokens.digest(app_id)[:2]} {network_of(origin.current().ip)}")


def at_user_code(who: Caller) -> tuple[Bucket, ...]:
    """Return the buckets of a wrong code of a device, which are short: a right one fails too once either is full."""
    return Bucket(Limit.USER_CODE_ACCOUNT, who.user_id, who.user_id), throttles.by_network(Limit.USER_CODE_ADDRESS)


def forgive_strangers(user: User) -> None:
    """Break the rows of strangers' failures on an account, since its user was there."""
    throttles.forgive(*(Bucket(limit, str(user.id)) for limit in settings.ROWS))


def forgive_passwords(user: User) -> None:
    """Break the rows of wrong passwords, of strangers and of this place, after the address was verified."""
    # Not those of codes: somebody who reads the account's mail would get as many guesses as letters.
    recognition = devices.recognise(user)
    throttles.forgive(*(Bucket(Limit.LOGIN_ROW, whose) for whose in (str(user.id), *recognition.known)))


def _at_factor(user: User, whose: Sequence[str]) -> tuple[Bucket, ...]:
    return throttles.any_of(Limit.MFA_ACCOUNT, whose, user.id), throttles.any_of(Limit.MFA_ROW, whose, user.id)

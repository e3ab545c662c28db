"""Authenticator apps: enrolling one, taking its codes, removing it (RFC 6238)."""

from dataclasses import dataclass
from datetime import timedelta

from flask import current_app

from authsvc import clock, settings
from authsvc.errors import MfaAlreadyEnabled, MfaCodeInvalid, MfaNotEnabled
from authsvc.models.audit import Action
from authsvc.models.users import Totp, User
from authsvc.security import envelope, recovery_codes, totp
from authsvc.services import audit, factors, throttles
from authsvc.services.callers import Caller
from authsvc.services.throttles import Key

METHODS = ["otp", "mfa"]
"""What a code adds to a password (RFC 8176)."""

_ENROLMENT = timedelta(hours=1)
_PURPOSE = "totp"


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What an app is set up with: the secret as base32, as an `otpauth:` address, and that as a QR code in SVG."""

    secret: str
    uri: str
    qr_svg: str


def enrol(who: Caller) -> Enrolment:
    """Begin to enrol an app: it counts for nothing before its first code is confirmed, within an hour.

    Raises EmailUnverified, MfaAlreadyEnabled, SessionEnded.
    """
    user = factors.owner(who)
    factors.may_be_added(user)
    secret = totp.new_secret()
    if User.begin_totp(who.user_id, Totp(sealed=_sealed(user, secret), created_at=clock.now())) is None:
        raise MfaAlreadyEnabled
    uri = totp.uri(secret, user.email, settings.host_of(current_app.config["PUBLIC_URL"]))
    return Enrolment(secret, uri, totp.qr_svg(uri))


def confirm(who: Caller, code: str) -> list[str]:
    """Enable the app by its first code, which is spent by that; return ten new recovery codes, the only time.

    Raises MfaAlreadyEnabled, MfaNotEnabled, MfaCodeInvalid, TooManyAttempts, EmailUnverified, SessionEnded.
    """
    user = factors.owner(who)
    factors.may_be_added(user)
    app = _being_enrolled(user)
    with throttles.counting(Key("mfa_account", who.user_id, user.id), failures=(MfaCodeInvalid,)):
        step = totp.matching_step(_secret(user, app), code, clock.now())
        if step is None:
            audit.record(Action.SECOND_FACTOR_FAILED, actor=user.id, target=user.id, method="totp")
            raise MfaCodeInvalid
        codes = recovery_codes.generate()
        with factors.changing(user, "factor_added", Action.TOTP_ENABLED, factor="an authenticator app"):
            if User.confirm_totp(who.user_id, app, step, recovery_codes.digests(codes), clock.now()) is None:
                raise MfaNotEnabled
    factors.added(who, user, METHODS)
    return codes


def remove(who: Caller) -> None:
    """Remove the app; recovery codes go with the last factor. Raises MfaNotEnabled, SessionEnded."""
    user = factors.owner(who)
    if not user.totp_enabled:
        raise MfaNotEnabled
    with factors.changing(user, "factor_removed", Action.TOTP_DISABLED, factor="an authenticator app"):
        if User.remove_totp(who.user_id) is None:
            raise MfaNotEnabled


def take(user: User, code: str) -> bool:
    """Take a code as proof; tell False for one that is wrong, or was taken already, or is older than one that was."""
    app = user.totp
    if app is None or app.confirmed_at is None:
        return False
    step = totp.matching_step(_secret(user, app), code, clock.now())
    return step is not None and User.spend_totp(str(user.id), app, step) is not None


def reseal() -> int:
    """Seal with SECRET_KEY what one of SECRET_KEY_FALLBACKS sealed; return how many secrets that were."""
    count = 0
    for user in User.with_totp():
        if user.totp is not None and not envelope.opens(user.totp.sealed, _secrets()[0], _PURPOSE, str(user.id)):
            sealed = _sealed(user, _secret(user, user.totp))
            count += User.reseal_totp(str(user.id), user.totp, sealed) is not None
    return count


def _being_enrolled(user: User) -> Totp:
    if user.totp_enabled:
        raise MfaAlreadyEnabled
    if user.totp is None or clock.now() - user.totp.created_at >= _ENROLMENT:
        raise MfaNotEnabled
    return user.totp


def _sealed(user: User, secret: str) -> str:
    return envelope.seal(secret.encode(), _secrets()[0], _PURPOSE, str(user.id))


def _secret(user: User, app: Totp) -> str:
    return envelope.unseal(app.sealed, _secrets(), _PURPOSE, str(user.id)).decode()


def _secrets() -> list[str]:
    return [current_app.config["SECRET_KEY"], *current_app.config["SECRET_KEY_FALLBACKS"]]

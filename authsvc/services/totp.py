"""Authenticator apps (RFC 6238): enrolling one, removing it, and how its secret is kept."""

from dataclasses import dataclass
from datetime import timedelta

from flask import current_app

from authsvc import clock, logs, settings
from authsvc.errors import MfaAlreadyEnabled, MfaCodeInvalid, MfaNotEnabled
from authsvc.events import happened, happening
from authsvc.events.catalogue import EnrolmentCodeFailed, TotpDisabled, TotpEnabled
from authsvc.models.users import LOST, Totp, User
from authsvc.security import recovery_codes, totp
from authsvc.security.envelope import SealBroken
from authsvc.services import factors, guesses, throttles, ways_in
from authsvc.services.callers import Caller
from authsvc.services.vaults import vault

AMR = ["otp", "mfa"]
"""What a code adds to a password (RFC 8176)."""

_ENROLMENT = timedelta(hours=1)
_PURPOSE = "totp"
_LABEL = "an authenticator app"
_log = logs.get(__name__)


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What an app is set up with: the secret as base32, as an `otpauth:` address, and that as a QR code in SVG."""

    secret: str
    uri: str
    qr_svg: str


def enrol(who: Caller) -> Enrolment:
    """Begin to enrol an app: it counts for nothing until its first code is confirmed, within an hour.

    Raises EmailUnverified, MfaAlreadyEnabled, SessionEnded, FreshLoginRequired, TooManyAttempts.
    """
    throttles.count_safeguard(who)
    secret = totp.new_secret()

    def begin(_: User) -> User | None:
        user = factors.to_add_to(who)
        if user.totp_enabled:
            raise MfaAlreadyEnabled
        return User.begin_totp(user, Totp(sealed=_sealed(user, secret), created_at=clock.now()))

    user = factors.settle(who, begin)
    uri = totp.uri(secret, user.email, settings.host_of(current_app.config["PUBLIC_URL"]))
    return Enrolment(secret, uri, totp.qr_svg(uri))


def confirm(who: Caller, code: str) -> list[str]:
    """Enable the app by its first code, which is spent by that; return ten new recovery codes, the only time.

    It returns none if their owner has some: those stay.

    Raises MfaAlreadyEnabled, MfaNotEnabled (also if another one was begun since), MfaCodeInvalid, TooManyAttempts,
    EmailUnverified, SessionEnded, FreshLoginRequired, NotReady.
    """
    user = factors.to_add_to(who)
    app = _being_enrolled(user)
    secret = secret_of(user, app)
    if secret is None:
        raise MfaNotEnabled
    with throttles.counting(*guesses.at_own_factor(user, who), failures=(MfaCodeInvalid,)):
        step = totp.matching_step(secret, code, clock.now())
        if step is None:
            happened(EnrolmentCodeFailed.by_owner(user, method="totp"))
            raise MfaCodeInvalid
        codes = recovery_codes.generate()

        def enable(_: User) -> User | None:
            now_stored = factors.to_add_to(who)
            if _being_enrolled(now_stored).sealed != app.sealed:
                raise MfaNotEnabled
            return User.confirm_totp(now_stored, step, recovery_codes.digests(codes), clock.now())

        with factors.adding(who, user, TotpEnabled.by_owner(user, factor=_LABEL), AMR):
            enabled = factors.settle(who, enable)
    return codes if set(enabled.recovery_code_hashes or []) == set(recovery_codes.digests(codes)) else []


def remove(who: Caller) -> None:
    """Remove the app; recovery codes go with the last factor. Raises MfaNotEnabled, LastLoginMethod, SessionEnded."""

    def change(user: User) -> User | None:
        if not user.totp_enabled:
            raise MfaNotEnabled
        ways_in.require_another(user)
        return User.remove_factor(user)

    with happening(TotpDisabled.by_owner(factors.owner(who), factor=_LABEL)):
        factors.settle(who, change)


def secret_of(user: User, app: Totp) -> str | None:
    """Return the secret of an app; None if neither SECRET_KEY nor its fallbacks open it, so that no code is valid."""
    try:
        return vault(_PURPOSE).open(app.sealed, str(user.id)).decode()
    except SealBroken:
        if app.sealed != LOST:  # or an operator knows already
            remedy = "put the former SECRET_KEY into SECRET_KEY_FALLBACKS"
            _log.error("totp.not_opened", user=str(user.id), remedy=remedy)
        return None


def reseal() -> int:
    """Seal with SECRET_KEY what one of SECRET_KEY_FALLBACKS sealed; return how many secrets that were."""
    apps, count = vault(_PURPOSE), 0
    for user in User.with_totp():
        if user.totp is not None and apps.is_outdated(user.totp.sealed, str(user.id)):
            sealed = apps.reseal(user.totp.sealed, str(user.id))
            count += User.reseal_totp(str(user.id), user.totp, sealed) is not None
    return count


def is_lost(user: User) -> bool:
    """Tell whether an account has an app whose secret can no longer be opened."""
    return user.totp is not None and user.totp_enabled and secret_of(user, user.totp) is None


def lost() -> list[User]:
    """Return the accounts whose app is lost."""
    users = [User.find(str(user.id)) for user in User.with_totp() if is_lost(user)]
    return [user for user in users if user is not None]


def forget_lost() -> None:
    """Forget the secrets that can't be opened. Apps that count as a factor still do."""
    for user in User.with_totp():
        if user.totp is not None and user.totp.sealed != LOST and secret_of(user, user.totp) is None:
            User.forget_totp(str(user.id), user.totp)


def sealed_otherwise() -> tuple[int, int]:
    """Return how many secrets one of SECRET_KEY_FALLBACKS sealed, and how many can't be opened at all."""
    apps = vault(_PURPOSE)
    sealed = [(user.totp.sealed, str(user.id)) for user in User.with_totp() if user.totp is not None]
    others = [one for one in sealed if one[0] != LOST and not apps.is_current(*one)]
    outdated = sum(apps.opens(*one) for one in others)
    return outdated, len(others) - outdated


def _being_enrolled(user: User) -> Totp:
    if user.totp_enabled:
        raise MfaAlreadyEnabled
    if user.totp is None or clock.now() - user.totp.created_at >= _ENROLMENT:
        raise MfaNotEnabled
    return user.totp


def _sealed(user: User, secret: str) -> str:
    return vault(_PURPOSE).seal(secret.encode(), str(user.id))

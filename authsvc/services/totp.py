"""Authenticator apps: enrolling one, taking its codes, removing it (RFC 6238)."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from flask import current_app

from authsvc import clock, logs, settings
from authsvc.errors import MfaAlreadyEnabled, MfaCodeInvalid, MfaNotEnabled, NotReady
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
_CALLED = "an authenticator app"
_log = logs.get(__name__)


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What an app is set up with: the secret as base32, as an `otpauth:` address, and that as a QR code in SVG."""

    secret: str
    uri: str
    qr_svg: str


def enrol(who: Caller) -> Enrolment:
    """Begin to enrol an app: it counts for nothing before its first code is confirmed, within an hour.

    Raises EmailUnverified, MfaAlreadyEnabled, SessionEnded, FreshLoginRequired.
    """
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

    Raises MfaAlreadyEnabled, MfaNotEnabled (also where something else was changed meanwhile), MfaCodeInvalid,
    TooManyAttempts, EmailUnverified, SessionEnded, FreshLoginRequired, NotReady.
    """
    user = factors.to_add_to(who)
    app = _being_enrolled(user)
    with throttles.counting(Key("mfa_account", who.user_id, user.id), failures=(MfaCodeInvalid,)):
        step = totp.matching_step(_secret(user, app), code, clock.now())
        if step is None:
            audit.record(Action.SECOND_FACTOR_FAILED, actor=user.id, target=user.id, method="totp")
            raise MfaCodeInvalid
        codes = recovery_codes.generate()
        with factors.adding(who, user, _CALLED, Action.TOTP_ENABLED, METHODS):
            if User.confirm_totp(user, step, recovery_codes.digests(codes), clock.now()) is None:
                raise MfaNotEnabled
    return codes


def remove(who: Caller) -> None:
    """Remove the app; recovery codes go with the last factor. Raises MfaNotEnabled, SessionEnded."""

    def change(user: User) -> User | None:
        if not user.totp_enabled:
            raise MfaNotEnabled
        return User.remove_factor(user)

    user = factors.owner(who)
    with factors.changing(user, "factor_removed", Action.TOTP_DISABLED, factor=_CALLED):
        factors.settle(who, change)


def check(user: User, code: str) -> Callable[[], bool] | None:
    """Return what takes a code as proof, and tells False where it was taken meanwhile.

    None for one that is wrong, or was taken already, or is older than one that was. Raises NotReady.
    """
    app = user.totp
    if app is None or app.confirmed_at is None:
        return None
    step = totp.matching_step(_secret(user, app), code, clock.now())
    if step is None or step <= (app.step or 0):
        return None
    return lambda: User.spend_totp(str(user.id), app, step) is not None


def reseal() -> int:
    """Seal with SECRET_KEY what one of SECRET_KEY_FALLBACKS sealed; return how many secrets that were."""
    count = 0
    for user in User.with_totp():
        if user.totp is not None and _is_outdated(user, user.totp):
            sealed = _sealed(user, _opened(user, user.totp))
            count += User.reseal_totp(str(user.id), user.totp, sealed) is not None
    return count


def sealed_otherwise() -> tuple[int, int]:
    """Return how many secrets one of SECRET_KEY_FALLBACKS sealed, and how many none of all these secrets opens."""
    others = [user for user in User.with_totp() if user.totp is not None and not _is_ours(user, user.totp)]
    outdated = [user for user in others if user.totp is not None and _is_outdated(user, user.totp)]
    return len(outdated), len(others) - len(outdated)


def _being_enrolled(user: User) -> Totp:
    if user.totp_enabled:
        raise MfaAlreadyEnabled
    if user.totp is None or clock.now() - user.totp.created_at >= _ENROLMENT:
        raise MfaNotEnabled
    return user.totp


def _sealed(user: User, secret: str) -> str:
    return envelope.seal(secret.encode(), _secrets()[0], _PURPOSE, str(user.id))


def _secret(user: User, app: Totp) -> str:
    """Return the secret of an app. Raises NotReady where no secret at hand opens its seal: nobody can tell a code."""
    try:
        return _opened(user, app)
    except envelope.SealBroken as error:
        _log.error("totp.not_opened", user=str(user.id), remedy="put the former SECRET_KEY into SECRET_KEY_FALLBACKS")
        raise NotReady("The secret of the authenticator app can't be opened at present.") from error


def _opened(user: User, app: Totp) -> str:
    return envelope.unseal(app.sealed, _secrets(), _PURPOSE, str(user.id)).decode()


def _is_ours(user: User, app: Totp) -> bool:
    return envelope.opens(app.sealed, _secrets()[0], _PURPOSE, str(user.id))


def _is_outdated(user: User, app: Totp) -> bool:
    """Tell whether a fallback opens a secret and SECRET_KEY does not."""
    fallbacks = _secrets()[1:]
    return not _is_ours(user, app) and any(envelope.opens(app.sealed, old, _PURPOSE, str(user.id)) for old in fallbacks)


def _secrets() -> list[str]:
    return [current_app.config["SECRET_KEY"], *current_app.config["SECRET_KEY_FALLBACKS"]]

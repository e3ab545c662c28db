"""Time-based one-time passwords (RFC 6238) as authenticator apps use them: six digits, SHA-1, steps of 30 seconds."""

from datetime import datetime

import pyotp
import segno
from pyotp.exceptions import OTPVerificationError

DIGITS = 6
STEP_SECONDS = 30

_DRIFT = 1
"""Steps that a phone's clock may be off, either way (RFC 6238 section 5.2)."""


def new_secret() -> str:
    """Return a new secret of 160 bits, as base32 (RFC 4226 section 4, R6)."""
    return pyotp.random_base32()


def code_at(secret: str, moment: datetime, *, digits: int = DIGITS) -> str:
    """Return the code of a moment."""
    return pyotp.TOTP(secret, digits=digits, interval=STEP_SECONDS).at(moment)


def matching_step(secret: str, code: str, now: datetime) -> int | None:
    """Return the step (30 seconds since 1970) of a code, at most one away from `now`; None if there is none.

    A code is valid once: the caller must accept only a step that is later than the last one.
    """
    if not (len(code) == DIGITS and code.isascii() and code.isdigit()):
        return None
    try:
        return pyotp.TOTP(secret, interval=STEP_SECONDS).verify_and_get_timecode(
            code, for_time=now, valid_window=_DRIFT
        )
    except OTPVerificationError:
        return None


def step_at(moment: datetime) -> int:
    """Return the step of a moment."""
    return int(moment.timestamp()) // STEP_SECONDS


def uri(secret: str, account: str, issuer: str) -> str:
    """Return the `otpauth:` address that an authenticator app reads."""
    return pyotp.TOTP(secret, interval=STEP_SECONDS).provisioning_uri(name=account, issuer_name=issuer)


def qr_svg(text: str) -> str:
    """Return a QR code (ISO/IEC 18004) of a text, as an SVG element to put into a page."""
    code: str = segno.make_qr(text, error="m").svg_inline(scale=4, border=4, light="#fff", omitsize=True)
    return code

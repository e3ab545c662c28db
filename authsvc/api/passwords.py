"""Passwords: changing one's own, and setting one with a link."""

from typing import Any

from authsvc.api.token_response import remember_here
from authsvc.errors import (
    EmailCodeInvalid,
    FreshLoginRequired,
    HashingBusy,
    LinkInvalid,
    PasswordIncorrect,
    TooManyAttempts,
)
from authsvc.flows import change_password, recover_password
from authsvc.http.blueprint import Blueprint
from authsvc.http.guards import current_user, hashes_for_anyone, public, requires_login
from authsvc.schemas.emails import AskedSchema, LetterRequestSchema
from authsvc.schemas.passwords import PasswordChangeSchema, PasswordResetSchema
from authsvc.services.email_codes import Issued

blp = Blueprint("passwords", __name__, description="Change a password, or set one with a link.")


@blp.post("/auth/me/password")
@requires_login
@blp.arguments(PasswordChangeSchema)
@blp.response(204)
@blp.problems(PasswordIncorrect, FreshLoginRequired, HashingBusy, TooManyAttempts)
def change(body: dict[str, str]) -> None:
    """Change the caller's password. All other sessions end.

    An account without a password (`hasPassword` of `GET /auth/mfa`) sets one with `newPassword` only, within ten
    minutes of signing in or re-authenticating.
    """
    change_password.change(current_user, **body)


@blp.post("/auth/password/forgot")
@public
@blp.arguments(LetterRequestSchema)
@blp.response(202, AskedSchema)
@blp.problems(TooManyAttempts)
def forgot(body: dict[str, Any]) -> Issued | dict[str, Any]:
    """Send a link to set a new password. The answer is the same even if there is no such account."""
    return recover_password.request(**body) or {}


@blp.post("/auth/password/reset")
@hashes_for_anyone
@blp.arguments(PasswordResetSchema)
@blp.response(204)
@blp.problems(LinkInvalid, EmailCodeInvalid, TooManyAttempts)
def reset(body: dict[str, str]) -> None:
    """Set a new password with a link, or the code. All sessions and access tokens end, and nobody is signed in."""
    renew = recover_password.reset if "token" in body else recover_password.reset_by_code
    remember_here(renew(**body))

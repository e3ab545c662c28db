"""Passwords: changing the own one, and setting one by a link."""

from typing import Any

from authsvc.api.documenting import Blueprint
from authsvc.api.guards import current_user, hashes_for_anyone, public, requires_login
from authsvc.errors import HashingBusy, LinkInvalid, PasswordIncorrect, TooManyAttempts
from authsvc.schemas.emails import AcceptedSchema, AddressSchema
from authsvc.schemas.passwords import PasswordChangeSchema, PasswordResetSchema
from authsvc.services import passwords

blp = Blueprint("passwords", __name__, description="Change a password, or set one by a link.")


@blp.post("/auth/me/password")
@requires_login
@blp.arguments(PasswordChangeSchema)
@blp.response(204)
@blp.problems(PasswordIncorrect, HashingBusy, TooManyAttempts)
def change(passwords_given: dict[str, str]) -> None:
    """Change the caller's password; every other session ends."""
    passwords.change(current_user, **passwords_given)


@blp.post("/auth/password/forgot")
@public
@blp.arguments(AddressSchema)
@blp.response(202, AcceptedSchema)
@blp.problems(TooManyAttempts)
def forgot(address: dict[str, str]) -> dict[str, Any]:
    """Send the link that sets a new password; the answer is the same whether there is such an account."""
    passwords.forget(**address)
    return {}


@blp.post("/auth/password/reset")
@hashes_for_anyone
@blp.arguments(PasswordResetSchema)
@blp.response(204)
@blp.problems(LinkInvalid, TooManyAttempts)
def reset(given: dict[str, str]) -> None:
    """Set a new password by a link; all sessions and access tokens end, and nobody is signed in."""
    passwords.reset(**given)

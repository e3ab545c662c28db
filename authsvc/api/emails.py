"""Email addresses: verifying one, changing it, undoing a change."""

from typing import Any

from authsvc.api.token_response import remember_here
from authsvc.errors import EmailCodeInvalid, EmailTaken, LinkInvalid, TokenInvalid, TooManyAttempts
from authsvc.flows import change_email, verify_email
from authsvc.http.blueprint import Blueprint
from authsvc.http.cookies import refresh_cookie
from authsvc.http.guards import (
    bearer_token_if_any,
    current_user,
    public,
    requires_fresh_login,
    requires_login,
    requires_scope,
)
from authsvc.models.users import User
from authsvc.schemas.emails import (
    AcceptedSchema,
    AddressChangeSchema,
    AddressSchema,
    AskedSchema,
    LetterRequestSchema,
    LinkSchema,
    ShownSchema,
)
from authsvc.schemas.users import UserSchema
from authsvc.services import tokens
from authsvc.services.email_codes import Issued

blp = Blueprint("emails", __name__, description="Verify an email address, change it, undo a change.")


@blp.post("/auth/email/verify")
@public
@blp.doc(security=[{"bearer": []}, {"refreshCookie": []}, {}])
@blp.arguments(ShownSchema)
@blp.response(200, UserSchema)
@blp.problems(LinkInvalid, EmailCodeInvalid, EmailTaken, TokenInvalid, TooManyAttempts)
def verify(proof: dict[str, str]) -> User:
    """Verify an email address with the link that was sent to it, or the code. Other sessions and access tokens end.

    If the request doesn't also carry a session of the account, the password and second factors are removed too, except
    by the code of a registration. For 60 minutes `POST /auth/password/reset` then accepts the same token, or the same
    challenge and code, once.
    """
    own = tokens.session_named_by(access_token=bearer_token_if_any(), refresh_token=refresh_cookie.read())
    prove = verify_email.verify if "token" in proof else verify_email.verify_by_code
    return remember_here(prove(session_id=own, **proof))


@blp.post("/auth/email/resend")
@public
@blp.arguments(LetterRequestSchema)
@blp.response(202, AskedSchema)
@blp.problems(TooManyAttempts)
def resend(body: dict[str, Any]) -> Issued | dict[str, Any]:
    """Send the link that verifies an address again. The answer is the same even if there is nothing to verify."""
    return verify_email.resend(**body) or {}


@blp.post("/auth/email/revert")
@public
@blp.arguments(LinkSchema)
@blp.response(200, UserSchema)
@blp.problems(LinkInvalid, EmailTaken, TooManyAttempts)
def revert(link: dict[str, str]) -> User:
    """Undo the change of an address with the link that was sent to the old one. All sessions end."""
    return remember_here(change_email.revert(**link))


@blp.post("/auth/me/email")
@requires_fresh_login
@blp.arguments(AddressSchema)
@blp.response(202, AcceptedSchema)
@blp.problems(TooManyAttempts)
def change(address: dict[str, str]) -> dict[str, Any]:
    """Request a change of email address. It takes effect once the link sent to the new address is followed."""
    change_email.request(current_user, **address)
    return {}


@blp.get("/auth/me/email")
@requires_scope("account:read")
@blp.response(200, AddressChangeSchema)
def show_change() -> dict[str, Any]:
    """Show the change of address that waits for its link to be followed."""
    return {"waiting": change_email.waiting(current_user)}


@blp.delete("/auth/me/email")
@requires_login
@blp.response(204)
def cancel_change() -> None:
    """Call off the change of address that waits; its link no longer works. The answer is the same if there is none."""
    change_email.cancel(current_user)

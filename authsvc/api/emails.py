"""Addresses: proving one, changing it, taking a change back."""

from typing import Any

from authsvc.api.cookies import refresh_cookie
from authsvc.api.documenting import Blueprint
from authsvc.api.guards import bearer_token, current_user, public, requires_fresh_login
from authsvc.errors import EmailTaken, LinkInvalid, TokenInvalid, TooManyAttempts
from authsvc.models.users import User
from authsvc.schemas.emails import AcceptedSchema, AddressSchema, LinkSchema
from authsvc.schemas.users import UserSchema
from authsvc.services import auth, emails

blp = Blueprint("emails", __name__, description="Prove an address, change it, take a change back.")


@blp.post("/auth/email/verify")
@public
@blp.doc(security=[{"bearer": []}, {"refreshCookie": []}, {}])
@blp.arguments(LinkSchema)
@blp.response(200, UserSchema)
@blp.problems(LinkInvalid, EmailTaken, TokenInvalid, TooManyAttempts)
def verify(link: dict[str, str]) -> User:
    """Prove an address by the link that was sent there; sessions and access tokens end, but not the session shown."""
    shown = auth.shown_session(access_token=bearer_token(), refresh_token=refresh_cookie.read())
    return emails.verify(link["token"], shown)


@blp.post("/auth/email/resend")
@public
@blp.arguments(AddressSchema)
@blp.response(202, AcceptedSchema)
@blp.problems(TooManyAttempts)
def resend(address: dict[str, str]) -> dict[str, Any]:
    """Send the link that proves an address once more; the answer is the same whether there is anything to prove."""
    emails.resend(**address)
    return {}


@blp.post("/auth/email/revert")
@public
@blp.arguments(LinkSchema)
@blp.response(200, UserSchema)
@blp.problems(LinkInvalid, EmailTaken, TooManyAttempts)
def revert(link: dict[str, str]) -> User:
    """Take the change of an address back by the link that was sent to the old one; all sessions end."""
    return emails.revert(**link)


@blp.post("/auth/me/email")
@requires_fresh_login
@blp.arguments(AddressSchema)
@blp.response(202, AcceptedSchema)
@blp.problems(TooManyAttempts)
def change(address: dict[str, str]) -> dict[str, Any]:
    """Ask for another address: it counts once the link that is sent there is followed."""
    emails.request_change(current_user, **address)
    return {}

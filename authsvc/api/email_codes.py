"""Signing in by a code from a letter."""

from typing import Any

from flask import Response

from authsvc.api.token_response import answer_sign_in, json_answer
from authsvc.errors import (
    AccountDisabled,
    EmailCodeInvalid,
    EmailTaken,
    HookFailed,
    HookRefused,
    InvalidCredentials,
    LinkInvalid,
    NotFound,
    TooManyAttempts,
)
from authsvc.flows import sign_in_by_code
from authsvc.flows.sign_in_by_code import Unconfirmed
from authsvc.http.blueprint import Blueprint
from authsvc.http.cookies import email_code_cookie
from authsvc.http.guards import public
from authsvc.schemas.auth import TokenResponseSchema
from authsvc.schemas.email_codes import (
    AfterLinkSchema,
    LoginCodeSchema,
    LoginLinkSchema,
    LoginRequestSchema,
)
from authsvc.schemas.emails import ChallengeSchema
from authsvc.schemas.mfa import MfaRequiredSchema
from authsvc.security import opaque_tokens
from authsvc.services.email_codes import Issued

blp = Blueprint("email_codes", __name__, description="Sign in, or sign up, by a code from an email.")


@blp.post("/auth/login/email")
@public
@blp.arguments(LoginRequestSchema)
@blp.response(202, ChallengeSchema)
@blp.problems(NotFound, TooManyAttempts)
def request(body: dict[str, Any]) -> Issued:
    """Send a code that signs in. The answer is the same if there is no such account; with `name`, the code makes one.

    The cookie of the answer tells that it was this browser that asked. With `EMAIL_CODES=off` the answer is 404.
    """
    secret = email_code_cookie.read() or opaque_tokens.generate("")
    issued = sign_in_by_code.request(browser=secret, **body)
    email_code_cookie.store(secret)
    return issued


@blp.post("/auth/login/email/code")
@public
@blp.arguments(LoginCodeSchema)
@blp.response(200, TokenResponseSchema)
@blp.alt_response(202, schema=MfaRequiredSchema, description="The code is right, and a second factor is required")
@blp.problems(NotFound, EmailCodeInvalid, AccountDisabled, EmailTaken, InvalidCredentials, TooManyAttempts)
@blp.problems(HookRefused, HookFailed)
def redeem(body: dict[str, Any]) -> dict[str, Any] | Response:
    """Sign in with the code, which proves the address too. The answer is 202 if a second factor is required."""
    transport = body.pop("transport")
    return answer_sign_in(sign_in_by_code.by_code(**body), transport)


@blp.post("/auth/login/email/link")
@public
@blp.arguments(LoginLinkSchema)
@blp.response(200, TokenResponseSchema)
@blp.alt_response(
    202,
    schema=AfterLinkSchema,
    description="This browser is not the one that asked (`confirm`), so name the account, and send the token again "
    "with `confirm` if the user wants to sign in there; nothing was used up. Or a second factor is needed (`mfaToken`)",
)
@blp.problems(NotFound, LinkInvalid, AccountDisabled, EmailTaken, InvalidCredentials, TooManyAttempts)
@blp.problems(HookRefused, HookFailed)
def follow(body: dict[str, Any]) -> dict[str, Any] | Response:
    """Sign in with the link beside the code. In a browser that did not ask, only once its user has confirmed."""
    transport = body.pop("transport")
    outcome = sign_in_by_code.by_link(browser=email_code_cookie.read(), **body)
    if isinstance(outcome, Unconfirmed):
        return json_answer(AfterLinkSchema, {"confirm": outcome}, 202)
    return answer_sign_in(outcome, transport)

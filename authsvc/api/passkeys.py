"""Passkeys (WebAuthn): the caller's own, and signing in with one."""

from typing import Any

from flask import Response

from authsvc.api.token_response import answer_sign_in
from authsvc.errors import (
    AccountDisabled,
    ChallengeInvalid,
    EmailUnverified,
    HookFailed,
    InvalidCredentials,
    LastLoginMethod,
    MfaNotEnabled,
    MfaTokenInvalid,
    NotFound,
    PasskeyInvalid,
    PasskeyKnown,
    TooManyAttempts,
)
from authsvc.flows import sign_in
from authsvc.http.blueprint import Blueprint
from authsvc.http.guards import current_user, public, requires_fresh_login, requires_login, requires_scope
from authsvc.models.passkeys import Passkey
from authsvc.schemas.auth import TokenResponseSchema
from authsvc.schemas.paging import PagingSchema
from authsvc.schemas.passkeys import (
    MfaTokenSchema,
    NewPasskeySchema,
    PasskeyNameSchema,
    PasskeyOptionsSchema,
    PasskeyPageSchema,
    PasskeySchema,
    PasskeySignInSchema,
)
from authsvc.services import passkeys
from authsvc.services.paging import Page
from authsvc.services.passkeys import Options

blp = Blueprint("passkeys", __name__, description="Passkeys (WebAuthn): a second factor, or a complete sign-in.")


@blp.post("/auth/passkeys/options")
@requires_fresh_login
@blp.response(200, PasskeyOptionsSchema)
@blp.problems(EmailUnverified, TooManyAttempts)
def creation_options() -> Options:
    """Return the options a browser needs to create a passkey."""
    return passkeys.creation_options(current_user)


@blp.post("/auth/passkeys")
@requires_login
@blp.arguments(NewPasskeySchema)
@blp.response(201, PasskeySchema)
@blp.problems(ChallengeInvalid, PasskeyKnown, EmailUnverified)
def create(new_passkey: dict[str, Any]) -> Passkey:
    """Register the passkey created with the options. Their challenge accepts one answer, from this session."""
    return passkeys.register(current_user, **new_passkey)


@blp.get("/auth/passkeys")
@requires_scope("account:read")
@blp.arguments(PagingSchema, location="query")
@blp.response(200, PasskeyPageSchema)
def index(paging: dict[str, Any]) -> Page:
    """List the caller's passkeys, newest first."""
    return passkeys.list_own(current_user, **paging)


@blp.patch("/auth/passkeys/<id:passkey_id>")
@requires_login
@blp.arguments(PasskeyNameSchema)
@blp.response(200, PasskeySchema)
@blp.problems(NotFound, TooManyAttempts)
def rename(changes: dict[str, str], passkey_id: str) -> Passkey:
    """Rename one of the caller's passkeys."""
    return passkeys.rename(current_user, passkey_id, **changes)


@blp.delete("/auth/passkeys/<id:passkey_id>")
@requires_fresh_login
@blp.response(204)
@blp.problems(NotFound, LastLoginMethod)
def remove(passkey_id: str) -> None:
    """Remove one of the caller's passkeys, unless it is the only way to sign in."""
    passkeys.remove(current_user, passkey_id)


@blp.post("/auth/login/passkey/options")
@public
@blp.arguments(MfaTokenSchema)
@blp.response(200, PasskeyOptionsSchema)
@blp.problems(MfaTokenInvalid, MfaNotEnabled, TooManyAttempts)
def request_options(body: dict[str, str]) -> Options:
    """Return the options a browser needs to sign in with a passkey, or to complete the sign-in of `mfaToken`."""
    return sign_in.passkey_options(body.get("mfa_token"))


@blp.post("/auth/login/passkey")
@public
@blp.arguments(PasskeySignInSchema)
@blp.response(200, TokenResponseSchema)
@blp.problems(ChallengeInvalid, PasskeyInvalid, InvalidCredentials, AccountDisabled, EmailUnverified, TooManyAttempts)
@blp.problems(HookFailed)
def login(assertion: dict[str, Any]) -> dict[str, Any] | Response:
    """Sign in with just a passkey, which names its account and verifies its user."""
    transport = assertion.pop("transport")
    return answer_sign_in(sign_in.by_passkey(**assertion), transport)

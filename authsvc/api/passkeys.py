"""Passkeys (WebAuthn): the caller's own, and signing in by one."""

from typing import Any

from flask import Response

from authsvc.api.documenting import Blueprint
from authsvc.api.guards import current_user, public, requires_fresh_login, requires_login, requires_scope
from authsvc.api.signed_in import signed_in
from authsvc.errors import (
    AccountDisabled,
    ChallengeInvalid,
    EmailUnverified,
    InvalidCredentials,
    LastLoginMethod,
    MfaNotEnabled,
    MfaTokenInvalid,
    NotFound,
    PasskeyInvalid,
    PasskeyKnown,
    TooManyAttempts,
)
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
from authsvc.services import mfa, passkeys
from authsvc.services.paging import Page
from authsvc.services.passkeys import Options

blp = Blueprint("passkeys", __name__, description="Passkeys (WebAuthn): a second factor, and all that a sign-in needs.")


@blp.post("/auth/passkeys/options")
@requires_fresh_login
@blp.response(200, PasskeyOptionsSchema)
@blp.problems(EmailUnverified)
def creation_options() -> Options:
    """Show what a browser needs to make a passkey."""
    return passkeys.creation_options(current_user)


@blp.post("/auth/passkeys")
@requires_login
@blp.arguments(NewPasskeySchema)
@blp.response(201, PasskeySchema)
@blp.problems(ChallengeInvalid, PasskeyKnown, EmailUnverified)
def create(new_passkey: dict[str, Any]) -> Passkey:
    """Register the passkey that was made with the options; their challenge is good for one answer of this session."""
    return passkeys.register(current_user, **new_passkey)


@blp.get("/auth/passkeys")
@requires_scope("account:read")
@blp.arguments(PagingSchema, location="query")
@blp.response(200, PasskeyPageSchema)
def index(paging: dict[str, Any]) -> Page:
    """List the caller's passkeys, newest first."""
    return passkeys.list_own(current_user, **paging)


@blp.patch("/auth/passkeys/<passkey_id>")
@requires_login
@blp.arguments(PasskeyNameSchema)
@blp.response(200, PasskeySchema)
@blp.problems(NotFound)
def rename(changes: dict[str, str], passkey_id: str) -> Passkey:
    """Give one of the caller's passkeys another name."""
    return passkeys.rename(current_user, passkey_id, **changes)


@blp.delete("/auth/passkeys/<passkey_id>")
@requires_fresh_login
@blp.response(204)
@blp.problems(NotFound, LastLoginMethod)
def remove(passkey_id: str) -> None:
    """Remove one of the caller's passkeys; not the last one of an account without a password."""
    passkeys.remove(current_user, passkey_id)


@blp.post("/auth/login/passkey/options")
@public
@blp.arguments(MfaTokenSchema, required=False)
@blp.response(200, PasskeyOptionsSchema)
@blp.problems(MfaTokenInvalid, MfaNotEnabled, TooManyAttempts)
def request_options(body: dict[str, str]) -> Options:
    """Show what a browser needs to sign in by a passkey: without a name, or as the second factor of `mfaToken`."""
    return mfa.passkey_options(body.get("mfa_token"))


@blp.post("/auth/login/passkey")
@public
@blp.arguments(PasskeySignInSchema)
@blp.response(200, TokenResponseSchema)
@blp.problems(ChallengeInvalid, PasskeyInvalid, InvalidCredentials, AccountDisabled, EmailUnverified, TooManyAttempts)
def login(shown: dict[str, Any]) -> dict[str, Any] | Response:
    """Sign in by a passkey alone: it names its account, and verifies its user."""
    transport = shown.pop("transport")
    return signed_in(mfa.login_by_passkey(**shown), transport)

"""The `auth` blueprint: the five routes of the Express service."""

from typing import Any

from flask import Response

from authsvc.api.cookies import refresh_cookie
from authsvc.api.documenting import Blueprint
from authsvc.api.guards import bearer_token, current_user, hashes_for_anyone, public, requires_login
from authsvc.api.signed_in import answer, signed_in
from authsvc.errors import (
    AccountDisabled,
    ChallengeInvalid,
    EmailTaken,
    EmailUnverified,
    HashingBusy,
    InvalidCredentials,
    MfaCodeInvalid,
    MfaNotEnabled,
    PasswordIncorrect,
    SecondFactorRequired,
    SessionEnded,
    TokenInvalid,
    TokenMissing,
    TooManyAttempts,
)
from authsvc.schemas.auth import (
    CredentialsSchema,
    FreshTokenSchema,
    GreetingSchema,
    RefreshTokenSchema,
    RegistrationSchema,
    TokenResponseSchema,
)
from authsvc.schemas.mfa import MfaRequiredSchema, ReauthenticationSchema
from authsvc.schemas.passkeys import PasskeyOptionsSchema
from authsvc.services import auth
from authsvc.services.passkeys import Options

blp = Blueprint("auth", __name__, description="Sign up, sign in, stay signed in, sign out.")


@blp.post("/auth/register")
@hashes_for_anyone
@blp.arguments(RegistrationSchema)
@blp.response(201, TokenResponseSchema)
@blp.alt_response(202, description="`{}`, where addresses must be verified first; a letter is on its way")
@blp.problems(EmailTaken, TooManyAttempts)
def register(registration: dict[str, Any]) -> dict[str, Any] | Response:
    """Create an account and sign in; where addresses must be verified first the answer is 202 `{}`, taken or not."""
    transport = registration.pop("transport")
    pair = auth.register(**registration)
    return signed_in(pair, transport) if pair is not None else Response("{}\n", 202, content_type="application/json")


@blp.post("/auth/login")
@hashes_for_anyone
@blp.arguments(CredentialsSchema)
@blp.response(200, TokenResponseSchema)
@blp.alt_response(202, schema=MfaRequiredSchema, description="The password was right; a second factor is to come")
@blp.problems(InvalidCredentials, AccountDisabled, EmailUnverified, TooManyAttempts)
def login(credentials: dict[str, Any]) -> dict[str, Any] | Response:
    """Sign in with a password; the answer is 202, with a ticket, where a second factor is to come too."""
    transport = credentials.pop("transport")
    return signed_in(auth.login(**credentials), transport)


@blp.post("/auth/refresh-token")
@public
@blp.doc(security=[{"refreshCookie": []}, {}])
@blp.arguments(RefreshTokenSchema, required=False)
@blp.response(200, TokenResponseSchema)
@blp.problems(TokenMissing, TokenInvalid, SessionEnded, TooManyAttempts)
def refresh_token(body: dict[str, Any]) -> dict[str, Any]:
    """Exchange a refresh token for a new pair; the answer goes the way the token came."""
    shown = body.get("refresh_token")
    if shown is not None:
        return answer(auth.refresh(shown), "body")
    return answer(auth.refresh(_cookie()), "cookie")


@blp.post("/auth/reauthenticate")
@requires_login
@blp.arguments(ReauthenticationSchema)
@blp.response(200, FreshTokenSchema)
@blp.problems(PasswordIncorrect, SecondFactorRequired, MfaCodeInvalid, ChallengeInvalid, HashingBusy, TooManyAttempts)
def reauthenticate(proof: dict[str, Any]) -> dict[str, Any]:
    """Prove once more who is signed in, by a second factor where there is one: the session is fresh for ten minutes."""
    access_token, expires_in = auth.reauthenticate(current_user, proof)
    return {"access_token": access_token, "expires_in": expires_in}


@blp.post("/auth/reauthenticate/options")
@requires_login
@blp.response(200, PasskeyOptionsSchema)
@blp.problems(MfaNotEnabled)
def reauthentication_options() -> Options:
    """Show what a browser needs to prove by passkey who is signed in."""
    return auth.reauthentication_options(current_user)


@blp.route("/auth/logout", methods=["POST", "DELETE"])
@public
@blp.doc(security=[{"bearer": []}, {"refreshCookie": []}, {}])
@blp.arguments(RefreshTokenSchema, required=False)
@blp.response(204)
@blp.problems(TokenMissing, TokenInvalid)
def logout(body: dict[str, Any]) -> None:
    """End the session of the access token, else of the refresh token, else of the cookie; an expired one will do."""
    access = bearer_token()
    shown = body.get("refresh_token")
    auth.logout(access_token=access, refresh_token=_cookie() if access is None and shown is None else shown)
    refresh_cookie.clear()


@blp.get("/")
@requires_login
@blp.response(200, GreetingSchema)
def home() -> dict[str, str]:
    """Greet whoever is signed in."""
    return {"message": "It works!"}


def _cookie() -> str:
    token = refresh_cookie.read()
    if token is None:
        raise TokenMissing
    return token

"""The `auth` blueprint: the five routes of the Express service."""

from typing import Any

from flask import Response

from authsvc.api.cookies import device_cookie, refresh_cookie
from authsvc.api.documenting import Blueprint
from authsvc.api.guards import bearer_token, current_user, hashes_for_anyone, public, requires_login
from authsvc.errors import (
    AccountDisabled,
    EmailTaken,
    EmailUnverified,
    HashingBusy,
    InvalidCredentials,
    PasswordIncorrect,
    SessionEnded,
    TokenInvalid,
    TokenMissing,
    TooManyAttempts,
)
from authsvc.schemas.auth import (
    CredentialsSchema,
    FreshTokenSchema,
    GreetingSchema,
    ReauthenticationSchema,
    RefreshTokenSchema,
    RegistrationSchema,
    TokenResponseSchema,
)
from authsvc.services import auth, devices
from authsvc.services.tokens import TokenPair

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
    return _signed_in(pair, transport) if pair is not None else Response("{}\n", 202, content_type="application/json")


@blp.post("/auth/login")
@hashes_for_anyone
@blp.arguments(CredentialsSchema)
@blp.response(200, TokenResponseSchema)
@blp.problems(InvalidCredentials, AccountDisabled, EmailUnverified, TooManyAttempts)
def login(credentials: dict[str, Any]) -> dict[str, Any]:
    """Sign in with a password."""
    transport = credentials.pop("transport")
    return _signed_in(auth.login(**credentials), transport)


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
        return _answer(auth.refresh(shown), "body")
    return _answer(auth.refresh(_cookie()), "cookie")


@blp.post("/auth/reauthenticate")
@requires_login
@blp.arguments(ReauthenticationSchema)
@blp.response(200, FreshTokenSchema)
@blp.problems(PasswordIncorrect, HashingBusy, TooManyAttempts)
def reauthenticate(proof: dict[str, Any]) -> dict[str, Any]:
    """Prove once more who is signed in: the session is fresh for ten minutes."""
    access_token, expires_in = auth.reauthenticate(current_user, **proof)
    return {"access_token": access_token, "expires_in": expires_in}


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


def _signed_in(pair: TokenPair, transport: str) -> dict[str, Any]:
    """Answer a sign-in; one by cookie ends the session whose cookie it replaces, and makes the browser known."""
    if transport == "cookie":
        replaced = refresh_cookie.read()
        if replaced is not None:
            auth.replace_session(replaced)
        device_cookie.store(devices.introduce(pair.user))
    return _answer(pair, transport)


def _answer(pair: TokenPair, transport: str) -> dict[str, Any]:
    answer = {
        "access_token": pair.access_token,
        "token_type": "Bearer",
        "expires_in": pair.expires_in,
        "user": pair.user,
    }
    if transport == "body":
        return {**answer, "refresh_token": pair.refresh_token}
    refresh_cookie.store(pair.refresh_token)
    return answer

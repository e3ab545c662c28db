"""The `auth` blueprint: the five routes of the Express service, and both steps of re-authentication."""

from typing import Any

from flask import Response

from authsvc.api.token_response import answer, answer_session, answer_sign_in, json_answer
from authsvc.errors import (
    AccountDisabled,
    ChallengeInvalid,
    EmailCodeInvalid,
    EmailTaken,
    EmailUnverified,
    HashingBusy,
    HookFailed,
    HookRefused,
    InvalidCredentials,
    MfaCodeInvalid,
    MfaNotEnabled,
    NotFound,
    PasswordIncorrect,
    SecondFactorRequired,
    SessionEnded,
    TokenInvalid,
    TokenMissing,
    TooManyAttempts,
)
from authsvc.flows import refresh, sign_in, sign_out
from authsvc.flows.reauthenticate import passkey_options, send_code, verify_again
from authsvc.flows.register import sign_up
from authsvc.http.blueprint import Blueprint
from authsvc.http.cookies import refresh_cookie
from authsvc.http.guards import bearer_token, current_user, hashes_for_anyone, public, requires_login
from authsvc.schemas.auth import (
    CredentialsSchema,
    FreshTokenSchema,
    GreetingSchema,
    RefreshTokenSchema,
    RegisteredSchema,
    RegistrationSchema,
    TokenResponseSchema,
)
from authsvc.schemas.emails import AskedSchema, ChallengeSchema
from authsvc.schemas.mfa import MfaRequiredSchema, ReauthenticationSchema
from authsvc.schemas.passkeys import PasskeyOptionsSchema
from authsvc.services.email_codes import Issued
from authsvc.services.passkeys import Options

blp = Blueprint("auth", __name__, description="Sign up, sign in, stay signed in, sign out.")


@blp.post("/auth/register")
@hashes_for_anyone
@blp.arguments(RegistrationSchema)
@blp.response(201, RegisteredSchema)
@blp.alt_response(202, schema=AskedSchema, description="Addresses must be verified first; an email is on its way")
@blp.problems(EmailTaken, TooManyAttempts, HookRefused, HookFailed)
def register(registration: dict[str, Any]) -> dict[str, Any] | Response:
    """Create an account and sign in. If addresses must be verified first, the answer is always 202, without a session.

    That is `{}`, or with `challenge` the challenge for the code in the email. Whoever types that code into
    `POST /auth/email/verify` keeps the password.
    """
    transport, asked = registration.pop("transport"), registration["challenge"]
    registered = sign_up(**registration)
    if registered.pair is None:
        return json_answer(AskedSchema, registered.challenge or {}, 202)
    answered = answer_session(registered.pair, transport)
    return {**answered, "email_challenge": registered.challenge} if asked else answered


@blp.post("/auth/login")
@hashes_for_anyone
@blp.arguments(CredentialsSchema)
@blp.response(200, TokenResponseSchema)
@blp.alt_response(202, schema=MfaRequiredSchema, description="The password is correct, and a second factor is required")
@blp.problems(InvalidCredentials, AccountDisabled, EmailUnverified, TooManyAttempts, HookFailed)
def login(credentials: dict[str, Any]) -> dict[str, Any] | Response:
    """Sign in with a password. The answer is 202 with an `mfaToken` if a second factor is required."""
    transport = credentials.pop("transport")
    return answer_sign_in(sign_in.by_password(**credentials), transport)


@blp.post("/auth/refresh-token")
@public
@blp.doc(security=[{"refreshCookie": []}, {}])
@blp.arguments(RefreshTokenSchema)
@blp.response(200, TokenResponseSchema)
@blp.problems(TokenMissing, TokenInvalid, SessionEnded, TooManyAttempts, HookFailed)
def refresh_token(body: dict[str, Any]) -> dict[str, Any]:
    """Exchange a refresh token for a new pair, returned in the same way: in the body or the cookie."""
    token = body.get("refresh_token")
    if token is not None:
        return answer(refresh.refresh(token), "body")
    return answer(refresh.refresh(_cookie()), "cookie")


@blp.post("/auth/reauthenticate")
@requires_login
@blp.arguments(ReauthenticationSchema)
@blp.response(200, FreshTokenSchema)
@blp.problems(PasswordIncorrect, SecondFactorRequired, MfaCodeInvalid, EmailCodeInvalid, ChallengeInvalid)
@blp.problems(NotFound, HashingBusy, TooManyAttempts, HookFailed)
def reauthenticate(proof: dict[str, Any]) -> dict[str, Any]:
    """Confirm who is signed in, by the second factor if there is one. The session is then fresh for ten minutes."""
    access_token, expires_in = verify_again(current_user, proof)
    return {"access_token": access_token, "expires_in": expires_in}


@blp.post("/auth/reauthenticate/options")
@requires_login
@blp.response(200, PasskeyOptionsSchema)
@blp.problems(MfaNotEnabled, TooManyAttempts)
def reauthentication_options() -> Options:
    """Return the options a browser needs to re-authenticate with a passkey."""
    return passkey_options(current_user)


@blp.post("/auth/reauthenticate/email")
@requires_login
@blp.response(202, ChallengeSchema)
@blp.problems(NotFound, SecondFactorRequired, EmailUnverified, TooManyAttempts)
def reauthentication_code() -> Issued:
    """Send a code to the caller's own verified address, to re-authenticate with. Never instead of a second factor.

    `POST /auth/reauthenticate` takes it together with the `challengeId`, in the session that asked. It is 404 if
    `EMAIL_CODES` is off.
    """
    return send_code(current_user)


@blp.route("/auth/logout", methods=["POST", "DELETE"])
@public
@blp.doc(security=[{"bearer": []}, {"refreshCookie": []}, {}])
@blp.arguments(RefreshTokenSchema)
@blp.response(204)
@blp.problems(TokenMissing, TokenInvalid)
def logout(body: dict[str, Any]) -> None:
    """End the session of the access token, else the refresh token, else the cookie. An expired token is enough."""
    access = bearer_token()
    token = body.get("refresh_token")
    sign_out.sign_out(access_token=access, refresh_token=_cookie() if access is None and token is None else token)
    refresh_cookie.clear()


@blp.get("/")
@requires_login
@blp.response(200, GreetingSchema)
def home() -> dict[str, str]:
    """Return a greeting to a signed-in caller."""
    return {"message": "It works!"}


def _cookie() -> str:
    """Return the refresh token in the cookie. Raises TokenMissing, TokenInvalid."""
    token = refresh_cookie.read()
    if token is not None:
        return token
    if not refresh_cookie.values():
        raise TokenMissing
    refresh_cookie.clear_everywhere()
    raise TokenInvalid

"""The password grant: a program gets a token by somebody's password (RFC 6749 section 4.3).

RFC 9700 section 2.4 says that it must not be used: a program sees the password, and no second factor can be asked. It
is off unless PASSWORD_GRANT says otherwise, and is for the operator's own tools that know nothing else.
"""

from collections.abc import Mapping, Sequence

from flask import current_app

from authsvc.errors import AccountDisabled, EmailUnverified, InvalidCredentials, Problem, SecondFactorRequired
from authsvc.errors.oauth_refusal import OAuthError, OAuthRefusal
from authsvc.flows import sign_in
from authsvc.security.passwords import MAX_LENGTH
from authsvc.services import passwords
from authsvc.services.tokens import TokenPair

_REFUSALS: Mapping[type[Problem], str] = {
    InvalidCredentials: "The username or the password is wrong.",
    AccountDisabled: "The account is disabled.",
    EmailUnverified: "The address of the account has to be verified first.",
    SecondFactorRequired: "The account has a second factor, which this grant can not ask for.",
}


def is_on() -> bool:
    """Tell whether there is this grant."""
    return bool(current_app.config["PASSWORD_GRANT"])


def sign_in_by_password(username: str, password: str, scope: str | None, resources: Sequence[str]) -> TokenPair:
    """Sign a user in as `/auth/login` does; the token is a person's own, for TOKEN_AUDIENCE and without scopes.

    Raises OAuthRefusal, TooManyAttempts, HashingBusy, HookFailed.
    """
    if scope is not None:
        raise OAuthRefusal(OAuthError.INVALID_SCOPE, "This grant gives a token of the user, which has no scopes.")
    if set(resources) - {current_app.config["TOKEN_AUDIENCE"]}:
        raise OAuthRefusal(OAuthError.INVALID_TARGET, "This grant gives no token for this resource.")
    if len(password) > MAX_LENGTH:
        raise OAuthRefusal(OAuthError.INVALID_REQUEST, f"A password has at most {MAX_LENGTH} characters.")
    passwords.require_room()
    try:
        return sign_in.by_password_only(username, password)
    except tuple(_REFUSALS) as problem:
        raise OAuthRefusal(OAuthError.INVALID_GRANT, _REFUSALS[type(problem)]) from problem

"""403: who calls is known, and may not."""

from collections.abc import Sequence

from authsvc.errors.problem import Problem


class Forbidden(Problem):
    """Who calls is known, and is refused."""

    status = 403


class AccountDisabled(Forbidden):
    """The password is right, but the account has been disabled. Only an administrator can enable it."""

    code = "account_disabled"
    title = "The account is disabled"


class EmailUnverified(Forbidden):
    """Nobody has proved to own the account's address, and without that there is no sign-in (where it is required) and
    no second factor. Follow the link in the letter, or ask for another with `POST /auth/email/resend`.
    """

    code = "email_unverified"
    title = "The address is not verified"


class PasswordIncorrect(Forbidden):
    """The caller is known, the password given as proof is wrong."""

    code = "password_incorrect"
    title = "The password is wrong"


class MfaCodeInvalid(Forbidden):
    """The caller is known, the proof was wrong: a code that does not fit or was used, a recovery code that is none of
    the account's, a passkey that did not prove what was asked. Ask for another.
    """

    code = "mfa_code_invalid"
    title = "The second factor is wrong"


class SecondFactorRequired(Forbidden):
    """A password alone is not enough for this account: prove one of `methods` (`totp`, `recovery_code`, `passkey`)."""

    code = "second_factor_required"
    title = "A second factor is required"

    def __init__(self, methods: Sequence[str]) -> None:
        super().__init__(methods=list(methods))


class CrossOriginRefused(Forbidden):
    """A page of another origin tried to change something. Requests that change state are taken from the service's own
    origin, from those in `CORS_ORIGINS`, and from clients that are not browsers.
    """

    code = "cross_origin_refused"
    title = "Cross-origin request refused"


class RoleMissing(Forbidden):
    """The caller is known and may not do this: it takes another role. The role is the one that the account has now."""

    code = "forbidden"
    title = "This takes another role"


class ScopeMissing(Forbidden):
    """A personal access token does only what its scopes name, on routes that have a scope. Make one with the scope that
    the route's description names; where it names none, sign in.
    """

    code = "scope_missing"
    title = "The access token lacks the scope"

    def __init__(self, scope: str | None) -> None:
        wanted = "" if scope is None else f', scope="{scope}"'
        super().__init__(headers={"WWW-Authenticate": f'Bearer error="insufficient_scope"{wanted}'})


class FreshLoginRequired(Forbidden):
    """It takes a sign-in or re-authentication within the last 10 minutes; a refresh is none, and no personal access
    token is good for it. Re-authenticate with `POST /auth/reauthenticate`.
    """

    code = "fresh_login_required"
    title = "A fresh sign-in is required"

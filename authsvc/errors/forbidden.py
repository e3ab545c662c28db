"""403: the caller is known, but not allowed."""

from collections.abc import Sequence

from authsvc.errors.problem import Problem


class Forbidden(Problem):
    """The caller is known but is not allowed to do this."""

    status = 403


class AccountDisabled(Forbidden):
    """The password is correct, but the account is disabled. Only an administrator can enable it."""

    code = "account_disabled"
    title = "The account is disabled"


class EmailUnverified(Forbidden):
    """The account's email address has not been verified. That is required for a second factor and, depending on the
    service, for signing in. Follow the link in the email, or request another with `POST /auth/email/resend`.
    """

    code = "email_unverified"
    title = "The email address is not verified"


class PasswordIncorrect(Forbidden):
    """The caller is known, but the password is wrong."""

    code = "password_incorrect"
    title = "The password is wrong"


class MfaCodeInvalid(Forbidden):
    """The caller is known, but the second factor is wrong. The code or recovery code is incorrect or was used already,
    or the passkey did not prove what was asked. Ask the user for another.
    """

    code = "mfa_code_invalid"
    title = "The second factor is wrong"


class EmailCodeInvalid(Forbidden):
    """The code is wrong, has expired (after ten minutes) or was used already, or five wrong ones were tried. A code is
    valid only with the `challengeId` that was returned when it was sent. Let the user look at the email again, or send
    another one.
    """

    code = "email_code_invalid"
    title = "The code is not valid"


class SecondFactorRequired(Forbidden):
    """A password is not enough for this account. Send one of `methods` (`totp`, `recovery_code`, `passkey`) instead."""

    code = "second_factor_required"
    title = "A second factor is required"

    def __init__(self, methods: Sequence[str]) -> None:
        super().__init__(methods=list(methods))


class CrossOriginRefused(Forbidden):
    """A page of another origin tried to change something. Requests that change state are accepted from the service's
    own origin, from those in `CORS_ORIGINS`, and from clients that are not browsers. In development this is also the
    answer to requests for any host except localhost, IP addresses and the host of `PUBLIC_URL` (DNS rebinding).
    """

    code = "cross_origin_refused"
    title = "Cross-origin request refused"


class RoleMissing(Forbidden):
    """The caller is known but needs a different role. What counts is the role that the account has now, not the one in
    the token.
    """

    code = "forbidden"
    title = "A different role is required"


class ScopeMissing(Forbidden):
    """A personal access token or an app can do only what its scopes allow, and only on routes that have a scope. Create
    a token with the scope that the route's description names, or let the app ask for it. If it names none, sign in
    instead.
    """

    code = "scope_missing"
    title = "The access token lacks the required scope"

    def __init__(self, scope: str | None) -> None:
        wanted = "" if scope is None else f', scope="{scope}"'
        super().__init__(headers={"WWW-Authenticate": f'Bearer error="insufficient_scope"{wanted}'})


class FreshLoginRequired(Forbidden):
    """It takes a sign-in or re-authentication within the last 10 minutes. A token refresh does not count, and a
    personal access token or an app is never enough. Re-authenticate with `POST /auth/reauthenticate`.
    """

    code = "fresh_login_required"
    title = "A fresh sign-in is required"


class ProviderRefused(Forbidden):
    """The provider did not sign the person in, or what it said did not hold: its answer was for another errand, was
    signed by somebody else, or was too old. The log says what it was. Begin again, or sign in another way.
    """

    code = "provider_refused"
    title = "The provider did not sign this person in"


class HookRefused(Forbidden):
    """A rule of those who run the service does not allow this account. `reason` is what it says to the person, in plain
    text, if it says anything. Nothing was made; to try again changes nothing.
    """

    code = "hook_refused"
    title = "This account is not allowed here"

    def __init__(self, reason: str | None = None) -> None:
        super().__init__(reason)
        if reason is not None:
            self.extra["reason"] = reason

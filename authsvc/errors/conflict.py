"""409: it can be asked for, but not as things stand."""

from authsvc.errors.problem import Problem


class Conflict(Problem):
    """What was asked for does not go with what there is."""

    status = 409


class EmailTaken(Conflict):
    """An account with this address exists, in this or another spelling. Sign in instead."""

    code = "email_taken"
    title = "This email is already registered"


class LastAdmin(Conflict):
    """Nobody else who can sign in administers: the account can't be disabled or deleted, nor its role be taken. Make
    somebody else an administrator first; who was invited counts once they have set a password.
    """

    code = "last_admin"
    title = "This is the last administrator"


class OwnRole(Conflict):
    """Nobody changes the own role. Ask another administrator, or whoever runs the service."""

    code = "own_role"
    title = "Your own role is changed by somebody else"


class PasskeyKnown(Conflict):
    """The passkey is registered already, with this or another account. Use another authenticator."""

    code = "passkey_known"
    title = "This passkey is already registered"


class LastLoginMethod(Conflict):
    """Without it the account could not be signed in to. Set a password, or register another passkey first."""

    code = "last_login_method"
    title = "This is the last way to sign in"


class MfaAlreadyEnabled(Conflict):
    """The account has an authenticator app. Remove it before you enrol another."""

    code = "mfa_already_enabled"
    title = "The second factor is already enabled"


class MfaNotEnabled(Conflict):
    """The account has no such factor, or no enrolment is under way: it lapses after an hour."""

    code = "mfa_not_enabled"
    title = "The second factor is not enabled"

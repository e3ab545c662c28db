"""409: the request conflicts with the current state."""

from authsvc.errors.problem import Problem


class Conflict(Problem):
    """The request conflicts with the current state."""

    status = 409


class EmailTaken(Conflict):
    """An account with this email address exists, perhaps in a different spelling. Sign in instead."""

    code = "email_taken"
    title = "This email address is already registered"


class LastAdmin(Conflict):
    """The account is the only administrator who can sign in, so it can't be disabled, deleted or given another role.
    Make someone else an administrator first. An invited administrator counts once they can sign in.
    """

    code = "last_admin"
    title = "This is the last administrator"


class OwnRole(Conflict):
    """You can't change your own role. Ask another administrator, or use the command line."""

    code = "own_role"
    title = "You can't change your own role"


class PasskeyKnown(Conflict):
    """The passkey is already registered, with this account or another. Use a different authenticator."""

    code = "passkey_known"
    title = "This passkey is already registered"


class IdentityTaken(Conflict):
    """The account at the other provider is connected to another account here. Sign in with it and disconnect it there,
    or sign in to the provider as somebody else.
    """

    code = "identity_taken"
    title = "The provider's account is already connected"


class LinkConfirmationRequired(Conflict):
    """The provider's account can be connected only to the account here that has its address. Sign in to that one."""

    code = "link_confirmation_required"
    title = "Another account has this address"


class LastLoginMethod(Conflict):
    """Without this nobody could sign in to the account by what it has. Set a password, register another passkey or
    connect another provider first. Being able to get a code or a link by mail is not enough.
    """

    code = "last_login_method"
    title = "This is the only way to sign in"


class MfaAlreadyEnabled(Conflict):
    """The account already has an authenticator app. Remove it before you set up another."""

    code = "mfa_already_enabled"
    title = "An authenticator app is already set up"


class MfaNotEnabled(Conflict):
    """The account has no such factor, or there is no enrolment to confirm. An enrolment expires after an hour."""

    code = "mfa_not_enabled"
    title = "The second factor is not set up"

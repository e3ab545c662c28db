"""Ways in: by what the owner of an account signs in, and that the last way stays.

A passkey is a whole way in. A password or an identity at another provider is one if the account has no second factor,
or one that its owner can answer by; a factor that nobody can answer by any longer, such as a passkey that was copied,
still counts as one. See docs/decisions/0051-the-last-way-in.md.
"""

from bson import ObjectId
from flask import current_app

from authsvc.errors import LastLoginMethod
from authsvc.models.passkeys import Passkey
from authsvc.models.users import LOST, Identity, User


def require_another(user: User, *, but: ObjectId | None = None) -> None:
    """Refuse to remove the last way in: a passkey or identity by its id, or the authenticator app if none is named.

    It is read from one document, and the removal has to expect that as it was read: of two at once one decides anew. A
    mailbox is no other way in. Raises LastLoginMethod.
    """
    app = user.totp_enabled
    if _holds_one(user, app=app) and not _holds_one(user, app=app and but is not None, but=but):
        raise LastLoginMethod


def is_claimed(user: User) -> bool:
    """Tell whether somebody has set up how to sign in to an account; to one that is only invited nobody has."""
    return user.password is not None or bool(user.passkeys or user.identities)


def can_sign_in(user: User) -> bool:
    """Tell whether the owner of an account could sign in at this moment, by a code sent to the mailbox too."""
    if current_app.config["EMAIL_VERIFICATION"] == "required" and not user.is_verified:
        return False
    if user.passkeys and Passkey.among(user.passkeys, limit=1):  # an import may have left them behind
        return True
    app = user.totp_enabled and user.totp is not None and user.totp.sealed != LOST
    by_mailbox = current_app.config["EMAIL_CODES"] and user.is_verified
    has_first = by_mailbox or _has_first_factor(user)
    return has_first and (not user.mfa_enabled or app or bool(user.recovery_code_hashes))


def usable_identities(user: User) -> list[Identity]:
    """Return the identities by which an account can be signed in to: those of providers that are set up and enabled."""
    return [identity for identity in user.all_identities if _providers_of(identity)]


def provider_of(identity: Identity) -> str:
    """Return the name of the provider that an identity signs in by: it may have been renamed since they were linked."""
    names = _providers_of(identity)
    return identity.provider if identity.provider in names or not names else names[0]


def _providers_of(identity: Identity) -> list[str]:
    """Return the names of the providers that are set up and enabled, and know an identity."""
    enabled = [one for one in current_app.config["IDENTITY_PROVIDERS"] if one.enabled]
    return [one.name for one in enabled if one.issues(identity.issuer)]


def _holds_one(user: User, *, app: bool, but: ObjectId | None = None) -> bool:
    """Tell whether an account has a way in, with or without its app, and without a passkey or an identity."""
    if any(one != but for one in user.passkeys or []):
        return True
    # Recovery codes stand in for another factor, and go with the last of those.
    copied = any(one != but for one in user.copied_passkeys or [])
    return _has_first_factor(user, but=but) and (app or not copied or bool(user.recovery_code_hashes))


def _has_first_factor(user: User, *, but: ObjectId | None = None) -> bool:
    """Tell whether an account has a password, or an identity except this at a provider that can be used."""
    return user.password is not None or any(one.id != but for one in usable_identities(user))

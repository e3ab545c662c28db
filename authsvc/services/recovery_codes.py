"""Recovery codes: the way in for who has lost the other second factors; each is good once."""

from authsvc import clock
from authsvc.errors import MfaNotEnabled
from authsvc.models.audit import Action
from authsvc.models.users import User
from authsvc.security import recovery_codes
from authsvc.services import audit, factors, mail
from authsvc.services.callers import Caller


def regenerate(who: Caller) -> list[str]:
    """Return ten new codes, the only time; the old ones are good no more. Raises MfaNotEnabled, SessionEnded."""
    user = factors.owner(who)
    if not user.mfa_enabled:
        raise MfaNotEnabled
    codes = recovery_codes.generate()
    with factors.changing(user, "recovery_codes_replaced", Action.RECOVERY_CODES_REPLACED):
        if User.replace_recovery_codes(who.user_id, recovery_codes.digests(codes), clock.now()) is None:
            raise MfaNotEnabled
    return codes


def take(user: User, code: str) -> bool:
    """Take a code as proof, and tell the account's owner; False for one that is none, or was used."""
    digest = recovery_codes.digest(code)
    left = User.spend_recovery_code(str(user.id), digest) if digest is not None and user.mfa_enabled else None
    if left is None:
        return False
    remaining = str(len(left.recovery_code_hashes or []))
    audit.record(Action.RECOVERY_CODE_USED, actor=user.id, target=user.id, remaining=remaining)
    mail.post("recovery_code_used", user.id, to=user.email, remaining=remaining, **mail.place())
    return True

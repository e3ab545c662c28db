"""Recovery codes: the way in for who has lost the other second factors; each is good once."""

from collections.abc import Callable
from functools import partial

from authsvc import clock
from authsvc.errors import MfaNotEnabled
from authsvc.models.audit import Action
from authsvc.models.users import User
from authsvc.security import recovery_codes
from authsvc.services import factors
from authsvc.services.callers import Caller


def regenerate(who: Caller) -> list[str]:
    """Return ten new codes, the only time; the old ones are good no more. Raises MfaNotEnabled, SessionEnded."""
    codes = recovery_codes.generate()

    def change(user: User) -> User | None:
        if not user.mfa_enabled:
            raise MfaNotEnabled
        return User.replace_recovery_codes(user, recovery_codes.digests(codes), clock.now())

    with factors.changing(factors.owner(who), "recovery_codes_replaced", Action.RECOVERY_CODES_REPLACED):
        factors.settle(who, change)
    return codes


def check(user: User, code: str) -> Callable[[], bool] | None:
    """Return what takes a code as proof, on record and with a letter, and tells False where it was used meanwhile.

    None for one that is none, or was used.
    """
    digest = recovery_codes.digest(code)
    if digest is None or digest not in (user.recovery_code_hashes or []) or not user.mfa_enabled:
        return None
    return partial(_take, user, digest)


def _take(user: User, digest: str) -> bool:
    remaining = str(len(user.recovery_code_hashes or []) - 1)
    try:
        with factors.changing(user, "recovery_code_used", Action.RECOVERY_CODE_USED, remaining=remaining):
            if User.spend_recovery_code(str(user.id), digest) is None:
                raise _UsedMeanwhile
    except _UsedMeanwhile:
        return False
    return True


class _UsedMeanwhile(Exception):
    pass

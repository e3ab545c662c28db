"""Recovery codes: the way in for users who have lost their other second factors; each works once."""

from authsvc import clock
from authsvc.errors import MfaNotEnabled
from authsvc.events import happening
from authsvc.events.catalogue import RecoveryCodesReplaced
from authsvc.models.users import User
from authsvc.security import recovery_codes
from authsvc.services import factors, throttles
from authsvc.services.callers import Caller


def regenerate(who: Caller) -> list[str]:
    """Return ten new codes, which are shown only now; the old ones no longer work.

    While a password is still enough they are none until their owner has saved them and says so (`factors.require`): a
    page that is closed before must not lock anybody out.
    Raises MfaNotEnabled, SessionEnded, TooManyAttempts.
    """
    throttles.count_safeguard(who)
    codes = recovery_codes.generate()

    def change(user: User) -> User | None:
        if not user.has_factor:
            raise MfaNotEnabled
        return User.replace_recovery_codes(user, recovery_codes.digests(codes), clock.now())

    with happening(RecoveryCodesReplaced.by_owner(factors.owner(who))):
        factors.settle(who, change)
    return codes

"""Passwords: verifying one."""

from authsvc.errors import PasswordIncorrect
from authsvc.events import catalogue, happened
from authsvc.methods.base import Answer, Method, Proof, Question
from authsvc.models.users import User
from authsvc.security.passwords import hasher
from authsvc.services import devices, guesses, passwords, throttles
from authsvc.services.callers import Caller
from authsvc.services.throttles import Bucket
from authsvc.settings import Limit

AMR = ["pwd"]


class PasswordMethod(Method):
    """The password of an account."""

    name = "password"
    members = frozenset({"password"})
    amr = frozenset(AMR)
    is_second_factor = False
    reauthenticates = True

    def is_enrolled(self, user: User) -> bool:
        """Tell whether the account has a password."""
        return user.password is not None

    def verify(self, user: User, answer: Answer, _question: Question) -> Proof | None:
        """Return what the password proves. Raises HashingBusy."""
        verified = verify(user, answer["password"])
        return Proof(verified, AMR) if verified is not None else None

    def spend(self, _proof: Proof) -> bool:
        """Leave the password as it is: it can be used again."""
        return True


def verify(user: User | None, password: str, *, address: str = "") -> User | None:
    """Return the user if the password is right, with a hash of today's cost; None if not, after the same work.

    For an unknown account the hash waits for its turn by `address`. Raises HashingBusy.
    """
    with passwords.in_turn(user, address):
        return _verify(user, password)


def authenticate(who: Caller, password: str) -> User:
    """Return the caller's account if this is its password; guesses in one session do not use up another's.

    Raises PasswordIncorrect, TooManyAttempts, HashingBusy.
    """
    account = User.find(who.user_id)
    guessed = guesses.at_own_password(who, devices.recognise(account))
    # Right ones are counted too: they take as long to hash.
    right = Bucket(Limit.PASSWORD_RIGHT, who.session_id or "", who.user_id)
    with throttles.counting(*guessed, failures=(PasswordIncorrect,), successes=right):
        user = verify(account, password, address=who.user_id)
        if user is None:
            happened(catalogue.PasswordIncorrect(actor=who.user_id, target=who.user_id))
            raise PasswordIncorrect
        return user


def _verify(user: User | None, password: str) -> User | None:
    stored = user.password if user is not None else None
    check = hasher().verify(password, stored, foreign=user is not None and user.has_foreign_hash)
    if user is None or not check.right:
        return None
    if not check.outdated:
        return user
    upgraded = User.upgrade_hash(user.id, user.password, hasher().hash(password))
    if upgraded is not None:
        return upgraded
    # Another sign-in has upgraded the hash, or the password was changed: what is stored now decides.
    now = User.find(str(user.id))
    return now if now is not None and hasher().verify(password, now.password, foreign=False).right else None

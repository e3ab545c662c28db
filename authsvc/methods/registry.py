"""All methods: they decide what a sign-in offers, what re-authentication accepts, and what `amr` says.

A new method is one module and one line in `METHODS`. Those in `BY_THEMSELVES` are not answered by an account that is
known: a code or a provider says whose sign-in it is, so a journey of their own asks them.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from authsvc.errors import MfaCodeInvalid, SecondFactorRequired
from authsvc.events import happened
from authsvc.events.catalogue import SecondFactorFailed
from authsvc.methods import email_code, federated
from authsvc.methods.base import Answer, Method, Proof, Question
from authsvc.methods.passkey import PasskeyMethod
from authsvc.methods.password import PasswordMethod
from authsvc.methods.recovery_code import RecoveryCodeMethod
from authsvc.methods.totp import TotpMethod
from authsvc.models.users import User
from authsvc.services import callers, step_up, throttles
from authsvc.services.callers import Caller
from authsvc.services.throttles import Bucket

METHODS: tuple[Method, ...] = (
    PasswordMethod(),
    TotpMethod(),
    RecoveryCodeMethod(),
    PasskeyMethod(),
)
"""In the order in which they are offered."""

BY_THEMSELVES = {"email_code": email_code.AMR, "federated": federated.AMR}
"""What they say in `amr`."""


def method_for(answer: Answer) -> Method:
    """Return the method that an answer is by. Raises LookupError if there is none."""
    for method in METHODS:
        if method.members <= answer.keys():
            return method
    raise LookupError("no method answers with these members")


def second_factors_of(user: User) -> list[Method]:
    """Return the methods by which a sign-in can be completed; unusable ones only if there is nothing else."""
    enrolled = [method for method in METHODS if method.is_second_factor and method.is_enrolled(user)]
    return [method for method in enrolled if method.is_usable(user)] or enrolled


def require_password_to_be_enough(user: User) -> None:
    """Refuse a mere password if the account has a second factor. Raises SecondFactorRequired."""
    if user.mfa_enabled:
        raise SecondFactorRequired([method.name for method in second_factors_of(user) if method.reauthenticates])


def require_second_factor(who: Caller) -> None:
    """Refuse a session that only one factor opened, an account that asks for only one, and whatever is no session.

    `methods` of the refusal are those that the account has. Raises SecondFactorRequired, SessionEnded, ScopeMissing.
    """
    callers.require_scope(who, None)
    session, user = step_up.live_session(who), User.find(who.user_id)
    # Where the password is enough, whoever knows it adds a passkey of their own, and is strong by that.
    if user is None or not user.mfa_enabled or "mfa" not in session.methods:
        raise SecondFactorRequired([method.name for method in second_factors_of(user)] if user is not None else [])


@contextmanager
def verifying(user: User, answer: Answer, question: Question, *guessed: Bucket) -> Iterator[Proof]:
    """Verify a second factor, do what is inside, and spend it.

    If what is inside refuses, nothing is spent. Wrong answers are counted under `guessed` (see `guesses`), whatever the
    method. Raises MfaCodeInvalid, ChallengeInvalid, TooManyAttempts, NotReady.
    """
    method = method_for(answer)
    if method.is_enrolled(user) and not method.is_usable(user):
        raise MfaCodeInvalid(method.unusable)
    with throttles.counting(*guessed, failures=(MfaCodeInvalid,)):
        proof = method.verify(user, answer, question)
        if proof is None:
            _refuse(user, method)
        yield proof
        if not method.spend(proof):
            _refuse(user, method)


def _refuse(user: User, method: Method) -> NoReturn:
    happened(SecondFactorFailed(target=user.id, method=method.name))
    raise MfaCodeInvalid

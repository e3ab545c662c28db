"""Re-authenticate: somebody signed in verifies once more who they are, and their session is fresh for ten minutes."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from authsvc.errors import EmailUnverified
from authsvc.events import happening
from authsvc.events.catalogue import Reauthenticated
from authsvc.methods import email_code, passkey, password, registry
from authsvc.methods.base import Answer, Proof, Question
from authsvc.models.challenges import ChallengePurpose
from authsvc.models.email_codes import CodePurpose
from authsvc.models.letters import LetterKind
from authsvc.models.users import User
from authsvc.services import email_codes, factors, guesses, mail, step_up, throttles, token_claims, tokens
from authsvc.services.callers import Caller
from authsvc.services.email_codes import Issued, Whose
from authsvc.services.passkeys import Options


def passkey_options(who: Caller) -> Options:
    """Return what a browser needs for the caller to re-authenticate by passkey.

    Raises MfaNotEnabled, SessionEnded, TooManyAttempts.
    """
    throttles.count_safeguard(who)
    return passkey.request_options(ChallengePurpose.REAUTHENTICATE, who.session_id or "", user=factors.owner(who))


def send_code(who: Caller) -> Issued:
    """Send a code to the caller's own address, by which they re-authenticate in this session and no other.

    Never instead of a second factor. Raises SecondFactorRequired, EmailUnverified, NotFound if codes are off,
    SessionEnded, TooManyAttempts.
    """
    email_codes.require_on()
    throttles.count_safeguard(who)
    user = factors.owner(who)
    registry.require_password_to_be_enough(user)
    if not user.is_verified:
        raise EmailUnverified
    session = who.session_id or ""
    throttles.count(throttles.for_letter(LetterKind.REAUTHENTICATION, f"session {session}", user.id))
    whose, nowhere = Whose(user, user.email), email_codes.new_link()
    issued = email_codes.issue(CodePurpose.REAUTHENTICATE, whose, nowhere, browser=session)
    mail.post(LetterKind.REAUTHENTICATION, user.id, to=user.email, code=issued.code, **mail.request_facts())
    return issued


def verify_again(who: Caller, answer: Answer) -> tuple[str, int]:
    """Make the caller's session fresh by an answer of theirs; return an access token that says so and its life (s).

    A password, or a code from a letter, is enough without a second factor, and a second factor is enough with one.
    Raises SessionEnded, PasswordIncorrect, EmailCodeInvalid, SecondFactorRequired, MfaCodeInvalid, ChallengeInvalid,
    TooManyAttempts, HashingBusy, HookFailed, NotFound for a code from a letter if codes are off.
    """
    user = factors.owner(who)
    with _verifying(who, user, answer) as proof:  # before what proves it is spent: if the hook fails, it still serves
        ext = token_claims.of_session_read_by(partial(step_up.foresee, who, proof.amr), proof.user)
    with happening(Reauthenticated.by_owner(proof.user, session=who.session_id, methods=proof.amr)):
        session = step_up.renew(who, proof.amr, proof.passkey)
        now_stored = factors.owner(who)
        if now_stored.mfa_enabled and "mfa" not in proof.amr:  # enabled while the other was verified
            step_up.outdate(who.user_id)
            registry.require_password_to_be_enough(now_stored)
    pair = tokens.mint(session, proof.user, ext)
    return pair.access_token, pair.expires_in


@contextmanager
def _verifying(who: Caller, user: User, answer: Answer) -> Iterator[Proof]:
    """Verify an answer, do what is inside, and spend it."""
    if {"challenge_id", "code"} <= answer.keys():
        registry.require_password_to_be_enough(user)
        with email_code.verifying(who, user, answer["challenge_id"], answer["code"]) as proof:
            yield proof
    elif registry.method_for(answer).is_second_factor:
        question = Question(ChallengePurpose.REAUTHENTICATE, who.session_id or "", alone=True)
        with registry.verifying(user, answer, question, *guesses.at_own_factor(user, who)) as proof:
            yield proof
    else:
        registry.require_password_to_be_enough(user)
        yield Proof(password.authenticate(who, answer["password"]), password.AMR)

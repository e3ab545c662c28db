"""E-mail codes: verifying one, for whoever asked for it.

A code proves the mailbox, and so the address: RFC 8176 calls that `otp`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from authsvc.errors import EmailCodeInvalid, HookFailed, HookRefused, LinkInvalid, TooManyAttempts
from authsvc.events import happened
from authsvc.events.catalogue import EmailCodeFailed
from authsvc.methods.base import Proof
from authsvc.models.email_codes import CodePurpose, EmailCode
from authsvc.models.links import LinkPurpose
from authsvc.models.users import User
from authsvc.services import devices, email_codes, guesses, links, throttles
from authsvc.services.callers import Caller
from authsvc.services.devices import Recognition
from authsvc.services.links import LiveLink
from authsvc.services.throttles import Bucket
from authsvc.settings import Limit

AMR = ["otp"]


@dataclass(frozen=True, slots=True)
class Guess:
    """A code that somebody typed, not verified: the challenge, its account if there is one, and where it is typed."""

    challenge: EmailCode
    user: User | None
    recognition: Recognition

    @property
    def buckets(self) -> tuple[Bucket, ...]:
        """Return where a wrong code is counted.

        Whoever registers an address that nobody has verified is known wherever they like, so there no place counts.
        """
        counts = self.user is not None and self.user.is_verified
        return guesses.at_email_code(self.user, self.recognition if counts else Recognition(), self.challenge.counter)


def find(challenge_id: str, *purposes: CodePurpose) -> Guess:
    """Return what somebody types a code for, decoys too, after the same work. Raises EmailCodeInvalid."""
    with throttles.counting_failures(throttles.by_network(Limit.LINK_ADDRESS), EmailCodeInvalid):
        challenge = email_codes.find(challenge_id, *purposes)
    user = User.find_or_decoy(challenge.user)
    return Guess(challenge, user, devices.recognise(user))


def verify(guess: Guess, code: str) -> None:
    """Refuse a wrong code, and any after five wrong ones. Raises EmailCodeInvalid."""
    if not email_codes.is_right(guess.challenge, code):
        raise EmailCodeInvalid


@contextmanager
def link_beside(challenge_id: str, code: str, *purposes: LinkPurpose) -> Iterator[tuple[EmailCode, LiveLink]]:
    """Find the link that a letter has beside a code, for one of the purposes, and do with it what is inside.

    The code is as good as the link, and as long: what ends one ends both. Raises EmailCodeInvalid, TooManyAttempts.
    """
    guess = find(challenge_id, *(one for one in CodePurpose if one.value in purposes))
    with throttles.counting(*guess.buckets, failures=(EmailCodeInvalid,)):
        try:
            verify(guess, code)
            email_codes.give_back_try(guess.challenge)
            yield guess.challenge, links.find_by_digest(guess.challenge.link, *purposes)
        except (EmailCodeInvalid, LinkInvalid) as refusal:
            happened(EmailCodeFailed(target=guess.user.id if guess.user is not None else None))
            raise EmailCodeInvalid from refusal


@contextmanager
def verifying(who: Caller, user: User, challenge_id: str, code: str) -> Iterator[Proof]:
    """Verify a code that was sent to the address of somebody signed in, for this session of theirs; spend it after.

    If what is inside refuses, nothing is spent. Raises EmailCodeInvalid, TooManyAttempts, NotFound if codes are off.
    """
    email_codes.require_on()
    with throttles.counting(*guesses.at_own_email_code(who), failures=(EmailCodeInvalid,)):
        try:
            challenge = email_codes.find(challenge_id, CodePurpose.REAUTHENTICATE)
            if not (_is_for(challenge, who, user) and email_codes.is_right(challenge, code)):
                raise EmailCodeInvalid
            with keeping_try(challenge):
                yield Proof(user, AMR)
            if not email_codes.redeem(challenge):
                raise EmailCodeInvalid
        except EmailCodeInvalid:
            happened(EmailCodeFailed.by_owner(user))
            raise


@contextmanager
def keeping_try(challenge: EmailCode) -> Iterator[None]:
    """Do something once a code was right; if a hook fails or refuses, it can be typed again as often as before."""
    try:
        yield
    except (HookFailed, HookRefused, TooManyAttempts):
        email_codes.give_back_try(challenge)
        raise


def _is_for(challenge: EmailCode, who: Caller, user: User) -> bool:
    """Tell whether a challenge was sent to this user's present address, and asked for in this session."""
    return (challenge.user, challenge.email) == (user.id, user.email) and email_codes.is_of(challenge, who.session_id)

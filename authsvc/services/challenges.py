"""Challenges: what an authenticator is asked to sign. Stored, for one purpose and one answer, for five minutes."""

from datetime import timedelta

from authsvc import clock
from authsvc.errors import ChallengeInvalid
from authsvc.models.challenges import Challenge, ChallengePurpose
from authsvc.models.ids import new_id
from authsvc.security import webauthn

LIFE = timedelta(minutes=5)


def issue(purpose: ChallengePurpose, bound_to: str = "") -> Challenge:
    """Make a challenge for a purpose; only the ticket or session that it is bound to may answer it."""
    challenge = Challenge(
        id=new_id(),
        challenge=webauthn.new_challenge(),
        purpose=purpose,
        bound_to=bound_to,
        expires_at=clock.now() + LIFE,
    )
    challenge.insert()
    return challenge


def redeem(challenge_id: str, purpose: ChallengePurpose, bound_to: str = "") -> bytes:
    """Return the challenge, for this one answer, right or wrong. Raises ChallengeInvalid."""
    challenge = Challenge.redeem(challenge_id, purpose, bound_to, clock.now())
    if challenge is None:
        raise ChallengeInvalid
    return challenge.challenge

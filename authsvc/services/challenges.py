"""Challenges: what an authenticator is asked to sign. Stored, for one purpose and one answer, for five minutes."""

from datetime import timedelta

from bson import ObjectId

from authsvc import clock
from authsvc.errors import ChallengeInvalid
from authsvc.models.challenges import Challenge
from authsvc.security import webauthn

LIFE = timedelta(minutes=5)


def issue(purpose: str, bound_to: str = "") -> Challenge:
    """Make a challenge for a purpose, which whoever it is bound to alone may answer."""
    challenge = Challenge(
        id=ObjectId(),
        challenge=webauthn.new_challenge(),
        purpose=purpose,
        bound_to=bound_to,
        expires_at=clock.now() + LIFE,
    )
    challenge.insert()
    return challenge


def redeem(challenge_id: str, purpose: str, bound_to: str = "") -> bytes:
    """Return the challenge, for this one answer, right or wrong. Raises ChallengeInvalid."""
    found = Challenge.redeem(challenge_id, purpose, bound_to, clock.now())
    if found is None:
        raise ChallengeInvalid
    return found.challenge

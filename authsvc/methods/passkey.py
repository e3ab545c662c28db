"""Passkeys (WebAuthn): verifying what an authenticator signed."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from authsvc import clock
from authsvc.errors import MfaNotEnabled, PasskeyInvalid
from authsvc.errors.overtaken import Overtaken
from authsvc.events import happening
from authsvc.events.catalogue import PasskeyCopied
from authsvc.methods.base import Answer, Method, Proof, Question
from authsvc.models.challenges import ChallengePurpose
from authsvc.models.passkeys import Passkey
from authsvc.models.users import User
from authsvc.security import webauthn
from authsvc.security.webauthn import NotGenuine
from authsvc.services import challenges, passkeys
from authsvc.services.passkeys import Options


class PasskeyMethod(Method):
    """A passkey of an account."""

    name = "passkey"
    members = frozenset({"challenge_id", "credential"})
    amr = frozenset({"hwk", "swk", "user", "mfa"})
    is_second_factor = True
    reauthenticates = True

    def is_enrolled(self, user: User) -> bool:
        """Tell whether the account has a passkey; one that was copied signs nobody in."""
        return bool(user.passkeys)

    def verify(self, user: User, answer: Answer, question: Question) -> Proof | None:
        """Return what the answer to a challenge proves, None if it is wrong. Raises ChallengeInvalid."""
        challenge = challenges.redeem(answer["challenge_id"], question.purpose, question.bound_to)
        assertion = identify(answer["credential"])
        try:
            proof = authenticate(assertion, challenge, owner=user, verify_user=question.alone)
        except PasskeyInvalid:
            return None
        # After a password, or for somebody signed in, it makes two factors even without a PIN or fingerprint.
        amr = [*(value for value in proof.amr if value != "mfa"), "mfa"]
        return Proof(proof.user, amr, proof.passkey)

    def spend(self, _proof: Proof) -> bool:
        """Leave the passkey as it is: what is used only once is the challenge, and that is gone."""
        return True


@dataclass(frozen=True, slots=True)
class Assertion:
    """An answer of an authenticator, not verified: the user and passkey that it names, None if there are none.

    `handle` is the user handle that it carries.
    """

    credential: dict[str, Any]
    user: User | None = None
    passkey: Passkey | None = None
    handle: bytes | None = None


def request_options(
    purpose: ChallengePurpose, bound_to: str = "", *, user: User | None = None, verify_user: bool = True
) -> Options:
    """Return what a browser needs to authenticate by a passkey: any of this site's, or one of this user's.

    Raises MfaNotEnabled for a user who has none.
    """
    if user is not None and not user.passkeys:
        raise MfaNotEnabled
    challenge = challenges.issue(purpose, bound_to)
    known = passkeys.credentials_of(user) if user is not None else []
    options = webauthn.request_options(passkeys.party(), challenge.challenge, known, verify_user=verify_user)
    return Options(str(challenge.id), options)


def identify(credential: dict[str, Any]) -> Assertion:
    """Return the passkey that an answer names and its user; nothing is verified yet."""
    try:
        credential_id, handle = webauthn.claimed_id(credential)
    except NotGenuine:
        return Assertion(credential)
    passkey = Passkey.find_by_credential(credential_id)
    user = User.find(str(passkey.user)) if passkey is not None else None
    return Assertion(credential, user, passkey, handle)


def authenticate(assertion: Assertion, challenge: bytes, *, owner: User | None, verify_user: bool) -> Proof:
    """Return what an answer to a challenge proves; `owner` is the user who was asked, None if anybody was.

    Raises PasskeyInvalid.
    """
    user, passkey = assertion.user, assertion.passkey
    if passkey is None or user is None or passkey.id not in (user.passkeys or []):
        raise PasskeyInvalid
    if (owner is not None and owner.id != user.id) or assertion.handle not in _handles(user, asked=owner is not None):
        raise PasskeyInvalid
    try:
        signed = webauthn.check_assertion(
            passkeys.party(), challenge, assertion.credential, passkey.public_key, verify_user=verify_user
        )
    except NotGenuine as error:
        raise PasskeyInvalid from error
    if not Passkey.advance(passkey.id, signed.sign_count, backed_up=signed.backed_up, now=clock.now()):
        _end_copied(user, passkey)
        raise PasskeyInvalid
    # With its user verified (PIN, fingerprint) a passkey is two factors in one.
    amr = [passkeys.kind_of_key(signed), "user", *(["mfa"] if signed.user_verified else [])]
    return Proof(user, amr, passkey.id)


def _handles(user: User, *, asked: bool) -> tuple[bytes | None, ...]:
    """Return the user handles that an answer may carry; only a user who was asked may leave it out."""
    return (user.id.binary, None) if asked else (user.id.binary,)


def _end_copied(user: User, passkey: Passkey) -> None:
    """End a passkey whose counter went back: there is another copy of its key (WebAuthn section 6.1.1)."""
    with suppress(Overtaken), happening(PasskeyCopied.by_owner(user, factor=passkeys.label_of(passkey))):
        if User.end_copied(str(user.id), passkey.id) is None:
            raise Overtaken

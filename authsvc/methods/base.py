"""What a method is: everything that the journeys ask of a way to authenticate."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from bson import ObjectId

from authsvc.models.challenges import ChallengePurpose
from authsvc.models.users import User

Answer = Mapping[str, Any]
"""What a client sends to authenticate; its members say by which method."""


@dataclass(frozen=True, slots=True)
class Question:
    """What an answer is asked for: the purpose of its challenge, and the ticket or session that this is bound to.

    An answer that is `alone` comes without a password: the authenticator has to verify its user then.
    """

    purpose: ChallengePurpose
    bound_to: str
    alone: bool = False


@dataclass(frozen=True, slots=True)
class Proof:
    """What a right answer proves: that it is this user, and how (`amr`, RFC 8176).

    `passkey` is the one that it was by, if any. `receipt` is what the method needs to spend the proof.
    """

    user: User
    amr: list[str]
    passkey: ObjectId | None = None
    receipt: Any = None


class Method(Protocol):
    """A way to authenticate."""

    name: str
    """As the API and the audit trail call it."""

    members: frozenset[str]
    """The members of an answer by this method."""

    amr: frozenset[str]
    """The values that it may add to the claim `amr` (RFC 8176)."""

    is_second_factor: bool
    """Whether an account that has it needs it after a password."""

    reauthenticates: bool
    """Whether somebody signed in can verify by it who they are."""

    unusable: str = ""
    """What to say of an answer if the account has it and nobody can use it."""

    def is_enrolled(self, user: User) -> bool:
        """Tell whether an account has it."""
        raise NotImplementedError

    def is_usable(self, user: User) -> bool:
        """Tell whether an account that has it can authenticate by it."""
        return self.is_enrolled(user)

    def verify(self, user: User, answer: Answer, question: Question) -> Proof | None:
        """Return what an answer proves, None if it is wrong. Raises ChallengeInvalid, HashingBusy, NotReady."""
        raise NotImplementedError

    def spend(self, proof: Proof) -> bool:
        """Use up what can be used only once; tell whether it was this call that did."""
        raise NotImplementedError

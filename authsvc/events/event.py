"""What an event is: a name, who did it to whose account, and what is recorded beside."""

from dataclasses import dataclass, field, fields
from enum import Enum, StrEnum
from typing import Any, ClassVar, Protocol, Self

from bson import ObjectId

Id = str | ObjectId | None


class Account(Protocol):
    """Whose account an event is about."""

    @property
    def id(self) -> ObjectId:
        """Return the account's id."""

    @property
    def email(self) -> str:
        """Return the address that letters about the event go to."""


class Outcome(StrEnum):
    """Whether something was done, or tried and refused."""

    SUCCESS = "success"
    FAILURE = "failure"


class Recorded(Enum):
    """How an event is put on record."""

    ALWAYS = "the change fails if it can't be recorded"
    IF_POSSIBLE = "if it can't be recorded, that is logged and the change goes on"
    BY_EFFECT = "what it ends is recorded; the event itself is not"


PRIVATE = {"private": True}
"""Of a field that is not recorded: it serves the subscribers only."""


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happened: `actor` did it to the account `target`, both ids of users if they are known.

    `email` is the account's address at that moment. `own_session` is the session that does it, if it is one of the
    account's. `repeated` says that the change was made by an earlier call, which may have been interrupted: what it
    ends is ended again, and nothing else follows.
    """

    name: ClassVar[str]
    outcome: ClassVar[Outcome] = Outcome.SUCCESS
    recorded: ClassVar[Recorded] = Recorded.IF_POSSIBLE

    actor: Id = field(default=None, metadata=PRIVATE)
    target: Id = field(default=None, metadata=PRIVATE)
    email: str | None = field(default=None, metadata=PRIVATE)
    own_session: str | None = field(default=None, metadata=PRIVATE)
    repeated: bool = field(default=False, metadata=PRIVATE)

    @classmethod
    def by_owner(cls, user: Account, **facts: Any) -> Self:
        """Return the event that the owner of an account causes."""
        return cls(**{"actor": user.id, "target": user.id, "email": user.email, **facts})

    @classmethod
    def done_to(cls, user: Account, by: Id, **facts: Any) -> Self:
        """Return the event that somebody else causes: `by` is None for whoever runs the service."""
        return cls(**{"actor": by, "target": user.id, "email": user.email, **facts})

    def details(self) -> dict[str, Any]:
        """Return what is recorded beside the name: no secret, no address."""
        public = (one.name for one in fields(self) if not one.metadata.get("private"))
        return {name: value for name in public if (value := getattr(self, name)) is not None}


class Failure(Event):
    """Something that was tried and refused."""

    outcome = Outcome.FAILURE


class Weighty(Event):
    """Something that fails if it can't be recorded."""

    recorded = Recorded.ALWAYS

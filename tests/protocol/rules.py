"""What the protocol of kept sessions rests on: each part may be left out, to see that it is needed."""

from dataclasses import dataclass
from enum import Enum, auto


class Order(Enum):
    """How a worker tells which notices it has not read yet."""

    MARKS = auto()
    """Each has a mark that no other will ever have; those behind the last one that was read are new."""
    NUMBERS = auto()
    """A number is taken first and the notice stored later; those with a higher number are new."""
    VERSION = auto()
    """The document counts its changes; those with a higher version are new."""


@dataclass(frozen=True)
class Rules:
    """The protocol as it is built, and the world that it must hold in."""

    has_lease: bool = True
    """False: no lease and no wait; each request shares a reading of the notices that begins after it came."""
    order: Order = Order.MARKS
    remembered: int = 1
    """How many notices the document holds."""
    guards_fills: bool = True
    """What was read is kept only if no notice was read since before that."""
    forgets_at_gaps: bool = True
    """Who does not find the last notice that it read forgets everything."""
    writes_first: bool = True
    """The session is ended before that is announced."""
    repeats: bool = True
    """Who finds the session ended already announces it all the same, and waits."""
    waits: bool = True
    """The answer comes a lease and a margin after the notice is stored."""
    margin: int = 1
    lease_from_start: bool = True
    """A lease counts from the start of the reading, and not from its end."""
    lease_before_lookup: bool = True
    """A request looks at the lease first and at what is kept second."""
    joins_next_reading: bool = True
    """A request does not join a reading that is under way."""

    lease: int = 2
    """Ticks."""
    missed: int = 1
    """Ticks that a worker's clock may miss."""
    failovers: int = 1
    crashes: bool = True
    both_end: bool = False
    """The second revoker ends the same session, and not another one."""
    workers: int = 1

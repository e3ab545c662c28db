"""The states of the model: plain tuples, so that states that are alike are equal."""

from enum import IntEnum
from typing import NamedTuple

NONE = ()
"""Nothing of its kind; unlike None it can be compared, which puts workers in order."""


class Notice(NamedTuple):
    """What a revoker announced."""

    mark: int
    is_ours: bool
    """It names the session that the model is about."""


class Fill(NamedTuple):
    """A session that is being read in order to be kept."""

    mark: int
    """The worker's when it began."""
    has_read: bool


class Reading(NamedTuple):
    """The notices, being read."""

    left: int
    """Ticks of the lease that it will give."""
    has_read: bool = False
    shown: tuple[Notice, ...] = ()


class Waiting(NamedTuple):
    """A request that shares a reading, where there is no lease."""

    is_late: bool
    """It came after the answer."""
    has_reading: bool


class Worker(NamedTuple):
    """A process that serves requests: what it keeps in memory, and what it is doing."""

    keeps: bool = False
    mark: int = 0
    """Of the last notice that it read."""
    lease: int = 0
    fill: Fill | tuple[()] = NONE
    reading: Reading | tuple[()] = NONE
    request: int = 0
    """Ticks that are left of the lease with which a request found the session; 0 without one."""
    waiting: Waiting | tuple[()] = NONE
    accepted_late: bool = False
    missing: int = 0
    """Ticks that its clock may still miss."""


class Phase(IntEnum):
    """How far a revoker has come."""

    START = 0
    HALF_DONE = 1
    NUMBERED = 2
    UNACKNOWLEDGED = 3
    WAITING = 4
    ANSWERED = 5


class Revoker(NamedTuple):
    """A request that ends a session. It runs in some worker, of which nothing else matters to it."""

    is_ours: bool
    """It ends the session that the model is about."""
    phase: Phase = Phase.START
    wait: int = 0
    mark: int = 0
    """Of its notice."""


class Database(NamedTuple):
    """What is stored: the session, and the document of notices."""

    is_live: bool = True
    notices: tuple[Notice, ...] = ()
    durable: int = 0
    """How many of the notices a majority has."""
    last_mark: int = 0
    failovers: int = 0
    """Those still to come."""


class World(NamedTuple):
    """One state of everything."""

    database: Database
    revokers: tuple[Revoker, ...]
    workers: tuple[Worker, ...]

    @property
    def is_answered(self) -> bool:
        """Tell whether somebody was told that the session has ended."""
        return any(one.is_ours and one.phase == Phase.ANSWERED for one in self.revokers)

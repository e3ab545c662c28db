"""Deliveries that come one after the other: of those in a lane none is tried before the ones that come first."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Self, cast

from authsvc.models.base import bounded
from authsvc.models.deliveries import Delivery


class LanedDelivery(Delivery):
    """A delivery that may have to wait for an `earlier` one."""

    meta = {"abstract": True}

    def earlier(self) -> Self | None:
        """Return the first of those in the same lane that wait, if it comes before this one."""
        raise NotImplementedError

    @classmethod
    @bounded
    def lease(cls, now: datetime, lease: timedelta, passing_over: Sequence[str] = ()) -> Self | None:
        """Lease what has been due the longest, or what comes before it in its lane if that is due too.

        Otherwise each of many in a lane would be leased, and put back, until it is the turn of one of them.
        """
        due = super().lease(now, lease, passing_over)
        first = due.earlier() if due is not None else None
        if due is None or first is None or first.due_at is None or first.due_at > now:
            return due
        same = cls.objects(id=first.id, due_at=first.due_at)
        leased = cast(Self | None, same.modify(set__due_at=now + lease, inc__attempts=1, new=True))
        if leased is None:  # somebody else has it, and this one waits
            return due
        due.settle(due_at=now)
        return leased

"""Lanes: deliveries of which some wait for others, whatever is due first."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Self, cast

from mongoengine.fields import BooleanField

from authsvc import clock
from authsvc.models.base import bounded
from authsvc.models.deliveries import Delivery


class LanedDelivery(Delivery):
    """A delivery that may have to wait for an `earlier` one.

    One that was put back for that is `behind`: whoever is done with the earlier one brings it forward.
    """

    meta = {"abstract": True}

    behind: bool | None = BooleanField()

    def earlier(self) -> Self | None:
        """Return the first of those in the same lane that wait, if it comes before this one."""
        raise NotImplementedError

    def waiting(self) -> Any:
        """Return the query set of those in the same lane that wait, in their order."""
        raise NotImplementedError

    @classmethod
    @bounded
    def lease(
        cls, now: datetime, lease: timedelta, passing_over: Sequence[str] = (), *, only: str | None = None
    ) -> Self | None:
        """Lease what has been due the longest, or what comes before it in its lane if that is due too.

        Otherwise each of many in a lane would be leased, and put back, until it is the turn of one of them.
        """
        due = super().lease(now, lease, passing_over, only=only)
        first = due.earlier() if due is not None else None
        if due is None or first is None or first.due_at is None or first.due_at > now:
            return due
        same = cls.objects(id=first.id, due_at=first.due_at)
        leased = cast(Self | None, same.modify(**cls.lease_changes(now + lease), new=True))
        if leased is None:  # somebody else has it, and this one waits
            return due
        due.settle(due_at=now)
        return leased

    @classmethod
    def lease_changes(cls, until: datetime) -> dict[str, Any]:
        """Return the changes by which whoever tries a delivery has it until then."""
        return {**super().lease_changes(until), "unset__behind": True}

    @bounded
    def put_back(self, until: datetime) -> None:
        """Let a leased delivery wait until then, or until what comes before it is done."""
        same = type(self).objects(id=self.id, attempts=self.attempts)
        if same.update_one(set__due_at=until, set__behind=True) and self.earlier() is None:
            self._come_forward()  # what came before it was done just before it was put back

    @bounded
    def make_way(self) -> None:
        """Let the next in the lane come forward: this one is done."""
        following = self.waiting().first()
        if following is not None:
            following._come_forward()

    def _come_forward(self) -> None:
        type(self).objects(id=self.id, behind=True).update_one(set__due_at=clock.now(), unset__behind=True)

"""Ids of documents: they order what several processes make, to the millisecond.

An ObjectId as drivers make it holds whole seconds, then a number that is each process's own: of what two workers store
within one second, either may count as the newer.
"""

import struct
from datetime import datetime

from bson import ObjectId

from authsvc import clock

LEAST = bytes(6)
"""The rest of the lowest id of a moment."""


def new_id(moment: datetime | None = None) -> ObjectId:
    """Return a new id that sorts by a moment, or by now."""
    # Of one process and millisecond, the driver's own number orders; of several processes, nothing would.
    return id_at(moment or clock.now(), ObjectId().binary[6:])


def id_at(moment: datetime, rest: bytes = LEAST) -> ObjectId:
    """Return an id that sorts by a moment: seconds (4 bytes), milliseconds (2), and the `rest` (6)."""
    # Not by the fraction of the timestamp: as a float it is a little less than the millisecond, half of the time.
    return ObjectId(struct.pack(">IH", int(moment.timestamp()), moment.microsecond // 1000) + rest)

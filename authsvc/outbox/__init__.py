"""Durable delivery of anything: with a lease, growing pauses, and an end after some days.

A delivery is a document (`models.deliveries.Delivery`), stored in the step of the change that it announces. The outbox
does not know its contents.
"""

from authsvc.outbox.outbox import KEPT_FOR, LEASE, PATIENCE, Outbox

__all__ = ["KEPT_FOR", "LEASE", "PATIENCE", "Outbox"]

"""What follows from an event. Only `app` imports this package.

The order is semantics, outermost first: what is counted last is what was confirmed; the record is there before anything
is announced; letters, messages to webhooks, and notices to apps, are prepared before the change; access ends right
before and right after the change.
"""

from authsvc.events import each
from authsvc.subscribers.administrators import alarming
from authsvc.subscribers.audit import recording
from authsvc.subscribers.logout_notices import telling_apps
from authsvc.subscribers.metrics import counting
from authsvc.subscribers.notifications import notifying
from authsvc.subscribers.revocation import ending
from authsvc.subscribers.webhooks import telling_webhooks

IN_ORDER = (
    each(counting),
    each(alarming),
    recording,
    each(notifying),
    each(telling_webhooks),
    each(telling_apps),
    each(ending),
)

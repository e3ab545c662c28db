"""`reference/events.md`: everything that is put on record."""

from flask import Flask

from authsvc.events import catalogue
from authsvc.events.event import Recorded
from authsvc.models.audit import KEPT_FOR
from docs.generate import markdown

INTRODUCTION = f"""
The audit trail is the collection `audit`, kept for {KEPT_FOR.days} days. Administrators search it at
`GET /admin/audit`, and users see what happened to their own account at `GET /auth/me/activity`. The same names are the
`event` of log lines and the `action` of the metric `authsvc_security_events_total`.

An entry has `action`, `at`, `actor` (who did it), `target` (whose account), `ip`, `userAgent`, `requestId`, `outcome`
and `details`. An event that *must be recorded* does not happen if it can't be: the request is answered with 503.
"""


def text(_app: Flask) -> str:
    """Return the page."""
    sentences = catalogue.sentences()
    kinds = {kind.name: kind for kind in catalogue.every_kind() if kind.recorded is not Recorded.BY_EFFECT}
    rows = [
        (f"`{name}`", sentences[name], kind.outcome, "must be recorded" if kind.recorded is Recorded.ALWAYS else "")
        for name, kind in kinds.items()
    ]
    return markdown.page("Events", INTRODUCTION, markdown.table(("event", "what happened", "outcome", ""), rows))

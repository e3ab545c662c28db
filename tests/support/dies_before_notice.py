"""A WSGI program for gunicorn: authsvc, whose worker dies as by `kill -9` right before it posts a notice.

It does so as long as there is the file DIES_IF, which it removes first: the next worker lives.
"""

import os
import signal
from pathlib import Path

from pymongo import monitoring


class _Notices(monitoring.CommandListener):
    def started(self, event: monitoring.CommandStartedEvent) -> None:
        asked = Path(os.environ["DIES_IF"])
        if event.command_name == "update" and event.command["update"] == "notices" and asked.exists():
            asked.unlink()
            os.kill(os.getpid(), signal.SIGKILL)

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        pass

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        pass


monitoring.register(_Notices())

from wsgi import app  # noqa: E402 - whoever listens has to be known before the client is made

__all__ = ["app"]

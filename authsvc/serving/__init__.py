"""What gunicorn needs: how it logs, listens, reads, answers, refuses, shares connections, starts and stops.

`gunicorn.conf.py` puts it in place before the workers patch the standard library for gevent. So all of it, and what it
imports, is gunicorn, gevent and the standard library, and importing it starts no thread and keeps no socket.
"""

import gunicorn.http
from gunicorn import util
from gunicorn.config import Config
from gunicorn.http import wsgi

from authsvc.serving import connections, listening, refusals


def install() -> None:
    """Put listening, reading, answering and refusing in gunicorn's place."""
    Config.address = property(listening.addresses)
    gunicorn.http.RequestParser = connections.Parser
    wsgi.Response = connections.Response
    util.write_error = refusals.refuse

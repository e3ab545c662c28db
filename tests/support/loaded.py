"""A WSGI program for gunicorn: authsvc, and at `/loaded` what the worker has loaded, as JSON.

`modules` are their names; `frozen` is how many objects the garbage collector leaves out, `collects` whether it works.
"""

import gc
import json
import sys
from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIEnvironment

import wsgi


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer a request."""
    if environ["PATH_INFO"] != "/loaded":
        return wsgi.app(environ, start_response)
    loaded = {"modules": sorted(sys.modules), "frozen": gc.get_freeze_count(), "collects": gc.isenabled()}
    body = json.dumps(loaded).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]

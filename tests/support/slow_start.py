"""A WSGI program for gunicorn: authsvc, which takes START_SECONDS longer to load."""

import os
import time

from wsgi import app

__all__ = ["app"]

time.sleep(float(os.environ["START_SECONDS"]))

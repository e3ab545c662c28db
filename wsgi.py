"""The WSGI application that gunicorn serves, and that `flask` takes its commands from."""

import os

import config
from authsvc import settings
from authsvc.app import create_app

if not settings.is_production(os.environ):  # which never loads it
    from authsvc import devdb
    from authsvc.devdb import quirks

    quirks.install()
    if settings.brings_its_database(os.environ):
        devdb.join(os.environ, config.INSTANCE)
app = create_app(config.from_environment())

"""The WSGI application that gunicorn serves, and that `flask` takes its commands from."""

import os

import config
from authsvc import embedded
from authsvc.app import create_app

embedded.join(os.environ, config.INSTANCE)
app = create_app(config.from_environment())

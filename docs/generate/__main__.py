"""Write every page of the reference. No database is asked."""

import os
import sys
import tempfile

import config
from authsvc.app import create_app
from docs.generate import DOCS, PAGES

with tempfile.TemporaryDirectory() as folder:
    environ = {"APP_ENV": "testing", "SECRET_KEY": "x" * 32, "MONGODB_URI": "mongodb://localhost:1/none"}
    app = create_app(config.from_environment({**environ, "MAIL_URL": f"file:{folder}"}))
    for name, text in PAGES.items():
        (DOCS / name).write_text(text(app))
sys.stdout.flush()
os._exit(0)  # the application goes on looking for its database

"""For browsers: the table of blueprints."""

from authsvc.web import client

BLUEPRINTS = (client.blp,)

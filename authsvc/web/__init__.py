"""For browsers: the table of blueprints."""

from authsvc.web import account, client

BLUEPRINTS = (client.blp,)
ACCOUNT_PAGES = (account.blp,)

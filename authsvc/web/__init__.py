"""For browsers: the table of blueprints."""

from authsvc.web import account, admin, brand, client, front
from authsvc.web.reference import problem_pages, views

BLUEPRINTS = (client.blp, brand.blp, front.blp, views.blp, problem_pages.blp)
ACCOUNT_PAGES = (account.blp,)
ADMIN_PAGES = (admin.blp,)
"""The console. People sign in to it on the account pages."""

"""For browsers: the table of blueprints."""

from authsvc.api.documenting import Blueprint
from authsvc.web import account, client, landing


def blueprints(*, account_pages: bool) -> tuple[Blueprint, ...]:
    """Return what is served: with the account pages, or else with the least that links in letters need."""
    return (client.blp, account.blp if account_pages else landing.blp)

"""Inspect a link: say what it is for, and use nothing up."""

from authsvc.errors import LinkInvalid
from authsvc.models.links import Link, LinkPurpose
from authsvc.services import links, sessions, throttles
from authsvc.settings import Limit


def inspect(token: str) -> Link:
    """Return the link with this secret, which whoever reads the mail of its address has.

    Raises LinkInvalid, TooManyAttempts.
    """
    with throttles.counting_failures(throttles.by_network(Limit.LINK_ADDRESS), LinkInvalid):
        live = links.find(token, *LinkPurpose)
        if live.link.purpose == LinkPurpose.CHANGE and not sessions.is_of(live.link.session, live.user.id):
            raise LinkInvalid
    return live.link

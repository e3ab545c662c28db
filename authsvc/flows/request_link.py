"""Request a link: anybody who knows an address may ask, and learns nothing about its account."""

from collections.abc import Callable

from authsvc.events import happened
from authsvc.events.event import Event
from authsvc.models.letters import LetterKind
from authsvc.models.links import LinkPurpose
from authsvc.models.users import User
from authsvc.security import stored_addresses
from authsvc.services import email_codes, letter_limits, links, mail
from authsvc.services.email_codes import Issued, Whose
from authsvc.settings import Limit


def request(
    purpose: LinkPurpose,
    email: str,
    *,
    limit: Limit,
    event: type[Event],
    is_wanted: Callable[[User], bool],
    challenge: bool = False,
    return_to: str | None = None,
) -> Issued | None:
    """Send the owner of an account the link for a purpose, if `is_wanted` says that it is of use to them.

    With `challenge` there is a code beside it, unless codes are off, and the asker gets the id that it is valid with.
    Its page leads on to `return_to`.

    For everybody else, and beyond the `limit` of letters to one account, as much is written and nothing is sent: the
    asker can't tell the difference (ASVS 6.3.8). Raises TooManyAttempts, by network.
    """
    user, email = User.find_by_typed(email), stored_addresses.spellings(email)[0]
    target = user.id if user is not None else None
    has_room = letter_limits.has_room(purpose, limit, user, email)
    happened(event(target=target))
    whose = Whose(user, email if user is None else user.email)
    if has_room and user is not None and user.disabled_at is None and is_wanted(user):
        link = links.issue(purpose, user, user.email, return_to=return_to)
        issued = email_codes.issue_if(challenge, purpose, whose, link)
        mail.post_without_waking(LetterKind(purpose), user.id, to=user.email, link=link, **email_codes.facts_of(issued))
    else:
        decoy = links.issue_decoy(purpose, email, return_to=return_to)
        issued = email_codes.issue_decoy_if(challenge, purpose, whose)
        to = email if has_room else None
        mail.post_decoy(LetterKind(purpose), to=to, link=decoy, **email_codes.facts_of(issued))
    return issued

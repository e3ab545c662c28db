"""Links that anybody may ask for who knows an address: sent where they are of use, in equal work where they are not."""

from collections.abc import Callable

from authsvc.models.audit import Action
from authsvc.models.users import User
from authsvc.services import audit, links, mail, throttles
from authsvc.services.throttles import Key


def send(purpose: str, email: str, *, limit: str, action: Action, wanted: Callable[[User], bool]) -> None:
    """Send the owner of an account the link for a purpose, if they are `wanted` to have one.

    For everybody else, and beyond the `limit` of letters to one account, as much is written and nothing sent: the asker
    can't tell (ASVS 6.3.8). Raises TooManyAttempts, by network.
    """
    user = User.find_by_email(email)
    target = user.id if user is not None else None
    throttles.count(throttles.by_network("letter_address"))
    has_room = throttles.has_room(Key(limit, email, target))
    audit.record(action, target=target)
    if has_room and user is not None and user.disabled_at is None and wanted(user):
        link = links.issue(purpose, user, user.email)
        mail.post_in_silence(purpose, user.id, to=user.email, link=link)
    else:
        mail.post_in_vain(purpose, link=links.issue_in_vain(purpose, email))

"""Invite: an administrator makes an account, and its owner sets the first password."""

from authsvc.errors import Problem
from authsvc.events import happening
from authsvc.events.catalogue import AccountInvited
from authsvc.models.ids import new_id
from authsvc.models.letters import LetterKind
from authsvc.models.links import LinkPurpose
from authsvc.models.users import User
from authsvc.services import callers, links, sign_ups, step_up, throttles
from authsvc.services.callers import Caller
from authsvc.services.sign_ups import How
from authsvc.services.users import profile, roles


def invite(by: Caller | None, name: str, email: str, role: str, *, return_to: str | None = None) -> User:
    """Make an account without a password, and mail its owner a link to set one, valid for seven days.

    `by` is None for a command. The page of the link leads on to `return_to`. Raises EmailTaken, ValidationFailed,
    TooManyAttempts, HookRefused, HookFailed, and for any role except the default one FreshLoginRequired.
    """
    roles.require_known(role)
    step_up.require_fresh_for_power(by, role)
    user = User(id=new_id(), name=name, email=email, role=role)
    permit = sign_ups.permit(user, How.INVITATION)
    throttles.count(throttles.for_letter(LetterKind.INVITATION, email))
    link = links.issue(LinkPurpose.INVITE, user, email, return_to=return_to)
    try:
        with happening(AccountInvited.done_to(user, callers.id_of(by), role=role, link=link)):
            return profile.add(user, permit)
    except Problem:
        links.withdraw(link)
        raise

"""Change the address: ask for it, confirm it with a link to the new address, undo it with a link to the old one."""

from dataclasses import dataclass
from datetime import datetime

from authsvc.errors import EmailTaken, LinkInvalid, Problem
from authsvc.errors.overtaken import Overtaken
from authsvc.events import happened, happening
from authsvc.events.catalogue import (
    EmailChangeCancelled,
    EmailChanged,
    EmailChangedElsewhere,
    EmailChangeRequested,
    EmailChangeReverted,
)
from authsvc.models.letters import LetterKind
from authsvc.models.links import LinkPurpose
from authsvc.models.sessions import Session
from authsvc.models.users import User
from authsvc.security import stored_addresses
from authsvc.services import intrusions, letter_limits, links, mail, sessions, throttles
from authsvc.services.callers import Caller
from authsvc.services.links import LiveLink
from authsvc.services.retries import retried
from authsvc.services.throttles import Bucket
from authsvc.settings import Limit


@dataclass(frozen=True, slots=True)
class Waiting:
    """A change that waits for its link to be followed."""

    email: str
    requested_at: datetime
    expires_at: datetime


def waiting(who: Caller) -> Waiting | None:
    """Return the change that somebody has asked for, None if there is none, or its session has ended."""
    user = User.find(who.user_id)
    link = links.change_of(user) if user is not None else None
    if user is None or link is None or not sessions.is_of(link.session, user.id):
        return None
    return Waiting(link.email, link.expires_at - links.LIVES[LinkPurpose.CHANGE], link.expires_at)


def cancel(who: Caller) -> None:
    """End the link of the change that somebody has asked for, if there is one."""
    user = User.find(who.user_id)
    if user is not None and links.change_of(user) is not None:
        happened(EmailChangeCancelled.by_owner(user))


def request(who: Caller, email: str) -> None:
    """Send a new address the link that makes it the account's; never tell whether another account has it.

    Raises TooManyAttempts, also while too many changes can still be undone.
    """
    user = User.find(who.user_id)
    if user is None or user.email == email:
        return
    links.require_room_for_undo(user, email)
    throttles.count(Bucket(Limit.VERIFY_ACCOUNT, who.session_id or "", user.id))
    throttles.count_change(who)
    happened(EmailChangeRequested.by_owner(user))
    has_room = throttles.has_room(Bucket(Limit.VERIFY_ACCOUNT, email), throttles.for_letter(LetterKind.CHANGE, email))
    holder = User.find_by_typed(email)
    mail.post(LetterKind.EMAIL_CHANGE_REQUESTED, user.id, to=user.email, **mail.request_facts())
    # Made in any case, and it replaces an earlier one: whether that one still works must not tell who has the address.
    link = links.issue(LinkPurpose.CHANGE, user, email, session=who.session_id or "")
    if not has_room:
        mail.post_decoy(LetterKind.CHANGE, to=None, link=link)
    elif holder is None or holder.id == user.id:
        mail.post(LetterKind.CHANGE, user.id, to=email, link=link)
    elif letter_limits.may_be_told(holder):
        mail.post(LetterKind.TAKEN, holder.id, to=holder.email)
    else:
        mail.post_decoy(LetterKind.TAKEN, to=email)


def confirm(live: LiveLink, own: str | None) -> User:
    """Replace the account's address by the one that its link has verified, and tell the owner of the old one.

    They can undo it, unless the change is an undo itself and goes back to an address that can be restored. `own` is
    the session of the account that follows the link, if any. Raises LinkInvalid, EmailTaken, TooManyAttempts.
    """
    user, new = live.user, live.link.email
    if not sessions.is_of(live.link.session, user.id):  # a session that has ended has asked for nothing
        raise LinkInvalid
    _require_free(new, user)  # before anything ends
    undos = links.undos_of(user)
    kept = links.going_back(undos, new)
    if kept is not None:
        changed = _move(live, own, [link.digest for link in kept])
        links.drop(undos[len(kept) :])
        return changed
    links.outlive_the_next(undos)
    since = intrusions.possible_since(user, live.link.session, own or "")
    undo = links.issue(LinkPurpose.REVERT, user, stored_addresses.spellings(user.email)[0], since=since)
    try:
        return _move(live, own, [*(link.digest for link in undos), links.digest_of(undo)], undo)
    except Problem:
        links.withdraw(undo)
        raise


def revert(token: str) -> User:
    """Give an account its former address back, and end every way in that whoever changed it may know.

    It removes sessions, tokens and the password, factors that an intruder may have set up, and later changes with
    their undo links. The letter to the restored address has a link that sets a new password. Raises LinkInvalid,
    EmailTaken, TooManyAttempts, NotReady.
    """
    with throttles.counting_failures(throttles.by_network(Limit.LINK_ADDRESS), LinkInvalid):
        live, user = _revert_once(token)
    links.drop_dead_resets(user)
    Session.copy_email(str(user.id), user.email)
    if live.user.email != user.email:
        mail.post(LetterKind.EMAIL_TAKEN_BACK, user.id, to=live.user.email)
    later = set(live.user.undo_links or []) - {live.link.digest, *(user.undo_links or [])}
    if not links.spend(live, *later):
        raise LinkInvalid
    return user


def _move(live: LiveLink, own: str | None, undos: list[str], undo: str | None = None) -> User:
    """Write the new address; `undos` are the digests of the links that can undo it. Raises LinkInvalid, EmailTaken."""
    user, new = live.user, live.link.email
    event = EmailChangedElsewhere if own is None else EmailChanged
    with happening(event.by_owner(user, own_session=own, undo=undo)):
        changed = User.change_email(user, new, undos, keep=own is not None)
        if changed is None:
            raise LinkInvalid
        _yield_to_reservation(changed, user)
        Session.copy_email(str(user.id), new)
    return changed


def _require_free(email: str, user: User) -> None:
    """Refuse an address that another account has, or may still take back. Raises EmailTaken."""
    holder = User.find_by_typed(email)
    if (holder is not None and holder.id != user.id) or links.is_reserved(email, str(user.id)):
        raise EmailTaken


def _yield_to_reservation(changed: User, before: User) -> None:
    """Change back if the owner of the new address changed away from it at this very moment. Raises EmailTaken.

    The old address is verified only if it was before. What has ended stays ended.
    """
    if links.is_reserved(changed.email, str(changed.id)):
        User.change_email_back(changed, before)
        Session.copy_email(str(changed.id), before.email)  # whoever signed in meanwhile has the other
        raise EmailTaken


@retried
def _revert_once(token: str) -> tuple[LiveLink, User]:
    """Undo the change that a link is for, unless an interrupted call has; return the link and the account."""
    live = links.find(token, LinkPurpose.REVERT)
    if live.link.digest in (live.user.undo_links or []):
        return live, _revert(live)
    happened(EmailChangeReverted.by_owner(live.user, repeated=True))
    return live, live.user


def _revert(live: LiveLink) -> User:
    """Undo a change. Raises Overtaken."""
    user, former = live.user, live.link.email
    way_in = links.issue(LinkPurpose.RESET, user, former, epoch=(user.link_epoch or 0) + 1)
    try:
        with happening(EmailChangeReverted.by_owner(user, email=former, link=way_in)):
            changed_at = live.link.expires_at - links.LIVES[LinkPurpose.REVERT]
            since = live.link.since or intrusions.margin_before(changed_at)
            reverted = User.revert_email(user, former, live.link.digest, since)
            if reverted is None:
                raise Overtaken
    except (Overtaken, Problem):
        links.withdraw(way_in)
        raise
    return reverted

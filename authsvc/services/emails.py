"""Addresses: proving one, changing it, and taking a change back."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from bson import ObjectId
from flask import current_app

from authsvc.errors import EmailTaken, LinkInvalid
from authsvc.models.audit import Action
from authsvc.models.sessions import Session
from authsvc.models.users import User
from authsvc.services import access_tokens, audit, links, mail, requested_links, sessions, throttles
from authsvc.services.callers import Caller
from authsvc.services.links import Found
from authsvc.services.throttles import Key

_ENDED = "logout_others"


def ask_for_proof(user: User) -> None:
    """Send the owner of an account's address the link that proves it, unless that is off or done."""
    if _is_open(user):
        mail.post("verify", user.id, to=user.email, link=links.issue("verify", user, user.email))


def resend(email: str) -> None:
    """Send the link once more, where there is something to prove. Raises TooManyAttempts, by network."""
    requested_links.send(
        "verify",
        email,
        limit="verify_account",
        action=Action.VERIFICATION_REQUESTED,
        wanted=_is_open,
    )


def verify(token: str, session_id: str | None) -> User:
    """Take a link as proof of an address: the account's own, or the one it is to change to.

    Whoever proves an address owns the account: what was set up before, by whoever that was, is gone, but not the
    session (`session_id`) that shows the link. Raises LinkInvalid, EmailTaken, TooManyAttempts.
    """
    with throttles.counting(throttles.by_network("link_address"), failures=(LinkInvalid,)):
        found = links.find(token, "verify", "change")
        proved = _change(found, session_id) if found.link.purpose == "change" else _prove(found, session_id)
        links.spend(found)
    return proved


def request_change(who: Caller, email: str) -> None:
    """Send a new address the link that makes it the account's. It says nothing of whether another account has it."""
    user = User.find(who.user_id)
    if user is None or user.email == email:
        return
    throttles.count(Key("verify_account", str(user.id), user.id))
    audit.record(Action.EMAIL_CHANGE_REQUESTED, actor=user.id, target=user.id)
    holder = User.find_by_email(email)
    if holder is None or holder.id == user.id:
        mail.post("change", user.id, to=email, link=links.issue("change", user, email))
    else:
        mail.post("taken", holder.id, to=holder.email)


def revert(token: str) -> User:
    """Give an account the address back that it had, sign everybody out, and send that address a way in.

    Raises LinkInvalid, EmailTaken, TooManyAttempts.
    """
    with throttles.counting(throttles.by_network("link_address"), failures=(LinkInvalid,)):
        found = links.find(token, "revert")
        old, kept = found.user.email, found.link.email
        if old == kept:
            raise LinkInvalid
        owner = found.user.id
        with audit.recording(Action.EMAIL_CHANGE_REVERTED, actor=owner, target=owner), _ending_what_was_open(owner):
            user = User.change_email(owner, old, kept)
            if user is None:
                raise LinkInvalid
            Session.copy_email(str(owner), kept)
        links.spend(found)
    mail.post("email_restored", user.id, to=user.email, link=links.issue("reset", user, user.email))
    return user


def _is_open(user: User) -> bool:
    """Tell whether the address is to be proved and nobody has."""
    return current_app.config["EMAIL_VERIFICATION"] != "off" and not user.is_proved


@contextmanager
def _ending_what_was_open(owner: ObjectId, *, but: str | None = None) -> Iterator[None]:
    """End a user's sessions but one, and their access tokens, once what is inside was done, or may have been.

    Where the database does not say what became of it they end too; where it was refused they stay.
    """
    with ExitStack() as ends:
        ends.callback(access_tokens.revoke_all, str(owner))
        ends.callback(sessions.end_all, str(owner), _ENDED, but=but)
        try:
            yield
        except (LinkInvalid, EmailTaken):
            ends.pop_all()
            raise


def _prove(found: Found, session_id: str | None) -> User:
    owner = found.user.id
    with (
        audit.recording(Action.EMAIL_VERIFIED, actor=owner, target=owner),
        _ending_what_was_open(owner, but=session_id),
    ):
        own = session_id is not None and sessions.is_of(session_id, owner)
        user = User.prove_email(owner, found.link.email, keep_factors=own)
        if user is None:
            raise LinkInvalid
    return user


def _change(found: Found, session_id: str | None) -> User:
    """Put the proved address in place of the old one, whose owner is told and can take it back."""
    user, old, new = found.user, found.user.email, found.link.email
    if links.is_reserved(new, str(user.id)):
        raise EmailTaken
    with audit.recording(Action.EMAIL_CHANGED, actor=user.id, target=user.id):
        undo = links.issue("revert", user, old.lower())
        try:
            with (
                mail.announcing("email_changed", user.id, to=old, link=undo, **mail.place()),
                _ending_what_was_open(user.id, but=session_id),
            ):
                changed = User.change_email(user.id, old, new)
                if changed is None:
                    raise LinkInvalid
                Session.copy_email(str(user.id), new)
        except (LinkInvalid, EmailTaken):
            links.withdraw(undo)
            raise
    return changed

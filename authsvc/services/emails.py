"""Addresses: proving one, changing it, and taking a change back."""

from flask import current_app

from authsvc.errors import EmailTaken, LinkInvalid
from authsvc.models.audit import Action
from authsvc.models.sessions import Session
from authsvc.models.users import User
from authsvc.services import audit, devices, links, mail, ownership, requested_links, sessions, throttles
from authsvc.services.callers import Caller
from authsvc.services.links import Found
from authsvc.services.throttles import Key

_ENDED = "logout_others"
_TURNS = 4


def ask_for_proof(user: User, *, in_silence: bool = False) -> None:
    """Send the owner of an account's address the link that proves it, unless that is off or done."""
    post = mail.post_in_silence if in_silence else mail.post
    if _is_open(user):
        link = links.issue("verify", user, user.email)
        post("verify", user.id, to=user.email, link=link)


def resend(email: str) -> None:
    """Send the link once more, where there is something to prove. Raises TooManyAttempts, by network."""
    requested_links.send(
        "verify",
        email,
        limit="verify_account",
        action=Action.VERIFICATION_REQUESTED,
        wanted=lambda user: _is_open(user) and user.password is not None,  # or proving it would end the invitation
    )


def verify(token: str, session_id: str | None) -> User:
    """Take a link as proof of an address: the account's own, or the one it is to change to.

    Whoever proves an address owns the account: what was set up before, by whoever that was, is gone, but not the
    session (`session_id`) of the same account that shows the link. Raises LinkInvalid, EmailTaken, TooManyAttempts.
    """
    with throttles.counting(throttles.by_network("link_address"), failures=(LinkInvalid,)):
        found = links.find(token, "verify", "change")
        own = session_id if session_id is not None and sessions.is_of(session_id, found.user.id) else None
        return _change(found, own) if found.link.purpose == "change" else _prove(found, own)


def request_change(who: Caller, email: str) -> None:
    """Send a new address the link that makes it the account's. It says nothing of whether another account has it."""
    user = User.find(who.user_id)
    if user is None or user.email == email:
        return
    throttles.count(Key("verify_account", str(user.id), user.id))
    audit.record(Action.EMAIL_CHANGE_REQUESTED, actor=user.id, target=user.id)
    has_room = throttles.has_room(Key("verify_account", email))
    holder = User.find_by_email(email)
    mail.post("email_change_requested", user.id, to=user.email, **mail.place())
    if not has_room:
        mail.post_in_vain("change", link=links.issue_in_vain("change", email))
    elif holder is None or holder.id == user.id:
        link = links.issue("change", user, email, session=who.session_id or "")
        mail.post("change", user.id, to=email, link=link)
    else:
        links.issue_in_vain("change", email)
        mail.post("taken", holder.id, to=holder.email)


def revert(token: str) -> User:
    """Give an account the address back that it had, and end every way in that whoever changed it may know.

    Sessions, tokens and the password are gone, and so are later changes and the links that take those back: the link
    that goes to the restored address sets a new password. Raises LinkInvalid, EmailTaken, TooManyAttempts.
    """
    with throttles.counting(throttles.by_network("link_address"), failures=(LinkInvalid,)):
        for _ in range(_TURNS):
            found = links.find(token, "revert")
            user = found.user if found.user.email == found.link.email else _reverted(found)
            if user is not None:
                break
        else:
            raise LinkInvalid
    Session.copy_email(str(user.id), user.email)
    if found.user.email != user.email:
        mail.post("email_taken_back", user.id, to=found.user.email)
    later = set(found.user.undo_links or []) - {found.link.digest, *(user.undo_links or [])}
    if not links.spend(found, *later):
        raise LinkInvalid
    return user


def _is_open(user: User) -> bool:
    """Tell whether the address is to be proved and nobody has."""
    return current_app.config["EMAIL_VERIFICATION"] != "off" and not user.is_proved


def _prove(found: Found, own: str | None) -> User:
    owner = found.user.id
    with (
        audit.recording(Action.EMAIL_VERIFIED, actor=owner, target=owner),
        ownership.changing(str(owner), _ENDED, but=own),
    ):
        user = User.prove_email(owner, found.link.email, keep_factors=own is not None)
        if user is None:
            raise LinkInvalid
    return user


def _change(found: Found, own: str | None) -> User:
    """Put the proved address in place of the old one, whose owner is told and can take it back.

    It takes the session that asked for it: one that was ended asked for nothing.
    """
    user, old, new = found.user, found.user.email, found.link.email
    if not sessions.is_of(found.link.session, user.id):
        raise LinkInvalid
    if links.is_reserved(new, str(user.id)):
        raise EmailTaken
    undo = links.issue("revert", user, old.lower())
    try:
        with (
            audit.recording(Action.EMAIL_CHANGED, actor=user.id, target=user.id),
            mail.announcing("email_changed", user.id, to=old, link=undo, **mail.place()),
            ownership.changing(str(user.id), _ENDED, but=own),
        ):
            changed = User.change_email(user, new, links.digest_of(undo))
            if changed is None:
                raise LinkInvalid
            _yield_to_a_reservation(changed, old)
            Session.copy_email(str(user.id), new)
    except (LinkInvalid, EmailTaken):
        links.withdraw(undo)
        raise
    return changed


def _yield_to_a_reservation(changed: User, old: str) -> None:
    """Change back where the new address was changed away from by its owner at this very moment. Raises EmailTaken."""
    if links.is_reserved(changed.email, str(changed.id)):
        User.change_email(changed, old, None)
        raise EmailTaken


def _reverted(found: Found) -> User | None:
    """Take a change back; None where something else was changed meanwhile."""
    user, kept = found.user, found.link.email
    way_in = links.issue("reset", user, kept, epoch=(user.link_epoch or 0) + 1)
    try:
        with (
            audit.recording(Action.EMAIL_CHANGE_REVERTED, actor=user.id, target=user.id),
            mail.announcing("email_restored", user.id, to=kept, link=way_in),
            ownership.ending_access(str(user.id), _ENDED),
        ):
            made = found.link.expires_at - links.LIVES["revert"]
            reverted = User.revert_email(user, kept, found.link.digest, made)
            if reverted is None:
                raise LinkInvalid
    except LinkInvalid:
        links.withdraw(way_in)
        return None
    links.cancel(str(user.id), "verify", "change")
    devices.forget(str(user.id))
    return reverted

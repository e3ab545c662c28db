"""Delete an account: by its owner, an administrator or a command."""

from authsvc.errors import SessionEnded
from authsvc.errors.overtaken import Overtaken
from authsvc.events import happened, happening
from authsvc.events.catalogue import AccountDeleted
from authsvc.models.letters import LetterKind
from authsvc.models.sessions import EndReason, Session
from authsvc.models.users import User
from authsvc.services import callers, mail, step_up
from authsvc.services.callers import Caller
from authsvc.services.retries import retried
from authsvc.services.users import administrators, profile


@retried
def delete_own(who: Caller) -> None:
    """Delete the caller's account. If it is gone already, remove what was left of it.

    Raises SessionEnded then, LastAdmin, NotReady.
    """
    user = User.find(who.user_id)
    if user is None:
        _end_leftovers(who.user_id)
        raise SessionEnded(EndReason.ACCOUNT_DELETED)
    _delete(user, actor=who.user_id)


@retried
def delete(by: Caller | None, user_id: str) -> None:
    """Delete an account, and tell its owner. `by` is None for a command.

    Raises NotFound, LastAdmin, NotReady, and for the caller's own account FreshLoginRequired.
    """
    user = profile.find(user_id)
    step_up.require_fresh_for_own(by, user_id=str(user.id))
    _delete(user, actor=callers.id_of(by))


def _delete(user: User, *, actor: str | None) -> None:
    """Delete an account with everything that was open, its links, its passkeys, and letters still to go.

    The record of who deleted it and when stays. So do its ended sessions, with nothing but why they ended. Raises
    LastAdmin, Overtaken.
    """
    deleted = AccountDeleted.done_to(user, actor, language=user.language or "")
    with administrators.keeping_one(user), happening(deleted):
        if not User.remove(user):
            raise Overtaken
    _end_leftovers(str(user.id))
    mail.drop_others(user.id, LetterKind.ACCOUNT_DELETED)


def _end_leftovers(user_id: str) -> None:
    """End whatever a deleted account may have left open if a process died in the middle of deleting it."""
    happened(AccountDeleted(target=user_id, repeated=True))
    Session.blank(user_id)

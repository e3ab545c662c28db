"""Who has an account: what was open to whoever had it ends whenever that may be somebody else from now on."""

from collections.abc import Iterator
from contextlib import contextmanager

from authsvc.models.users import User
from authsvc.services import access_tokens, devices, links, mfa, passkeys, sessions

OF_THE_HOLDER = ("verify", "change", "reset", "invite")
"""Links that end when an account changes hands; those that take a change back are its former holder's."""


@contextmanager
def changing(user_id: str, reason: str, *, but: str | None = None) -> Iterator[None]:
    """End what is open on an account, do what is inside, and end what was opened meanwhile, whatever became of it.

    Before too: where the process dies in between, or the database does not say what it did, nobody stays signed in.
    Sessions end for `reason`, but one where that is named. Once it is done links go too, and known devices.
    """
    with ending_access(user_id, reason, but=but):
        yield
    links.cancel(user_id, *OF_THE_HOLDER)
    passkeys.sweep(User.find(user_id), user_id)
    if but is None:
        devices.forget(user_id)


@contextmanager
def ending_access(user_id: str, reason: str, *, but: str | None = None, tokens: bool = True) -> Iterator[None]:
    """End sessions and sign-ins half done, and access tokens if they are meant too, before what is inside and after."""
    end_access(user_id, reason, but=but, tokens=tokens)
    try:
        yield
    finally:
        end_access(user_id, reason, but=but, tokens=tokens)


def end_access(
    user_id: str, reason: str, *, but: str | None = None, tokens: bool = True, actor: str | None = None
) -> None:
    """End sessions but one, sign-ins half done, and access tokens if they are meant too; `actor` is who did it."""
    sessions.end_all(user_id, reason, but=but, actor=actor)
    mfa.forget(user_id)
    if tokens:
        access_tokens.revoke_all(user_id)

"""Identities at other providers: linking them to an account, listing them, and unlinking them.

See docs/decisions/0048-identities-are-stored-with-the-account.md.
"""

from collections.abc import Callable
from typing import Any

from authsvc import clock
from authsvc.errors import FieldError, IdentityTaken, NotFound, ValidationFailed
from authsvc.errors.overtaken import Overtaken
from authsvc.events import happening
from authsvc.events.catalogue import IdentityLinked, IdentityUnlinked
from authsvc.models.users import Identity, User
from authsvc.services import factors, providers, step_up, ways_in
from authsvc.services.callers import Caller
from authsvc.services.paging import Page
from authsvc.services.retries import retried

MOST = 20
"""Identities that an account can have."""


def link(who: Caller, identity: Identity) -> Identity:
    """Let an identity sign in to the account of a caller who is fresh at this moment, with a letter.

    One that does so already stays as it is. Raises IdentityTaken if it signs in to another account, ValidationFailed if
    there are too many, FreshLoginRequired, SessionEnded, NotReady.
    """
    user = factors.owner(who)
    if (known := user.identity_by(identity.key)) is not None:
        _require_fresh(who)
        return known

    def change(user: User) -> User | None:
        _require_fresh(who)  # read after the account: a slow request does not outlive its session
        if user.identity_by(identity.key) is not None:  # by another request; the index sees no two in one document
            return user
        require_free(identity, user)
        return User.add_identity(user, identity)

    with happening(linked(user, identity)):
        changed = factors.settle(who, change)
    return changed.identity_by(identity.key) or identity


def linked(user: User, identity: Identity) -> IdentityLinked:
    """Return the event that an identity is linked to an account."""
    names = {"provider": ways_in.provider_of(identity), "label": label_of(identity)}
    return IdentityLinked.by_owner(user, identity=str(identity.id), **names)


def require_free(identity: Identity, user: User) -> None:
    """Refuse an identity that signs in to another account, or one too many. Raises IdentityTaken, ValidationFailed."""
    holder = User.find_by_identity(identity.key)
    if holder is not None and holder.id != user.id:
        raise IdentityTaken
    if len(user.all_identities) >= MOST:
        detail = f"An account can be connected to at most {MOST} accounts at other providers."
        raise ValidationFailed([FieldError("not_allowed", detail, "/provider")])


def list_own(who: Caller, limit: int, cursor: str | None) -> Page:
    """Return a page of the caller's identities, newest first; `cursor` is the `next` of the page before."""
    return _page(factors.owner(who), limit, cursor, described)


def unlink(who: Caller, identity_id: str) -> None:
    """Let one of the caller's identities sign in no longer, with a letter.

    Raises NotFound for any other, LastLoginMethod, SessionEnded, NotReady.
    """
    user = factors.owner(who)
    identity = _own(user, identity_id)

    def change(user: User) -> User | None:
        _own(user, identity_id)
        ways_in.require_another(user, but=identity.id)
        return User.remove_identity(user, identity.id)

    with happening(_unlinked(user, identity, who.user_id)):
        factors.settle(who, change)


@retried
def unlink_all(user_id: str, by: str | None) -> User:
    """Let no identity of an account sign in any longer, with a letter for each; return the account as it is then.

    `by` is who does it, None for a command. Raises NotFound, NotReady.
    """
    user = User.find(user_id)
    if user is None:
        raise NotFound
    if not user.all_identities:
        return user
    with happening(*(_unlinked(user, one, by) for one in user.all_identities)):
        changed = User.clear_identities(user)
        if changed is None:
            raise Overtaken
    return changed


def list_of(user: User, limit: int, cursor: str | None) -> Page:
    """Return a page of an account's identities as administrators see them, newest first."""
    return _page(user, limit, cursor, _with_subject)


def note_use(user: User, key: str, email: str | None) -> None:
    """Note that an identity has just signed in, and the address that its provider told."""
    User.note_identity_use(user.id, key, email, clock.now())


def label_of(identity: Identity) -> str:
    """Return what people call the provider of an identity; one that is gone is called by its name here."""
    try:
        return providers.find(ways_in.provider_of(identity)).label
    except NotFound:
        return identity.provider


def described(identity: Identity) -> dict[str, Any]:
    """Return an identity as its owner sees it."""
    names = ("id", "email", "created_at", "last_used_at")
    provider = {"provider": ways_in.provider_of(identity), "label": label_of(identity)}
    return {**{name: getattr(identity, name) for name in names}, **provider}


def exported(user: User) -> list[dict[str, Any]]:
    """Return everything that is stored of an account's identities."""
    return [_with_subject(one) for one in user.all_identities]


def _with_subject(identity: Identity) -> dict[str, Any]:
    return {**described(identity), "issuer": identity.issuer, "subject": identity.subject}


def _page(user: User, limit: int, cursor: str | None, describe: Callable[[Identity], dict[str, Any]]) -> Page:
    own = sorted(user.all_identities, key=lambda one: one.id, reverse=True)
    later = [one for one in own if cursor is None or str(one.id) < cursor]
    return Page.of(later, limit, describe)


def _unlinked(user: User, identity: Identity, by: str | None) -> IdentityUnlinked:
    names = {"provider": ways_in.provider_of(identity), "label": label_of(identity)}
    return IdentityUnlinked.done_to(user, by, identity=str(identity.id), **names)


def _own(user: User, identity_id: str) -> Identity:
    """Return one of the user's identities. Raises NotFound for any other."""
    for identity in user.all_identities:
        if str(identity.id) == identity_id.lower():
            return identity
    raise NotFound


def _require_fresh(who: Caller) -> None:
    step_up.require_fresh_session(step_up.live_session(who))

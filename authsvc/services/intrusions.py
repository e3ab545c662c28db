"""Intrusions: since when an intruder may have been in an account whose address was changed."""

from datetime import UTC, datetime, timedelta

from bson import ObjectId

from authsvc import clock, origin
from authsvc.models.sessions import Session
from authsvc.models.users import User
from authsvc.security.networks import network_of

EVER = datetime(1970, 1, 1, tzinfo=UTC)
MARGIN = timedelta(days=7)
"""How long before the change an intruder may have been there at least, whatever sessions are known."""
_TRACED = timedelta(days=30)
"""How far back sessions are looked for that the same person may have opened."""


def possible_since(user: User, *session_ids: str) -> datetime:
    """Return since when the person who changes a user's address at this moment may have been in the account.

    `session_ids` are those of the sessions that asked for the change and that confirmed it, if there were any. See
    docs/decisions/0027-recovery-undoes-the-intrusion.md: if the change is taken back, what was set up since then goes.
    An owner who loses a factor of their own enrols it again; one that an intruder set up would be a way in.
    """
    if not user.is_verified:  # the reader of the letter has never had the account
        return EVER
    now = clock.now()
    acting = [one for one in map(Session.find, session_ids) if one is not None and one.user == user.id]
    signs = [now - MARGIN]
    for session in acting:
        signs.append(session.created_at)
        signs += [_made(one) for one in (*session.passkeys, *session.identities)]
    return min([*signs, *_opened_alike(user, acting, now - _TRACED)])


def margin_before(change: datetime) -> datetime:
    """Return since when an intruder may have been there if nothing is known of the session that changed the address."""
    return change - MARGIN


def _opened_alike(user: User, acting: list[Session], since: datetime) -> list[datetime]:
    """Return when sessions were opened from the network, or with the agent, of this request or the acting sessions."""
    asked = origin.current()
    origins = [(asked.ip, asked.user_agent), *((one.ip, one.user_agent) for one in acting)]
    networks = {network_of(ip) for ip, _ in origins if ip is not None}
    agents = {agent for _, agent in origins if agent}
    return [
        opened
        for opened, ip, agent in Session.opened_since(user.id, since)
        if (ip is not None and network_of(ip) in networks) or agent in agents
    ]


def _made(what: ObjectId) -> datetime:
    """Return when a passkey was registered, or an identity linked: its id tells."""
    return what.generation_time

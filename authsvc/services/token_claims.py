"""Further claims in access tokens, under `ext` and nowhere else, as HOOK_TOKEN says (R124)."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from authsvc import metrics
from authsvc.clients.hook import MOST_BYTES, as_text
from authsvc.models.apps import App
from authsvc.models.sessions import Session
from authsvc.models.users import User
from authsvc.services import hooks
from authsvc.services.findings import Finding

NAME = "ext"
_MOST_EXACT = 2**53 - 1
"""The largest integer that every JSON library reads as it is written (RFC 7493 section 2.2)."""


@dataclass(frozen=True, slots=True)
class Ext:
    """What a token says besides. Nobody mints an access token without one, so none is minted without asking."""

    claims: Mapping[str, Any] = field(default_factory=dict)

    def added_to(self, claims: Mapping[str, Any]) -> dict[str, Any]:
        """Return the claims of a token with these: under one name, so they replace none."""
        return {**claims, **({NAME: dict(self.claims)} if self.claims else {})}


@dataclass(frozen=True, slots=True)
class Request:
    """What an app asks a token for."""

    app: App
    scopes: Sequence[str]
    audience: str

    def facts(self) -> dict[str, Any]:
        """Return what a hook is told of it."""
        app = {"id": self.app.id, "name": self.app.name}
        return {"app": app, "scopes": list(self.scopes), "audience": self.audience}


def of_session(session: Session, user: User, request: Request | None = None) -> Ext:
    """Ask what an access token of a session is to say besides. Raises HookFailed.

    Ask before the session is opened, and before what it is opened or refreshed by is used up: then whoever gets
    `hook_failed` can ask again. The session and the user may not be stored yet.
    """
    return _ask({"account": _account(user), "session": _session(session), **(request.facts() if request else {})})


def of_session_read_by(read: Callable[[], Session], user: User) -> Ext:
    """Ask as `of_session` does; the session is read only if there is somebody to ask. Raises what reading it does."""
    return of_session(read(), user) if is_asked() else Ext()


def of_service(request: Request) -> Ext:
    """Ask what an access token of an app that acts for itself is to say besides. Raises HookFailed."""
    return _ask(request.facts())


def is_asked() -> bool:
    """Tell whether there is a hook."""
    return hooks.find(hooks.TOKEN) is not None


def check() -> list[Finding]:
    """Ask the hook about nobody, and return what is wrong with it."""
    nobody = {"id": "0" * 24, "name": "Nobody", "email": "nobody@example.com", "emailVerified": False}
    account = {**nobody, "role": "user", "locale": None, "createdAt": None}
    session = {"id": "0" * 24, "methods": [], "authTime": 0}
    return hooks.check(hooks.TOKEN, {"account": account, "session": session}, _read)


def _ask(data: Mapping[str, Any]) -> Ext:
    hook = hooks.find(hooks.TOKEN)
    if hook is None:
        return Ext()
    ext = hook.ask(data, _read)
    metrics.HOOKS.labels(hooks.TOKEN, "answered").inc()
    return ext


def _account(user: User) -> dict[str, Any]:
    created = user.created_at
    return {
        "id": str(user.id),
        "name": user.name,
        "email": user.email,
        "emailVerified": user.is_verified,
        "role": user.role,
        "locale": user.language,
        "createdAt": None if created is None else as_text(created),
    }


def _session(session: Session) -> dict[str, Any]:
    methods, since = list(session.methods), int(session.auth_time.timestamp())
    return {"id": str(session.id), "methods": methods, "authTime": since}


def _read(answer: Mapping[str, Any]) -> Ext:
    """Return the claims of an answer. Raises ValueError."""
    claims = answer.get("claims", {})
    if not isinstance(claims, dict):
        raise ValueError("claims is not a JSON object")
    _require_readable(claims)
    # As it is written into the token, which is longer than what came if that is not ASCII.
    if len(json.dumps(claims, separators=(",", ":"))) > MOST_BYTES:
        raise ValueError(f"claims is longer than {MOST_BYTES} bytes in a token")
    return Ext(claims)


def _require_readable(value: Any) -> None:
    """Refuse what not every library can read in a token: half a character, and a huge integer. Raises ValueError.

    What comes was parsed, so it is not too deep.
    """
    if isinstance(value, str) and any("\ud800" <= character <= "\udfff" for character in value):
        raise ValueError("claims has half a character (a lone surrogate)")
    if isinstance(value, int) and abs(value) > _MOST_EXACT:
        raise ValueError("claims has an integer of more than 53 bits")
    inside = [*value, *value.values()] if isinstance(value, dict) else value if isinstance(value, list) else []
    for one in inside:
        _require_readable(one)

"""Who may call: the one place that reads credentials. Every route wears one of these guards."""

import re
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from flask import g, request
from flask_jwt_extended import get_current_user, get_jwt, verify_jwt_in_request
from werkzeug.local import LocalProxy

from authsvc.api import parsing
from authsvc.api.documenting import documented, has_query
from authsvc.errors import (
    FreshLoginRequired,
    HashingBusy,
    Problem,
    RoleMissing,
    ScopeMissing,
    SessionEnded,
    TokenExpired,
    TokenInvalid,
    TokenMissing,
)
from authsvc.extensions import jwt
from authsvc.security.jwk import is_canonical_jws
from authsvc.services import access_tokens, callers, passwords, sessions, signing_keys, tokens
from authsvc.services.callers import Caller

View = TypeVar("View", bound=Callable[..., Any])

_BEARER = re.compile(r"bearer +([A-Za-z0-9._~+/-]+=*)", re.IGNORECASE | re.ASCII)

jwt.encode_key_loader(tokens.signing_key)
jwt.decode_key_loader(tokens.verification_key)
jwt.token_verification_loader(tokens.is_access)
jwt.user_lookup_loader(sessions.caller)

current_user = cast(Caller, LocalProxy(lambda: g.caller))
"""Who calls, in a view that wears a guard which asks."""


def public(view: View) -> View:
    """Let anyone call."""
    return _guarded(view, lambda: None)


def hashes_for_anyone(view: View) -> View:
    """Let anyone call, as long as there is room to hash a password: what would wait too long is not even read."""
    return documented(_guarded(view, passwords.require_room), problems=(HashingBusy,))


def requires_login(view: View) -> View:
    """Let the holder of an access token call whose session stands; no personal access token."""
    return _for_callers(view, lambda who: callers.require_scope(who, None), ScopeMissing)


def requires_scope(scope: str) -> Callable[[View], View]:
    """Let who is signed in call, and the holder of a personal access token with this scope."""
    return lambda view: documented(
        _for_callers(view, lambda who: callers.require_scope(who, scope), ScopeMissing), scope=scope
    )


def requires_fresh_login(view: View) -> View:
    """Let who signed in or re-authenticated within the last ten minutes call; no personal access token."""
    return _for_callers(view, callers.require_fresh, FreshLoginRequired)


def requires_role(role: str, scope: str) -> Callable[[View], View]:
    """Let who has a role at this moment call, signed in or by a personal access token of theirs with this scope."""

    def check(who: Caller) -> None:
        callers.require_scope(who, scope)
        callers.require_role(who, role)

    return lambda view: documented(_for_callers(view, check, ScopeMissing, RoleMissing), scope=scope)


def accepts_any_token(view: View) -> View:
    """Let who is signed in call, and the holder of any personal access token."""
    return documented(_for_callers(view, lambda _: None), scope="")


def bearer_token() -> str | None:
    """Return the token of the Authorization header, None where there is no header (RFC 6750 section 2.1).

    Raises TokenInvalid for anything but one well-formed header.
    """
    header = request.headers.get("Authorization")
    if header is None:
        return None
    match = _BEARER.fullmatch(header.strip(" "))
    if match is None:
        raise TokenInvalid
    return match[1]


def _for_callers(view: View, check: Callable[[Caller], None], *problems: type[Problem]) -> View:
    def authenticate() -> None:
        g.caller = _caller()
        check(g.caller)

    refusals = (TokenMissing, TokenInvalid, TokenExpired, SessionEnded, *problems)
    return documented(_guarded(view, authenticate), login=True, problems=refusals)


def _caller() -> Caller:
    token = bearer_token()
    if token is None:
        raise TokenMissing
    if token.startswith(access_tokens.PREFIX):
        return access_tokens.authenticate(token)
    claims = tokens.recall(token)
    return sessions.caller({}, claims) if claims is not None else _verified(token)


def _verified(token: str) -> Caller:
    if not is_canonical_jws(token):
        raise TokenInvalid
    ring = signing_keys.snapshot()
    # As shipped the extension takes `Basic x, Bearer good`, refuses `bearer good` and fails on `,  ,x` (D5, D9).
    request.environ["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    verify_jwt_in_request(locations="headers")
    tokens.remember(token, get_jwt(), ring)
    return cast(Caller, get_current_user())


def _guarded(view: View, check: Callable[[], None]) -> View:
    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        check()
        if not has_query(view):
            parsing.refuse_query()
        return view(*args, **kwargs)

    return guarded  # type: ignore[return-value]

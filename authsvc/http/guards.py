"""Guards, one of which decorates every route: the only place that reads credentials."""

import re
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from typing import Any, TypeVar, cast

from flask import g, request
from flask_jwt_extended import get_current_user, get_jwt, verify_jwt_in_request
from werkzeug.local import LocalProxy

from authsvc.errors import (
    FreshLoginRequired,
    HashingBusy,
    Problem,
    RoleMissing,
    ScopeMissing,
    SecondFactorRequired,
    SessionEnded,
    TokenExpired,
    TokenInvalid,
    TokenMissing,
)
from authsvc.extensions import jwt
from authsvc.http import parsing
from authsvc.http.blueprint import document, has_query
from authsvc.methods import registry
from authsvc.models.users import ADMIN
from authsvc.security.jwk import is_canonical_jws
from authsvc.services import (
    access_tokens,
    app_tokens,
    callers,
    passwords,
    resources,
    sessions,
    signing_keys,
    step_up,
    tokens,
)
from authsvc.services.callers import Caller

View = TypeVar("View", bound=Callable[..., Any])

BEARER = re.compile(r"bearer +([A-Za-z0-9._~+/-]+=*)", re.IGNORECASE | re.ASCII)
"""A header that shows a token (RFC 6750 section 2.1)."""

jwt.encode_key_loader(tokens.signing_key)
jwt.decode_key_loader(tokens.verification_key)
jwt.token_verification_loader(tokens.is_access)
jwt.user_lookup_loader(sessions.caller)

current_user = cast(Caller, LocalProxy(lambda: g.caller))
"""The caller, in a view whose guard asks for one."""


def public(view: View) -> View:
    """Let anyone call."""
    return _guarded(view, lambda: None)


def for_people(view: View) -> View:
    """Let anyone open a page, with any query: campaigns and mail programs add parameters of their own."""
    return _guarded(view, lambda: None, any_query=True)


def for_apps(view: View) -> View:
    """Let any app call: its parameters say which one it is, and how it proves that."""
    return _guarded(view, lambda: None, any_query=True)


def hashes_for_anyone(view: View) -> View:
    """Let anyone call, but reject early, before the body is read, when the hashing queue is full."""
    return document(_guarded(view, passwords.require_room), problems=(HashingBusy,))


def requires_login(view: View) -> View:
    """Let a caller with an access token of a live session in; no personal access token."""
    return _for_callers(view, lambda who: callers.require_scope(who, None), ScopeMissing, as_kept=True)


def requires_scope(scope: str, *, or_app: str | None = None) -> Callable[[View], View]:
    """Let a signed-in caller in, or one with a token of this scope: a personal one or, if made for our API, an app's.

    For an app the scope `or_app` is enough.
    """
    return lambda view: document(
        _for_callers(view, lambda who: callers.require_scope(who, scope, or_app=or_app), ScopeMissing, as_kept=True),
        scope=scope,
    )


def requires_fresh_login(view: View) -> View:
    """Let a caller in who signed in or re-authenticated within ten minutes; no personal access token."""
    return _for_callers(view, step_up.require_fresh, FreshLoginRequired)


def requires_role(role: str, scope: str) -> Callable[[View], View]:
    """Let a caller in who has a role now, signed in or with a personal access token of this scope."""

    def check(who: Caller) -> None:
        callers.require_scope(who, scope)
        callers.require_role(who, role)

    return lambda view: document(_for_callers(view, check, ScopeMissing, RoleMissing), scope=scope)


def for_console(*, fresh: bool = False) -> Callable[[View], View]:
    """Let an administrator in who is signed in by a second factor too; if `fresh`, within ten minutes."""

    def check(who: Caller) -> None:
        callers.require_scope(who, None)
        callers.require_role(who, ADMIN)
        registry.require_second_factor(who)
        if fresh:
            step_up.require_fresh(who)

    problems = (RoleMissing, SecondFactorRequired, *((FreshLoginRequired,) if fresh else ()))
    return lambda view: _for_callers(view, check, ScopeMissing, *problems)


def accepts_any_token(view: View) -> View:
    """Let a signed-in caller in, or one with any personal access token.

    An app's token counts only if the query names both the resource that it is for and a scope: otherwise whatever is
    behind a proxy would be open to any app (T4).
    """
    return document(_for_callers(view, lambda _: None, audience=_resource_in_question, as_kept=True), scope="")


def bearer_token() -> str | None:
    """Return the token of the Authorization header, None if there is no header (RFC 6750 section 2.1).

    Raises TokenInvalid for anything but one well-formed header.
    """
    header = request.headers.get("Authorization")
    if header is None:
        return None
    match = BEARER.fullmatch(header.strip(" "))
    if match is None:
        raise TokenInvalid
    return match[1]


def bearer_token_if_any() -> str | None:
    """Return the token of the Authorization header, None if it has another scheme.

    For routes that anybody may call: a staging site asks for `Basic`, and browsers send that too.
    """
    header = request.headers.get("Authorization", "")
    return bearer_token() if header[: len("bearer")].lower() == "bearer" else None


def caller_if_any() -> Caller | None:
    """Return who is signed in, None for nobody. Raises what `requires_login` does for a token that is not valid."""
    if bearer_token_if_any() is None:
        return None
    g.caller = _caller()
    callers.require_scope(g.caller, None)
    return cast(Caller, g.caller)


def _for_callers(
    view: View,
    check: Callable[[Caller], None],
    *problems: type[Problem],
    audience: Callable[[], str | None] = resources.own_api,
    as_kept: bool = False,
) -> View:
    def authenticate() -> None:
        try:
            g.caller = _caller(audience, as_kept=as_kept)
        except SessionEnded:
            _tell_again()
            raise
        check(g.caller)

    refusals = (TokenMissing, TokenInvalid, TokenExpired, SessionEnded, *problems)
    return document(_guarded(view, authenticate), login=True, problems=refusals)


def _tell_again() -> None:
    """Tell all workers once more of a session that has ended, if it asks for the end of something.

    It may be asking again: whoever was at it before may have died before telling, and the answer says it has ended.
    """
    if request.method == "DELETE":
        with suppress(TokenInvalid):  # an app's
            sessions.tell_again(tokens.read_access_even_expired(bearer_token() or ""))


def _resource_in_question() -> str | None:
    return request.args.get("resource") if "scope" in request.args else None


def _caller(audience: Callable[[], str | None] = resources.own_api, *, as_kept: bool = False) -> Caller:
    """Return who calls. Which kind of token it is, its beginning or its type decides, before anything is verified.

    `audience` is what an app's token must be for; with None there, none is accepted. `as_kept` lets the worker use what
    it keeps of session or token: not where it matters when somebody signed in.
    """
    token = bearer_token()
    if token is None:
        raise TokenMissing
    if token.startswith(access_tokens.PREFIX):
        return access_tokens.authenticate(token, as_kept=as_kept)
    claims = tokens.recall(token)
    if claims is not None:  # a person's own: no other kind is ever remembered (T6)
        return sessions.caller_as_kept(claims) if as_kept else sessions.caller({}, claims)
    return _of_app(token, audience(), as_kept=as_kept) if app_tokens.is_access(token) else _verified(token)


def _of_app(token: str, audience: str | None, *, as_kept: bool) -> Caller:
    if audience is None:
        raise TokenInvalid
    return app_tokens.authenticate(token, audience, as_kept=as_kept)[0]


def _verified(token: str) -> Caller:
    if not is_canonical_jws(token):
        raise TokenInvalid
    ring = signing_keys.snapshot()
    # By itself the extension accepts `Basic x, Bearer good`, refuses `bearer good` and fails on `,  ,x` (D5, D9).
    request.environ["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    verify_jwt_in_request(locations="headers")
    tokens.remember(token, get_jwt(), ring)
    return cast(Caller, get_current_user())


def _guarded(view: View, check: Callable[[], None], *, any_query: bool = False) -> View:
    refuses_query = not any_query and not has_query(view)

    @wraps(view)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        check()
        if refuses_query:
            parsing.refuse_query()
        return view(*args, **kwargs)

    return wrapper  # type: ignore[return-value]

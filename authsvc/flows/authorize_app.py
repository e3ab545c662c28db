"""Authorize an app: a person signs in if need be, is asked, and the app gets a code (RFC 6749 section 4.1)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from authsvc.errors import RequestGone
from authsvc.errors.oauth_refusal import OAuthError
from authsvc.flows import allow_app
from authsvc.models.apps import App
from authsvc.models.authorizations import Authorization
from authsvc.models.users import User
from authsvc.services import apps, authorizations, grants
from authsvc.services.callers import Caller


class Prompt(StrEnum):
    """What an app wants to be asked in any case (OpenID Connect Core section 3.1.2.1)."""

    NONE = "none"
    LOGIN = "login"
    CONSENT = "consent"
    SELECT_ACCOUNT = "select_account"
    CREATE = "create"


class Decision(StrEnum):
    """A person's answer."""

    ALLOW = "allow"
    DENY = "deny"


_UNASKED = {"consent": OAuthError.CONSENT_REQUIRED}
"""What an app is told that nobody may be asked for, by what is missing (OpenID Connect Core section 3.1.2.6)."""


@dataclass(frozen=True, slots=True)
class Step:
    """What has to be done next: `sign_in`, `create`, `switch`, `prove`, `consent`, or `done` with the app's answer.

    `email` is that of whoever is signed in, and `other` what they do who want to use another account.
    """

    name: str
    app: App
    request: Authorization
    answer: Mapping[str, str] = field(default_factory=dict)
    email: str | None = None
    other: str = "sign_in"


def advance(secret: str, browsers: Sequence[str], who: Caller | None, decision: Decision | None) -> Step:
    """Go one step further with a request, for whoever looks at it. Raises RequestGone, SessionEnded."""
    request = authorizations.find(secret, browsers)
    app = apps.find(request.app)
    if app is None:
        raise RequestGone
    if "refusal" not in request.params and not authorizations.is_possible(app, request):
        raise RequestGone
    if "refusal" in request.params:  # was never valid; only a page can send a form that says so
        authorizations.deny(request)
        return _done(app, request, **request.params["refusal"])
    if decision == Decision.DENY:
        return _denied(app, request, _refusal(request, who))
    may_ask = Prompt.NONE not in request.params["prompt"]
    missing = _missing(app, request, who, allowed=decision == Decision.ALLOW and may_ask)
    if missing is None and who is not None:
        return _allowed(app, request, who, asked=decision == Decision.ALLOW)
    if not may_ask:
        return _denied(app, request, _UNASKED.get(missing or "", OAuthError.LOGIN_REQUIRED))
    email = who.email if who is not None else None
    return Step(missing or "sign_in", app, request, email=email, other=_way_in(request))


def _missing(app: App, request: Authorization, who: Caller | None, *, allowed: bool) -> str | None:
    """Return what a person has to do before the app gets an answer."""
    if who is None:
        return _way_in(request)
    user = allow_app.user_of(who)
    if not authorizations.is_for(request, who.user_id):
        return "switch"
    if proof_is_too_old(request, who.auth_time):
        return "prove"
    if not allowed and (_must_ask(request, who) or not _is_covered(user, app, request)):
        return "consent"
    return None


def _refusal(request: Authorization, who: Caller | None) -> OAuthError:
    """Return what an app is told if somebody refuses: about somebody else nobody can decide (Core section 3.1.2.1)."""
    is_theirs = who is None or authorizations.is_for(request, who.user_id)
    return OAuthError.ACCESS_DENIED if is_theirs else OAuthError.LOGIN_REQUIRED


def _way_in(request: Authorization) -> str:
    return "create" if Prompt.CREATE in request.params["prompt"] else "sign_in"


def _must_ask(request: Authorization, who: Caller) -> bool:
    """Tell whether the app wants the person to be asked; who has just signed in has chosen the account."""
    prompts = set(request.params["prompt"])
    has_chosen = who.auth_time is not None and who.auth_time >= request.created_at
    return Prompt.CONSENT in prompts or bool({Prompt.SELECT_ACCOUNT, Prompt.CREATE} & prompts and not has_chosen)


def proof_is_too_old(request: Authorization, auth_time: datetime | None) -> bool:
    """Tell whether the person has to prove again who they are.

    Measured against the time of the request, not against now: any step takes time, so 0 could never be met.
    """
    if auth_time is None:
        return True
    if Prompt.LOGIN in request.params["prompt"]:
        return auth_time < request.created_at
    max_age = request.params.get("max_age")
    return max_age is not None and auth_time < request.created_at - timedelta(seconds=max_age)


def _is_covered(user: User, app: App, request: Authorization) -> bool:
    return grants.covers(user, app, request.params["scopes"], request.params["resources"])


def _allowed(app: App, request: Authorization, who: Caller, *, asked: bool) -> Step:
    code, stored = authorizations.generate_code()
    allow_app.allow(app, request, who, stored, asked=asked)
    return _done(app, request, code=code)


def _denied(app: App, request: Authorization, error: OAuthError) -> Step:
    authorizations.deny(request)
    return _done(app, request, error=error)


def _done(app: App, request: Authorization, **answer: Any) -> Step:
    state = authorizations.state_of(request)
    return Step("done", app, request, answer if state is None else {**answer, "state": state})

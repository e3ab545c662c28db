"""Signing in with other providers, and the caller's identities there."""

from dataclasses import asdict
from typing import Any, cast
from urllib.parse import quote, urlencode

from flask import Response, json

from authsvc.api.token_response import answer_sign_in
from authsvc.errors import (
    AccountDisabled,
    EmailTaken,
    EmailUnverified,
    FreshLoginRequired,
    HookFailed,
    HookRefused,
    IdentityTaken,
    InvalidCredentials,
    LastLoginMethod,
    LinkConfirmationRequired,
    NotFound,
    ProviderRefused,
    RequestGone,
    ScopeMissing,
    SecondFactorRequired,
    SessionEnded,
    TokenExpired,
    TokenInvalid,
    TokenMissing,
    TooManyAttempts,
    UpstreamUnavailable,
)
from authsvc.flows import federated_sign_in
from authsvc.flows.federated_accounts import Waiting
from authsvc.flows.federated_session import FreshToken
from authsvc.flows.federated_sign_in import Outcome
from authsvc.flows.sign_in import Pending
from authsvc.http.blueprint import Blueprint
from authsvc.http.cookies import federation_cookie
from authsvc.http.guards import caller_if_any, current_user, public, requires_fresh_login, requires_scope
from authsvc.models.federation_attempts import Intent
from authsvc.models.users import Identity
from authsvc.schemas.federation import (
    ConfirmationSchema,
    FederationAnswerSchema,
    FederationPendingSchema,
    FederationReturnSchema,
    FederationWishSchema,
    FormPostSchema,
    IdentityPageSchema,
    LinkedSchema,
    LocationSchema,
    ProviderListSchema,
)
from authsvc.schemas.paging import PagingSchema
from authsvc.services import identities, providers
from authsvc.services.federation_attempts import Callback, Wish
from authsvc.services.paging import Page
from authsvc.services.tokens import TokenPair

blp = Blueprint("federation", __name__, description="Sign in with another provider; the caller's accounts there.")

FORM_POST = "/federation/"
"""Where providers let a browser post a form: no cookie is read there."""


@blp.get("/auth/providers")
@public
@blp.response(200, ProviderListSchema)
def list_providers() -> dict[str, Any]:
    """List the providers that people can sign in with."""
    return {"items": providers.all()}


@blp.post("/auth/federation/<provider>")
@public
@blp.doc(security=[{"bearer": []}, {}])
@blp.arguments(FederationWishSchema)
@blp.response(200, LocationSchema)
@blp.problems(NotFound, TokenMissing, TokenInvalid, TokenExpired, SessionEnded, ScopeMissing, FreshLoginRequired)
@blp.problems(TooManyAttempts, UpstreamUnavailable)
def begin(wish: dict[str, Any], provider: str) -> dict[str, str]:
    """Begin to sign in with a provider, to link an account there, or to re-authenticate by one; say where to go.

    To link takes a fresh login; to re-authenticate, a login. What comes back there is for
    `POST /auth/federation/complete`, in this browser, within ten minutes.
    """
    intent = Intent(wish.pop("intent"))
    who = None if intent == Intent.SIGN_IN else caller_if_any()
    attempt = federated_sign_in.begin(provider, Wish(intent, **wish), who)
    federation_cookie(attempt.secret).store(attempt.browser)
    return {"location": attempt.location}


@blp.post("/auth/federation/complete")
@public
@blp.arguments(FederationReturnSchema)
@blp.response(200, FederationAnswerSchema)
@blp.alt_response(202, schema=FederationPendingSchema, description="A second factor, or a sign-in, is still to come")
@blp.problems(NotFound, RequestGone, ProviderRefused, UpstreamUnavailable, InvalidCredentials, AccountDisabled)
@blp.problems(EmailUnverified, EmailTaken, IdentityTaken, SecondFactorRequired, FreshLoginRequired, SessionEnded)
@blp.problems(TooManyAttempts, HookRefused, HookFailed)
def complete(body: dict[str, Any]) -> dict[str, Any] | Response:
    """Complete what a browser went to a provider for. One that comes back twice is refused.

    The answer is 202 if a second factor is required; with `confirmLink` if an account has the address that the provider
    verified: the person signs in to it once; and with `emailRequired` if the provider verified none.
    """
    transport, _ = body.pop("transport"), body.pop("error", None)
    cookie = federation_cookie(body["state"])
    outcome = federated_sign_in.complete(Callback(**body), cookie.values())
    cookie.clear()
    return _answer(outcome, transport)


@blp.post("/auth/federation/confirm")
@requires_fresh_login
@blp.arguments(ConfirmationSchema)
@blp.response(200, LinkedSchema)
@blp.problems(RequestGone, NotFound, LinkConfirmationRequired, EmailUnverified, IdentityTaken)
def confirm(body: dict[str, str]) -> dict[str, Any]:
    """Link the account at a provider that waits (`confirmLink`, `emailRequired`) to the account just signed in to.

    Once, within an hour, in the browser where it waits. After `confirmLink` only the account with that address may.
    """
    cookie = federation_cookie(body["token"])
    identity = federated_sign_in.confirm(current_user, body["token"], cookie.values())
    cookie.clear()
    return {"identity": identities.described(identity)}


@blp.post("/federation/<provider>")
@public
@blp.arguments(FormPostSchema, location="form")
@blp.response(303, description="To the page that completes it")
@blp.problems(NotFound)
def form_post(form: dict[str, str], provider: str) -> Response:
    """Take a provider's form to the page that completes the sign-in, where the cookies are (OAuth form_post)."""
    location = f"/account/federation/{quote(provider, safe='')}#{urlencode(form, quote_via=quote)}"
    return Response(status=303, headers={"Location": location, "Cache-Control": "no-store"})


@blp.get("/auth/identities")
@requires_scope("account:read")
@blp.arguments(PagingSchema, location="query")
@blp.response(200, IdentityPageSchema)
def index(paging: dict[str, Any]) -> Page:
    """List the caller's accounts at other providers that sign in here, newest first."""
    return identities.list_own(current_user, **paging)


@blp.delete("/auth/identities/<id:identity_id>")
@requires_fresh_login
@blp.response(204)
@blp.problems(NotFound, LastLoginMethod)
def remove(identity_id: str) -> None:
    """Let an account at a provider sign in no longer, unless it is the only way to sign in."""
    identities.unlink(current_user, identity_id)


def _answer(outcome: Outcome, transport: str) -> dict[str, Any] | Response:
    result, target = outcome.result, {"return_to": outcome.return_to}
    if isinstance(result, Identity):
        return {"identity": identities.described(result), **target}
    if isinstance(result, FreshToken):
        return {"access_token": result.access_token, "expires_in": result.expires_in, **target}
    if isinstance(result, Waiting):
        return _pending({**_described(result), **target})
    if isinstance(result, Pending):
        return _pending({"mfa_required": True, **asdict(result), **target})
    return {**_sign_in(result, transport), **target}


def _sign_in(pair: TokenPair, transport: str) -> dict[str, Any]:
    return cast("dict[str, Any]", answer_sign_in(pair, transport))


def _described(waiting: Waiting) -> dict[str, Any]:
    """Return what is told of a link that waits; this browser keeps a secret for it."""
    attempt = waiting.attempt
    federation_cookie(attempt.secret).store(attempt.browser)
    token = {"token": attempt.secret, "name": waiting.name}
    if waiting.email is None:
        return {"email_required": token}
    return {"confirm_link": {**token, "email": waiting.email, "methods": list(waiting.methods)}}


def _pending(members: dict[str, Any]) -> Response:
    body = json.dumps(FederationPendingSchema().dump(members), separators=(",", ":"))
    return Response(body + "\n", 202, content_type="application/json")

"""For other services: the keys that verify tokens, and two ways to ask who is calling."""

from typing import Any
from urllib.parse import quote

from flask import Response, jsonify, request

from authsvc.errors import RoleMissing, ScopeMissing
from authsvc.http import sharing
from authsvc.http.blueprint import Blueprint
from authsvc.http.guards import accepts_any_token, current_user, public, requires_scope
from authsvc.schemas.tokens import ConditionSchema, IntrospectionRequestSchema, IntrospectionSchema, JwkSetSchema
from authsvc.services import app_scopes, callers, signing_keys, tokens

blp = Blueprint("tokens", __name__, description="For the services behind this one: who is calling, and may they?")

_AS_IT_IS = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) != "%")
_HEADERS = {
    name: {"description": description, "schema": {"type": "string"}}
    for name, description in {
        "X-Auth-User-Id": "the user's id",
        "X-Auth-Email": "the user's address, for an app only with the scope `email`; what is not visible ASCII, "
        "and `%`, percent-encoded (RFC 3986)",
        "X-Auth-Role": "the user's role as it is now, encoded likewise; not for an app",
        "X-Auth-Session-Id": "the session's id; only if the user is signed in",
        "X-Auth-Scope": "the scopes of a personal access token or of an app, separated by spaces; only for these",
    }.items()
}


@blp.get("/.well-known/jwks.json")
@public
@blp.response(200, JwkSetSchema)
def jwks() -> Response:
    """Publish the keys that verify access tokens and ID tokens (RFC 7517), including the next ones before they sign."""
    response = jsonify(keys=signing_keys.published())
    response.headers["Cache-Control"] = f"public, max-age={signing_keys.CACHE_SECONDS}"
    sharing.let_anyone_read(response)
    response.add_etag()
    response.make_conditional(request)
    return response


@blp.get("/auth/verify")
@accepts_any_token
@blp.arguments(ConditionSchema, location="query")
@blp.response(204, headers=_HEADERS)
@blp.problems(RoleMissing, ScopeMissing)
def verify(condition: dict[str, str]) -> tuple[None, int, dict[str, str]]:
    """Tell a proxy who is calling, and check their role or scope: for `auth_request` and forward auth."""
    if "role" in condition:
        callers.require_own_role(current_user, condition["role"])
    if "scope" in condition:
        callers.require_scope(current_user, condition["scope"])
    return None, 204, _identity()


@blp.post("/auth/introspect")
@requires_scope("tokens:introspect")
@blp.arguments(IntrospectionRequestSchema, location="form")
@blp.response(200, IntrospectionSchema)
def introspect(body: dict[str, Any]) -> dict[str, Any]:
    """Introspect an access, refresh or personal access token (RFC 7662)."""
    return tokens.describe(body["token"])


def _identity() -> dict[str, str]:
    """Return who is calling, as header values that no name or address can break out of."""
    who = current_user
    values = {"X-Auth-User-Id": who.user_id}
    if who.app is None or app_scopes.EMAIL in (who.scopes or ()):
        values["X-Auth-Email"] = who.email
    if who.app is None:  # an app acts within its scopes, whoever its user is, and learns no role
        values["X-Auth-Role"] = who.role
    if who.session_id is not None:
        values["X-Auth-Session-Id"] = who.session_id
    headers = {name: quote(value, safe=_AS_IT_IS) for name, value in values.items()}
    return headers if who.scopes is None else {**headers, "X-Auth-Scope": " ".join(sorted(who.scopes))}

"""For other services: the keys that verify, and two ways to ask who is calling."""

from typing import Any
from urllib.parse import quote

from flask import Response, jsonify, request

from authsvc.api.documenting import Blueprint
from authsvc.api.guards import accepts_any_token, current_user, public, requires_scope
from authsvc.errors import RoleMissing, ScopeMissing
from authsvc.schemas.tokens import ConditionSchema, IntrospectionRequestSchema, IntrospectionSchema, JwkSetSchema
from authsvc.services import callers, signing_keys, tokens

blp = Blueprint("tokens", __name__, description="For the services behind: who is calling, and may they?")

_AS_IT_IS = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) != "%")
_HEADERS = {
    name: {"description": said, "schema": {"type": "string"}}
    for name, said in {
        "X-Auth-User-Id": "the user's id",
        "X-Auth-Email": "the user's address; what is not visible ASCII, and `%`, percent-encoded (RFC 3986)",
        "X-Auth-Role": "the user's role as it is now, encoded likewise",
        "X-Auth-Session-Id": "the session's id; not for a personal access token",
        "X-Auth-Scope": "the scopes of a personal access token, separated by spaces; only for one",
    }.items()
}


@blp.get("/.well-known/jwks.json")
@public
@blp.response(200, JwkSetSchema)
def jwks() -> Response:
    """Publish the keys that access tokens verify with (RFC 7517), the next one before it signs."""
    response = jsonify(keys=signing_keys.published())
    response.headers["Cache-Control"] = f"public, max-age={signing_keys.CACHE_SECONDS}"
    response.add_etag()
    response.make_conditional(request)
    return response


@blp.get("/auth/verify")
@accepts_any_token
@blp.arguments(ConditionSchema, location="query")
@blp.response(204, headers=_HEADERS)
@blp.problems(RoleMissing, ScopeMissing)
def verify(condition: dict[str, str]) -> tuple[None, int, dict[str, str]]:
    """Tell a proxy who is calling, and whether with this role or scope: for `auth_request` and forward auth."""
    if "role" in condition:
        callers.require_role(current_user, condition["role"])
    if "scope" in condition:
        callers.require_scope(current_user, condition["scope"])
    return None, 204, _identity()


@blp.post("/auth/introspect")
@requires_scope("tokens:introspect")
@blp.arguments(IntrospectionRequestSchema, location="form")
@blp.response(200, IntrospectionSchema)
def introspect(asked: dict[str, Any]) -> dict[str, Any]:
    """Tell what an access, refresh or personal access token is good for (RFC 7662)."""
    return tokens.describe(asked["token"])


def _identity() -> dict[str, str]:
    """Return who is calling, as header values that no name or address can break out of."""
    who = current_user
    found = {"X-Auth-User-Id": who.user_id, "X-Auth-Email": who.email, "X-Auth-Role": who.role}
    if who.session_id is not None:
        found["X-Auth-Session-Id"] = who.session_id
    shown = {name: quote(value, safe=_AS_IT_IS) for name, value in found.items()}
    return shown if who.scopes is None else {**shown, "X-Auth-Scope": " ".join(sorted(who.scopes))}

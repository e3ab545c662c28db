"""The revocation endpoint (RFC 7009)."""

from flask import Blueprint, Response, request

from authsvc.http.guards import for_apps
from authsvc.oauth import app_authentication, parameters
from authsvc.services import app_sessions

blp = Blueprint("oauth_revoke", __name__)


@blp.post("/oauth2/revoke")
@for_apps
def revoke() -> Response:
    """End the app's session that a refresh or access token belongs to. For any other token nothing ends, silently."""
    params = parameters.of_body(request)
    app = app_authentication.authenticate(request, params)
    app_sessions.revoke(app, params.must_have("token"))
    answer = Response(status=200)
    answer.headers.remove("Content-Type")  # it would be HTML, which oidc-client-ts takes for a failure
    return answer

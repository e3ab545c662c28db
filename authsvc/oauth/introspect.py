"""The introspection endpoint of apps (RFC 7662)."""

from flask import Blueprint, Response, jsonify, request

from authsvc.http.guards import for_apps
from authsvc.oauth import app_authentication, parameters
from authsvc.services import app_introspection

blp = Blueprint("oauth_introspect", __name__)


@blp.post("/oauth2/introspect")
@for_apps
def introspect() -> Response:
    """Tell an app that keeps a secret what a token of its own, or one for a resource of it, is valid for."""
    params = parameters.of_body(request)
    app = app_authentication.authenticate_confidential(request, params)
    return jsonify(app_introspection.describe(app, params.must_have("token")))

"""The device authorization endpoint: where a device without a browser gets its codes (RFC 8628 section 3.1)."""

from flask import Blueprint, Response, current_app, jsonify, request

from authsvc import origin
from authsvc.errors.oauth_refusal import OAuthError, OAuthRefusal
from authsvc.http.guards import for_apps
from authsvc.models.apps import GrantType
from authsvc.oauth import app_authentication, authorization_request, parameters
from authsvc.security.networks import network_of
from authsvc.services import device_requests, throttles
from authsvc.services.device_requests import NewDeviceRequest
from authsvc.services.throttles import Bucket
from authsvc.settings import Limit

blp = Blueprint("oauth_device", __name__)


@blp.post("/oauth2/device")
@for_apps
def device() -> Response:
    """Give a device one code to ask with, and one that a person types at an address which it shows too."""
    throttles.count(throttles.by_network(Limit.AUTHORIZE_ADDRESS))  # of all apps: anybody may be one, by a document
    if not current_app.config["ACCOUNT_PAGES"]:
        raise OAuthRefusal(OAuthError.UNSUPPORTED_GRANT_TYPE, authorization_request.NO_PAGES)
    params = parameters.of_body(request, but=("resource",))
    app = app_authentication.authenticate(request, params, begins=True)
    if GrantType.DEVICE_CODE not in app.grant_types:
        raise OAuthRefusal(OAuthError.UNAUTHORIZED_CLIENT, "The app is not registered for device codes.")
    throttles.count(Bucket(Limit.DEVICE_CODES, f"{app.id} {network_of(origin.current().ip)}"))
    return _answer(device_requests.begin(app, authorization_request.validate_device(app, params)))


def _answer(new: NewDeviceRequest) -> Response:
    page = f"{current_app.config['PUBLIC_URL']}/account/device"
    response = jsonify(
        device_code=new.device_code,
        user_code=new.user_code,
        verification_uri=page,
        verification_uri_complete=f"{page}?user_code={new.user_code}",
        expires_in=int(device_requests.LIFE.total_seconds()),
        interval=device_requests.INTERVAL,
    )
    response.headers["Pragma"] = "no-cache"
    return response

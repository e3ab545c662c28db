"""Signing in on a device without a browser: what the account page asks and answers."""

from typing import Any

from authsvc.errors import TooManyAttempts, UserCodeInvalid
from authsvc.flows import authorize_device
from authsvc.flows.authorize_app import Decision
from authsvc.flows.authorize_device import DeviceStep
from authsvc.http.blueprint import Blueprint
from authsvc.http.guards import current_user, requires_login
from authsvc.schemas.device_requests import DeviceAdvanceSchema, DeviceStepSchema
from authsvc.services import device_requests, resources

blp = Blueprint("device_requests", __name__, description="For the page where people type a device's code.")


@blp.post("/auth/devices/advance")
@requires_login
@blp.arguments(DeviceAdvanceSchema)
@blp.response(200, DeviceStepSchema)
@blp.problems(UserCodeInvalid, TooManyAttempts)
def advance(body: dict[str, Any]) -> dict[str, Any]:
    """Go one step further with a device whose code the caller has typed; say what comes next."""
    decision = Decision(body["decision"]) if "decision" in body else None
    return _described(authorize_device.advance(body["user_code"], current_user, decision))


def _described(step: DeviceStep) -> dict[str, Any]:
    request = step.request
    return {
        "step": step.name,
        "user_code": step.user_code,
        "app": {"name": step.app.name, "verified": step.app.trusted, "document": step.app.document_place},
        "device": {
            "ip": request.ip,
            "user_agent": request.user_agent,
            "started_at": request.created_at,
            "near": device_requests.is_near(request),
        },
        "scopes": request.params["scopes"],
        "resources": [uri for uri in request.params["resources"] if uri != resources.userinfo()],
        "email": current_user.email,
    }

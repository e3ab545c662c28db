"""Authorize a device: somebody who is signed in types the code that it shows, and is asked (RFC 8628).

They are asked whatever they or the operator have allowed before: a link with the code in it can come from anybody, who
would then be signed in (section 5.4).
"""

from dataclasses import dataclass

from authsvc.errors import RequestGone, UserCodeInvalid
from authsvc.flows import allow_app
from authsvc.flows.authorize_app import Decision, proof_is_too_old
from authsvc.models.apps import App
from authsvc.models.authorizations import Authorization
from authsvc.security import user_codes
from authsvc.services import apps, device_requests, guesses, step_up, throttles
from authsvc.services.callers import Caller


@dataclass(frozen=True, slots=True)
class DeviceStep:
    """What has to be done next: `prove` or `consent`; or what has been done: `allowed` or `denied`."""

    name: str
    user_code: str
    app: App
    request: Authorization


def advance(text: str, who: Caller, decision: Decision | None) -> DeviceStep:
    """Go one step further with the request whose code somebody types. Raises UserCodeInvalid, SessionEnded."""
    user_code = user_codes.read(text)
    with throttles.counting(*guesses.at_user_code(who), failures=(UserCodeInvalid,)):
        app, request = _find(user_code)
    name = _advance(app, request, who, decision)
    return DeviceStep(name, user_code or "", app, request)


def _find(user_code: str | None) -> tuple[App, Authorization]:
    request = device_requests.find(user_code)
    app = apps.find(request.app)
    if app is None or not device_requests.is_possible(app, request):
        raise UserCodeInvalid
    return app, request


def _advance(app: App, request: Authorization, who: Caller, decision: Decision | None) -> str:
    allow_app.user_of(who)
    if decision == Decision.DENY:
        device_requests.deny(request)
        return "denied"
    if proof_is_too_old(request, step_up.live_session(who).auth_time):
        return "prove"
    if decision is None:
        return "consent"
    try:
        allow_app.allow(app, request, who, device_requests.code_of(request), asked=True)
    except RequestGone as gone:
        raise UserCodeInvalid from gone
    return "allowed"

"""Requests of devices without a browser: one code to ask with, and one for a person to type (RFC 8628)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from authsvc import clock, origin
from authsvc.errors import UserCodeInvalid
from authsvc.errors.oauth_refusal import OAuthError, OAuthRefusal
from authsvc.models.apps import App, GrantType
from authsvc.models.authorizations import Authorization
from authsvc.models.ids import new_id
from authsvc.security import networks, opaque_tokens, user_codes
from authsvc.services import authorizations

PREFIX = "asd_"
LIFE = timedelta(minutes=15)
INTERVAL = 5
"""Seconds between two questions of a device, at first; so many more each time that it is too fast."""

_JITTER = timedelta(seconds=1)
"""How much too early a question may come: networks do not keep step."""


@dataclass(frozen=True, slots=True)
class NewDeviceRequest:
    """A request, by the code that the device keeps, and the one that it shows."""

    device_code: str
    user_code: str


def begin(app: App, params: Mapping[str, Any]) -> NewDeviceRequest:
    """Store a request that was validated, until somebody types its code."""
    new = _generate()
    while not _document(app, params, new).insert_with_new_code():  # another request has one of 25,600,000,000 codes too
        new = _generate()
    return new


def _generate() -> NewDeviceRequest:
    return NewDeviceRequest(opaque_tokens.generate(PREFIX), user_codes.generate())


def _document(app: App, params: Mapping[str, Any], new: NewDeviceRequest) -> Authorization:
    now, asked = clock.now(), origin.current()
    return Authorization(
        id=new_id(),
        digest=opaque_tokens.digest(new.device_code),
        user_code=user_codes.digest(new.user_code),
        app=app.id,
        app_epoch=app.epoch,
        params=dict(params),
        created_at=now,
        code_expires_at=now + LIFE,
        expires_at=now + LIFE + authorizations.KEPT_AFTER,  # who asks later is told that it has expired
        ip=asked.ip,
        user_agent=asked.user_agent,
        interval=INTERVAL,
    )


def find(user_code: str | None) -> Authorization:
    """Return the request whose code somebody has typed, until it is answered. Raises UserCodeInvalid."""
    request = Authorization.find_typed(user_codes.digest(user_code), clock.now()) if user_code is not None else None
    if request is None:
        raise UserCodeInvalid
    return request


def is_possible(app: App, request: Authorization) -> bool:
    """Tell whether an app may still ask for what its device asked for."""
    return request.app_epoch == app.epoch and GrantType.DEVICE_CODE in app.grant_types


def is_near(request: Authorization) -> bool | None:
    """Tell whether a device asks from the network of whoever makes this request; None if nobody can tell."""
    return networks.is_same(request.ip, origin.current().ip)


def code_of(request: Authorization) -> dict[str, Any]:
    """Return what is stored of a code: the device code becomes one."""
    return {"code_digest": request.digest}


def deny(request: Authorization) -> None:
    """Note that the request was refused. Raises UserCodeInvalid if it has been answered."""
    if not request.decide(clock.now()):
        raise UserCodeInvalid


def poll(app: App, device_code: str | None) -> Authorization:
    """Return the request of an app's device, once a person has allowed it, or if its code was used.

    Raises OAuthRefusal until then, and for everything else: nothing is used up (RFC 8628 section 3.5).
    """
    request = _own(app, device_code)
    if request.used_at is not None:
        return request
    if request.code_expires_at is None or request.code_expires_at <= clock.now():
        raise OAuthRefusal(OAuthError.EXPIRED_TOKEN, "The device code has expired.")
    if request.decided_at is None:
        raise _pending(request)
    if request.user is None:
        raise OAuthRefusal(OAuthError.ACCESS_DENIED, "The person has refused.")
    if request.code_digest is None:  # it is being confirmed
        if request.decided_at <= clock.now() - authorizations.CONFIRMED_WITHIN:
            raise OAuthRefusal(OAuthError.EXPIRED_TOKEN, "The answer was lost.")
        raise _pending(request)
    return request


def redeem(request: Authorization) -> Authorization | None:
    """Use up the code of a request that was allowed; return it, None if it was used before."""
    return Authorization.use(request.digest, request.app, clock.now())


def _own(app: App, device_code: str | None) -> Authorization:
    is_one = device_code is not None and opaque_tokens.is_well_formed(device_code, PREFIX)
    request = Authorization.of_device(opaque_tokens.digest(device_code or ""), app.id) if is_one else None
    if request is None or not is_possible(app, request):
        raise OAuthRefusal(OAuthError.INVALID_GRANT, "The device code is unknown, used, or not for this app.")
    return request


def _pending(request: Authorization) -> OAuthRefusal:
    now = clock.now()
    wait = timedelta(seconds=request.interval or INTERVAL)
    if request.poll(now, now - wait + _JITTER, INTERVAL):
        return OAuthRefusal(OAuthError.AUTHORIZATION_PENDING, "Nobody has answered yet.")
    return OAuthRefusal(OAuthError.SLOW_DOWN, "The device asks too often: five seconds more between two questions.")

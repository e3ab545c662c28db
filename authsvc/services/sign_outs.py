"""Sign-outs that apps ask for: what is asked waits until a page has carried it out."""

from datetime import timedelta

from authsvc import clock
from authsvc.errors import RequestGone
from authsvc.models.apps import App
from authsvc.models.ids import new_id
from authsvc.models.sign_outs import SignOut
from authsvc.security import opaque_tokens
from authsvc.security.envelope import SealBroken
from authsvc.services.vaults import vault

PREFIX = "aso_"
LIFE = timedelta(hours=1)
_PURPOSE = "sign-out"


def begin(app: App | None, user_id: str | None, target: str | None) -> str:
    """Store a request of an app, if it is known, and return its secret.

    `user_id` is whom its genuine hint names; `target` is an address of the app's, to go to afterwards.
    """
    request_id, secret = new_id(), opaque_tokens.generate(PREFIX)
    SignOut(
        id=request_id,
        digest=opaque_tokens.digest(secret),
        app=app.id if app is not None else None,
        user=user_id,
        target=vault(_PURPOSE).seal(target.encode(), str(request_id)) if target is not None else None,
        expires_at=clock.now() + LIFE,
    ).insert()
    return secret


def find(secret: str) -> SignOut:
    """Return a request that is not carried out yet. Raises RequestGone."""
    well_formed = opaque_tokens.is_well_formed(secret, PREFIX)
    request = SignOut.find(opaque_tokens.digest(secret), clock.now()) if well_formed else None
    if request is None:
        raise RequestGone
    return request


def finish(request: SignOut) -> str | None:
    """Note that a request is carried out; return where to go, None if nowhere. Raises RequestGone the second time."""
    if not request.remove():
        raise RequestGone
    if request.target is None:
        return None
    try:
        return vault(_PURPOSE).open(request.target, str(request.id)).decode()
    except SealBroken:  # SECRET_KEY was replaced within the hour
        return None

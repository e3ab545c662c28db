"""Signing out because an app asks for it: what the account page asks."""

from typing import Any

from authsvc.errors import RequestGone, ScopeMissing, SessionEnded, TokenExpired, TokenInvalid
from authsvc.flows import sign_out_for_app
from authsvc.http.blueprint import Blueprint
from authsvc.http.guards import caller_if_any, public
from authsvc.schemas.sign_outs import SignOutRequestSchema, SignOutStepSchema

blp = Blueprint("sign_outs", __name__, description="For the page that signs people out for apps.")


@blp.post("/auth/sign-outs/advance")
@public
@blp.doc(security=[{"bearer": []}, {}])
@blp.arguments(SignOutRequestSchema)
@blp.response(200, SignOutStepSchema)
@blp.problems(RequestGone, TokenInvalid, TokenExpired, SessionEnded, ScopeMissing)
def advance(body: dict[str, Any]) -> dict[str, Any]:
    """Go one step further with the sign-out that an app asks for; say what comes next. This ends nothing."""
    step = sign_out_for_app.advance(body["request"], caller_if_any())
    app = None if step.app is None else {"name": step.app.label}
    return {"step": step.name, "app": app, "email": step.email, "redirect": step.redirect}

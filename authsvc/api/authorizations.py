"""Signing in to an app: what the account page asks and answers."""

from typing import Any

from authsvc.errors import RequestGone, ScopeMissing, SessionEnded, TokenExpired, TokenInvalid, TooManyAttempts
from authsvc.flows import authorize_app
from authsvc.flows.authorize_app import Decision, Step
from authsvc.http.blueprint import Blueprint
from authsvc.http.cookies import authorization_cookie
from authsvc.http.guards import caller_if_any, public
from authsvc.http.redirection import to_app
from authsvc.schemas.authorizations import AdvanceSchema, StepSchema
from authsvc.security import redirect_uris
from authsvc.services import resources

blp = Blueprint("authorizations", __name__, description="For the page that signs people in to apps.")


@blp.post("/auth/authorizations/advance")
@public
@blp.doc(security=[{"bearer": []}, {}])
@blp.arguments(AdvanceSchema)
@blp.response(200, StepSchema)
@blp.problems(RequestGone, TokenInvalid, TokenExpired, SessionEnded, ScopeMissing, TooManyAttempts)
def advance(body: dict[str, Any]) -> dict[str, Any]:
    """Go one step further with an app's request, in the browser that began it; say what comes next."""
    cookie = authorization_cookie(body["request"])
    decision = Decision(body["decision"]) if "decision" in body else None
    step = authorize_app.advance(body["request"], cookie.values(), caller_if_any(), decision)
    if step.name == "done":
        cookie.clear()
    return _described(step, decision)


def _described(step: Step, decision: Decision | None) -> dict[str, Any]:
    params = step.request.params
    about: dict[str, Any] = {"step": step.name, "app": _app(step)}
    if step.name == "done":
        target = to_app(params["redirect_uri"], params["response_mode"], step.answer)
        sent = {"redirect": target.url} if target.fields is None else {"action": target.url, "fields": target.fields}
        # Nobody goes to an app of strangers without having been told where that is (RFC 9700 section 4.11.2).
        return {**about, **sent, "confirm": step.app.has_document and decision is None}
    about |= {
        "scopes": params["scopes"],
        "resources": [uri for uri in params["resources"] if uri != resources.userinfo()],
    }
    return about if step.email is None else {**about, "email": step.email, "other": step.other}


def _app(step: Step) -> dict[str, Any]:
    app = step.app
    return {
        "name": app.name,
        "verified": app.trusted,
        "host": redirect_uris.place_of(step.request.params["redirect_uri"]),
        "document": app.document_place,
    }

"""What each error means: all of them at `/problems/`, one at `/problems/<code>`, for people and for programs."""

from http import HTTPStatus
from itertools import groupby
from typing import Any

from flask import Response, jsonify

from authsvc.errors import NotFound, Problem, all_problems
from authsvc.http import pages
from authsvc.http.blueprint import Blueprint
from authsvc.http.guards import for_people
from authsvc.web.reference import views
from authsvc.web.reference.advice import ADVICE
from authsvc.web.reference.samples import pretty

blp = Blueprint("problems", __name__, stateless=True, description="The explanation of each error.")

_EXAMPLE_ID = "7f3c0a5e9d1b4c2f8e6a7b5d4c3b2a19"
_PHRASES = {status.value: status.phrase for status in HTTPStatus}
# Members that only one problem has, as they look.
_MEMBERS: dict[str, dict[str, Any]] = {
    "not_ready": {"reasons": [{"component": "database", "detail": "It does not answer."}]},
    "second_factor_required": {"methods": ["totp", "recovery_code"]},
    "session_ended": {"reason": "password_changed"},
    "validation_failed": {
        "errors": [{"pointer": "/email", "code": "bad_format", "detail": "This is not an email address."}]
    },
}


@blp.get("/problems/")
@for_people
@blp.response(200, description="All explanations, as HTML or JSON, whichever the client prefers")
def index() -> Response:
    """List all error codes with what they mean."""
    return _index()


@blp.get("/problems")
@for_people
@blp.response(200, description="All explanations, as HTML or JSON, whichever the client prefers")
def index_by_another_name() -> Response:
    """List all error codes without a redirect."""
    # A redirect would lead to whichever host the request names.
    return _index()


@blp.get("/problems/<code>")
@for_people
@blp.response(200, description="The explanation, as HTML or JSON, whichever the client prefers")
@blp.problems(NotFound)
def problem(code: str) -> Response:
    """Explain an error code."""
    kind = all_problems().get(code)
    if kind is None:
        raise NotFound
    return _varying(_page(kind) if pages.preferred() else jsonify(_facts(kind)))


def example(kind: type[Problem]) -> dict[str, Any]:
    """Return a problem document, as an answer has it."""
    return {
        "type": f"/problems/{kind.code}",
        "title": kind.title,
        "status": kind.status,
        "detail": kind.explanation().partition(". ")[0].rstrip(".") + ".",
        "code": kind.code,
        "requestId": _EXAMPLE_ID,
        **_MEMBERS.get(kind.code, {}),
    }


def _index() -> Response:
    if not pages.preferred():
        return _varying(jsonify({"items": [_facts(kind) for kind in all_problems().values()]}))
    by_status = [(status, list(kinds)) for status, kinds in groupby(all_problems().values(), lambda kind: kind.status)]
    return _varying(views.render("reference/problems.html", script=True, by_status=by_status, phrases=_PHRASES))


def _page(kind: type[Problem]) -> Response:
    kinds = list(all_problems().values())
    place = kinds.index(kind)
    return views.render(
        "reference/problem.html",
        script=False,
        kind=kind,
        advice=ADVICE[kind.code],
        example=pretty(example(kind)),
        before=kinds[place - 1] if place else None,
        after=kinds[place + 1] if place + 1 < len(kinds) else None,
    )


def _facts(kind: type[Problem]) -> dict[str, Any]:
    return {"code": kind.code, "status": kind.status, "title": kind.title, "meaning": kind.explanation()}


def _varying(response: Response) -> Response:
    response.vary.add("Accept")
    return response

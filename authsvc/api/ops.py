"""Operations: whether it lives, whether it serves, what an error code means."""

from dataclasses import asdict
from typing import Any

from flask import Response, jsonify, render_template, request

from authsvc import __version__
from authsvc import metrics as counted
from authsvc.api import pages
from authsvc.api.documenting import Blueprint
from authsvc.api.guards import public
from authsvc.errors import NotFound, NotReady, all_problems
from authsvc.schemas.ops import HealthSchema, ReadinessSchema
from authsvc.services import ops

blp = Blueprint("ops", __name__, stateless=True, description="For probes and for whoever reads an error.")


@blp.get("/healthz")
@public
@blp.response(200, HealthSchema)
def healthz() -> dict[str, str]:
    """Tell that the process lives; the database is not asked."""
    return {"status": "ok", "version": __version__}


@blp.get("/readyz")
@public
@blp.response(200, ReadinessSchema)
@blp.problems(NotReady)
def readyz() -> dict[str, str]:
    """Tell whether the service can serve, and if not, why."""
    reasons = ops.missing()
    if reasons:
        raise NotReady(reasons=[asdict(reason) for reason in reasons])
    return {"status": "ready"}


@blp.get("/metrics")
@public
@blp.response(200, description="Counters in the Prometheus text format, of all workers")
@blp.problems(NotFound)
def metrics() -> Response:
    """Show what was counted, where METRICS allows."""
    return Response(counted.exposition(), content_type=counted.CONTENT_TYPE)


@blp.get("/problems/<code>")
@public
@blp.response(200, description="The explanation, as HTML or JSON, whichever the client prefers")
@blp.problems(NotFound)
def problem(code: str) -> Response:
    """Explain an error code."""
    kind = all_problems().get(code)
    if kind is None:
        raise NotFound
    facts: dict[str, Any] = {"code": code, "status": kind.status, "title": kind.title, "meaning": kind.explanation()}
    wants_page = request.accept_mimetypes.best_match(["application/json", "text/html"]) == "text/html"
    response = pages.respond(render_template("problem.html", **facts)) if wants_page else jsonify(facts)
    response.vary.add("Accept")
    return response

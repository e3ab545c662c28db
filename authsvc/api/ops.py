"""Operations: health, readiness, metrics, and the explanation of an error code."""

from dataclasses import asdict
from typing import Any

from flask import Response, jsonify, render_template

from authsvc import __version__
from authsvc import metrics as counted
from authsvc.errors import NotFound, NotReady, all_problems
from authsvc.http import pages
from authsvc.http.blueprint import Blueprint
from authsvc.http.guards import for_people, public
from authsvc.schemas.ops import HealthSchema, ReadinessSchema
from authsvc.services import ops

blp = Blueprint("ops", __name__, stateless=True, description="Health, metrics, and the explanation of each error.")


@blp.get("/healthz")
@public
@blp.response(200, HealthSchema)
def healthz() -> dict[str, str]:
    """Report that the process is alive, without asking the database."""
    return {"status": "ok", "version": __version__}


@blp.get("/readyz")
@public
@blp.response(200, ReadinessSchema)
@blp.problems(NotReady)
def readyz() -> dict[str, str]:
    """Report whether the service is ready, and if not, why."""
    reasons = ops.missing()
    if reasons:
        raise NotReady(reasons=[asdict(reason) for reason in reasons])
    return {"status": "ready"}


@blp.get("/metrics")
@public
@blp.response(200, description="Metrics of all workers, in the Prometheus text format")
@blp.problems(NotFound)
def metrics() -> Response:
    """Return the metrics, if `METRICS` allows it."""
    return Response(counted.exposition(), content_type=counted.CONTENT_TYPE)


@blp.get("/problems/<code>")
@for_people
@blp.response(200, description="The explanation, as HTML or JSON, whichever the client prefers")
@blp.problems(NotFound)
def problem(code: str) -> Response:
    """Explain an error code."""
    kind = all_problems().get(code)
    if kind is None:
        raise NotFound
    facts: dict[str, Any] = {"code": code, "status": kind.status, "title": kind.title, "meaning": kind.explanation()}
    response = pages.respond(render_template("problem.html", **facts)) if pages.preferred() else jsonify(facts)
    response.vary.add("Accept")
    return response

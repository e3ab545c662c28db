"""Operations: health, readiness, metrics."""

from dataclasses import asdict

from flask import Response

from authsvc import __version__
from authsvc import metrics as counted
from authsvc.errors import NotFound, NotReady
from authsvc.http.blueprint import Blueprint
from authsvc.http.guards import public
from authsvc.schemas.ops import HealthSchema, ReadinessSchema
from authsvc.services import ops

blp = Blueprint("ops", __name__, stateless=True, description="Health and metrics.")


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

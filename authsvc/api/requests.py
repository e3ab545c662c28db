"""What happens to every request before its view and to every answer after it."""

import re
import secrets
from time import perf_counter

from flask import Flask, Response, current_app, g, request

from authsvc import answer_headers, logs, metrics, origin
from authsvc.api.cookies import device_cookie
from authsvc.errors import CrossOriginRefused, NotFound, NotReady
from authsvc.services import ops

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,128}", re.ASCII)
_SAFE_METHODS = ("GET", "HEAD", "OPTIONS", "TRACE")
_MAX_USER_AGENT = 512
_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
_log = logs.get(__name__)


def init_app(app: Flask) -> None:
    """Register the steps, in this order."""
    app.before_request(_note_origin)
    app.before_request(_keep_metrics_apart)
    app.before_request(_refuse_cross_origin)
    app.before_request(_refuse_before_ready)
    app.after_request(_tell)  # the last: what is registered first runs last
    app.after_request(_add_headers)


def _note_origin() -> None:
    g.begun = perf_counter()
    given = request.headers.get("X-Request-ID", "")
    request_id = given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(16)
    agent = request.headers.get("User-Agent")
    short = agent[:_MAX_USER_AGENT] if agent else None
    origin.set_origin(origin.Origin(request.remote_addr, short, request_id, device_cookie.read()))


def _keep_metrics_apart() -> None:
    """Show the metrics where METRICS says, and on an address of their own nothing else."""
    where = current_app.config["METRICS"]
    own_address = where not in ("on", "off") and request.environ.get("SERVER_PORT") == where.rpartition(":")[2]
    if (request.endpoint == "ops.metrics") != own_address and not (where == "on" and request.endpoint == "ops.metrics"):
        raise NotFound


def _refuse_cross_origin() -> None:
    """Refuse what a page of another origin sends, by Fetch Metadata, else by Origin (OWASP CSRF cheat sheet)."""
    if request.method in _SAFE_METHODS:
        return
    site, sender = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site in ("same-origin", "none") or (sender is None and site is None) or sender in _own_origins():
        return
    raise CrossOriginRefused


def _own_origins() -> set[str]:
    """Return the origins whose pages may change things; in development also the one the request came to."""
    config = current_app.config
    own = {config["PUBLIC_URL"], *config["CORS_ORIGINS"]}
    return own | {f"{request.scheme}://{request.host}"} if config["APP_ENV"] == "development" else own


def _refuse_before_ready() -> None:
    if request.blueprint != "ops" and not ops.is_prepared():
        raise NotReady


def _add_headers(response: Response) -> Response:
    """Say on every answer what browsers and caches may do with it."""
    for name, value in answer_headers.for_service_at(current_app.config["PUBLIC_URL"]).items():
        response.headers.setdefault(name, value)
    if current_app.config["CORS_ORIGINS"]:
        response.vary.add("Origin")
    response.headers["X-Request-ID"] = origin.current().request_id
    return response


def _tell(response: Response) -> Response:
    """Count the answer and log it in one line: by route, since a path may hold what should not be kept."""
    taken = perf_counter() - g.begun
    route = request.url_rule.rule if request.url_rule is not None else "unmatched"
    method = request.method if request.method in _METHODS else "other"
    metrics.answered(method, route, response.status_code, taken)
    caller = g.get("caller")
    _log.info(
        "request",
        method=method,
        route=route,
        status=response.status_code,
        milliseconds=round(taken * 1e3, 2),
        ip=origin.current().ip,
        user=caller.user_id if caller is not None else None,
        problem=g.get("problem"),
    )
    return response

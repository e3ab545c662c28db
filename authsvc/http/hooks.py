"""The hooks around every view: before its request, and after its answer."""

import re
import secrets
from time import perf_counter

from flask import Flask, Request, Response, g, request

from authsvc import logs, metrics, origin
from authsvc.errors import CrossOriginRefused, NotFound, NotReady
from authsvc.http import language
from authsvc.http.cookies import device_cookie
from authsvc.request_settings import RequestSettings
from authsvc.services import ops, standings

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,128}", re.ASCII)
_SAFE_METHODS = ("GET", "HEAD", "OPTIONS", "TRACE")
_MAX_USER_AGENT = 512
_HEADERS_OF_APPS = "Authorization, Content-Type, X-Requested-With, MCP-Protocol-Version"
_BEFORE_READY = ("ops", "problems")
"""The blueprints that need nothing: probes, and what an error means."""
_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}


def init_app(
    app: Flask, settings: RequestSettings, *, without_cookies: tuple[str, ...], for_any_origin: frozenset[str]
) -> None:
    """Register the hooks. After a view, they run last.

    Paths that begin with any of `without_cookies` read none, so pages of any origin may send requests there; of the
    paths `for_any_origin` they may also read the answers.
    """

    def before() -> None:
        incoming = request._get_current_object()  # type: ignore[attr-defined]  # each use of the proxy costs time
        reads_cookies = not incoming.path.startswith(without_cookies)
        _note_origin(incoming, reads_cookies=reads_cookies)
        _keep_metrics_apart(incoming, settings)
        if reads_cookies:
            _refuse_cross_origin(incoming, settings)
        _refuse_before_ready(incoming)

    def after(response: Response) -> Response:
        standings.settle()
        if settings.varies_by_origin:
            response.vary.add("Origin")
        if request.path in for_any_origin:
            _open(response)
        response.headers["X-Request-ID"] = origin.current().request_id
        _log(request._get_current_object(), response)  # type: ignore[attr-defined]
        return response

    app.before_request(before)
    app.after_request(after)  # what is registered first runs last


def _open(response: Response) -> None:
    """Let pages of any origin read an answer, and never with credentials: none are read there."""
    for name in ("Access-Control-Allow-Credentials", "Access-Control-Expose-Headers"):
        response.headers.pop(name, None)
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    if request.method == "OPTIONS":
        response.headers["Access-Control-Allow-Methods"] = "GET, POST"
        response.headers["Access-Control-Allow-Headers"] = _HEADERS_OF_APPS
        response.headers["Access-Control-Max-Age"] = "600"


def _note_origin(incoming: Request, *, reads_cookies: bool) -> None:
    g.start = perf_counter()
    header = incoming.headers.get("X-Request-ID", "")
    request_id = header if _REQUEST_ID.fullmatch(header) else secrets.token_hex(16)
    agent = incoming.headers.get("User-Agent")
    short = agent[:_MAX_USER_AGENT] if agent else None
    devices = tuple(device_cookie.values()) if reads_cookies and "HTTP_COOKIE" in incoming.environ else ()
    spoken = language.stated(incoming) if reads_cookies else language.preferred(incoming)
    origin.set_origin(origin.Origin(incoming.remote_addr or None, short, request_id, spoken, devices))


def _keep_metrics_apart(incoming: Request, settings: RequestSettings) -> None:
    """Refuse the metrics except at the address that METRICS names, and there everything else."""
    wants_metrics = incoming.endpoint == "ops.metrics"
    own_address = settings.metrics_port is not None and incoming.environ.get("SERVER_PORT") == settings.metrics_port
    if wants_metrics != own_address and not (wants_metrics and settings.metrics == "on"):
        raise NotFound


def _refuse_cross_origin(incoming: Request, settings: RequestSettings) -> None:
    """Refuse requests from pages of other origins, by Fetch Metadata, else by Origin (OWASP CSRF cheat sheet)."""
    if incoming.method in _SAFE_METHODS:
        return
    site, sender = incoming.headers.get("Sec-Fetch-Site"), incoming.headers.get("Origin")
    if site in ("same-origin", "none") or (sender is None and site is None) or sender in settings.own_origins:
        return
    if settings.host_is_own and sender == f"{incoming.scheme}://{incoming.host}":
        return
    raise CrossOriginRefused


def _refuse_before_ready(incoming: Request) -> None:
    if incoming.blueprint not in _BEFORE_READY and not ops.is_prepared():
        raise NotReady


def _log(incoming: Request, response: Response) -> None:
    """Count the answer and log it in one line, by its route: a path may hold a secret."""
    seconds = perf_counter() - g.start
    route = incoming.url_rule.rule if incoming.url_rule is not None else "unmatched"
    method = incoming.method if incoming.method in _METHODS else "other"
    metrics.answered(method, route, response.status_code, seconds)
    caller = g.get("caller")
    logs.log_request(
        method=method,
        route=route,
        status=response.status_code,
        milliseconds=round(seconds * 1e3, 2),
        ip=origin.current().ip,
        user=caller.user_id if caller is not None else None,
        problem=g.get("problem"),
    )

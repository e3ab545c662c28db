"""The composition root: the only place where the parts are put together."""

import re
import threading
from collections.abc import Callable, Iterable
from functools import partial
from itertools import count
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

from flask import Flask
from flask.sessions import SecureCookieSession, SessionInterface
from werkzeug.routing import MapAdapter

from authsvc import api, cli, events, logs, oauth, request_settings, security_headers, settings, subscribers, web
from authsvc.api import openapi
from authsvc.errors import Problem
from authsvc.errors.oauth_refusal import OAuthRefusal
from authsvc.extensions import cors, jwt
from authsvc.http import forwarding, hooks, language, pages, problems, targets
from authsvc.http.ids import AppIdConverter, IdConverter
from authsvc.lifecycle import Lifecycle, run_in_background
from authsvc.models import connection
from authsvc.models.base import deadline
from authsvc.security import jwk, passwords
from authsvc.security.hashing_pool import HashingPool
from authsvc.security.passwords import Hasher
from authsvc.services import (
    app_documents,
    audit,
    daily_counts,
    logout_notices,
    mail,
    ops,
    providers,
    signing_keys,
    standings,
    tokens,
    webhook_deliveries,
    webhook_messages,
)
from authsvc.services import hooks as operator_hooks

_RETRY_SECONDS = 0.5
_INDEXES_EVERY = 3
"""Every third reading of the key rings also checks the indexes: every 15 seconds."""

_log = logs.get(__name__)


def create_app(config: object) -> Flask:
    """Return the application for a configuration: an object with the settings in capitals."""
    app = _Application("authsvc", template_folder="http/templates", static_folder=None)
    app.config.from_object(config)
    events.subscribe(*subscribers.IN_ORDER)
    logs.configure(app.config["LOG_LEVEL"], as_json=app.config["APP_ENV"] != "development")
    _warn_of_settings(app)
    _route_strictly(app)
    connection.connect(app.config["MONGODB_URI"])
    _size_hashing_pool(app)
    _configure_tokens(app)
    _configure_http(app)
    ops.init_app(app)
    signing_keys.init_app(app)
    standings.init_app(app)
    _wrap_requests(app)
    _keep_ready(app)
    for command in cli.COMMANDS:
        app.cli.add_command(command)
    return app


class _NoSession(SessionInterface):
    """Flask's session cookie is not used; its signer would be built for every request."""

    def open_session(self, app: Flask, request: Any) -> SecureCookieSession | None:
        """Return no session."""


class _Application(Flask):
    session_interface = _NoSession()

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function: none is a coroutine, and Flask checks nine times for each request."""
        return func

    def create_url_adapter(self, request: Any) -> MapAdapter | None:
        """Route the requests that `targets` admits; others are answered as if no rule had matched."""
        if request is not None:
            only_local = self.config["APP_ENV"] == "development"
            try:
                targets.admit(request.environ, public_url=self.config["PUBLIC_URL"], only_local=only_local)
            except Problem as refusal:
                request.routing_exception = refusal
                return None
        return super().create_url_adapter(request)

    def log_exception(self, exc_info: Any) -> None:
        """Log the types and places of a failure: its messages may quote user input."""
        _log.error("request.failed", cause=logs.where(exc_info[1]))


def _warn_of_settings(app: Flask) -> None:
    if app.config["LIMIT_ALIASES"]:
        _log.warning("settings.former_names", names=app.config["LIMIT_ALIASES"], instead="LIMITS")
    if app.config["PASSWORD_GRANT"]:
        _log.warning("settings.password_grant", cause="programs see passwords, which RFC 9700 section 2.4 forbids")


def _route_strictly(app: Flask) -> None:
    app.url_map.merge_slashes = False
    app.url_map.converters["id"] = IdConverter
    app.url_map.converters["app"] = AppIdConverter
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.config["PROPAGATE_EXCEPTIONS"] = False


def _size_hashing_pool(app: Flask) -> None:
    """Limit concurrent hashes to one for each core of the machine, over all its workers."""
    size = max(1, settings.cores() // app.config["WEB_CONCURRENCY"])
    passwords.use(Hasher(app.config["BCRYPT_ROUNDS"], HashingPool(size, app.config["HASHING_MAX_WAIT"])))


def _configure_tokens(app: Flask) -> None:
    issuer, audience = app.config["TOKEN_ISSUER"], app.config["TOKEN_AUDIENCE"]
    with app.app_context():
        audiences = [audience, tokens.refresh_audience()]
    app.config.update(
        JWT_ALGORITHM=jwk.ALGORITHM.value,
        JWT_DECODE_ALGORITHMS=[jwk.ALGORITHM.value],
        JWT_ENCODE_ISSUER=issuer,
        JWT_DECODE_ISSUER=issuer,
        JWT_ENCODE_AUDIENCE=audience,
        JWT_DECODE_AUDIENCE=audiences,
        JWT_DECODE_LEEWAY=tokens.UNBOUNDED_SECONDS,
        JWT_ENCODE_NBF=False,
        JWT_COOKIE_CSRF_PROTECT=False,
        JWT_TOKEN_LOCATION=["headers"],
    )
    jwt.init_app(app)


def _configure_http(app: Flask) -> None:
    hooks.init_app(
        app,
        request_settings.init_app(app),
        without_cookies=(oauth.PREFIX, api.federation.FORM_POST),
        for_any_origin=oauth.FOR_ANY_ORIGIN,
    )
    if app.config["CORS_ORIGINS"]:
        cors.init_app(
            app,
            # Patterns: with strings flask-cors ignores case, and guesses which of them are patterns.
            origins=[re.compile(rf"{re.escape(origin)}\Z") for origin in app.config["CORS_ORIGINS"]],
            always_send=False,
            methods=["GET", "POST", "PATCH", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "X-Request-ID"],
            expose_headers=security_headers.EXPOSED,
            supports_credentials=True,
            max_age=600,
        )
    pages.init_app(app)
    language.init_app(app)
    of_pages = (*web.ACCOUNT_PAGES, *api.FOR_ACCOUNT_PAGES) if app.config["ACCOUNT_PAGES"] else ()
    if app.config["ACCOUNT_PAGES"] and app.config["ADMIN_PAGES"]:
        of_pages = (*of_pages, *web.ADMIN_PAGES)
    openapi.init_app(app, (*api.BLUEPRINTS, *web.BLUEPRINTS, *of_pages))
    web.front.init_app(app)
    app_documents.init_app(app)
    providers.init_app(app)
    operator_hooks.init_app(app)
    for blueprint in oauth.BLUEPRINTS:  # which their own metadata describe to programs, and no OpenAPI document
        app.register_blueprint(blueprint)
    if app.config["APP_ENV"] == "development":
        for blueprint in api.FOR_DEVELOPMENT:
            app.register_blueprint(blueprint)
    problems.init_app(app, {oauth.PREFIX: oauth.errors.render_problem})
    app.register_error_handler(OAuthRefusal, oauth.errors.render)


def _wrap_requests(app: Flask) -> None:
    """Apply trusted proxies, one deadline for the database work of each request, and the security headers."""
    inner, seconds, hops = app.wsgi_app, app.config["REQUEST_DEADLINE"], app.config["TRUSTED_PROXIES"]
    fixed = security_headers.for_service_at(app.config["PUBLIC_URL"])

    def within_deadline(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], *error: Any) -> Callable[[bytes], object]:
            return start_response(status, security_headers.complete(headers, fixed), *error)

        forwarding.believe(environ, hops)
        with deadline(seconds):
            return inner(environ, start)

    app.wsgi_app = within_deadline  # type: ignore[method-assign]


def _keep_ready(app: Flask) -> None:
    """Prepare in the background until it succeeds, then watch keys and indexes; no restart is needed."""
    stop = threading.Event()

    def work() -> None:
        with app.app_context():
            while not ops.prepare():
                if stop.wait(_RETRY_SECONDS):
                    return
            ops.follow_key_rings()
            for turn in count(1):
                is_over = stop.wait(signing_keys.REREAD_SECONDS)
                daily_counts.flush()
                if is_over:
                    return
                ops.follow_key_rings()
                audit.settle_safely()
                if turn % _INDEXES_EVERY == 0:
                    ops.watch_indexes()

    def wait_until_ready(seconds: float) -> bool:
        with app.app_context():
            return ops.wait_until_prepared(seconds)

    Lifecycle(stop, wait_until_ready, partial(_deliver, app, stop)).attach(app)
    run_in_background(work, stop, name="authsvc-ready")


def _deliver(app: Flask, stop: threading.Event) -> None:
    """Deliver what is in the outboxes in the background until `stop` is set."""
    mail.start_delivery(app, stop)
    logout_notices.start_delivery(app, stop)
    webhook_messages.start_delivery(app, stop)
    webhook_deliveries.start_delivery(app, stop)

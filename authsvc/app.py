"""The composition root: the only place where the parts are put together."""

import os
import re
import threading
from collections.abc import Iterable
from functools import partial
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

import mongoengine
from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from authsvc import api, cli, logs, web
from authsvc.api import openapi, pages, problems, requests
from authsvc.extensions import cors, jwt
from authsvc.models.base import STEP_SECONDS, deadline
from authsvc.security import jwk, passwords
from authsvc.security.hashing_pool import HashingPool
from authsvc.security.passwords import Hasher
from authsvc.services import mail, ops, signing_keys, tokens

_RETRY_SECONDS = 0.5
_log = logs.get(__name__)
_POOL_SIZE = 50


def create_app(config: object) -> Flask:
    """Return the application for a configuration: an object with the settings in capitals."""
    app = _Application("authsvc", template_folder="api/templates", static_folder=None)
    app.config.from_object(config)
    logs.configure(app.config["LOG_LEVEL"], as_json=app.config["APP_ENV"] != "development")
    _route_strictly(app)
    _connect_database(app)
    _size_hashing_pool(app)
    _configure_tokens(app)
    _configure_http(app)
    ops.init_app(app)
    signing_keys.init_app(app)
    _bound_requests(app)
    _keep_ready(app)
    for command in cli.COMMANDS:
        app.cli.add_command(command)
    return app


class _Application(Flask):
    def log_exception(self, exc_info: Any) -> None:
        """Log a failure by its types and places: its messages may quote what a user sent."""
        _log.error("request.failed", cause=logs.where(exc_info[1]))


def _route_strictly(app: Flask) -> None:
    app.url_map.merge_slashes = False
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.config["PROPAGATE_EXCEPTIONS"] = False


def _connect_database(app: Flask) -> None:
    options = {
        "host": app.config["MONGODB_URI"],
        "tz_aware": True,
        "uuidRepresentation": "standard",
        "w": "majority",
        "journal": True,
        "timeoutMS": int(STEP_SECONDS * 1000),
        "maxPoolSize": _POOL_SIZE,
        "appname": "authsvc",
    }
    try:
        mongoengine.connect(**options)
    except mongoengine.ConnectionFailure:  # another application of this process has another database
        mongoengine.disconnect()
        mongoengine.connect(**options)


def _size_hashing_pool(app: Flask) -> None:
    """Hash at most once per core of the machine at a time, over all its workers."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    size = max(1, cores // app.config["WEB_CONCURRENCY"])
    passwords.use(Hasher(app.config["BCRYPT_ROUNDS"], HashingPool(size, app.config["HASHING_MAX_WAIT"])))


def _configure_tokens(app: Flask) -> None:
    issuer, audience = app.config["TOKEN_ISSUER"], app.config["TOKEN_AUDIENCE"]
    with app.app_context():
        audiences = [audience, tokens.refresh_audience()]
    app.config.update(
        JWT_ALGORITHM=jwk.ALGORITHM,
        JWT_DECODE_ALGORITHMS=[jwk.ALGORITHM],
        JWT_ENCODE_ISSUER=issuer,
        JWT_DECODE_ISSUER=issuer,
        JWT_ENCODE_AUDIENCE=audience,
        JWT_DECODE_AUDIENCE=audiences,
        JWT_DECODE_LEEWAY=tokens.LEEWAY_SECONDS,
        JWT_ENCODE_NBF=False,
        JWT_COOKIE_CSRF_PROTECT=False,
        JWT_TOKEN_LOCATION=["headers"],
    )
    jwt.init_app(app)


def _configure_http(app: Flask) -> None:
    requests.init_app(app)
    if app.config["CORS_ORIGINS"]:
        cors.init_app(
            app,
            # Patterns: with strings flask-cors ignores case, and guesses from a character whether one is a pattern.
            origins=[re.compile(rf"{re.escape(origin)}\Z") for origin in app.config["CORS_ORIGINS"]],
            always_send=False,
            methods=["GET", "POST", "PATCH", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "X-Request-ID"],
            expose_headers=["X-Request-ID", "Retry-After", "RateLimit", "RateLimit-Policy", "WWW-Authenticate"],
            supports_credentials=True,
            max_age=600,
        )
    app.jinja_env.globals["style"] = pages.STYLE
    app.jinja_env.filters["with_code"] = pages.with_code
    openapi.init_app(app, (*api.BLUEPRINTS, *web.blueprints(account_pages=app.config["ACCOUNT_PAGES"])))
    if app.config["APP_ENV"] == "development":
        for blueprint in api.FOR_DEVELOPMENT:
            app.register_blueprint(blueprint)
    problems.init_app(app)


def _bound_requests(app: Flask) -> None:
    """Count the trusted proxies, and give the database work of each request one deadline."""
    inner, seconds = app.wsgi_app, app.config["REQUEST_DEADLINE"]

    def within_deadline(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        with deadline(seconds):
            return inner(environ, start_response)

    hops = app.config["TRUSTED_PROXIES"]
    app.wsgi_app = ProxyFix(within_deadline, x_for=hops, x_proto=hops) if hops else within_deadline  # type: ignore[method-assign]


def _keep_ready(app: Flask) -> None:
    """Prepare in the background until it works, then follow the key ring; no restart is ever needed."""
    stop = threading.Event()

    def work() -> None:
        with app.app_context():
            while not ops.prepare():
                if stop.wait(_RETRY_SECONDS):
                    return
            while not stop.wait(signing_keys.REREAD_SECONDS):
                ops.follow_key_ring()

    def wait_until_ready(seconds: float) -> bool:
        with app.app_context():
            return ops.wait_until_prepared(seconds)

    app.extensions["authsvc.stop"] = stop
    app.extensions["authsvc.wait_until_ready"] = wait_until_ready
    app.extensions["authsvc.deliver_mail"] = partial(mail.start_delivery, app)
    threading.Thread(target=work, name="authsvc-ready", daemon=True).start()

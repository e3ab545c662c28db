"""The settings that every request asks for, worked out once: looking them up in Flask costs more than using them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Self, cast

from flask import Flask, current_app

_EXTENSION = "authsvc.request_settings"


@dataclass(frozen=True, slots=True)
class RequestSettings:
    """Settings in the shape in which requests use them.

    `metrics_port` is the port of the address that METRICS names, if it names one. `access_life` is in seconds.
    """

    metrics: str
    metrics_port: str | None
    own_origins: frozenset[str]
    host_is_own: bool
    varies_by_origin: bool
    token_audience: str
    access_life: int
    idle: timedelta

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Self:
        """Return what a configuration says."""
        where = config["METRICS"]
        return cls(
            metrics=where,
            metrics_port=where.rpartition(":")[2] if where not in ("on", "off") else None,
            own_origins=frozenset({config["PUBLIC_URL"], *config["CORS_ORIGINS"]}),
            host_is_own=config["APP_ENV"] == "development",
            varies_by_origin=bool(config["CORS_ORIGINS"]),
            token_audience=config["TOKEN_AUDIENCE"],
            access_life=config["ACCESS_TOKEN_TTL"],
            idle=timedelta(seconds=config["SESSION_IDLE_TTL"]),
        )


def init_app(app: Flask) -> RequestSettings:
    """Keep an application's settings, and return them."""
    kept = RequestSettings.of(app.config)
    app.extensions[_EXTENSION] = kept
    return kept


def current() -> RequestSettings:
    """Return the settings of the application at work."""
    return cast(RequestSettings, current_app.extensions[_EXTENSION])

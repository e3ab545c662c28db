"""What is counted, in Prometheus' terms, over all workers of this machine.

With `PROMETHEUS_MULTIPROC_DIR` set before the first import (`gunicorn.conf.py` does) each worker counts in a file there
and any of them can tell the sum. No label holds what a client made up.
"""

import os
from functools import lru_cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

disable_created_metrics()  # type: ignore[no-untyped-call]
REGISTRY = CollectorRegistry()
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

REQUESTS = Counter(
    "authsvc_requests", "Answers, by method, route and status.", ["method", "route", "status"], registry=REGISTRY
)
REQUEST_SECONDS = Histogram(
    "authsvc_request_seconds", "Time to answer, by route.", ["route"], buckets=_SECONDS, registry=REGISTRY
)
LOGINS = Counter("authsvc_logins", "Sign-ins, by outcome: succeeded, or why not.", ["outcome"], registry=REGISTRY)
SESSIONS_ENDED = Counter("authsvc_sessions_ended", "Sessions ended, by reason.", ["reason"], registry=REGISTRY)
THROTTLED = Counter("authsvc_throttled", "Attempts refused as too many, by limit.", ["limit"], registry=REGISTRY)
SECURITY_EVENTS = Counter("authsvc_security_events", "Events on record, by action.", ["action"], registry=REGISTRY)
DATABASE_ERRORS = Counter(
    "authsvc_database_errors",
    "Failures of the database: of a request, a record, the keys, the outbox, readiness.",
    registry=REGISTRY,
)
LETTERS = Counter(
    "authsvc_letters",
    "Letters, by outcome of an attempt; suppressed: not written at all.",
    ["outcome"],
    registry=REGISTRY,
)
LOGOUT_NOTICES = Counter(
    "authsvc_logout_notices", "Notices to apps of a sign-out, by outcome of an attempt.", ["outcome"], registry=REGISTRY
)
WEBHOOK_MESSAGES = Counter(
    "authsvc_webhook_messages",
    "Events that webhooks hear of, by outcome: delivered to their outboxes, put off, dead.",
    ["outcome"],
    registry=REGISTRY,
)
WEBHOOK_DELIVERIES = Counter(
    "authsvc_webhook_deliveries", "What webhooks are told, by outcome of an attempt.", ["outcome"], registry=REGISTRY
)
PROVIDER_VISITS = Counter(
    "authsvc_provider_visits",
    "Visits to providers that people sign in with, by outcome: answered, refused, unavailable.",
    ["provider", "outcome"],
    registry=REGISTRY,
)
HOOKS = Counter(
    "authsvc_hooks",
    "Questions to the hooks of the operator, by outcome: answered, refused, failed.",
    ["hook", "outcome"],
    registry=REGISTRY,
)
HASHING_QUEUE = Gauge(
    "authsvc_hashing_queue", "Passwords being hashed or waiting.", multiprocess_mode="livesum", registry=REGISTRY
)
HASHING_WAIT = Histogram(
    "authsvc_hashing_wait_seconds", "Time a password waited to be hashed.", buckets=_SECONDS, registry=REGISTRY
)
HASHING_REFUSED = Counter("authsvc_hashing_refused", "Passwords that found the line too long.", registry=REGISTRY)


def answered(method: str, route: str, status: int, seconds: float) -> None:
    """Count an answer and the time it took."""
    _answers(method, route, status).inc()
    _times(route).observe(seconds)


@lru_cache(maxsize=4096)
def _answers(method: str, route: str, status: int) -> Counter:
    """Return the counter with these labels: to find it costs more than to count."""
    return REQUESTS.labels(method, route, status)


@lru_cache(maxsize=512)
def _times(route: str) -> Histogram:
    return REQUEST_SECONDS.labels(route)


def exposition() -> bytes:
    """Return everything counted, of all workers, in the Prometheus text format."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return generate_latest(REGISTRY)
    together = CollectorRegistry()
    MultiProcessCollector(together)  # type: ignore[no-untyped-call]
    return generate_latest(together)

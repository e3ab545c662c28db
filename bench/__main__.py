"""Measure the service on this machine: load maker, database and service share its cores."""

import json
import socket
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory

import bcrypt

from authsvc.embedded import Database
from bench import load
from tests.support.service import Service, Visitor

ROUNDS = 12
WORKERS = 2
FLOOD = 32
PROBES = 25
HALF_OPEN = 400
SECONDS = 20
FLOODERS = [f"bench-{number}@example.com" for number in range(FLOOD)]
PASSWORD = "correct horse battery"
ORIGIN = "http://localhost:8000"

Row = tuple[str, str, bool | None]
"""What was measured, the figure, and whether the goal is met where there is one."""


def main() -> int:
    """Run everything; return 1 where a goal is missed."""
    rows: list[Row] = []
    with TemporaryDirectory(prefix="authsvc-bench-") as folder, Database(Path(folder) / "mongodb") as database:
        settings = {"APP_ENV": "testing", "MONGODB_URI": database.uri, "SECRET_KEY": "bench" * 8, "PUBLIC_URL": ORIGIN}
        with Service(**settings, BCRYPT_ROUNDS=ROUNDS, WEB_CONCURRENCY=WORKERS) as service:
            visitor = Visitor(service.url)
            tokens = visitor.register("bench@example.com", PASSWORD).json()
            for email in FLOODERS:
                visitor.register(email, PASSWORD)
            rows += flood(service.port, tokens["accessToken"])
            rows += half_open(service, visitor)
            rows += verification(service.port, tokens["accessToken"], settings)
    width = max(len(name) for name, _, _ in rows)
    for name, figure, held in rows:
        print(f"{name:<{width}}  {figure:<34}{'' if held is None else 'holds' if held else 'MISSED'}")
    return 0 if all(held is not False for _, _, held in rows) else 1


def flood(port: int, token: str) -> list[Row]:
    """Flood login, and meanwhile call the protected route now and then."""
    before = bare_bcrypt()
    logins_of = [load.http("POST", "/auth/login", body={"email": email, "password": PASSWORD}) for email in FLOODERS]
    flooding = load.start(port=port, connections=FLOOD, seconds=SECONDS, requests=logins_of)
    time.sleep(2)
    probing = load.start(
        port=port, connections=2, seconds=SECONDS - 4, rate=PROBES, requests=[load.http("GET", "/", token=token)]
    )
    probed, logins = load.finish(probing), load.finish(flooding)
    bare = (before + bare_bcrypt()) / 2
    share = logins.rate / bare
    return [
        ("bare bcrypt, cost 12, both cores", f"{bare:.2f} hashes/s", None),
        (f"logins under {FLOOD} connections", f"{logins.rate:.2f}/s = {share:.0%} of bare bcrypt", share >= 0.9),
        ("  refused", f"{logins.refused} of {len(logins.seconds)} {logins.statuses}", logins.refused == 0),
        ("  wait", f"median {logins.quantile(0.5):.2f} s, p99 {logins.quantile(0.99):.2f} s", None),
        (
            f"GET / meanwhile, {PROBES} a second, p99",
            f"{probed.quantile(0.99) * 1e3:.1f} ms",
            probed.quantile(0.99) < 0.05,
        ),
        ("  median, most", f"{probed.quantile(0.5) * 1e3:.1f} ms, {max(probed.seconds) * 1e3:.1f} ms", None),
    ]


def bare_bcrypt(seconds: float = 5) -> float:
    """Return hashes a second on all cores with nothing around them."""
    stored = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(ROUNDS))

    def work() -> int:
        count, end = 0, time.monotonic() + seconds
        while time.monotonic() < end:
            bcrypt.checkpw(PASSWORD.encode(), stored)
            count += 1
        return count

    begin = time.monotonic()
    with ThreadPoolExecutor(WORKERS) as pool:
        total = sum(pool.map(lambda _: work(), range(WORKERS)))
    return total / (time.monotonic() - begin)


def half_open(service: Service, visitor: Visitor) -> list[Row]:
    """Hold connections that never finish their headers or their body, and see whether others are served."""
    with ExitStack() as held:
        for number in range(HALF_OPEN):
            begun = held.enter_context(socket.create_connection(("127.0.0.1", service.port)))
            length = "" if number % 2 else "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
            begun.sendall(f"POST /auth/login HTTP/1.1\r\nHost: localhost\r\n{length}".encode())
        health = timed(lambda: visitor.request("GET", "/healthz").status_code == 200)
        login = timed(lambda: visitor.login("bench@example.com", PASSWORD).status_code == 200)
    return [
        (f"with {HALF_OPEN} half-open connections", f"healthz {health * 1e3:.0f} ms", health < 1),
        ("  and a login", f"{login * 1e3:.0f} ms", login < 1),
    ]


def verification(port: int, token: str, settings: dict[str, str]) -> list[Row]:
    """Compare the protected routes with bare Flask routes under the same gunicorn, and say where the time goes."""
    with serving("bench.forgetful:app", settings) as other, serving("bench.bare:app", settings) as bare:
        routes = [(port, "/"), (port, "/auth/verify"), (other, "/"), (bare, "/"), (bare, "/read")]
        rounds = [[rate_of(where, path, token) for where, path in routes] for _ in range(4)]
    ours, verify, checked, plain, read = (fmean(of_one) for of_one in zip(*rounds, strict=True))
    gain = ours / checked - 1
    parts = (1 / plain, 1 / checked - 1 / ours, max(0.0, 1 / read - 1 / plain), max(0.0, 1 / ours - 1 / read))
    spent = [f"{1e3 * WORKERS * part:.2f} ms" for part in parts]
    return [
        ("bare Flask route", f"{plain:.0f}/s", None),
        ("bare Flask route that reads the session", f"{read:.0f}/s", None),
        (
            "GET /",
            f"{ours:.0f}/s = {ours / read:.0%} of that, {ours / plain:.0%} of bare",
            ours / read >= 0.7,
        ),
        ("GET /auth/verify", f"{verify:.0f}/s = {verify / read:.0%} of that", None),
        ("GET / with every signature checked", f"{checked:.0f}/s: remembering buys {gain:.0%}", gain >= 0.2),
        ("  a request's time", f"HTTP {spent[0]}, session {spent[2]}, the rest of ours {spent[3]}", None),
        ("  a signature check more", spent[1], None),
    ]


def rate_of(port: int, path: str, token: str) -> float:
    """Return the good answers a second of a route; in turns with others, so that a busier moment falls on them all."""
    request = load.http("GET", path, token=token)
    result = load.finish(load.start(port=port, connections=16, seconds=3, requests=[request]))
    assert result.refused == 0, result.statuses
    return result.rate


@contextmanager
def serving(program: str, settings: dict[str, str]):
    """Serve another program under the same gunicorn settings; yield its port."""
    service = Service(program=(program,), **settings, WEB_CONCURRENCY=WORKERS)
    service.start(ready=False)
    try:
        end = time.monotonic() + 20
        while not listening(service.port):
            assert time.monotonic() < end, service.log()
            time.sleep(0.1)
        time.sleep(2)
        yield service.port
    finally:
        service.stop()


def listening(port: int) -> bool:
    """Tell whether something takes connections on the port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def timed(call: Callable[[], bool]) -> float:
    """Return how long a call took, in seconds; it must succeed."""
    begin = time.monotonic()
    assert call(), json.dumps("no good answer")
    return time.monotonic() - begin


if __name__ == "__main__":
    sys.exit(main())

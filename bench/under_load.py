"""How it holds: logins in a closed loop, more logins than it can take, clients that never finish."""

import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import bcrypt

from bench import load
from bench.harness import PASSWORD, ROUNDS, WORKERS, Row, deployment, timed
from tests.support.service import Service, Visitor

FLOOD = 32
PATIENCE = 8
"""Seconds: two cores hash 7 to 8 passwords in one, and connections are not spread evenly over the workers."""
PROBES = 25
HALF_OPEN = 400
SECONDS = 30
OFFERED = 50
OVERLOAD_SECONDS = 30
FLOODERS = [f"bench-{number}@example.com" for number in range(FLOOD)]


def flood() -> list[Row]:
    """Flood the login, and call the protected route now and then."""
    before = bare_bcrypt()
    with deployment(HASHING_MAX_WAIT=PATIENCE) as service:
        probed, logins = run_flood(service)
    bare = (before + bare_bcrypt()) / 2
    share = logins.rate / bare
    return [
        ("bare bcrypt, cost 12, both cores", f"{bare:.2f} hashes/s", None),
        (f"logins under {FLOOD} connections", f"{logins.rate:.2f}/s = {share:.0%} of bare bcrypt", share >= 0.9),
        ("  refused", f"{logins.refused} of {len(logins.seconds)} {logins.statuses}", logins.refused == 0),
        ("  wait", f"median {logins.quantile(0.5):.2f} s, p99 {logins.quantile(0.99):.2f} s", None),
        (
            f"GET / during that, {PROBES} a second, p99",
            f"{probed.quantile(0.99) * 1e3:.1f} ms",
            probed.quantile(0.99) < 0.05,
        ),
        ("  median, most", f"{probed.quantile(0.5) * 1e3:.1f} ms, {max(probed.seconds) * 1e3:.1f} ms", None),
    ]


def run_flood(service: Service) -> tuple[load.Result, load.Result]:
    """Return the results of the protected route and of the logins."""
    visitor = Visitor(service.url)
    token = visitor.register("bench@example.com", PASSWORD).json()["accessToken"]
    for email in FLOODERS:
        visitor.register(email, PASSWORD)
    logins_of = [load.http("POST", "/auth/login", body={"email": email, "password": PASSWORD}) for email in FLOODERS]
    flooding = load.start(port=service.port, connections=FLOOD, seconds=SECONDS, requests=logins_of)
    time.sleep(2)
    probing = load.start(
        port=service.port,
        connections=2,
        seconds=SECONDS - 4,
        rate=PROBES,
        requests=[load.http("GET", "/", token=token)],
    )
    return load.finish(probing), load.finish(flooding)


def bare_bcrypt(seconds: float = 5) -> float:
    """Return hashes a second on all cores, by bcrypt itself."""
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


def overload() -> list[Row]:
    """Offer more logins than can be hashed, by the clock, and check that other requests are served."""
    before = bare_bcrypt()
    with deployment() as service:
        visitor = Visitor(service.url)
        tokens = visitor.register("bench@example.com", PASSWORD).json()
        alone = timed(lambda: visitor.login("bench@example.com", PASSWORD).status_code == 200)
        for email in FLOODERS:
            visitor.register(email, PASSWORD)
        logins_of = [
            load.http("POST", "/auth/login", body={"email": email, "password": PASSWORD}) for email in FLOODERS
        ]
        flooding = load.start(
            port=service.port, connections=400, seconds=OVERLOAD_SECONDS, rate=OFFERED, requests=logins_of
        )
        time.sleep(2)
        probes: dict[str, dict[str, Any]] = {
            "GET /healthz": {"requests": [load.http("GET", "/healthz")]},
            "GET /auth/me": {"requests": [load.http("GET", "/auth/me", token=tokens["accessToken"])]},
            "a refresh": {"requests": [load.refreshing(tokens["refreshToken"])], "chained": True, "connections": 1},
        }
        seconds = OVERLOAD_SECONDS - 4
        running = {
            name: load.start(**{"port": service.port, "connections": 2, "seconds": seconds, "rate": 5, **probe})
            for name, probe in probes.items()
        }
        probed = {name: load.finish(process) for name, process in running.items()}
        logins = load.finish(flooding)
        time.sleep(5)
        after = recovery(visitor)
    bare = (before + bare_bcrypt()) / 2
    refused = load.quantile(logins.refusals, 0.99)
    rows: list[Row] = [
        (
            f"logins, {OFFERED} offered a second",
            f"{logins.rate:.2f}/s = {logins.rate / bare:.0%} of bare bcrypt",
            logins.rate / bare >= 0.8,
        ),
        ("  refused, p99 of the time that took", f"{logins.statuses} {refused * 1e3:.0f} ms", refused < 0.2),
        (
            "  a login by itself, and 5 s afterwards",
            f"{alone * 1e3:.0f} ms, {after['login'] * 1e3:.0f} ms",
            after["login"] < 2 * alone + 0.1,
        ),
        (
            "  GET /auth/me and a refresh, 5 s afterwards",
            f"{after['me'] * 1e3:.1f} ms, {after['refresh'] * 1e3:.1f} ms",
            max(after["me"], after["refresh"]) < 0.1,
        ),
    ]
    for name, result in probed.items():
        late = result.quantile(0.99)
        fine = late < 0.5 and result.refused == 0
        rows.append(
            (f"  {name} during that, p50 and p99", f"{result.quantile(0.5) * 1e3:.1f}, {late * 1e3:.1f} ms", fine)
        )
    return rows


def recovery(visitor: Visitor) -> dict[str, float]:
    """Return the seconds of a login, and of a read and a refresh with its tokens."""
    tokens: dict[str, Any] = {}

    def login() -> bool:
        answer = visitor.login("bench@example.com", PASSWORD)
        tokens.update(answer.json())
        return answer.status_code == 200

    return {
        "login": timed(login),
        "me": timed(lambda: visitor.me(tokens["accessToken"]).status_code == 200),
        "refresh": timed(lambda: visitor.refresh(tokens["refreshToken"]).status_code == 200),
    }


def half_open() -> list[Row]:
    """Hold connections that never finish their headers or their body, and check that others are served."""
    with deployment() as service, ExitStack() as connections:
        visitor = Visitor(service.url)
        visitor.register("bench@example.com", PASSWORD)
        for number in range(HALF_OPEN):
            connection = connections.enter_context(socket.create_connection(("127.0.0.1", service.port)))
            length = "" if number % 2 else "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
            connection.sendall(f"POST /auth/login HTTP/1.1\r\nHost: localhost\r\n{length}".encode())
        health = timed(lambda: visitor.request("GET", "/healthz").status_code == 200)
        login = timed(lambda: visitor.login("bench@example.com", PASSWORD).status_code == 200)
    return [
        (f"with {HALF_OPEN} half-open connections", f"healthz {health * 1e3:.0f} ms", health < 1),
        ("  and a login", f"{login * 1e3:.0f} ms", login < 1),
    ]

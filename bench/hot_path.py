"""The cost of a request compared with its unavoidable part: protected routes, refreshes, registrations, a start."""

import subprocess
import sys
import time
from statistics import fmean

import psutil

from bench import load
from bench.harness import PASSWORD, WORKERS, Row, database, deployment, rate_of, serving, timed
from bench.under_load import bare_bcrypt
from tests.support.service import Service, Visitor

CLIENTS = 16


def verification() -> list[Row]:
    """Compare the protected routes with plain Flask routes under the same gunicorn, and split their time."""
    with database() as settings, Service(**settings) as service:
        token = Visitor(service.url).register("bench@example.com", PASSWORD).json()["accessToken"]
        with (
            serving("bench.without_token_cache:app", settings) as other,
            serving("bench.baseline:app", settings) as bare,
        ):
            routes = [
                (service.port, "/"),
                (service.port, "/auth/verify"),
                (other.port, "/"),
                (bare.port, "/"),
                (bare.port, "/read"),
            ]
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


def refreshes() -> list[Row]:
    """Compare refreshes with compare-and-sets on the database, from as many clients, in turns."""
    with database() as settings, Service(**settings) as service:
        visitor = Visitor(service.url)
        tokens = [visitor.register(f"{n}@example.com", PASSWORD).json()["refreshToken"] for n in range(CLIENTS)]
        raw = [raw_rate(settings["MONGODB_URI"])]
        plan = {"port": service.port, "connections": CLIENTS, "seconds": 6, "chained": True}
        ours = load.finish(load.start(**plan, requests=[load.refreshing(token) for token in tokens]))
        raw.append(raw_rate(settings["MONGODB_URI"]))
        same = raw_rate(settings["MONGODB_URI"], of_sessions=True)
    bare = fmean(raw)
    share = ours.rate / bare
    figure = f"{ours.rate:.0f}/s = {share:.0%} of {bare:.0f} bare find_one_and_update/s"
    return [
        ("refreshes", figure, ours.refused == 0 and share >= 0.5),
        ("  beside the same step, on the same sessions", f"{ours.rate / same:.0%} of {same:.0f}/s", None),
    ]


def raw_rate(uri: str, *, of_sessions: bool = False) -> float:
    """Return compare-and-sets a second from as many clients, spread over as many processes as there are workers."""
    each = CLIENTS // WORKERS
    command = [sys.executable, "-m", "bench.raw_compare_and_set", uri, str(each)]
    shares = [[str(number * each)] if of_sessions else [] for number in range(WORKERS)]
    running = [subprocess.Popen([*command, *share], stdout=subprocess.PIPE, text=True) for share in shares]
    return sum(float(process.communicate()[0]) for process in running)


def registrations() -> list[Row]:
    """Compare registrations with bcrypt by itself, and measure the workers' memory afterwards."""
    bare = bare_bcrypt()
    with deployment() as service:
        visitor = Visitor(service.url)
        register = {"name": "A", "password": PASSWORD}
        texts = [
            load.http("POST", "/auth/register", body={**register, "email": f"bench-{number}@example.com"})
            for number in range(60)
        ]
        begin = time.monotonic()
        result = load.finish(load.start(port=service.port, connections=60, seconds=1, requests=texts))
        rate = result.statuses.get("201", 0) / (time.monotonic() - begin)
        assert visitor.request("GET", "/healthz").status_code == 200
        sizes = [worker.memory_info().rss / 2**20 for worker in service.workers()]
        unique = [psutil.Process(worker.pid).memory_full_info().uss / 2**20 for worker in service.workers()]
    return [
        ("registrations", f"{rate:.2f}/s = {rate / bare:.0%} of bare bcrypt", None),
        ("memory of a worker", f"{max(sizes):.0f} MiB, {max(unique):.0f} of its own", None),
    ]


def cold_start() -> list[Row]:
    """Measure from the command to the first successful answer of a service on an empty database."""
    with database() as settings:
        service = Service(**settings)
        try:
            seconds = timed(lambda: service.start() is service)
        finally:
            service.stop()
    return [("from a start to the first answer", f"{seconds:.1f} s", None)]

"""The service as it runs, with a provider that is slow. O55."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from flask import Flask

from authsvc.services import providers
from tests.support.outside import Server, dripping
from tests.support.service import Service
from tests.support.upstreams import Upstream, providers_file, signing_in_with

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def slow() -> Iterator[Server]:
    with Server(dripping(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n", b" ")) as server:
        yield server


@pytest.fixture(scope="module")
def service(
    settings: dict[str, str], lasting_upstream: Upstream, slow: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """Return a service of one worker, with a provider that works and one that drips."""
    lasting_upstream.reset()
    folder: Path = tmp_path_factory.mktemp("providers")
    tables = [lasting_upstream.toml("quick"), lasting_upstream.toml("slow", issuer=slow.url("", host="127.0.0.1"))]
    with Service(**{**settings, **providers_file(folder, *tables), "WEB_CONCURRENCY": 1}) as running:
        yield running


def begin(service: Service, provider: str) -> tuple[int, str, float]:
    """Return status, code and time of the answer to who goes to a provider."""
    began = time.monotonic()
    answer = requests.post(f"{service.url}/auth/federation/{provider}", json={"intent": "sign_in"}, timeout=20)
    return answer.status_code, answer.json().get("code", ""), time.monotonic() - began


class TestSlowProvider:
    def test_o55_it_is_over_within_six_seconds_and_felt_by_nobody_else(self, service: Service, slow: Server):
        assert begin(service, "quick")[0] == 200
        with ThreadPoolExecutor(60) as pool:
            waiting = [pool.submit(begin, service, "slow") for _ in range(60)]
            time.sleep(1)
            times = []
            for _ in range(10):
                status, _code, seconds = begin(service, "quick")
                assert status == 200
                once = time.monotonic()
                assert requests.get(f"{service.url}/readyz", timeout=5).status_code == 200
                times += [seconds, time.monotonic() - once]
            assert not all(one.done() for one in waiting), "they were felt while nobody waited"
            answers = [one.result() for one in waiting]
        assert {(status, code) for status, code, _ in answers} == {(503, "upstream_unavailable")}
        assert max(seconds for *_, seconds in answers) < 8
        assert sum(seconds > 5 for *_, seconds in answers) == 32
        assert sorted(times)[len(times) // 2] < 0.5
        assert slow.connections == 1

    def test_the_log_says_why(self, service: Service):
        log = service.log()
        assert '"provider.unavailable"' in log
        assert "it took too long" in log
        assert "too many wait for it" in log


class TestDeadline:
    @pytest.mark.parametrize(("deadline", "seconds"), [(8, 6.0), (7, 6.0), (4, 3.0), (1, 0.5)])
    def test_a_provider_never_waits_as_long_as_the_whole_request_may_take(
        self, app: Flask, upstream: Upstream, deadline: int, seconds: float
    ):
        before = app.config["REQUEST_DEADLINE"]
        app.config["REQUEST_DEADLINE"] = deadline
        try:
            with signing_in_with(app, upstream.settings()), app.app_context():
                assert providers.find("work")._upstream._connector.seconds == seconds  # type: ignore[attr-defined]
        finally:
            app.config["REQUEST_DEADLINE"] = before

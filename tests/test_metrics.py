"""`/metrics`: what is counted, over all workers, and who can see it."""

import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
from bson import ObjectId
from flask import Flask
from pymongo.errors import AutoReconnect

from authsvc import metrics
from authsvc.clients.mailer import NotDelivered
from authsvc.errors import HashingBusy
from authsvc.models import readiness
from authsvc.models.audit import AuditEvent
from authsvc.models.letters import Letter
from authsvc.models.signing_keys import TokenKey
from authsvc.models.users import User
from authsvc.security.hashing_pool import HashingPool
from authsvc.services import mail, ops
from tests.conftest import Person, problem
from tests.support.accounts import hashing, login, occupied, throttled
from tests.support.races import eventually
from tests.support.service import Service, Visitor, free_port

WRONG = "not the right phrase"


def value(text: str, name: str, **labels: str) -> float:
    """Return the sum of the samples of this name that have these labels."""
    samples = re.findall(rf"^{name}(?:\{{(.*)\}})? (\S+)$", text, re.MULTILINE)
    wanted = {f'{label}="{said}"' for label, said in labels.items()}
    return sum(float(number) for told, number in samples if wanted <= set(re.findall(r'\w+="[^"]*"', told)))


def grown(call: Callable[[], object], name: str, **labels: str) -> float:
    """Return by how much a sample grows while something is done."""
    before = value(metrics.exposition().decode(), name, **labels)
    call()
    return value(metrics.exposition().decode(), name, **labels) - before


class TestCounted:
    def test_requests_by_route_and_status(self, alice: Person):
        labels = {"method": "GET", "route": "/auth/me", "status": "200"}
        call = lambda: alice.client.get("/auth/me", headers=alice.headers)  # noqa: E731
        assert grown(call, "authsvc_requests_total", **labels) == 1
        assert grown(call, "authsvc_request_seconds_count", route="/auth/me") == 1

    def test_what_a_client_makes_up_is_no_label(self, alice: Person):
        for method, path in (("GET", "/nope/canary"), ("BREW", "/pot"), ("GET", "/auth/sessions/canary")):
            alice.client.open(path, method=method)
        text = metrics.exposition().decode()
        assert "canary" not in text
        assert "BREW" not in text
        assert value(text, "authsvc_requests_total", route="unmatched", method="other") >= 1

    def test_sign_ins_by_outcome(self, alice: Person):
        good, bad = (lambda: login(alice.client)), (lambda: login(alice.client, password=WRONG))
        assert grown(good, "authsvc_logins_total", outcome="succeeded") == 1
        assert grown(bad, "authsvc_logins_total", outcome="invalid_credentials") == 1
        assert grown(bad, "authsvc_security_events_total", action="login.failed") == 1
        assert grown(good, "authsvc_hashing_wait_seconds_count") == 1

    def test_sessions_ended_by_reason(self, alice: Person):
        alice.login()
        alice.login()
        others = lambda: alice.client.delete("/auth/sessions?scope=others", headers=alice.headers)  # noqa: E731
        assert grown(others, "authsvc_sessions_ended_total", reason="logout_others") == 2

    def test_what_was_throttled(self, alice: Person, app: Flask):
        def guess() -> None:
            with throttled(app, login_device=1):
                for _ in range(4):
                    login(alice.client, password=WRONG)

        assert grown(guess, "authsvc_throttled_total", limit="login_device") == 3

    @pytest.mark.parametrize(
        ("model", "step", "call"),
        [
            (User, "find", lambda alice: alice.client.get("/auth/me", headers=alice.headers)),
            (AuditEvent, "insert_all", lambda alice: alice.client.delete("/auth/logout", headers=alice.headers)),
            (TokenKey, "all", lambda _: ops.follow_key_rings()),
            (Letter, "lease", lambda _: mail._outbox.try_next_safely(print)),
            (readiness, "say_hello", lambda _: ops.missing()),
            (readiness, "say_hello", lambda _: ops.prepare()),
        ],
    )
    def test_failures_of_the_database_wherever_they_show(
        self, alice: Person, app: Flask, monkeypatch: pytest.MonkeyPatch, model: Any, step: str, call: Any
    ):
        def fail(*_: object, **__: object) -> None:
            raise AutoReconnect

        monkeypatch.setattr(model, step, fail)
        with app.app_context():
            assert grown(lambda: call(alice), "authsvc_database_errors_total") == 1

    def test_passwords_that_found_the_line_too_long(self, alice: Person):
        with hashing(size=1, max_wait=0) as pool, occupied(pool):
            assert grown(lambda: login(alice.client), "authsvc_hashing_refused_total") == 1

    def test_and_those_that_waited_in_vain_for_another_of_their_owner(self):
        pool = HashingPool(1, max_wait=0)

        def wait_in_vain() -> None:
            with pytest.raises(HashingBusy), pool.in_turn("mallory"):
                pass

        with pool.in_turn("mallory"):
            assert grown(wait_in_vain, "authsvc_hashing_refused_total") == 1

    def test_how_many_passwords_are_in_line_and_how_long_they_wait(self):
        pool = HashingPool(1, max_wait=60)
        in_line = lambda: value(metrics.exposition().decode(), "authsvc_hashing_queue")  # noqa: E731
        before = in_line()

        def wait() -> None:
            with ThreadPoolExecutor(1) as other, occupied(pool):
                waiting = other.submit(pool.run, list)
                eventually(lambda: in_line() == before + 2)
                time.sleep(0.05)
            assert waiting.result(10) == []

        assert 0.05 <= grown(wait, "authsvc_hashing_wait_seconds_sum") < 60
        assert in_line() == before

    @pytest.mark.parametrize(
        ("raised", "outcome"),
        [(None, "delivered"), (NotDelivered("later"), "put_off"), (NotDelivered("never", for_good=True), "dead")],
    )
    def test_letters_by_outcome(self, app: Flask, clean: None, raised: Exception | None, outcome: str):
        class Carrier:
            def send(self, _: object, _to: str) -> None:
                if raised is not None:
                    raise raised

        with app.app_context():
            mail.post("verify", ObjectId(), to="ada@example.com", link="https://x")
            assert grown(lambda: mail.deliver(Carrier()), "authsvc_letters_total", outcome=outcome) == 1


class TestWhere:
    def test_off_it_is_not_there(self, make_app: Callable[..., Flask]):
        problem(make_app(METRICS="off").test_client().get("/metrics"), 404, "not_found")

    def test_on_it_is_beside_the_rest(self, app: Flask):
        answer = app.test_client().get("/metrics")
        assert answer.content_type == metrics.CONTENT_TYPE
        assert "authsvc_requests_total" in answer.text

    @pytest.fixture
    def apart(self, settings: dict[str, str], app: Flask, clean: None) -> Iterator[tuple[Service, str]]:
        """Return a service of two workers with its metrics at an address of their own."""
        address = f"127.0.0.1:{free_port()}"
        with Service(**{**settings, "WEB_CONCURRENCY": 2, "METRICS": address}) as service:
            yield service, f"http://{address}"

    @pytest.mark.slow
    def test_on_an_address_of_its_own_it_sums_all_workers(self, apart: tuple[Service, str]):
        service, address = apart
        visitor = Visitor(service.url)
        token = visitor.register("alice@example.com").json()["accessToken"]
        for _ in range(20):
            assert visitor.home(token).status_code == 200
        for _ in range(5):
            text = requests.get(f"{address}/metrics", timeout=5).text
            assert value(text, "authsvc_requests_total", route="/", status="200") == 20
        assert value(text, "authsvc_hashing_queue") == 0
        assert "pid=" not in text
        problem_of = requests.get(f"{service.url}/metrics", timeout=5)
        assert problem_of.status_code == 404
        for path in ("/", "/healthz", "/auth/login"):
            host = service.url.partition("//")[2]
            assert requests.get(address + path, headers={"Host": host}, timeout=5).status_code == 404
        spoofed = {"Host": address.partition("//")[2], "X-Forwarded-Port": address.rpartition(":")[2]}
        assert requests.get(f"{service.url}/metrics", headers=spoofed, timeout=5).status_code == 404

    @pytest.mark.slow
    def test_what_a_worker_had_counted_outlives_it(self, apart: tuple[Service, str]):
        service, address = apart
        visitor = Visitor(service.url)
        token = visitor.register("alice@example.com").json()["accessToken"]
        for _ in range(10):
            visitor.home(token)
        before = {worker.pid for worker in service.workers()}
        for worker in service.workers():
            worker.kill()
        eventually(lambda: len({worker.pid for worker in service.workers()} - before) == 2)
        service.wait_ready()
        text = requests.get(f"{address}/metrics", timeout=5).text
        assert value(text, "authsvc_requests_total", route="/", status="200") == 10

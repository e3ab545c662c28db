"""Hooks in operation: what is counted and logged, what `flask doctor` says, and who waits for a hook that hangs."""

import json
import re
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
from flask import Flask
from flask.testing import FlaskClient

from authsvc import metrics
from authsvc.clients import hook as clients_hook
from authsvc.clients.connector import Connector
from authsvc.clients.hook import Hook
from authsvc.errors import HookFailed
from authsvc.security import standard_webhooks
from authsvc.services import doctor, hooks
from tests.conftest import problem
from tests.support.accounts import register
from tests.support.hooks import ALLOW, SECRET, HookServer, asking, says_nothing, writes
from tests.support.service import Service, Visitor

KEYS = [standard_webhooks.read_secret(SECRET)]


class TestLog:
    @pytest.mark.parametrize(
        ("answer", "cause"),
        [
            (writes(None, status=500), "it was answered with 500"),
            (writes(None, kind="text/html"), "the answer is not application/json"),
            (writes(None, Content_Encoding="br"), "the answer is compressed"),
            (writes(b"x" * 9000), "the answer is too long"),
            (writes(b"x"), "the answer is not JSON"),
            (None, "the answer is not a JSON object"),
            ({"allow": "canary-yes"}, "allow is neither true nor false"),
            ({"allow": False, "reason": "canary\n"}, "reason is no line of 1 to 200 visible characters"),
        ],
    )
    def test_it_says_why_and_quotes_nothing(
        self, client: FlaskClient, sign_up_hook: HookServer, capfd: pytest.CaptureFixture[str], answer: Any, cause: str
    ) -> None:
        sign_up_hook.answer = lambda _: answer
        register(client)
        text = capfd.readouterr().err
        (line,) = [one for one in map(json.loads, text.splitlines()) if one["event"] == "hook.failed"]
        assert (line["hook"], line["cause"], line["level"]) == ("sign_up", cause, "warning")
        assert "canary" not in text
        assert "whsec_" not in text

    def test_a_refusal_is_in_it_without_its_reason(
        self, client: FlaskClient, sign_up_hook: HookServer, capfd: pytest.CaptureFixture[str]
    ) -> None:
        sign_up_hook.answer = lambda _: {"allow": False, "reason": "canary"}
        register(client)
        text = capfd.readouterr().err
        assert "hook.refused" in text
        assert "canary" not in text


class TestDoctor:
    def test_hooks_that_answer_are_passed(self, app: Flask, both_hooks: HookServer) -> None:
        both_hooks.answer = lambda _: {"allow": True, "claims": {}}
        with app.app_context():
            assert "hooks" in doctor.report()["sound"]
        assert both_hooks.about("sign_up")[0]["how"] == "check"
        assert both_hooks.about("token")[0]["account"]["id"] == "0" * 24

    def test_a_refusal_of_nobody_is_sound(self, app: Flask, both_hooks: HookServer) -> None:
        both_hooks.answer = lambda _: {"allow": False}
        with app.app_context():
            assert "hooks" in doctor.report()["sound"]

    def test_each_that_gives_no_usable_answer_is_named(self, app: Flask, both_hooks: HookServer) -> None:
        both_hooks.answer = lambda _: writes(None, status=404)
        with app.app_context():
            found = [one for one in doctor.examine() if one.about.startswith("HOOK_")]
        assert [one.about for one in found] == ["HOOK_SIGN_UP", "HOOK_TOKEN"]
        assert {one.what for one in found} == {"it gives no usable answer (it was answered with 404)"}


class TestCounted:
    @pytest.mark.parametrize(
        ("answer", "outcome"), [({"allow": True}, "answered"), ({"allow": False}, "refused"), (None, "failed")]
    )
    def test_sign_ups_by_outcome(
        self, client: FlaskClient, sign_up_hook: HookServer, answer: Any, outcome: str
    ) -> None:
        sign_up_hook.answer = lambda _: answer
        before = counted("sign_up", outcome)
        register(client)
        assert counted("sign_up", outcome) == before + 1

    @pytest.mark.parametrize(("answer", "outcome"), [({}, "answered"), (None, "failed")])
    def test_tokens_by_outcome(self, client: FlaskClient, token_hook: HookServer, answer: Any, outcome: str) -> None:
        token_hook.answer = lambda _: answer
        before = counted("token", outcome)
        register(client)
        assert counted("token", outcome) == before + 1


def counted(hook: str, outcome: str) -> float:
    """Return how many questions had this outcome."""
    sample = rf'^authsvc_hooks_total{{hook="{hook}",outcome="{outcome}"}} (\S+)$'
    return sum(map(float, re.findall(sample, metrics.exposition().decode(), re.MULTILINE)))


class TestLimits:
    def test_more_than_a_few_at_once_are_refused_at_once(self, hook: HookServer) -> None:
        over = threading.Event()
        hook.answer = lambda _: lambda request: (over.wait(10), writes(ALLOW)(request))
        one = Hook("sign_up", hook.url, KEYS, Connector(local=True, seconds=5))
        with ThreadPoolExecutor(clients_hook.MOST_AT_ONCE) as pool:
            waiting = [pool.submit(one.ask, {}, dict) for _ in range(clients_hook.MOST_AT_ONCE)]
            while len(hook.asked) < clients_hook.MOST_AT_ONCE:
                time.sleep(0.01)
            begun = time.monotonic()
            with pytest.raises(HookFailed):
                one.ask({}, dict)
            assert time.monotonic() - begun < 0.5
            over.set()
            assert [each.result() for each in waiting] == [ALLOW] * clients_hook.MOST_AT_ONCE
        assert one.ask({}, dict) == ALLOW

    @pytest.mark.parametrize(("deadline", "one", "both"), [(8, 2, 2), (5, 2, 2), (3, 2, 1), (2, 1, 0.5)])
    def test_hooks_leave_some_of_the_request_to_the_database(
        self, make_app: Callable[..., Flask], hook: HookServer, deadline: int, one: float, both: float
    ) -> None:
        """Both are asked in one request: together they may not take longer than one alone."""
        app = make_app(REQUEST_DEADLINE=str(deadline))
        for names, seconds in (["sign_up"], one), (["token"], one), (["sign_up", "token"], both):
            with app.app_context(), asking(app, **dict.fromkeys(names, hook.url)):
                assert {each.seconds for name in names if (each := hooks.find(name))} == {seconds}

    def test_two_hooks_that_are_slow_are_a_failure_of_theirs(
        self, make_app: Callable[..., Flask], clean: None, hook: HookServer
    ) -> None:
        app = make_app(REQUEST_DEADLINE="3")
        hook.answer = lambda _: lambda request: (time.sleep(1.6), writes({"allow": True, "claims": {}})(request))
        with asking(app, sign_up=hook.url, token=hook.url):
            problem(register(app.test_client()), 503, "hook_failed")

    @pytest.mark.slow
    def test_a_hook_that_hangs_holds_up_nobody_else(
        self, settings: dict[str, str], app: Flask, clean: None, hook: HookServer
    ) -> None:
        """R124: no worker is held. One real worker, sixty registrations that wait for the hook, and everybody else."""
        hook.answer = lambda _: says_nothing(30)
        own = {"WEB_CONCURRENCY": 1, "HOOK_SIGN_UP": hook.url, "HOOK_SECRET": SECRET}
        assert register(app.test_client(), email="alice@example.com").status_code == 201
        with Service(**{**settings, **own}) as service, ThreadPoolExecutor(60) as pool:
            begun = time.monotonic()
            waiting = [pool.submit(Visitor(service.url).register, f"new-{n}@example.com") for n in range(60)]
            while len(hook.asked) < clients_hook.MOST_AT_ONCE and time.monotonic() - begun < 2:
                time.sleep(0.01)
            times = []
            for _ in range(5):
                start = time.monotonic()
                assert requests.get(f"{service.url}/readyz", timeout=5).status_code == 200
                assert Visitor(service.url).login("alice@example.com").status_code == 200
                times.append(time.monotonic() - start)
            answers = [one.result() for one in waiting]
            assert {(one.status_code, one.json()["code"]) for one in answers} == {(503, "hook_failed")}
            assert time.monotonic() - begun < 10
            assert max(times) < 1.5, times  # who waited for the hook took two seconds
            hook.answer = lambda _: ALLOW
            assert Visitor(service.url).register("later@example.com").status_code == 201

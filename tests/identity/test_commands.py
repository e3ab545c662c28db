"""`flask providers` and what `flask doctor` says of providers: what is wrong, in words, and no secret."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from authsvc.security import jwk
from authsvc.security.jwk import Algorithm
from authsvc.services import doctor
from tests.support.upstreams import Apple, Upstream, answer_json, key_pair, signing_in_with

Run = Callable[..., Any]


@pytest.fixture
def run(app: Flask) -> Run:
    """Return a way to run `flask providers …`."""
    runner = app.test_cli_runner()
    return lambda *args: runner.invoke(args=["providers", *args])


class TestList:
    def test_it_says_what_has_to_be_registered(self, app: Flask, upstream: Upstream, run: Run):
        with Apple() as apple:
            settings = (upstream.settings(), apple.settings(), upstream.settings("off", enabled=False, trusted=True))
            with signing_in_with(app, *settings):
                rows = json.loads(run("list", "--json").output)
                shown = run("list").output
        assert [(row["name"], row["kind"], row["redirect uri"], row["enabled"], row["trusted"]) for row in rows] == [
            ("work", "oidc", "http://localhost:8000/account/federation/work", True, False),
            ("apple", "apple", "http://localhost:8000/federation/apple", True, False),
            ("off", "oidc", "http://localhost:8000/account/federation/off", False, True),
        ]
        assert upstream.client_secret not in shown
        assert "PRIVATE" not in shown

    def test_without_any_the_list_is_empty(self, run: Run):
        assert (run("list", "--json").output, run("check").exit_code) == ("[]\n", 0)


class TestCheck:
    def test_a_good_one_is_passed_in_silence(self, app: Flask, upstream: Upstream, run: Run):
        with signing_in_with(app, upstream.settings()):
            done = run("check")
        assert (done.exit_code, done.output) == (0, "")

    @pytest.mark.parametrize(
        ("spoil", "otherwise", "what"),
        [
            (lambda one: one.metadata.update(issuer=f"{one.issuer}/"), {}, "name another issuer"),
            (lambda one: one.metadata.update(token_endpoint=None), {}, "no usable token_endpoint"),
            (lambda one: one.metadata.update(jwks_uri="http://127.0.0.1:1/"), {}, "no connection"),
            (lambda one: None, {"client_secret": "other"}, "said invalid_client"),
            (lambda one: None, {"algorithms": ("ES256",)}, "none of its keys signs by ES256: set algorithms"),
            (lambda one: one.published.clear(), {}, "none of its keys signs by RS256"),
            (
                lambda one: setattr(one, "published", [key_pair(7, Algorithm.ES256)]),
                {"algorithms": ("RS256", "PS256")},
                "none of its keys signs by RS256 or PS256",
            ),
            (lambda one: setattr(one, "intercept", lambda *_: answer_json({}, 404)), {}, "answered with 404"),
            (lambda one: setattr(one, "intercept", lambda *_: answer_json([])), {}, "not a JSON object"),
        ],
        ids=range(9),
    )
    def test_each_fault_is_told(
        self,
        app: Flask,
        upstream: Upstream,
        run: Run,
        spoil: Callable[[Upstream], object],
        otherwise: dict[str, Any],
        what: str,
    ):
        spoil(upstream)
        with signing_in_with(app, upstream.settings(**otherwise)):
            done = run("check", "--json")
            (finding,) = json.loads(done.output)
            assert (done.exit_code, finding["about"]) == (1, "work")
            assert what in finding["what"]
            with app.app_context():
                assert [one.what for one in doctor.examine() if one.about == "work"] == [finding["what"]]
        assert upstream.client_secret not in done.output
        assert jwk.public_jwk(upstream.pair)["n"] not in done.output

    def test_each_of_several_is_asked_or_one_alone(self, app: Flask, upstream: Upstream, run: Run):
        bad = upstream.settings("bad", client_secret="other")
        with signing_in_with(app, upstream.settings("good"), bad):
            assert run("check").output.startswith("bad: the token endpoint said invalid_client")
            assert run("check", "good").exit_code == 0
            assert run("check", "bad").exit_code == 1
            unknown = run("check", "unknown")
            assert unknown.exit_code == 1
            assert unknown.output == "Error: There is nothing here, or nothing that you may know of.\n"

    def test_nobody_can_come_back_to_pages_that_are_off(self, app: Flask, upstream: Upstream):
        with signing_in_with(app, upstream.settings()), app.app_context():
            app.config["ACCOUNT_PAGES"] = False
            try:
                found = [one.what for one in doctor.examine() if one.about == "ACCOUNT_PAGES"]
            finally:
                app.config["ACCOUNT_PAGES"] = True
        assert "send them back to pages that are off" in found[0]

"""The console's page as the service sends it: the same for everybody, with nobody's data."""

import re
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.conftest import problem

each_address = pytest.mark.parametrize("address", ["/admin", "/admin/"])


class TestPage:
    @each_address
    def test_r126_it_may_run_and_ask_nothing_but_what_is_ours(self, client: FlaskClient, address: str):
        """CSP level 3 and trusted types: only letters of ours may be framed."""
        answer = client.get(address)
        assert answer.status_code == 200
        policy = dict(part.split(" ", 1) for part in answer.headers["Content-Security-Policy"].split("; "))
        assert policy == {
            "default-src": "'none'",
            "script-src": "'self'",
            "style-src": "'self'",
            "img-src": "'self' data:",
            "connect-src": "'self'",
            "frame-src": "'self'",
            "form-action": "'none'",
            "base-uri": "'none'",
            "frame-ancestors": "'none'",
            "require-trusted-types-for": "'script'",
            "trusted-types": "'none'",
        }
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert answer.headers["X-Robots-Tag"] == "noindex"
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\bstyle=|\bon[a-z]+=", answer.text)

    def test_what_it_loads_is_small_and_ours(self, client: FlaskClient):
        html = client.get("/admin/").text
        named = {address for address in re.findall(r'(?:src|href)="([^"#]+)"', html) if "/assets/" in address}
        assert {address[0] for address in named} == {"/"}
        assert sum(len(client.get(address).data) for address in named) < 200_000

    @each_address
    @pytest.mark.parametrize("setting", ["ADMIN_PAGES", "ACCOUNT_PAGES"])
    def test_it_can_be_switched_off(self, make_app: Callable[..., Flask], setting: str, address: str):
        client = make_app(**{setting: "off", "LINK_URL": "https://app.example.com/auth"}).test_client()
        problem(client.get(address), 404, "not_found")

    def test_only_in_development_it_tells_how_to_make_an_administrator(
        self, client: FlaskClient, make_app: Callable[..., Flask]
    ):
        command = re.compile("make cli c=.{1,6}users promote")
        assert not command.search(client.get("/admin/").text)
        assert command.search(make_app(APP_ENV="development").test_client().get("/admin/").text)

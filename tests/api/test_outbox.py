"""The outbox as developers see it."""

import time
from collections.abc import Callable

from flask import Flask

from tests.support.accounts import EMAIL, register


class TestOutbox:
    def test_in_development_it_shows_the_letters(self, make_app: Callable[..., Flask], clean: None):
        client = make_app(APP_ENV="development").test_client()
        assert client.get("/dev/outbox").get_json() == {"items": []}
        register(client, email=EMAIL)
        found = client.get("/dev/outbox")
        (letter,) = found.get_json()["items"]
        assert (letter["kind"], letter["to"], found.headers["Cache-Control"]) == ("verify", EMAIL, "no-store")
        page = client.get("/dev/outbox", headers={"Accept": "text/html"}).text
        assert '<a href="http://localhost:8000/account/verify-email#token=asl_' in page

    def test_u1_a_long_preference_is_not_read(self, make_app: Callable[..., Flask], clean: None):
        """U1: Werkzeug's time for it grows with the square of its length: 7 s for this one."""
        client = make_app(APP_ENV="development").test_client()
        begun = time.process_time()
        answer = client.get("/dev/outbox", headers={"Accept": f"a{' ' * 32_000}b"})
        assert (answer.status_code, answer.mimetype) == (200, "application/json")
        assert time.process_time() - begun < 1

    def test_letters_to_nobody_are_not_there(self, make_app: Callable[..., Flask], clean: None):
        client = make_app(APP_ENV="development").test_client()
        client.post("/auth/password/forgot", json={"email": "nobody.there@example.com"})
        assert client.get("/dev/outbox").get_json() == {"items": []}

    def test_elsewhere_there_is_none(self, app: Flask):
        assert app.test_client().get("/dev/outbox").status_code == 404
        assert "/dev/outbox" not in app.test_client().get("/openapi.json").text

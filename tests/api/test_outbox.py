"""The outbox as developers see it."""

import re
import time
from collections.abc import Callable

from flask import Flask

from tests.support.accounts import EMAIL, Database, register


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

    def test_html_is_shown_in_a_frame_that_runs_nothing(self, make_app: Callable[..., Flask], clean: None):
        client = make_app(APP_ENV="development").test_client()
        page = client.get("/dev/outbox", headers={"Accept": "text/html"})
        assert "No letters yet." in page.text
        for email in (EMAIL, "grace@example.org"):
            register(client, email=email)
        page = client.get("/dev/outbox", headers={"Accept": "text/html"})
        policy = dict(part.split(" ", 1) for part in page.headers["Content-Security-Policy"].split("; "))
        assert policy.pop("style-src").startswith("'sha256-")
        assert policy == {
            "default-src": "'none'",
            "frame-src": "'self'",
            "frame-ancestors": "'none'",
            "base-uri": "'none'",
            "form-action": "'self'",
        }
        frames = re.findall(r'<iframe [^>]*sandbox="([^"]*)" src="([^"]*)"', page.text)
        assert [sandbox for sandbox, _ in frames] == ["allow-popups allow-popups-to-escape-sandbox"] * 2
        for _, address in frames:
            letter = client.get(address)
            assert ">Confirm your email address</a>" in letter.text
            assert "sandbox allow-popups" in letter.headers["Content-Security-Policy"]
            assert "script-src" not in letter.headers["Content-Security-Policy"]
        assert client.get("/dev/outbox/ffffffffffffffffffffffff").status_code == 404

    def test_it_is_filtered_by_address(self, make_app: Callable[..., Flask], clean: None):
        client = make_app(APP_ENV="development").test_client()
        for email in (EMAIL, "grace@example.org"):
            register(client, email=email)
        (letter,) = client.get("/dev/outbox?to=GRACE@").get_json()["items"]
        assert letter["to"] == "grace@example.org"
        assert client.get("/dev/outbox?to=.*").get_json() == {"items": []}
        page = client.get(f"/dev/outbox?letter={letter['id']}&to=e", headers={"Accept": "text/html"}).text
        assert f'letter={letter["id"]}&amp;to=e" aria-current="true"' in page
        hostile = client.get('/dev/outbox?to="><script>', headers={"Accept": "text/html"}).text
        assert "<script" not in hostile

    def test_letters_to_nobody_are_not_shown_in_a_frame(
        self, make_app: Callable[..., Flask], clean: None, mongo: Database
    ):
        client = make_app(APP_ENV="development").test_client()
        client.post("/auth/password/forgot", json={"email": "nobody.there@example.com"})
        decoy = mongo.letters.find_one()
        assert decoy is not None
        assert client.get(f"/dev/outbox/{decoy['_id']}").status_code == 404

    def test_elsewhere_there_is_none(self, app: Flask):
        assert app.test_client().get("/dev/outbox").status_code == 404
        assert "/dev/outbox" not in app.test_client().get("/openapi.json").text

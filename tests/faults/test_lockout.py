"""Strangers guess as fast as they can, with passwords and with codes, and lock nobody out. U5, at default limits."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest
import requests
from bson import ObjectId
from flask import Flask
from pymongo.database import Database as MongoDatabase

from authsvc import clock
from tests.support.factors import App
from tests.support.letters import newest
from tests.support.races import eventually
from tests.support.service import Service

PASSWORD = "correct horse battery"
NEW = "a brand new passphrase"
EMAIL = "alice@example.com"
HOME = "192.0.2.1"
GUESSERS = 4


class Browser:
    """A browser behind a network address, which a trusted proxy tells of; it keeps cookies."""

    def __init__(self, url: str, ip: str) -> None:
        self._url, self.ip = url, ip
        self._session = requests.Session()

    def post(self, path: str, access: str | None = None, **body: Any) -> requests.Response:
        """Send JSON, once more if the machine was too busy to hash."""
        headers = {"X-Forwarded-For": self.ip} | ({"Authorization": f"Bearer {access}"} if access else {})
        for _ in range(20):
            answer = self._session.post(self._url + path, json=body, headers=headers, timeout=30)
            if answer.status_code != 503:
                break
        return answer


class Strangers:
    """Threads that guess at one account, each from ever new addresses; half of them know the password and no factor."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._stop = threading.Event()
        self.answers: Counter[tuple[str, int]] = Counter()
        self._lock = threading.Lock()

    @contextmanager
    def at_work(self) -> Iterator["Strangers"]:
        """Guess until the end."""
        ticket = Browser(self._url, "198.18.9.9").post("/auth/login", email=EMAIL, password=PASSWORD).json()["mfaToken"]
        works = [self._guess_passwords, partial(self._guess_codes, ticket)] * (GUESSERS // 2)
        threads = [threading.Thread(target=work, args=(number,)) for number, work in enumerate(works)]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            for thread in threads:
                thread.join(60)

    def has_seen(self, what: str, status: int, times: int = 1) -> bool:
        """Tell whether so many guesses were answered so."""
        with self._lock:
            return self.answers[what, status] >= times

    def _note(self, what: str, answer: requests.Response) -> None:
        with self._lock:
            self.answers[what, answer.status_code] += 1

    def _visitors(self, number: int) -> Iterator[Browser]:
        turn = 0
        while not self._stop.is_set():
            turn += 1
            yield Browser(self._url, f"198.{18 + number % 2}.{number}.{turn % 250 + 1}")

    def _guess_passwords(self, number: int) -> None:
        for browser in self._visitors(number):
            self._note("password", browser.post("/auth/login", email=EMAIL, password="not the right phrase"))

    def _guess_codes(self, ticket: str, number: int) -> None:
        for browser in self._visitors(number):
            self._note("code", browser.post("/auth/login/mfa", mfaToken=ticket, code="000000"))


@pytest.fixture(scope="module")
def throttling(app: Flask, settings: dict[str, str]) -> Iterator[Service]:
    """Return a running service with the limits as they are, behind a proxy."""
    own = {"WEB_CONCURRENCY": 2, "RATE_LIMITS": "on", "TRUSTED_PROXIES": 1}
    with Service(**{**settings, **own}) as running:
        yield running


def sign_in(browser: Browser, password: str, **proof: str) -> str:
    """Sign in by cookie with a password and a second factor; return the access token."""
    answer = browser.post("/auth/login", email=EMAIL, password=password, transport="cookie")
    assert answer.status_code == 202, answer.text
    done = browser.post("/auth/login/mfa", mfaToken=answer.json()["mfaToken"], transport="cookie", **proof)
    assert done.status_code == 200, done.text
    return str(done.json()["accessToken"])


class TestU5TheOwnerGoesOn:
    def test_resets_signs_in_and_proves_themselves_while_strangers_guess(
        self, throttling: Service, served: MongoDatabase[dict[str, Any]], app: Flask
    ) -> None:
        """Reset, sign-in, re-authentication and a change of password, in the browser of an earlier sign-in."""
        browser = Browser(throttling.url, HOME)
        registered = browser.post(
            "/auth/register", name="Alice", email=EMAIL, password=PASSWORD, transport="cookie"
        ).json()
        served.users.update_one({"_id": ObjectId(registered["user"]["id"])}, {"$set": {"emailVerifiedAt": clock.now()}})
        secret = App(browser.post("/auth/mfa/totp", registered["accessToken"]).json()["secret"])
        confirmed = browser.post("/auth/mfa/totp/confirm", registered["accessToken"], code=secret.code())
        codes = confirmed.json()["recoveryCodes"]
        with Strangers(throttling.url).at_work() as strangers:
            eventually(lambda: strangers.has_seen("password", 429) and strangers.has_seen("code", 429), 60)
            token = sign_in(browser, PASSWORD, recoveryCode=codes[0])
            assert browser.post("/auth/reauthenticate", token, code="000000").status_code == 403
            assert browser.post("/auth/password/forgot", email=EMAIL).status_code == 202
            link = newest(app, "reset", EMAIL)
            assert browser.post("/auth/password/reset", token=link, newPassword=NEW).status_code == 204
            eventually(lambda: strangers.has_seen("code", 401), 60)  # their ticket went with the password
            token = sign_in(browser, NEW, recoveryCode=codes[1])
            change = {"currentPassword": NEW, "newPassword": "yet another passphrase"}
            assert browser.post("/auth/me/password", token, **change).status_code == 204
            assert browser.post("/auth/refresh-token").status_code == 200
            options = browser.post("/auth/reauthenticate", token, password="yet another passphrase")
            assert options.json()["code"] == "second_factor_required"
            elsewhere = Browser(throttling.url, "203.0.113.99")
            answer = elsewhere.post("/auth/login", email=EMAIL, password="yet another passphrase")
            assert answer.status_code == 429, "and strangers are kept out all the while"
        assert strangers.answers["password", 401] <= 2 * 5, "what one window allows, or two if it ends meanwhile"
        assert strangers.answers["code", 403] <= 10
        told = served.letters.count_documents({"kind": "password_known", "to": EMAIL})
        assert told == 1

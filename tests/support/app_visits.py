"""Somebody whom an app sends here to sign in: what their browser does, without a browser."""

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import requests

from tests.conftest import Person
from tests.support.oauth import CALLBACK, Answer, AppClient, bearer
from tests.support.service import Visitor

PASSWORD = "correct horse battery"


@dataclass
class Somebody:
    """A person with an account at a service, signed in there."""

    url: str
    email: str
    tokens: dict[str, Any] = field(default_factory=dict)
    steps: list[str] = field(default_factory=list)
    """What they had to do, in the order in which the page would have shown it."""

    @classmethod
    def register(cls, url: str, email: str) -> "Somebody":
        """Return a person with a new account."""
        answer = Visitor(url).register(email, PASSWORD)
        assert answer.status_code == 201, answer.text
        return cls(url, email, answer.json())

    @property
    def id(self) -> str:
        """Return the account's id."""
        return str(self.tokens["user"]["id"])

    @property
    def headers(self) -> dict[str, str]:
        """Return the header that shows the access token."""
        return {"Authorization": f"Bearer {self.tokens['accessToken']}"}

    def visit(self, url: str, decision: str = "allow") -> str:
        """Go where an app sends them, do what the page asks, decide; return the address that they come back to."""
        if url.startswith(f"{self.url}/account/device?"):
            return self._type(url, decision)
        with requests.Session() as browser:
            sent = browser.get(url, allow_redirects=False, timeout=30)
            assert sent.status_code == 303, f"{url}: {sent.text}"
            if not sent.headers["Location"].startswith(f"{self.url}/account/authorize?"):
                return sent.headers["Location"]  # it was refused
            asked: dict[str, str] = {"request": parse_qs(urlsplit(sent.headers["Location"]).query)["request"][0]}
            while "redirect" not in (step := self._advance(browser, asked)):
                self.steps.append(step["step"])
                if step["step"] == "prove":
                    self._prove(browser)
                else:
                    assert step["step"] == "consent", step
                    asked["decision"] = decision
            return str(step["redirect"])

    def leave(self, url: str) -> str | None:
        """Go where an app sends them to sign out, and do what the page does; return where it leads, None if nowhere.

        If it has to ask them, they say yes.
        """
        sent = requests.get(url, allow_redirects=False, timeout=30)
        assert sent.status_code == 303, f"{url}: {sent.text}"
        page = urlsplit(sent.headers["Location"])
        assert page.path == "/account/sign-out"
        asked = {"request": parse_qs(page.query)["request"][0]}
        step = self._leave(asked, self.headers)
        if step["step"] != "done":
            self.steps.append(step["step"])
            ended = requests.delete(f"{self.url}/auth/logout", headers=self.headers, timeout=30)
            assert ended.status_code == 204, ended.text
            step = self._leave(asked, {})
        assert step["step"] == "done"
        return None if step["redirect"] is None else str(step["redirect"])

    def is_signed_in(self) -> bool:
        """Tell whether their own session lives."""
        return requests.get(f"{self.url}/auth/me", headers=self.headers, timeout=30).status_code == 200

    def _leave(self, asked: dict[str, str], headers: dict[str, str]) -> dict[str, Any]:
        answer = requests.post(f"{self.url}/auth/sign-outs/advance", json=asked, headers=headers, timeout=30)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def _type(self, url: str, decision: str) -> str:
        """Type the code of a device that shows a link with it, and decide; nobody comes back to the device."""
        asked = {"userCode": parse_qs(urlsplit(url).query)["user_code"][0]}
        for body in (asked, {**asked, "decision": decision}):
            answer = requests.post(f"{self.url}/auth/devices/advance", json=body, headers=self.headers, timeout=30)
            assert answer.status_code == 200, answer.text
            self.steps.append(answer.json()["step"])
        return url

    def _advance(self, browser: requests.Session, asked: dict[str, str]) -> dict[str, Any]:
        answer = browser.post(f"{self.url}/auth/authorizations/advance", json=asked, headers=self.headers, timeout=30)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def _prove(self, browser: requests.Session) -> None:
        body = {"password": PASSWORD}
        answer = browser.post(f"{self.url}/auth/reauthenticate", json=body, headers=self.headers, timeout=30)
        assert answer.status_code == 200, answer.text
        self.tokens["accessToken"] = answer.json()["accessToken"]


class Visit:
    """A request in the browser that began it."""

    def __init__(self, app: AppClient, **params: str) -> None:
        self.app = app
        self.request, self.cookie, self.verifier = app.begin(**params)

    def advance(self, who: Person | None = None, decision: str | None = None, **headers: str) -> Answer:
        """Go one step further, signed in or not."""
        shown = {} if who is None else bearer(who.tokens["accessToken"])
        return self.app.advance(self.request, {**self.cookie, **shown, **headers}, decision)

    def step(self, who: Person | None = None, decision: str | None = None) -> str:
        """Go one step further; return what comes next."""
        answer = self.advance(who, decision)
        assert answer.status == 200, answer.text
        return str(answer.json["step"])

    def answer(self, who: Person | None = None, decision: str | None = None) -> dict[str, str]:
        """Go one step further, which is the last; return what the app gets."""
        answer = self.advance(who, decision)
        assert answer.status == 200, answer.text
        assert answer.json["step"] == "done", answer.text
        query = parse_qs(urlsplit(answer.json["redirect"]).query)
        return {name: value for name, (value,) in query.items()}

    def id_token(self, code: str) -> dict[str, Any]:
        """Return what the ID token says that a code is exchanged for."""
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK}
        answer = self.app.token({**form, "code_verifier": self.verifier})
        assert answer.status == 200, answer.text
        return dict(jwt.decode(answer.json["id_token"], options={"verify_signature": False}))

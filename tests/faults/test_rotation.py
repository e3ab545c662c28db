"""Signing keys change under a running service, and nobody is refused (R98, F25)."""

import json
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import jwt
import pytest
from pymongo import MongoClient

from tests.api.forging import header_of
from tests.support.commands import flask
from tests.support.races import eventually
from tests.support.service import ROOT, Service, Visitor, uri_of

LEAD = 8


@pytest.fixture
def own_settings(settings: dict[str, str]) -> Iterator[dict[str, str]]:
    """Return settings with a database that no other test uses: its key ring is changed."""
    name = f"authsvc_rotation_{secrets.token_hex(4)}"
    uri = uri_of(settings, name)
    yield {**settings, "MONGODB_URI": uri, "WEB_CONCURRENCY": "2"}
    with MongoClient[dict[str, Any]](uri) as client:
        client.drop_database(name)


def keys(settings: dict[str, str], *args: str) -> str:
    """Run `flask keys …` beside the service; return what it said. It must succeed."""
    done = flask(settings, "keys", *args)
    assert done.returncode == 0, done.stderr
    return done.stdout


def states(settings: dict[str, str]) -> dict[int, str]:
    """Return the state of each key."""
    listing = json.loads(keys(settings, "list", "--json"))
    return {row["key"]: row["state"] for row in listing if row["ring"] == "tokens"}


class Load(threading.Thread):
    """A client that calls and refreshes without end, and verifies its tokens as another service does."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.visitor = Visitor(url, keep_alive=True)
        self.jwks = jwt.PyJWKClient(f"{url}/.well-known/jwks.json", lifespan=3)
        self.tokens = self.visitor.register(f"{secrets.token_hex(6)}@example.com").json()
        self.refused: list[str] = []
        self.calls = 0
        self.kids: set[str] = set()
        self.stopping = threading.Event()

    def run(self) -> None:
        """Go on until told to stop."""
        while not self.stopping.is_set():
            answer = self.visitor.refresh(self.tokens["refreshToken"])
            if answer.status_code != 200:
                self.refused.append(f"refresh: {answer.text}")
                return
            self.tokens = answer.json()
            self.verify()
            for _ in range(5):
                answer = self.visitor.home(self.tokens["accessToken"])
                self.refused += [] if answer.status_code == 200 else [answer.text]
            self.calls += 6
            self.stopping.wait(0.02)  # the service is to be busy, not at its limit

    def verify(self) -> None:
        """Verify the access token with the published keys alone."""
        token = self.tokens["accessToken"]
        self.kids.add(header_of(token)["kid"])
        try:
            key = self.jwks.get_signing_key_from_jwt(token)
            jwt.decode(token, key, algorithms=["ES256"], audience="http://localhost:8000", leeway=10)
        except jwt.PyJWTError as error:
            self.refused.append(f"verify: {error!r}")


@pytest.fixture
def load(own_settings: dict[str, str]) -> Iterator[list[Load]]:
    """Return clients that keep a service of two workers busy."""
    with Service(**own_settings) as service:
        clients = [Load(service.url) for _ in range(4)]
        for client in clients:
            client.start()
        yield clients
        for client in clients:
            client.stopping.set()
        for client in clients:
            client.join()


def somebody_else(clients: list[Load]) -> dict[str, Any]:
    """Return the tokens of an account that nobody uses meanwhile."""
    answer = Visitor(clients[0].visitor.url).register(f"{secrets.token_hex(6)}@example.com")
    return dict(answer.json())


def everywhere(clients: list[Load], tokens: dict[str, Any]) -> set[tuple[int, str]]:
    """Return how the workers answer to a pair of tokens, over connections enough to meet them all."""
    answers = set()
    for _ in range(12):
        visitor = Visitor(clients[0].visitor.url)
        for answer in (visitor.home(tokens["accessToken"]), visitor.refresh(tokens["refreshToken"])):
            answers.add((answer.status_code, answer.json().get("code", "")))
    return answers


class TestUnderLoad:
    def test_a_rotation_and_a_retirement_refuse_nobody(self, own_settings: dict[str, str], load: list[Load]) -> None:
        """And afterwards what the retired key signed is refused, by every worker."""
        idle = somebody_else(load)
        keys(own_settings, "rotate", "--lead", str(LEAD))
        assert set(states(own_settings)) == {1, 2}
        eventually(lambda: all(len(client.kids) == 2 for client in load), LEAD + 10)
        time.sleep(1)
        keys(own_settings, "retire", "1", "--yes")
        before = [client.calls for client in load]
        eventually(lambda: everywhere(load, idle) == {(401, "token_invalid")}, 10)
        time.sleep(2)
        assert [client.refused for client in load] == [[]] * len(load)
        assert all(client.calls > begun for client, begun in zip(load, before, strict=True))
        assert states(own_settings) == {2: "signs"}

    def test_a_leaked_key_is_refused_within_seconds_and_a_killed_retirement_can_be_run_again(
        self, own_settings: dict[str, str], load: list[Load]
    ) -> None:
        """F25: killed while it waits for the other key, it left one that signs and one that is next."""
        idle = somebody_else(load)
        command = [sys.executable, "-m", "flask", "keys", "retire", "1", "--yes"]
        environ = {**os.environ, **own_settings}
        killed = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, text=True)
        assert killed.stdout is not None
        assert "Waiting for that" in killed.stdout.readline()
        killed.send_signal(signal.SIGKILL)
        killed.communicate()
        assert set(states(own_settings)) == {1, 2}
        keys(own_settings, "retire", "1", "--yes")
        assert states(own_settings) == {2: "signs"}
        eventually(lambda: everywhere(load, idle) == {(401, "token_invalid")}, 10)
        eventually(lambda: load[0].visitor.home(load[0].tokens["accessToken"]).status_code == 200)
        assert [client.refused for client in load] == [[]] * len(load)

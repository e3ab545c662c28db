"""Hooks on this machine: programs that the service asks, which verify each question and answer what a test wants."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from flask import Flask
from standardwebhooks import Webhook

from authsvc.security import standard_webhooks
from authsvc.services import hooks

SECRET = standard_webhooks.new_secret()
ALLOW = {"allow": True}

Question = dict[str, Any]
Write = Callable[[BaseHTTPRequestHandler], None]
"""Writes an answer as it likes, good or bad."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question that was verified, and the headers that it came with."""

    question: Question
    headers: Mapping[str, str]


class HookServer:
    """A hook. `answer` returns for a question its JSON, or what writes another answer."""

    def __init__(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/ask"
        self.reset()

    def reset(self) -> None:
        """Be as at first: whatever is asked, it is allowed and nothing is added."""
        self.answer: Callable[[Question], Any] = lambda _: ALLOW
        self.asked: list[Asked] = []
        self.faults: list[str] = []
        self.secrets = [SECRET]

    @property
    def questions(self) -> list[Question]:
        """Return what was asked, each of it verified by every secret."""
        assert self.faults == []
        return [one.question for one in self.asked]

    def about(self, kind: str) -> list[Question]:
        """Return the `data` of the questions of a type."""
        return [one["data"] for one in self.questions if one["type"] == kind]

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def _handler(hook: HookServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            try:
                for secret in hook.secrets:
                    Webhook(secret).verify(body, dict(self.headers))
                assert self.headers["Content-Type"] == "application/json"
            except Exception as error:  # noqa: BLE001 - the test is told, not the service
                hook.faults.append(repr(error))
            question = json.loads(body)
            hook.asked.append(Asked(question, dict(self.headers)))
            answer = hook.answer(question)
            with suppress(OSError):  # whoever asked has gone
                (answer if callable(answer) else writes(answer))(self)

        def log_message(self, *_: Any) -> None:
            pass

    return Handler


def writes(value: Any, status: int = 200, kind: str = "application/json", **headers: str) -> Write:
    """Return what answers with a value, as JSON unless it is bytes."""
    content = value if isinstance(value, bytes) else json.dumps(value).encode()

    def write(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        for name, text in {"Content-Type": kind, "Content-Length": str(len(content)), **named}.items():
            request.send_header(name, text)
        request.end_headers()
        request.wfile.write(content)

    return write


def says_nothing(seconds: float) -> Write:
    """Return what keeps the connection and says nothing for so long."""
    return lambda _: time.sleep(seconds)


def hangs_up(request: BaseHTTPRequestHandler) -> None:
    """Close the connection without a word."""
    request.connection.shutdown(socket.SHUT_RDWR)


def drips(request: BaseHTTPRequestHandler) -> None:
    """Send one byte after the other, for ever."""
    request.send_response(200)
    request.send_header("Content-Type", "application/json")
    request.end_headers()
    while True:
        request.wfile.write(b" ")
        time.sleep(0.1)


def never_ends(request: BaseHTTPRequestHandler) -> None:
    """Send as much as is taken."""
    request.send_response(200)
    request.send_header("Content-Type", "application/json")
    request.end_headers()
    while True:
        request.wfile.write(b" " * 65536)


@contextmanager
def asking(app: Flask, *, sign_up: str = "", token: str = "", secret: str = SECRET) -> Iterator[None]:
    """Let an application ask these hooks for a while; `secret` as in HOOK_SECRET."""
    names = ("HOOK_SIGN_UP", "HOOK_TOKEN", "HOOK_SECRET")
    before = {name: app.config[name] for name in names}
    app.config.update(HOOK_SIGN_UP=sign_up, HOOK_TOKEN=token, HOOK_SECRET=secret.split(","))
    hooks.init_app(app)
    try:
        yield
    finally:
        app.config.update(before)
        hooks.init_app(app)

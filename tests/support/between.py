"""Between a service and a program that its webhooks tell: hands each message on, and keeps it with the answer."""

import http.server
import threading
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import requests


@dataclass(frozen=True)
class Message:
    """A message as it came, and the status that the program answered, 502 if there was no answer."""

    headers: dict[str, str]
    body: bytes
    status: int


@dataclass
class Between:
    """Listens between `__enter__` and `__exit__`, and hands messages on to this port of this machine."""

    to: int
    messages: list[Message] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Return the address of the webhook."""
        return f"http://localhost:{self._server.server_address[1]}/webhooks"

    def statuses(self) -> list[int]:
        """Return what the program answered, oldest first."""
        return [message.status for message in self.messages]

    def post(self, body: bytes, headers: dict[str, str]) -> int:
        """Post to the program; return the status of its answer."""
        url = f"http://127.0.0.1:{self.to}/webhooks"
        try:
            return requests.post(url, data=body, headers=headers, timeout=15).status_code
        except requests.ConnectionError:
            return 502

    def __enter__(self) -> Self:
        between = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                sent = {name: headers[name] for name in headers if name.startswith(("webhook-", "content-type"))}
                status = between.post(body, sent)
                between.messages.append(Message(sent, body, status))
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()

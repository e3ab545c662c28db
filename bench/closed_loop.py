"""Clients that ask again as soon as they are answered: `python -m bench.closed_loop` runs the plan that it reads.

`bench.load` can do more (rates, chains), and takes nearly twice the processor time for a request, on cores that the
service shares: 66 us, where this takes 38. One loop over raw sockets serves all clients.

An answer's time counts from when its request was sent, the first one's from before its connection was opened: who waits
to be let in waits too.
"""

import json
import re
import selectors
import socket
import subprocess
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

from bench.load import Result

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_NO_ANSWER = 0


def run(*, port: int, connections: int, seconds: float, texts: list[str]) -> Result:
    """Send requests over so many connections, each with one of the texts again and again; return the result."""
    plan = {"port": port, "connections": connections, "seconds": seconds, "texts": texts}
    command = [sys.executable, "-m", "bench.closed_loop"]
    done = subprocess.run(command, input=json.dumps(plan), stdout=subprocess.PIPE, text=True, check=True)
    return Result(**json.loads(done.stdout))


@dataclass
class _Client:
    """A client, its connection, and what it has received of the answer that it waits for."""

    port: int
    request: bytes
    connection: socket.socket | None = None
    received: bytes = b""
    asked_at: float = 0.0

    def connect(self) -> socket.socket:
        """Open the connection, and ask."""
        self.received, self.asked_at = b"", time.monotonic()
        self.connection = socket.create_connection(("127.0.0.1", self.port))
        self.connection.sendall(self.request)
        return self.connection

    def receive(self) -> int | None:
        """Take what has come; return the status of the answer if it is whole, 0 if none will come, else None."""
        assert self.connection is not None
        try:
            data = self.connection.recv(65_536)
        except OSError:
            return _NO_ANSWER
        if not data:
            return _NO_ANSWER
        self.received += data
        end = self.received.find(b"\r\n\r\n")
        length = _LENGTH.search(self.received, 0, end + 2) if end >= 0 else None
        if length is None or len(self.received) < end + 4 + int(length[1]):
            return None
        return int(self.received[9:12])

    def ask_again(self) -> None:
        """Send the next request on the same connection."""
        assert self.connection is not None
        self.received, self.asked_at = b"", time.monotonic()
        self.connection.sendall(self.request)


def _run(plan: dict[str, Any]) -> Result:
    texts, result, statuses = plan["texts"], Result(lasted=plan["seconds"]), Counter[str]()
    begin = time.monotonic()
    with selectors.DefaultSelector() as waiting:
        for number in range(plan["connections"]):
            client = _Client(plan["port"], texts[number % len(texts)].encode())
            waiting.register(client.connect(), selectors.EVENT_READ, client)
        while (moment := time.monotonic() - begin) < plan["seconds"]:
            for key, _ in waiting.select(plan["seconds"] - moment):
                _answered(key.data, waiting, result, statuses, begin)
        now = time.monotonic()
        for key in waiting.get_map().values():
            result.seconds.append(now - key.data.asked_at)  # what was never answered took that long at least
    result.statuses = dict(statuses)
    return result


def _answered(
    client: _Client, waiting: selectors.BaseSelector, result: Result, statuses: Counter[str], begin: float
) -> None:
    """Note the answer that a client has, if it is whole, and let it ask again."""
    status = client.receive()
    if status is None:
        return
    now = time.monotonic()
    statuses[str(status)] += 1
    result.note(200 <= status < 300, now - client.asked_at, now - begin)
    if status == _NO_ANSWER and client.connection is not None:
        waiting.unregister(client.connection)
        client.connection.close()
        waiting.register(client.connect(), selectors.EVENT_READ, client)
    else:
        client.ask_again()


if __name__ == "__main__":
    print(json.dumps(asdict(_run(json.loads(sys.stdin.read())))))

"""A load generator in a process of its own: HTTP/1.1 over raw streams, cheap in processor time.

`python -m bench.load` reads a plan, a line of JSON (`port`, `connections`, `seconds`, `requests`), and prints its
result.
With a `rate`, requests are sent by the clock, and an answer's time counts from when its request was due.
"""

import asyncio
import base64
import json
import subprocess
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import urlencode

WARM_UP = 2.0
IDLE = 1.0


@dataclass
class Result:
    """The answers: statuses by number (0: none), seconds of successes and of refusals, and moments of successes."""

    statuses: dict[str, int] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)
    refusals: list[float] = field(default_factory=list)
    good_at: list[float] = field(default_factory=list)
    lasted: float = 0.0

    @property
    def rate(self) -> float:
        """Return successful answers a second, of the time in which all clients were active."""
        warm = min(WARM_UP, self.lasted / 4)
        return sum(warm <= moment < self.lasted for moment in self.good_at) / (self.lasted - warm)

    @property
    def refused(self) -> int:
        """Count the answers that were not successful."""
        return sum(count for status, count in self.statuses.items() if not status.startswith("2"))

    def note(self, good: bool, seconds: float, moment: float) -> None:
        """Note an answer: how long it took, and when it came."""
        self.seconds.append(seconds)
        if good:
            self.good_at.append(moment)
        else:
            self.refusals.append(seconds)

    def quantile(self, share: float) -> float:
        """Return the time within which this share of the answers came, in seconds."""
        return quantile(self.seconds, share)


def quantile(seconds: list[float], share: float) -> float:
    """Return the time within which this share of the answers came, in seconds; 0 for none."""
    ordered = sorted(seconds)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def start(**plan: Any) -> "subprocess.Popen[str]":
    """Start a run in a process of its own."""
    command = [sys.executable, "-m", "bench.load"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    process.stdin.write(json.dumps(plan) + "\n")
    process.stdin.flush()
    return process


def finish(process: "subprocess.Popen[str]") -> Result:
    """Wait for a run and return its result."""
    output, _ = process.communicate()
    return Result(**json.loads(output))


def http(method: str, path: str, *, token: str | None = None, body: object = None) -> str:
    """Return the text of a request."""
    payload = "" if body is None else json.dumps(body)
    head = [f"{method} {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(payload)}"]
    head += [] if body is None else ["Content-Type: application/json"]
    head += [] if token is None else [f"Authorization: Bearer {token}"]
    return "\r\n".join([*head, "", payload])


def refreshing(token: str) -> str:
    """Return the text of a refresh; a `chained` run continues with the token of its answer."""
    return http("POST", "/auth/refresh-token", body={"refreshToken": token})


async def _exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> tuple[int, bytes]:
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
    return int(head[9:12]), await reader.readexactly(length)


def form(path: str, fields: dict[str, str], credentials: str) -> str:
    """Return the text of a form that is posted by somebody who shows who they are (`user:password`)."""
    payload, proof = urlencode(fields), base64.b64encode(credentials.encode()).decode()
    head = [f"POST {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(payload)}"]
    head += ["Content-Type: application/x-www-form-urlencoded", f"Authorization: Basic {proof}"]
    return "\r\n".join([*head, "", payload])


async def _client(number: int, plan: dict[str, Any], result: Result, counts: Counter[str], end: float) -> None:
    texts = plan["requests"]
    request = texts[number % len(texts)].encode()
    pause = plan["connections"] / plan["rate"] if plan.get("rate") else 0.0
    reader, writer = await asyncio.open_connection("127.0.0.1", plan["port"])
    due = time.monotonic() + pause * number / plan["connections"]
    while (now := time.monotonic()) < end:
        if due >= end:
            break
        if pause and due > now:
            await asyncio.sleep(due - now)
        start = due if pause else now
        request = texts.pop().encode() if plan.get("once") else request  # none is sent twice; IndexError if too few
        if pause > IDLE:  # by now the service has closed it
            writer.close()
            reader, writer = await asyncio.open_connection("127.0.0.1", plan["port"])
        try:
            status, body = await _exchange(reader, writer, request)
            if plan.get("chained") and status == 200:
                request = refreshing(json.loads(body)["refreshToken"]).encode()
        except (OSError, asyncio.IncompleteReadError):
            status = 0
            reader, writer = await asyncio.open_connection("127.0.0.1", plan["port"])
        counts[str(status)] += 1
        result.note(200 <= status < 300, time.monotonic() - start, time.monotonic() - end + plan["seconds"])
        due += pause
    writer.close()


async def _run(plan: dict[str, Any]) -> Result:
    result, counts = Result(), Counter[str]()
    begin = time.monotonic()
    clients = (_client(number, plan, result, counts, begin + plan["seconds"]) for number in range(plan["connections"]))
    await asyncio.gather(*clients)
    result.statuses, result.lasted = dict(counts), plan["seconds"]
    return result


if __name__ == "__main__":
    print(json.dumps(asdict(asyncio.run(_run(json.loads(sys.stdin.readline()))))))

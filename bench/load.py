"""A load maker in a process of its own: HTTP/1.1 over raw streams, cheap in processor time.

`python -m bench.load '{"port": …, "connections": …, "seconds": …, "requests": ["…"]}'` prints its result as JSON.
With a `rate`, requests are sent by the clock, and an answer's time counts from when its request was due.
"""

import asyncio
import json
import subprocess
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any

WARM_UP = 2.0
IDLE = 1.0


@dataclass
class Result:
    """What came back: statuses by number (0: none), seconds each answer and each refusal took, when good ones came."""

    statuses: dict[str, int] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)
    refusals: list[float] = field(default_factory=list)
    good_at: list[float] = field(default_factory=list)
    lasted: float = 0.0

    @property
    def rate(self) -> float:
        """Return good answers a second, of the time in which all clients were at it."""
        warm = min(WARM_UP, self.lasted / 4)
        return sum(warm <= moment < self.lasted for moment in self.good_at) / (self.lasted - warm)

    @property
    def refused(self) -> int:
        """Return how many answers were not good."""
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
    command = [sys.executable, "-m", "bench.load", json.dumps(plan)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


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
    """Return the text of a refresh; a run that is `chained` goes on with the token that it answers."""
    return http("POST", "/auth/refresh-token", body={"refreshToken": token})


async def _exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> tuple[int, bytes]:
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
    return int(head[9:12]), await reader.readexactly(length)


async def _client(number: int, plan: dict[str, Any], result: Result, counts: Counter[str], end: float) -> None:
    request = plan["requests"][number % len(plan["requests"])].encode()
    pause = plan["connections"] / plan["rate"] if plan.get("rate") else 0.0
    reader, writer = await asyncio.open_connection("127.0.0.1", plan["port"])
    due = time.monotonic() + pause * number / plan["connections"]
    while (now := time.monotonic()) < end:
        if due >= end:
            break
        if pause and due > now:
            await asyncio.sleep(due - now)
        begun = due if pause else now
        if pause > IDLE:  # the service would have closed it meanwhile
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
        result.note(200 <= status < 300, time.monotonic() - begun, time.monotonic() - end + plan["seconds"])
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
    print(json.dumps(asdict(asyncio.run(_run(json.loads(sys.argv[1]))))))

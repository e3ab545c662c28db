"""What faults do to a running service."""

import contextlib
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from requests import RequestException

from tests.support.service import Service, Visitor


def reasons(visitor: Visitor) -> list[dict[str, str]]:
    """Return why a service is not ready."""
    with contextlib.suppress(RequestException):
        return list(visitor.request("GET", "/readyz").json().get("reasons", []))
    return []


def kill_while(service: Service, act: Callable[[], Any], delay: float) -> None:
    """Kill both workers `delay` seconds into a request, and wait until they have been replaced."""
    from_before = service.workers()
    with ThreadPoolExecutor(1) as pool:
        request = pool.submit(act)
        time.sleep(delay)
        for worker in from_before:
            worker.send_signal(signal.SIGKILL)
        with contextlib.suppress(RequestException):
            request.result()
    service.wait_ready()

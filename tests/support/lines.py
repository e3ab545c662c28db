"""Lines to a running service: a client that speaks as Flask's does, and one connection to each worker."""

import http.client
import json as as_json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import psutil
from werkzeug.test import EnvironBuilder, TestResponse

from tests.support.service import Service


class Line:
    """A client of a running service, by one connection that is kept, or a new one for each request.

    It is called as a FlaskClient is, so that what is written for one also works over a network.
    """

    def __init__(self, url: str, *, keep: bool = False) -> None:
        self._where = urlsplit(url)
        self._connection = self._connected() if keep else None

    def open(
        self,
        path: str,
        *,
        method: str = "GET",
        json: Any = None,
        data: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> TestResponse:
        """Send a request, and return the answer."""
        fields = dict(headers or {}) if json is None else {"Content-Type": "application/json", **(headers or {})}
        body = data if json is None else as_json.dumps(json)
        connection = self._connection or self._connected()
        connection.request(method, path, body=body, headers=fields)
        told = connection.getresponse()
        read = told.read()
        if self._connection is None:
            connection.close()
        return TestResponse([read], str(told.status), told.getheaders(), EnvironBuilder(path).get_request())

    def get(self, path: str, **options: Any) -> TestResponse:
        """Send a GET."""
        return self.open(path, method="GET", **options)

    def post(self, path: str, **options: Any) -> TestResponse:
        """Send a POST."""
        return self.open(path, method="POST", **options)

    def patch(self, path: str, **options: Any) -> TestResponse:
        """Send a PATCH."""
        return self.open(path, method="PATCH", **options)

    def delete(self, path: str, **options: Any) -> TestResponse:
        """Send a DELETE."""
        return self.open(path, method="DELETE", **options)

    @property
    def port(self) -> int:
        """Return the port at this end of a connection that is kept."""
        assert self._connection is not None
        return int(self._connection.sock.getsockname()[1])

    def close(self) -> None:
        """Close a connection that is kept."""
        if self._connection is not None:
            self._connection.close()

    def _connected(self) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection(self._where.hostname or "", self._where.port, timeout=30)
        connection.connect()
        return connection


@contextmanager
def one_to_each(service: Service) -> Iterator[list[Line]]:
    """Return a line to each worker: workers share connections evenly, and the system knows who holds which."""
    lines = [Line(service.url, keep=True) for _ in range(4 * len(service.workers()))]
    try:
        for line in lines:
            assert line.get("/healthz").status_code == 200
        yield [_of(worker, lines) for worker in service.workers()]
    finally:
        for line in lines:
            line.close()


def _of(worker: psutil.Process, lines: list[Line]) -> Line:
    held = {one.raddr.port for one in worker.net_connections("tcp") if one.raddr}
    return next(line for line in lines if line.port in held)

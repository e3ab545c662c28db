"""Connections that are kept, so that each worker holds some, over which the same is asked at once."""

import http.client
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from tests.support.service import Service

VERIFY = "/auth/verify"
"""What proxies ask before every page: it tells role and address as they are now."""


class Connection:
    """One that is kept: a request can be sent now, and its answer read later."""

    def __init__(self, service: Service) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=30)
        self._connection.connect()

    def send(self, token: str, path: str = VERIFY, *, method: str = "GET") -> None:
        """Send a request with an access token."""
        self._connection.request(method, path, headers={"Authorization": f"Bearer {token}"})

    def ask(self, token: str, path: str = VERIFY, *, method: str = "GET") -> int:
        """Send a request, and return the status of its answer."""
        self.send(token, path, method=method)
        return self.read().status

    def sign_out(self, token: str) -> int:
        """Ask for the end of a session, and return the status of the answer."""
        return self.ask(token, "/auth/logout", method="DELETE")

    def read(self) -> http.client.HTTPResponse:
        """Return the answer, read to its end."""
        answer = self._connection.getresponse()
        answer.read()
        return answer

    @property
    def port(self) -> int:
        """Return the port at this end."""
        return int(self._connection.sock.getsockname()[1])

    def close(self) -> None:
        """Close it."""
        self._connection.close()


class Warm:
    """Connections over all workers of a service."""

    def __init__(self, service: Service, count: int = 8) -> None:
        self._service = service
        self.all = [Connection(service) for _ in range(count)]

    def add(self) -> None:
        """Make another."""
        self.all.append(Connection(self._service))
        self.all[-1].ask("")

    def ask(self, token: str, path: str = VERIFY) -> list[http.client.HTTPResponse]:
        """Send the same request over all of them, and return the answers."""
        for connection in self.all:
            connection.send(token, path)
        return [connection.read() for connection in self.all]

    def statuses(self, token: str, path: str = VERIFY) -> set[int]:
        """Return the statuses of the answers."""
        return {answer.status for answer in self.ask(token, path)}

    def told(self, token: str, header: str) -> set[str | None]:
        """Return what the answers say in a header."""
        return {answer.getheader(header) for answer in self.ask(token)}

    def warm_up(self, *tokens: str) -> None:
        """Let every worker keep the sessions, and use what it keeps."""
        for token in tokens * 3:
            assert self.statuses(token) == {204}

    def held_by(self, worker: psutil.Process) -> list[Connection]:
        """Return those that a worker holds."""
        ports = {one.raddr.port for one in worker.net_connections("tcp") if one.raddr}
        return [connection for connection in self.all if connection.port in ports]

    def close(self) -> None:
        """Close them."""
        for connection in self.all:
            connection.close()


@contextmanager
def warm_connections(service: Service, count: int = 8) -> Iterator[Warm]:
    """Return so many connections, or more if need be: each worker holds two of them."""
    warm = Warm(service, count)
    try:
        warm.statuses("")  # who holds which is settled once they have been served
        while any(len(warm.held_by(worker)) < 2 for worker in service.workers()):
            assert len(warm.all) < 10 * count
            warm.add()
        yield warm
    finally:
        warm.close()

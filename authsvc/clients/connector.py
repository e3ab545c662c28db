"""The one guarded way to ask servers of other people, at addresses that other people chose (OWASP SSRF cheat sheet).

https alone; no redirect is followed and no proxy asked; the address is looked up once, checked, and that very address
is connected to; everything together takes a few seconds at most, however slowly a server answers; and little is read,
however fast it does.
"""

import http.client
import io
import re
import selectors
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from typing import Any
from urllib.parse import SplitResult, urlsplit

from authsvc.errors.not_reached import NotAsked, NotReached
from authsvc.public_addresses import address_of, is_host, is_loopback, is_private, is_public

SECONDS = 6.0
MOST_BYTES = 65_536
"""Of the body of an answer."""
_MOST_BYTES_BEFORE = 65_536
"""Of all that comes before the body: status lines and headers, those of `103 Early Hints` and the like too."""
_MOST_ADDRESSES = 4
_A_LOOK = 2.0
"""Seconds in which a name is looked up while somebody waits who only writes an address down."""
_PORT = re.compile(r":[0-9]*\Z", re.ASCII)
_PORTS = {"https": 443, "http": 80}
_FAILURES = (OSError, http.client.HTTPException, UnicodeError, ValueError)

Resolve = Callable[[str, int], Sequence[str]]
"""Returns the addresses of a host. Raises OSError, and NotAsked if it has not even begun."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said. A redirect is an answer too: it is not followed."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def look_up(host: str, port: int) -> Sequence[str]:
    """Return the addresses of a host. Raises OSError."""
    entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(one[4][0]) for one in entries))


class Connector:
    """Asks servers over https.

    `local` also lets plain http and https lead to this machine, and nowhere else inside: only for development.
    `private` also lets https lead to private networks: only to who is chosen by the operator.
    """

    def __init__(
        self,
        *,
        local: bool = False,
        private: bool = False,
        seconds: float = SECONDS,
        most_bytes: int = MOST_BYTES,
        trust: ssl.SSLContext | None = None,
        resolve: Resolve = look_up,
    ) -> None:
        self._local = local
        self._private = private
        self._seconds = seconds
        self._most_bytes = most_bytes
        self._trust = trust or _usual_trust()
        self._resolve = resolve
        also = "" if not private else " and none of a private network"
        self._no_address = f"the host has no public address{also}"

    @property
    def seconds(self) -> float:
        """Return how long an answer may take."""
        return self._seconds

    def require_possible(self, url: str) -> None:
        """Refuse an address that is never asked, whatever its host may lead to. Raises NotReached."""
        parts = self._parsed(url)
        if "#" in url:
            raise NotReached("the address has a fragment (#), which is never sent", for_good=True)
        address = address_of(parts.hostname or "")
        if parts.scheme == "http" and not self._may_be_here(parts, address):
            raise NotReached("plain http leads to this machine only, and elsewhere it takes https", for_good=True)
        if address is not None and not self._may_reach(address, parts.scheme):
            where = "is not public" if not self._private else "is neither public nor of a private network"
            raise NotReached(f"the address {where}", for_good=True)

    def get(self, url: str, headers: Mapping[str, str] | None = None, *, seconds: float | None = None) -> Answer:
        """Return the answer to GET, within fewer seconds than usual if so many are left. Raises NotReached."""
        return self._ask("GET", url, {**(headers or {})}, None, seconds)

    def post(self, url: str, body: bytes, headers: Mapping[str, str], *, seconds: float | None = None) -> Answer:
        """Return the answer to POST, within fewer seconds than usual if so many are left. Raises NotReached."""
        return self._ask("POST", url, {**headers, "Content-Length": str(len(body))}, body, seconds)

    def _ask(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, seconds: float | None
    ) -> Answer:
        deadline = time.monotonic() + (self._seconds if seconds is None else min(self._seconds, seconds))
        parts = self._parsed(url)
        try:
            with self._connected(parts, deadline) as wire:
                wire.send(_head(method, parts, headers) + (body or b""))
                return self._read(method, wire)
        except ssl.SSLCertVerificationError as error:
            raise NotReached("the certificate is not valid") from error
        except _FAILURES as error:
            raise NotReached(_cause(error)) from error

    def _may_be_here(self, parts: SplitResult, address: str | None) -> bool:
        """Tell whether a host may be this machine; of a name that is not known that can't be told."""
        if address is not None:
            return is_loopback(address)
        try:
            addresses = self._addresses(parts.hostname or "", parts.port or _PORTS["http"], time.monotonic() + _A_LOOK)
        except NotReached:
            return True
        return any(map(is_loopback, addresses))

    def _parsed(self, url: str) -> SplitResult:
        """Return the parts of an address that may be asked. Raises NotReached."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise NotReached("the address can't be read", for_good=True) from error
        if not url.isascii() or " " in url:
            how = "has to be percent-encoded, and so does a space; in a host it is written as xn--…"
            raise NotReached(f"what is not ASCII {how}", for_good=True)
        if parts.username is not None:
            raise NotReached("the address has a user name", for_good=True)
        if not url.isprintable() or not parts.hostname or port == 0:
            raise NotReached("the address can't be read", for_good=True)
        if parts.scheme != "https" and not (self._local and parts.scheme == "http"):
            raise NotReached("the address is not https", for_good=True)
        if not is_host(_PORT.sub("", parts.netloc)):  # and not `hostname`: that leaves out what follows a bracket
            raise NotReached("there can be no such host", for_good=True)
        return parts

    def _connected(self, parts: SplitResult, deadline: float) -> "_Wire":
        """Return a connection to the first address that may be, and can be, connected to."""
        host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
        addresses = self._addresses(host, port, deadline)
        allowed = [one for one in addresses if self._may_reach(one, parts.scheme)][:_MOST_ADDRESSES]
        if not allowed:
            raise NotReached(self._no_address)
        for number, address in enumerate(allowed, 1):
            wire = None
            now = time.monotonic()
            share = 1 if number == len(allowed) else 2  # one that swallows everything leaves half of the time to others
            try:
                wire = _Wire(address, port, deadline)  # of a family that this machine may not have
                wire.connect(now + (deadline - now) / share)
                if not self._may_reach(wire.peer(), parts.scheme):
                    raise NotReached(self._no_address)
                if parts.scheme == "https":
                    wire.wrap(self._trust, host)
                return wire
            except BaseException as error:
                if wire is not None:
                    wire.close()
                late = time.monotonic() >= deadline
                if number == len(allowed) or late or not isinstance(error, OSError) or isinstance(error, ssl.SSLError):
                    raise
        raise NotReached(self._no_address)

    def _may_reach(self, address: str, scheme: str) -> bool:
        if self._local and is_loopback(address):
            return True
        return scheme == "https" and (is_public(address) or (self._private and is_private(address)))

    def _addresses(self, host: str, port: int, deadline: float) -> Sequence[str]:
        """Return the addresses of a host; a resolver knows no deadline, so it is left behind at ours."""
        outcome: list[Sequence[str]] = []
        failures: list[BaseException] = []

        def work() -> None:
            try:
                outcome.append(self._resolve(host, port))
            except (*_FAILURES, NotAsked) as error:
                failures.append(error)

        thread = threading.Thread(target=work, name="authsvc-resolve", daemon=True)
        thread.start()
        thread.join(max(0.0, deadline - time.monotonic()))
        if outcome:
            return outcome[0]
        failure = failures[0] if failures else TimeoutError()
        if isinstance(failure, NotAsked):
            raise failure
        raise NotReached("it took too long" if isinstance(failure, TimeoutError) else "the host is not known")

    def _read(self, method: str, wire: "_Wire") -> Answer:
        response = http.client.HTTPResponse(wire, method=method)  # type: ignore[arg-type]  # it only calls makefile
        response.begin()
        while HTTPStatus.SWITCHING_PROTOCOLS < response.status < HTTPStatus.OK:
            response.headers = None  # type: ignore[assignment]  # so it begins anew; of its own it passes over 100 alone
            response.begin()
        wire.allow(2 * self._most_bytes)  # twice: of an answer in chunks their sizes, and of the end its trailers
        body = response.read(self._most_bytes + 1)
        if len(body) > self._most_bytes:
            raise NotReached("the answer is too long")
        if response.length:  # of what it announced some is missing
            raise http.client.IncompleteRead(body)
        return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, body)


class _Wire(io.RawIOBase):
    """A connection whose every step ends at one deadline, however few bytes a server sends at a time, or how many.

    The timeout of a socket does not do: it begins anew with each byte. Of all that is read only so much is allowed, as
    whoever reads HTTP knows no bound for what is no body: the ends of chunks, trailers, interim answers.
    """

    def __init__(self, address: str, port: int, deadline: float) -> None:
        super().__init__()
        self._address = address
        self._port = port
        self._deadline = deadline
        self._left = _MOST_BYTES_BEFORE
        self._socket: Any = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
        self._socket.setblocking(False)

    def connect(self, until: float) -> None:
        """Connect before a moment. Raises OSError."""
        with suppress(BlockingIOError):
            self._socket.connect((self._address, self._port))
        self._wait(selectors.EVENT_WRITE, until)
        code = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            raise OSError(code, "not connected")

    def peer(self) -> str:
        """Return the address that is connected to."""
        return str(self._socket.getpeername()[0])

    def wrap(self, trust: ssl.SSLContext, host: str) -> None:
        """Begin TLS, and check that the certificate is for this host. Raises ssl.SSLError."""
        self._socket = trust.wrap_socket(self._socket, server_hostname=host, do_handshake_on_connect=False)
        self._patiently(self._socket.do_handshake, selectors.EVENT_READ)

    def send(self, data: bytes) -> None:
        """Send all of it."""
        rest = memoryview(data)
        while rest:
            rest = rest[self._patiently(lambda: self._socket.send(rest), selectors.EVENT_WRITE) :]  # noqa: B023

    def allow(self, count: int) -> None:
        """Allow to read so many bytes more."""
        self._left += count

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read what is there, at least one byte unless the server has closed. Raises NotReached if it is too much."""
        time.sleep(0)  # where requests take turns, only who waits lets others go on, and here something may always be
        most = min(len(buffer), self._left + 1)
        data = self._patiently(lambda: self._socket.recv(most), selectors.EVENT_READ)
        self._left -= len(data)
        if self._left < 0:
            raise NotReached("the answer is too long")
        buffer[: len(data)] = data
        return len(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        """Return it as a file, as sockets do."""
        return io.BufferedReader(self)

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()
        super().close()

    def _patiently(self, step: Callable[[], Any], event: int) -> Any:
        """Return what a step returns, once it need not wait any longer. Raises TimeoutError."""
        while True:
            if time.monotonic() >= self._deadline:
                raise TimeoutError
            try:
                return step()
            except ssl.SSLWantReadError:
                self._wait(selectors.EVENT_READ)
            except ssl.SSLWantWriteError:
                self._wait(selectors.EVENT_WRITE)
            except BlockingIOError:
                self._wait(event)

    def _wait(self, event: int, until: float | None = None) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._socket, event)
            if not selector.select(max(0.0, (until or self._deadline) - time.monotonic())):
                raise TimeoutError


@cache
def _usual_trust() -> ssl.SSLContext:
    """Return what trusts the authorities of this machine. To read them takes 30 ms, so it is done once."""
    return ssl.create_default_context()


def _head(method: str, parts: SplitResult, headers: Mapping[str, str]) -> bytes:
    """Return the head of a request; the address was found to be plain ASCII."""
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
    port = "" if parts.port in (None, _PORTS[parts.scheme]) else f":{parts.port}"
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    fixed = {"Host": host + port, "User-Agent": "authsvc", "Accept-Encoding": "identity", "Connection": "close"}
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in {**fixed, **headers}.items())]
    if any("\r" in line or "\n" in line for line in lines):
        raise ValueError("a line break in a header")
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def _cause(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "it took too long"
    if isinstance(error, ssl.SSLError):
        return "TLS failed"
    if isinstance(error, http.client.HTTPException | ValueError):
        return "the answer can't be read"
    return "no connection"

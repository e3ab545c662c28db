"""The guarded connector: servers of other people can neither lead it inside nor hold it up. O49, O55."""

import errno
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest
import trustme

from authsvc.clients.connector import Answer, Connector
from authsvc.errors.not_reached import NotReached
from authsvc.public_addresses import is_public
from tests.support.outside import Server, dripping, saying, silent
from tests.support.service import ROOT

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def trust(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


def refused(ask: Callable[[], Answer | None]) -> NotReached:
    with pytest.raises(NotReached) as caught:
        ask()
    return caught.value


@contextmanager
def full_listener(host: str, port: int) -> Iterator[None]:
    """Listen where nobody is let in any more: whoever connects waits."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server((host, port), backlog=0))
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        time.sleep(0.1)
        yield


class TestPrivate:
    """Only a provider that the operator has marked so: who runs the network, not who writes an address."""

    @pytest.mark.parametrize(
        ("address", "may"),
        [
            *((one, True) for one in ("10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "fd12::1")),
            *((one, True) for one in ("::ffff:10.0.0.1", "93.184.215.14")),
            *(
                (one, False)
                for one in ("127.0.0.1", "::1", "169.254.169.254", "fd00:ec2::254", "100.64.0.1", "0.0.0.0")
            ),
            *((one, False) for one in ("172.32.0.1.", "fe80::1", "::ffff:127.0.0.1", "x", "", "100.100.100.200")),
        ],
    )
    def test_o55_private_networks_may_be_reached_and_nothing_else_inside(self, address: str, may: bool):
        assert Connector(private=True)._may_reach(address, "https") is may
        assert Connector(private=True)._may_reach(address, "http") is False
        assert Connector()._may_reach(address, "https") is is_public(address)


class TestAddresses:
    @pytest.mark.parametrize("address", ["93.184.215.14", "2606:4700::1111", "64:ff9b::5db8:d70e", "2002:5db8:d70e::1"])
    def test_o49_public_ones_may_be_asked(self, address: str):
        assert is_public(address)

    @pytest.mark.parametrize(
        "address",
        [
            *("127.0.0.1", "127.255.255.254", "0.0.0.0", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1"),
            *("169.254.169.254", "168.63.129.16", "100.64.0.1", "100.100.100.200", "192.0.0.192", "192.0.2.1"),
            *("198.18.0.1", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255", "192.88.99.1"),
            *("::", "::1", "fe80::1", "fe80::1%eth0", "fec0::1", "fc00::1", "fd00:ec2::254", "ff02::1", "2001:db8::1"),
            *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "::10.0.0.1"),
            *("64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::a00:1", "2002:7f00:1::", "2002:a9fe:a9fe::1"),
            *(
                "2001:0:7f00:1::",
                "2001:20::1",
                "3fff::1",
                "100::1",
                "5f00::1",
                "4000::1",
                "localhost",
                "",
                "1",
                "0x7f.1",
            ),
        ],
    )
    def test_o49_o55_inner_ones_and_those_that_stand_for_them_may_not(self, address: str):
        assert not is_public(address)


class TestWhoIsAsked:
    def test_o49_a_form_is_posted_over_verified_tls(self, authority: trustme.CA, trust: ssl.SSLContext):
        with Server(saying("200 OK", b"thanks"), authority=authority) as server:
            answer = Connector(local=True, trust=trust).post(server.url("/out?x=1"), b"logout_token=a.b.c", FORM)
        assert (answer.status, answer.body) == (200, b"thanks")
        (request,) = server.requests
        assert request.startswith(b"POST /out?x=1 HTTP/1.1\r\nHost: localhost:%d\r\n" % server.port)
        assert request.endswith(b"\r\n\r\nlogout_token=a.b.c")
        assert b"Content-Type: application/x-www-form-urlencoded\r\n" in request

    def test_o55_a_certificate_that_nobody_vouches_for_is_refused(self, authority: trustme.CA):
        with Server(authority=authority) as server:
            error = refused(lambda: Connector(local=True).get(server.url()))
        assert (str(error), server.requests) == ("the certificate is not valid", [])

    def test_o55_a_certificate_for_another_name_is_refused(self, authority: trustme.CA, trust: ssl.SSLContext):
        with Server(authority=authority, name="other.example") as server:
            error = refused(lambda: Connector(local=True, trust=trust).get(server.url()))
        assert (str(error), server.requests) == ("the certificate is not valid", [])

    def test_o49_plain_http_is_refused_outside_development(self):
        with Server() as server:
            error = refused(lambda: Connector().get(server.url()))
        assert (str(error), error.for_good, server.connections) == ("the address is not https", True, 0)

    def test_o49_plain_http_leads_to_this_machine_alone_even_in_development(self):
        asked: list[str] = []

        def resolve(host: str, port: int) -> list[str]:
            asked.append(host)
            return ["93.184.215.14", "10.0.0.1"]

        error = refused(lambda: Connector(local=True, resolve=resolve).get("http://app.example.net/"))
        assert (str(error), asked) == ("the host has no public address", ["app.example.net"])

    @pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::ffff:127.0.0.1]", "0.0.0.0", "2130706433", "127.1"])
    def test_o55_this_machine_is_not_asked(self, host: str, authority: trustme.CA, trust: ssl.SSLContext):
        with Server(authority=authority) as server:
            refused(lambda: Connector(trust=trust, seconds=2).get(server.url(host=host)))
        assert server.connections == 0

    def test_o55_a_name_whose_address_changes_after_the_check_leads_nowhere_else(
        self, authority: trustme.CA, trust: ssl.SSLContext
    ):
        """Rebinding: the name is looked up once, and what was checked is what is connected to."""
        with Server(authority=authority, name="rebinds.example") as server:
            turns = iter([["127.0.0.1"], ["169.254.169.254"], ["127.0.0.1"]])

            def resolve(_host: str, _port: int) -> list[str]:
                return next(turns)

            inside = Connector(local=True, trust=trust, resolve=resolve)
            url = server.url(host="rebinds.example")
            assert inside.get(url).status == 204
            assert str(refused(lambda: inside.get(url))) == "the host has no public address"
            assert str(refused(lambda: Connector(trust=trust, resolve=resolve).get(url))) == (
                "the host has no public address"
            )
            assert server.connections == 1

    def test_an_address_that_swallows_everything_leaves_time_to_the_next(self):
        """As that of a host whose other protocol leads nowhere."""
        with Server() as server, full_listener("127.0.0.2", server.port):
            connector = Connector(local=True, resolve=lambda *_: ["127.0.0.2", "127.0.0.1"], seconds=1)
            assert connector.get(server.url()).status == 204

    def test_an_address_of_a_protocol_that_this_machine_lacks_is_passed_over(self, monkeypatch: pytest.MonkeyPatch):
        """As on a kernel without IPv6."""
        real = socket.socket

        def make(family: int = -1, *options: int, **more: int | None) -> socket.socket:
            if family == socket.AF_INET6:
                raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")
            return real(family, *options, **more)

        with Server() as server:
            monkeypatch.setattr(socket, "socket", make)
            connector = Connector(local=True, resolve=lambda *_: ["::1", "127.0.0.1"], seconds=1)
            assert connector.get(server.url()).status == 204

    def test_o55_of_several_addresses_the_inner_ones_are_passed_over(self):
        connector = Connector(resolve=lambda *_: ["10.0.0.1", "::1", "169.254.169.254"], seconds=2)
        assert str(refused(lambda: connector.get("https://app.example.net/"))) == "the host has no public address"

    @pytest.mark.parametrize(
        "url",
        [
            *("", "https:", "https://", "https:///x", "//localhost/", "ftp://localhost/", "file:///etc/passwd"),
            *("https://u:p@localhost/", "https://localhost:0/", "https://localhost:99999/", "https://[::1/"),
            *("https://localhost/a b", "https://localhost/\r\nX: y", "https://höst.example/", "gopher://localhost/"),
        ],
    )
    def test_o55_an_address_that_is_none_is_refused(self, url: str):
        assert refused(lambda: Connector(local=True).get(url)).for_good

    @pytest.mark.parametrize(
        "host",
        [
            *("a..b", ".example.com", "example..", ".", "%00", "exa%6dple.com", "1.1.1.1%00.example", "a,b", "a*"),
            *("a]b", "[::ffff:1.1.1.1]evil", "[::1]evil.example", "[1.2.3.4]", "[v1.fe80]", "[fe80::1%25eth0]", "[]"),
            *(
                "127.0.0.1.",
                "1.2.3.4.5",
                "256.1.1.1",
                "example.1",
                "0x100000000",
                "a.0x7f",
                f"{'a' * 64}.example",
            ),
            ".".join(["a" * 60] * 5),
        ],
    )
    def test_o49_a_host_that_there_can_t_be_is_refused_before_it_is_looked_up(self, host: str):
        looked_up: list[str] = []
        connector = Connector(resolve=lambda name, _: looked_up.append(name) or [])  # type: ignore[func-returns-value]
        error = refused(lambda: connector.get(f"https://{host}/"))
        assert (error.for_good, str(error)) in (
            (True, "there can be no such host"),
            (True, "the address can't be read"),
        )
        assert refused(lambda: connector.require_possible(f"https://{host}:8443/")).for_good
        assert looked_up == []

    @pytest.mark.parametrize(
        "host",
        [
            *(
                "example.com",
                "EXAMPLE.com",
                "a_b.example.com",
                "-a-.example",
                "xn--bcher-kva.example",
                "a",
                "1a.example",
            ),
            *("example.com.", "1.example", "0x.example", "93.184.215.14", "1.1", "0x5db8d70e", "[2606:4700::1111]"),
            *("[64:ff9b::93.184.215.14]", f"{'a' * 63}.example"),
        ],
    )
    def test_a_host_that_there_can_be_is_possible(self, host: str):
        for port in ("", ":", ":8443"):
            Connector().require_possible(f"https://{host}{port}/x")

    @pytest.mark.parametrize(
        ("url", "cause"),
        [
            ("https://user:pw@example.com/", "the address has a user name"),
            ("https://user@example.com/", "the address has a user name"),
            ("https://example.com/gr\u00fc\u00dfe", "what is not ASCII has to be percent-encoded"),
            ("https://b\u00fccher.example/", "what is not ASCII has to be percent-encoded"),
            ("https://example.com/a b", "what is not ASCII has to be percent-encoded, and so does a space"),
            ("https://example.com/#part", "the address has a fragment (#)"),
            ("https://example.com/#", "the address has a fragment (#)"),
            ("http://93.184.215.14/", "plain http leads to this machine only"),
            ("http://10.0.0.1/", "plain http leads to this machine only"),
            ("http://outside.example/", "plain http leads to this machine only"),
            ("https://10.0.0.1/", "the address is not public"),
        ],
    )
    def test_it_is_said_what_is_wrong_with_an_address(self, url: str, cause: str):
        connector = Connector(local=True, resolve=lambda *_: ["93.184.215.14"])
        error = refused(lambda: connector.require_possible(url))
        assert (error.for_good, str(error).startswith(cause)) == (True, True), str(error)

    def test_plain_http_may_lead_to_this_machine_by_any_name(self):
        def unknown(_host: str, _port: int) -> list[str]:
            raise OSError

        for url in ("http://localhost:3000/", "http://2130706433/", "http://[::1]:3000/", "http://a.example/"):
            Connector(local=True, resolve=lambda *_: ["93.184.215.14", "127.0.0.1"]).require_possible(url)
        Connector(local=True, resolve=unknown).require_possible("http://soon.example/")
        said = str(refused(lambda: Connector().require_possible("http://localhost:3000/")))
        assert said == "the address is not https"

    def test_o49_no_proxy_is_asked(self, monkeypatch: pytest.MonkeyPatch):
        with Server(saying("200 OK", b"proxy")) as proxy, Server(saying("200 OK", b"server")) as server:
            for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
                monkeypatch.setenv(name, proxy.url())
            assert Connector(local=True).get(server.url()).body == b"server"
        assert proxy.connections == 0

    def test_o55_a_redirect_is_not_followed(self):
        with Server() as inner, Server(saying("302 Found", Location=inner.url())) as server:
            assert Connector(local=True).get(server.url()).status == 302
        assert inner.connections == 0

    def test_an_unknown_host_is_not_reached(self):
        assert str(refused(lambda: Connector().get("https://nowhere.invalid/"))) in (
            "the host is not known",
            "it took too long",
        )


SLOW = {
    "silent": silent,
    "head": dripping(b"HTTP/1.1 200 OK\r\nX: ", b"y"),
    "headers": dripping(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n", 0.1),
    "status": dripping(b"", b"H"),
    "body": dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", b"z"),
    "chunks": dripping(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nz\r\n"),
    "endless": dripping(b"HTTP/1.1 200 OK\r\n\r\n", b"z"),
    "informational": dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
}


FINE = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
FLOODS = {
    "informational": (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 4_000),
    "early hints": (b"", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 2_000),
    "headers": (b"HTTP/1.1 200 OK\r\n", (b"X: " + b"y" * 60_000 + b"\r\n") * 2),
    "trailers": (CHUNKED + b"0\r\n", b"X: y\r\n" * 20_000),
    "extensions": (CHUNKED, (b"1;" + b"x" * 60_000 + b"\r\n \r\n") * 2),
    "chunks": (CHUNKED, b"1\r\nx\r\n" * 20_000),
    "less than nothing": (CHUNKED + b"-1\r\n", b"x" * 1_048_576),
    "endless": (b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 1_048_576),
}
"""How an answer begins, and what follows as fast as it can, without an end."""


def flooding(name: str) -> Server:
    """Return a server that answers with one of the floods."""
    first, drop = FLOODS[name]
    return Server(dripping(first, drop, pause=0))


class TestHowLong:
    @pytest.mark.parametrize("behaviour", SLOW.values(), ids=SLOW)
    @pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
    def test_o55_all_together_ends_in_time(
        self, behaviour: Callable[..., None], tls: bool, authority: trustme.CA, trust: ssl.SSLContext
    ):
        with Server(behaviour, authority=authority if tls else None) as server:
            began = time.monotonic()
            refused(lambda: Connector(local=True, trust=trust, seconds=0.6).get(server.url()))
            assert time.monotonic() - began < 1.2

    def test_o55_by_default_that_is_six_seconds(self):
        with Server(SLOW["head"]) as server:
            began = time.monotonic()
            assert str(refused(lambda: Connector(local=True).get(server.url()))) == "it took too long"
            assert 5.5 < time.monotonic() - began < 7

    def test_o55_a_handshake_that_drips_ends_in_time(self, trust: ssl.SSLContext):
        """Each byte would begin the timeout of a socket anew."""

        def drip(connection: socket.socket, _: bytes) -> None:
            connection.sendall(b"\x16\x03\x03\x40\x00")
            while True:
                connection.sendall(b"\x02")
                time.sleep(0.05)

        with _Unasked(drip) as server:
            began = time.monotonic()
            refused(lambda: Connector(local=True, trust=trust, seconds=0.6).get(f"https://localhost:{server.port}/"))
            assert time.monotonic() - began < 1.2

    def test_o55_a_resolver_that_hangs_is_left_behind(self):
        over = threading.Event()

        def resolve(_host: str, _port: int) -> list[str]:
            over.wait(5)
            return ["127.0.0.1"]

        began = time.monotonic()
        error = refused(lambda: Connector(seconds=0.4, resolve=resolve).get("https://app.example.net/"))
        over.set()
        assert (str(error), time.monotonic() - began < 1) == ("it took too long", True)

    def test_o55_in_the_workers_of_the_service_too(self):
        """There sockets, selectors and threads are gevent's."""
        program = f"""
from gevent import monkey; monkey.patch_all()
import ssl, sys, time
sys.path.insert(0, {str(ROOT)!r})
import trustme
from authsvc.clients.connector import Connector
from authsvc.errors.not_reached import NotReached
from tests.services.test_connector import SLOW
from tests.support.outside import Server, saying
authority, trust = trustme.CA(), ssl.create_default_context()
authority.configure_trust(trust)
for tls in (None, authority):
    with Server(saying("200 OK", b"fine"), authority=tls) as server:
        assert Connector(local=True, trust=trust).get(server.url()).body == b"fine"
    for name, behaviour in SLOW.items():
        with Server(behaviour, authority=tls) as server:
            began = time.monotonic()
            try:
                Connector(local=True, trust=trust, seconds=0.4).get(server.url())
            except NotReached:
                assert time.monotonic() - began < 1.0, name
            else:
                raise SystemExit(name)
"""
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr

    def test_o55_a_flood_neither_stops_the_other_requests_of_a_worker_nor_fills_its_memory(self):
        """Where something is always there nothing waits, and in the workers only who waits lets others go on."""
        program = f"""
from gevent import monkey; monkey.patch_all()
import resource, sys, time
import gevent
sys.path.insert(0, {str(ROOT)!r})
from authsvc.clients.connector import Connector
from authsvc.errors.not_reached import NotReached
stops = [0.0]
def tick():
    while True:
        began = time.monotonic()
        gevent.sleep(0.005)
        stops.append(time.monotonic() - began)
gevent.spawn(tick)
for url in sys.argv[1:]:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        Connector(local=True, seconds=2).post(url, b"{{}}", {{}})
    except NotReached as error:
        gevent.sleep(0.01)
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024
        print(error, max(stops), grown, sep=";")
    stops[:] = [0.0]
"""
        with ExitStack() as stack:
            urls = [stack.enter_context(flooding(name)).url() for name in FLOODS]
            command = [sys.executable, "-c", program, *urls]
            done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        outcomes = [line.split(";") for line in done.stdout.splitlines()]
        assert [cause for cause, _, _ in outcomes] == ["the answer is too long"] * len(FLOODS)
        assert max(float(stop) for _, stop, _ in outcomes) < 0.4  # 2 s where nothing lets others go on
        assert max(int(grown) for _, _, grown in outcomes) < 64


class TestHowMuch:
    @pytest.mark.parametrize("name", FLOODS)
    def test_o55_of_a_flood_only_so_much_is_read(self, name: str):
        with flooding(name) as server:
            began = time.monotonic()
            error = refused(lambda: Connector(local=True, seconds=3, most_bytes=8_192).get(server.url()))
        assert (str(error), time.monotonic() - began < 1.5) == ("the answer is too long", True)

    def test_o55_headers_are_64_kb_together_at_most(self):
        line = b"X: " + b"y" * 1_000 + b"\r\n"
        for count, fits in ((60, True), (70, False)):
            head = b"HTTP/1.1 200 OK\r\nContent-Length: 65536\r\n" + line * count + b"\r\n"
            with Server(lambda connection, _, said=head + b"x" * 65_536: connection.sendall(said)) as server:
                if fits:
                    assert len(Connector(local=True).get(server.url()).body) == 65_536
                else:
                    assert str(refused(lambda: Connector(local=True).get(server.url()))) == "the answer is too long"

    @pytest.mark.parametrize("early", [b"100 Continue", b"102 Processing", b"103 Early Hints", b"199 Whatever"])
    def test_what_is_said_before_an_answer_is_passed_over(self, early: bytes):
        before = b"HTTP/1.1 %s\r\nLink: </a>\r\n\r\n" % early * 3
        with Server(lambda connection, _: connection.sendall(before + FINE)) as server:
            answer = Connector(local=True).post(server.url(), b"{}", {})
        assert (answer.status, answer.body, "link" in answer.headers) == (200, b"fine", False)

    def test_another_protocol_is_an_answer(self):
        with Server(saying("101 Switching Protocols")) as server:
            assert Connector(local=True).get(server.url()).status == 101

    def test_o55_64_kb_are_read(self):
        with Server(saying("200 OK", b"x" * 65_536)) as server:
            assert len(Connector(local=True).get(server.url()).body) == 65_536

    @pytest.mark.parametrize(
        "head", [b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 314572800\r\n\r\n"]
    )
    def test_o55_of_300_mb_no_more_than_that_is_read(self, head: bytes):
        sent: list[int] = []

        def pour(connection: socket.socket, _: bytes) -> None:
            connection.sendall(head)
            for _ in range(4_800):
                connection.sendall(b"x" * 65_536)
                sent.append(65_536)

        with Server(pour) as server:
            assert str(refused(lambda: Connector(local=True).get(server.url()))) == "the answer is too long"
            assert sum(sent) < 64 * 1024 * 1024

    @pytest.mark.parametrize(
        "answer",
        [
            *(b"", b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 abc\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx"),
            b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n",
            b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000 + b"\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        ],
    )
    def test_what_is_no_http_is_not_an_answer(self, answer: bytes):
        with Server(lambda connection, _: connection.sendall(answer)) as server:
            refused(lambda: Connector(local=True, seconds=3).get(server.url()))


class _Unasked(Server):
    """A server that speaks before it was spoken to."""

    def _serve(self, connection: socket.socket) -> None:
        try:
            self.behaviour(connection, b"")
        except OSError:
            pass
        finally:
            connection.close()

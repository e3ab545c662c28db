"""Names of hosts are looked up where they can hold up nobody else, and those of hooks once in a while.

What was looked up is checked each time all the same.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from authsvc.clients import kept_lookups
from authsvc.clients.connector import Connector
from authsvc.clients.kept_lookups import KeptLookups
from authsvc.clients.lookups import Lookups
from authsvc.errors.not_reached import NotAsked, NotReached
from authsvc.services import app_documents, hooks, logout_notices, providers, webhooks
from authsvc.serving import lifecycle
from authsvc.settings.hooks import is_elsewhere
from tests.support.outside import Server


class Names:
    """A resolver whose names that begin with `hangs` hang until the end, and which fails while it is told to."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.over = threading.Event()
        self.fails = False
        self.seconds = 0.0

    def __call__(self, host: str, _port: int) -> Sequence[str]:
        self.asked[host] += 1
        if host.startswith("hangs"):
            self.over.wait(20)
        time.sleep(self.seconds)
        if self.fails:
            raise OSError("no such name")
        return ["127.0.0.1"]


@pytest.fixture
def names() -> Iterator[Names]:
    names = Names()
    yield names
    names.over.set()


def outcomes(work: Callable[[], Sequence[str]], many: int) -> list[object]:
    """Return what becomes of so many calls at once: addresses, or the kind of an error."""

    def one(_: int) -> object:
        try:
            return work()
        except (OSError, NotReached) as error:
            return type(error)

    with ThreadPoolExecutor(many) as pool:
        return list(pool.map(one, range(many)))


def is_over(began: float) -> bool:
    return time.monotonic() - began < 1.0


class TestLookups:
    def test_all_who_ask_for_a_host_wait_for_one_look_up(self, names: Names) -> None:
        names.seconds = 0.1
        look_up = Lookups(1, 5, names)
        began = time.monotonic()
        assert outcomes(lambda: look_up("a.example", 443), 32) == [["127.0.0.1"]] * 32
        assert names.asked == {"a.example": 1}
        assert is_over(began)

    def test_all_who_wait_hear_that_it_failed_and_the_next_looks_up_anew(self, names: Names) -> None:
        names.seconds, names.fails = 0.1, True
        look_up = Lookups(1, 5, names)
        assert outcomes(lambda: look_up("a.example", 443), 8) == [OSError] * 8
        names.fails = False
        assert look_up("a.example", 443) == ["127.0.0.1"]
        assert names.asked == {"a.example": 2}

    def test_a_name_that_hangs_keeps_one_place_however_many_ask(self, names: Names) -> None:
        look_up = Lookups(2, 0.2, names)
        assert outcomes(lambda: look_up("hangs.example", 443), 8) == [TimeoutError] * 8
        assert names.asked == {"hangs.example": 1}
        began = time.monotonic()
        for number in range(8):
            assert look_up(f"{number}.example", 443) == ["127.0.0.1"]
        assert is_over(began)

    def test_who_finds_no_place_is_told_so_and_gets_one_afterwards(self, names: Names) -> None:
        look_up = Lookups(2, 0.2, names)
        for number in range(2):
            look_up.begin(f"hangs-{number}.example", 443)
        assert outcomes(lambda: look_up("a.example", 443), 4) == [NotAsked] * 4
        assert names.asked["a.example"] == 0
        names.over.set()
        assert look_up("a.example", 443) == ["127.0.0.1"]

    def test_what_is_wrong_with_a_name_is_told_apart(self, names: Names) -> None:
        """Who could not even be asked has not failed; whose name hangs has."""
        look_up = Lookups(1, 0.2, names)
        connector = Connector(local=True, seconds=0.5, resolve=look_up)
        with pytest.raises(NotReached, match="it took too long") as hung:
            connector.get("http://hangs.example/")
        assert not isinstance(hung.value, NotAsked)
        with pytest.raises(NotAsked, match="too many names"):
            connector.get("http://a.example/")
        names.over.set()
        names.fails = True
        with pytest.raises(NotReached, match="the host is not known"):
            connector.get("http://b.example/")

    def test_webhooks_whose_names_all_hang_hold_up_none_that_is_well(
        self, names: Names, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(webhooks._look_up, "_resolve", names)
        for number in range(19):
            webhooks._look_up.begin(f"hangs-{number}.example", 443)
        began = time.monotonic()
        with Server() as server:
            connector = Connector(local=True, seconds=5, resolve=webhooks._look_up)
            assert connector.post(server.url(), b"{}", {}).status == 204
        assert is_over(began)

    def test_mail_and_the_database_have_threads_whatever_hangs(self) -> None:
        every = [app_documents._look_up, logout_notices._look_up, providers._look_up, webhooks._look_up]
        places = sum(one._places._initial_value for one in [*every, hooks._look_up._lookups])  # type: ignore[attr-defined]
        assert places == 32
        assert places + 10 <= lifecycle.THREADS


class TestKeptLookups:
    def test_addresses_are_kept_for_a_while(self, names: Names, monkeypatch: pytest.MonkeyPatch) -> None:
        kept = KeptLookups(2, 1, names)
        for host in ("a.example", "a.example", "b.example"):
            assert kept(host, 443) == ["127.0.0.1"]
        assert names.asked == {"a.example": 1, "b.example": 1}
        monkeypatch.setattr(kept_lookups, "KEPT_SECONDS", -1.0)
        kept("a.example", 443)
        assert names.asked == {"a.example": 2, "b.example": 1}

    def test_a_failure_is_not_kept(self, names: Names) -> None:
        kept = KeptLookups(1, 1, names)
        names.fails = True
        with pytest.raises(OSError, match="no such name"):
            kept("a.example", 443)
        names.fails = False
        assert kept("a.example", 443) == ["127.0.0.1"]

    def test_many_at_once_look_up_once_at_each_expiry(self, names: Names, monkeypatch: pytest.MonkeyPatch) -> None:
        names.seconds = 0.1
        kept = KeptLookups(1, 2, names)
        for turn in (1, 2):
            assert outcomes(lambda: kept("a.example", 443), 32) == [["127.0.0.1"]] * 32
            assert names.asked["a.example"] == turn
            for host, (_, addresses) in kept._kept.items():
                kept._kept[host] = (time.monotonic() - kept_lookups.KEPT_SECONDS, addresses)

    def test_former_addresses_do_while_the_name_can_t_be_looked_up(
        self, names: Names, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        kept = KeptLookups(1, 2, names)
        kept("a.example", 443)
        monkeypatch.setattr(kept_lookups, "KEPT_SECONDS", -1.0)
        names.fails = True
        assert kept("a.example", 443) == ["127.0.0.1"]
        names.seconds = 0.6
        began = time.monotonic()
        assert outcomes(lambda: kept("a.example", 443), 8) == [["127.0.0.1"]] * 8
        assert is_over(began), "a resolver that is slow stops nobody"
        assert names.asked["a.example"] == 3
        monkeypatch.setattr(kept_lookups, "STALE_SECONDS", -1.0)
        with pytest.raises(OSError, match="no such name"):
            kept("a.example", 443)

    def test_new_addresses_are_kept_though_nobody_waited_for_them(
        self, names: Names, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(kept_lookups, "_PATIENCE", 0.01)
        kept = KeptLookups(1, 2, names)
        kept._kept["a.example"] = (time.monotonic() - kept_lookups.KEPT_SECONDS, ["192.0.2.1"])
        names.seconds = 0.1
        assert kept("a.example", 443) == ["192.0.2.1"]
        assert kept._lookups.begin("a.example", 443).result(5) == ["127.0.0.1"]
        assert kept("a.example", 443) == ["127.0.0.1"]
        assert names.asked["a.example"] == 1

    def test_the_name_of_one_hook_holds_up_no_other(self, names: Names, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(hooks._look_up, "_resolve", names)
        hooks._look_up._lookups.begin("hangs.example", 443)
        began = time.monotonic()
        assert hooks._look_up("fine.example", 443) == ["127.0.0.1"]
        assert is_over(began)

    @pytest.mark.parametrize(
        "address", ["169.254.169.254", "127.0.0.1", "::ffff:127.0.0.1", "fd00:ec2::254", "0.0.0.0"]
    )
    def test_in_production_a_name_leads_neither_to_this_machine_nor_to_metadata(self, address: str) -> None:
        connector = Connector(private=True, seconds=1, resolve=KeptLookups(1, 1, lambda *_: [address]))
        for _ in range(2):
            with pytest.raises(NotReached, match="no public address and none of a private network"):
                connector.post("https://hooks.example/", b"{}", {})

    @pytest.mark.parametrize(
        "host", ["10.0.0.7", "192.168.1.1:3000", "[fd00:1::1]", "93.184.216.34", "hook", "localhost.example.com"]
    )
    def test_a_hook_may_be_in_a_private_network_or_on_the_internet(self, host: str) -> None:
        assert is_elsewhere(f"https://{host}/ask")

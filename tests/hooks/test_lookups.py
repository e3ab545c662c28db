"""A hook is asked often: its host is looked up once in a while, and what was looked up is checked each time."""

from collections.abc import Sequence

import pytest

from authsvc.clients import kept_lookups
from authsvc.clients.connector import Connector
from authsvc.clients.kept_lookups import KeptLookups
from authsvc.errors.not_reached import NotReached


class TestKeptLookups:
    def test_addresses_are_kept_for_a_while(self, monkeypatch: pytest.MonkeyPatch) -> None:
        asked: list[str] = []

        def look_up(host: str, _port: int) -> Sequence[str]:
            asked.append(host)
            return [f"192.0.2.{len(asked)}"]

        kept = KeptLookups(look_up)
        assert [kept("a.example", 443), kept("a.example", 443)] == [["192.0.2.1"], ["192.0.2.1"]]
        assert kept("b.example", 443) == ["192.0.2.2"]
        monkeypatch.setattr(kept_lookups, "KEPT_SECONDS", -1.0)
        other = KeptLookups(look_up)
        assert [other("a.example", 443), other("a.example", 443)] == [["192.0.2.3"], ["192.0.2.4"]]

    def test_a_failure_is_not_kept(self) -> None:
        answers = iter([OSError(), ["192.0.2.1"]])

        def look_up(_host: str, _port: int) -> Sequence[str]:
            answer = next(answers)
            if isinstance(answer, OSError):
                raise answer
            return answer

        kept = KeptLookups(look_up)
        with pytest.raises(OSError):  # noqa: PT011
            kept("a.example", 443)
        assert kept("a.example", 443) == ["192.0.2.1"]

    @pytest.mark.parametrize(
        "address", ["169.254.169.254", "127.0.0.1", "::ffff:127.0.0.1", "fd00:ec2::254", "0.0.0.0"]
    )
    def test_in_production_a_name_leads_neither_to_this_machine_nor_to_metadata(self, address: str) -> None:
        connector = Connector(private=True, seconds=1, resolve=KeptLookups(lambda *_: [address]))
        for _ in range(2):
            with pytest.raises(NotReached):
                connector.post("https://hooks.example/", b"{}", {})

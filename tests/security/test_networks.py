"""Addresses as proxies and sockets write them, and the networks they belong to. U15."""

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authsvc.security.networks import UNKNOWN, address_of, client_address, is_same, network_of

WRITTEN = {
    "203.0.113.7": "203.0.113.7",
    "203.0.113.7:40001": "203.0.113.7",
    " 203.0.113.7\t": "203.0.113.7",
    '"203.0.113.7:1"': "203.0.113.7",
    "[203.0.113.7]": "203.0.113.7",
    "2001:DB8::1": "2001:db8::1",
    "2001:db8:0:0:0:0:0:1": "2001:db8::1",
    "[2001:db8::1]": "2001:db8::1",
    "[2001:db8::1]:4000": "2001:db8::1",
    '"[2001:db8::1]:4000"': "2001:db8::1",
    "fe80::1%eth0": "fe80::1",
    "[fe80::1%25eth0]:80": "fe80::1",
    "::ffff:203.0.113.7": "203.0.113.7",
    "::ffff:cb00:7107": "203.0.113.7",
    "[::ffff:203.0.113.7]:40001": "203.0.113.7",
    "64:ff9b::203.0.113.7": "64:ff9b::cb00:7107",
    "2002:cb00:7107::1": "2002:cb00:7107::1",
}
NO_ADDRESS = [
    "",
    " ",
    '"',
    "unknown",
    "_hidden",
    "_SEVKISEK",
    "localhost",
    "client.example",
    "203.0.113",
    "203.0.113.7.1",
    "203.0.113.256",
    "203.0.113.007",
    "203.0.113.7:",
    "203.0.113.7:port",
    "203.0.113.7:400000",
    "203.0.113.7/24",
    "0x7f.0.0.1",
    "3405803783",
    "2001:db8::1::2",
    "[2001:db8::1",
    "2001:db8::1]",
    "[2001:db8::1]x",
    "[2001:db8::1]:",
    "[]",
    "::::",
    "\u0663.0.113.7",
    "\uff12.0.113.7",
    "203.0.113.7\x00",
    "203.0.113.7 198.51.100.1",
    '", 203.0.113.7',
    "for=203.0.113.7",
]
SAME_NETWORK = [
    "203.0.113.7",
    "203.0.113.7:40001",
    "::ffff:203.0.113.7",
    "[::ffff:203.0.113.7]:7",
    "64:ff9b::203.0.113.7",
    "[64:ff9b::cb00:7107]:7",
    "64:ff9b:1::203.0.113.7",
    "64:ff9b:1:fffe::203.0.113.7",
    "2002:cb00:7107::1",
    "2002:cb00:7107:7:8:9::1",
]


class TestU15Address:
    @pytest.mark.parametrize(("text", "address"), WRITTEN.items())
    def test_port_brackets_and_zone_go(self, text: str, address: str | None):
        assert address_of(text) == address

    @pytest.mark.parametrize("text", NO_ADDRESS, ids=ascii)
    def test_what_is_no_address_is_none(self, text: str):
        assert address_of(text) is None
        assert network_of(text) == UNKNOWN

    @given(st.ip_addresses(), st.integers(0, 65535))
    def test_every_address_is_itself_with_and_without_a_port(self, address: object, port: int):
        text = str(address)
        bracketed = f"[{text}]" if ":" in text else text
        assert address_of(text) == address_of(f"{bracketed}:{port}") == address_of(text.upper())
        assert network_of(text) == network_of(f"{bracketed}:{port}")

    @given(st.text(max_size=60))
    def test_whatever_is_written_an_address_or_nothing_comes_out(self, text: str):
        found = address_of(text)
        assert found is None or str(ip_address(found)) == found


class TestU15Network:
    def test_what_stands_for_an_ipv4_address_counts_as_that(self):
        assert {network_of(text) for text in SAME_NETWORK} == {"203.0.113.7"}

    @given(st.ip_addresses(v=4), st.ip_addresses(v=4))
    def test_two_subscribers_behind_a_translator_are_two_networks(self, one: object, other: object):
        same = one == other
        for prefix in ("64:ff9b::", "64:ff9b:1::", "::ffff:", "::ffff:0:0:"[:7]):
            assert (network_of(f"{prefix}{one}") == network_of(f"{prefix}{other}")) is same

    def test_ipv6_counts_by_what_one_subscriber_has(self):
        assert network_of("2001:db8:1:2::1") == network_of("[2001:DB8:1:2:ffff::2]:7") == "2001:db8:1:2::/64"
        assert network_of("2001:db8:1:3::1") != network_of("2001:db8:1:2::1")

    def test_nobody_knows_is_one_network(self):
        assert {network_of(text) for text in (None, *NO_ADDRESS)} == {UNKNOWN}


class TestU15Client:
    PEER = "10.0.0.2"

    @pytest.mark.parametrize(
        ("forwarded", "hops", "client"),
        [
            ("", 0, PEER),
            ("203.0.113.7", 0, PEER),
            ("203.0.113.7", 1, "203.0.113.7"),
            ("198.51.100.1, 203.0.113.7:40001", 1, "203.0.113.7"),
            ("198.51.100.1,203.0.113.7,10.0.0.1", 2, "203.0.113.7"),
            ("198.51.100.1 , [2001:db8::1]:4000 ,10.0.0.1", 2, "2001:db8::1"),
            ("203.0.113.7", 2, PEER),
            ("", 1, PEER),
            ("198.51.100.1, unknown", 1, None),
            ("198.51.100.1, _x1", 1, None),
            ("unknown, 10.0.0.1", 2, None),
            ('"198.51.100.1, 203.0.113.7', 1, "203.0.113.7"),
            ('"x, 203.0.113.7, 10.0.0.1', 2, "203.0.113.7"),
            ("203.0.113.7,", 1, None),
            (",,,", 1, None),
        ],
    )
    def test_the_entry_of_the_outermost_proxy_counts(self, forwarded: str, hops: int, client: str | None):
        assert client_address(self.PEER, forwarded, hops) == client

    @given(st.text(alphabet='",; \\ax1.:[]=', max_size=40), st.integers(1, 3))
    def test_nothing_that_a_client_writes_in_front_changes_it(self, written: str, hops: int):
        behind = ", ".join(["203.0.113.7", "10.0.0.1", "10.0.0.2"][:hops])
        assert client_address(self.PEER, f"{written}, {behind}", hops) == "203.0.113.7"

    def test_a_socket_for_both_families_writes_ipv4_as_ipv4(self):
        assert client_address("::ffff:127.0.0.1", "", 0) == "127.0.0.1"
        assert client_address("", "", 0) is client_address(None, "", 0) is None


class TestLength:
    def test_a_text_of_more_than_128_characters_is_no_address(self):
        assert address_of("fe80::1%" + "z" * 120) == "fe80::1"
        assert address_of("fe80::1%" + "z" * 121) is None


class TestSame:
    @pytest.mark.parametrize(
        ("one", "other", "same"),
        [
            ("93.184.216.34", "93.184.216.34", True),
            ("93.184.216.34", "93.184.216.35", False),
            ("93.184.216.34", "::ffff:93.184.216.34", True),
            ("2606:2800:220:1::1", "2606:2800:220:1::2", True),
            ("2606:2800:220:1::1", "2606:2800:220:2::1", False),
            ("93.184.216.34", "2606:2800:220:1::1", None),
            ("192.168.1.5", "192.168.1.6", None),
            ("10.0.0.1", "10.0.0.1", None),
            ("127.0.0.1", "127.0.0.1", None),
            ("100.64.0.1", "100.64.0.1", None),
            ("fd00::1", "fd00::2", None),
            ("93.184.216.34", "10.0.0.1", None),
            (None, "93.184.216.34", None),
            (None, None, None),
        ],
    )
    def test_of_two_kinds_nobody_can_tell(self, one: str | None, other: str | None, same: bool | None):
        """R106: what a person reads of the place of a device is true, or nothing."""
        assert is_same(one, other) is same
        assert is_same(other, one) is same

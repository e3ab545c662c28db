"""Which addresses are public, whatever the Python that runs it says of them. O49, O55, R120."""

from ipaddress import ip_address, ip_network

import pytest

from authsvc.public_addresses import is_public

NOT_PUBLIC = (
    *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24"),
    *("192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24"),
    *("224.0.0.0/4", "240.0.0.0/4", "168.63.129.16/32"),
    *("::/96", "::ffff:0:0:0/96", "64:ff9b:1::/48", "100::/64", "100:0:0:1::/64", "::/3", "4000::/2", "8000::/1"),
    *("2001::/23", "2001:db8::/32", "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8"),
)
"""Networks of which no address is public; of `::/3` those apart that stand for an IPv4 address, see below."""
PUBLIC = (
    *("1.0.0.0/8", "8.8.8.0/24", "9.0.0.0/8", "11.0.0.0/8", "100.0.0.0/10", "100.128.0.0/9", "126.0.0.0/8"),
    *("128.0.0.0/8", "168.63.129.15/32", "168.63.129.17/32", "169.253.0.0/16", "169.255.0.0/16", "172.0.0.0/12"),
    *("172.32.0.0/11", "192.0.1.0/24", "192.0.3.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.98.0/24"),
    *("192.88.100.0/24", "192.167.0.0/16", "192.169.0.0/16", "192.175.48.0/24", "198.16.0.0/15", "198.20.0.0/14"),
    *("198.51.99.0/24", "203.0.112.0/24", "203.0.114.0/24", "223.0.0.0/8"),
    *("2001:200::/23", "2001:4860::/32", "2003::/16", "2606:4700::/32", "2620:4f:8000::/48", "2a00::/12"),
    "3ffe::/16",
)
"""Their neighbours, and what IANA lists as special but reachable."""
EMBEDDING = ("::ffff:{}", "64:ff9b::{}", "2002:{hex}::1")
"""IPv6 addresses that stand for an IPv4 one: mapped, NAT64, 6to4."""
OF_PROTOCOLS = [f"192.0.0.{last}" for last in (0, 7, 8, 9, 10, 100, 169, 170, 171, 192, 255)]


def edges(network: str) -> set[str]:
    """Return the first addresses of a network, those in its middle, and the last."""
    found = ip_network(network)
    size = found.num_addresses
    return {str(found[at]) for at in {0, min(1, size - 1), size // 3, size // 2, size - 1}}


@pytest.mark.parametrize("network", NOT_PUBLIC)
def test_o49_no_address_of_these_networks_is_public(network: str) -> None:
    assert {address: is_public(address) for address in edges(network)} == dict.fromkeys(edges(network), False)


@pytest.mark.parametrize("network", PUBLIC)
def test_o49_their_neighbours_are_public(network: str) -> None:
    assert {address: is_public(address) for address in edges(network)} == dict.fromkeys(edges(network), True)


@pytest.mark.parametrize("address", OF_PROTOCOLS)
def test_o49_192_0_0_0_is_refused_whatever_python_says_of_it(address: str) -> None:
    """Python 3.11.7 calls most of it global, 3.13 two addresses."""
    assert not is_public(address)


@pytest.mark.parametrize("shape", EMBEDDING)
@pytest.mark.parametrize("network", [network for network in (*NOT_PUBLIC, *PUBLIC) if "." in network])
def test_o49_what_stands_for_an_ipv4_address_is_as_public_as_that(shape: str, network: str) -> None:
    for address in edges(network):
        digits = f"{int(ip_address(address)):08x}"
        assert is_public(shape.format(address, hex=f"{digits[:4]}:{digits[4:]}")) is (network in PUBLIC), address

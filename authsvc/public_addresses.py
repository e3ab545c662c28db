"""Addresses that anybody may be asked to connect to: those of the public internet, and nothing inside.

The tables are our own: what `is_global` says differs from one Python to the next.
"""

import re
import socket
from contextlib import suppress
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

_NOT_PUBLIC_IPV4 = tuple(
    map(
        IPv4Network,
        (
            *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
            "192.0.0.0/24",  # of protocols, and the metadata of a cloud; two addresses in it are public, but nobody's
            *("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"),  # for documentation
            "192.88.99.0/24",  # relays of 6to4, and who is behind them
            *("192.168.0.0/16", "198.18.0.0/15", "224.0.0.0/4", "240.0.0.0/4"),
            "168.63.129.16/32",  # metadata of a cloud, though it looks public
        ),
    )
)
"""The special-purpose addresses of IANA (RFC 6890), multicast, and a service of a cloud."""

_NAME = re.compile(r"(?=.{1,254}\Z)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*\.?", re.ASCII | re.IGNORECASE)
_NUMBER_AT_THE_END = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)\.?", re.ASCII | re.IGNORECASE)
"""Only an IPv4 address ends so, in any of the ways to write one: no domain has a number for its last part."""
_METADATA_INSIDE = (IPv6Network("fd00:ec2::/32"), IPv6Network("fd20:ce::/32"), IPv6Network("fd00:c1::/32"))
"""Of Amazon, Google and Oracle."""
_PRIVATE = (
    *(IPv4Network("10.0.0.0/8"), IPv4Network("172.16.0.0/12"), IPv4Network("192.168.0.0/16")),
    IPv6Network("fc00::/7"),
)
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")
# Tunnels, documentation and identifiers inside 2000::/3; what is embedded in a Teredo address is not where it leads.
_NOT_FOR_HOSTS = (IPv6Network("2001::/23"), IPv6Network("2001:db8::/32"), IPv6Network("3fff::/20"))


def address_of(host: str) -> str | None:
    """Return the address that a host is, in any of the ways to write one (`0x7f.1`, `2130706433`); None for a name."""
    with suppress(OSError):
        return socket.inet_ntoa(socket.inet_aton(host))
    with suppress(ValueError):
        return str(ip_address(host.partition("%")[0]))
    return None


def is_host(text: str) -> bool:
    """Tell whether there can be a host that is written so in an address: a name, or the number of one."""
    if text.startswith("["):
        with suppress(ValueError):
            return text.endswith("]") and "%" not in text and IPv6Address(text[1:-1]) is not None
        return False
    if _NUMBER_AT_THE_END.fullmatch(text):
        return address_of(text) is not None
    return _NAME.fullmatch(text) is not None


def is_public(text: str) -> bool:
    """Tell whether an address, as a resolver or a socket writes it, is one of the public internet.

    An IPv6 address that stands for an IPv4 one (mapped, NAT64 of RFC 6052, 6to4) is as public as that.
    """
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, IPv4Address):
        return _is_public_ipv4(address)
    return _is_public_ipv6(address)


def is_private(text: str) -> bool:
    """Tell whether an address is one of a network of one's own (RFC 1918, RFC 4193), and of no cloud's metadata."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return False
    plain = (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address
    return any(plain in network for network in _PRIVATE) and not any(plain in network for network in _METADATA_INSIDE)


def is_loopback(text: str) -> bool:
    """Tell whether an address leads to this machine itself."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback


def _is_public_ipv4(address: IPv4Address) -> bool:
    return not any(address in network for network in _NOT_PUBLIC_IPV4)


def _is_public_ipv6(address: IPv6Address) -> bool:
    if address.ipv4_mapped is not None:
        return _is_public_ipv4(address.ipv4_mapped)
    if address in _NAT64:
        return _is_public_ipv4(IPv4Address(int(address) & 0xFFFF_FFFF))
    if address.sixtofour is not None:
        return _is_public_ipv4(address.sixtofour)
    return address in _GLOBAL_UNICAST and not any(address in network for network in _NOT_FOR_HOSTS)

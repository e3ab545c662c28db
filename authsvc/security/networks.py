"""Addresses and networks of clients: the address of a request, and the network of one subscriber.

`X-Forwarded-For` is text that proxies wrote. It is parsed here, and counts only as an address.
"""

import re
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

_SUBSCRIBER_PREFIX = 64
_NAT64 = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))
_ADDRESS = re.compile(r"(?:\[([0-9A-Fa-f:.]+)(?:%[^\]\s]*)?\]|([0-9.]+))(?::[0-9]{1,5})?", re.ASCII)

_LONGEST = 128
"""Characters of an address with its port and a zone; a longer text is none."""

UNKNOWN = "unknown"
"""The network of all clients whose address is unknown: one for all of them."""


def address_of(text: str | None) -> str | None:
    """Return the address in a text of a proxy or a socket; None if it is none (`unknown`, RFC 7239 section 6).

    A port, brackets, quotes and the zone of a link-local address are dropped. An IPv4 address in the form of an IPv6
    socket (`::ffff:192.0.2.7`) is returned as IPv4.
    """
    return _parse(text) if text is not None and len(text) <= _LONGEST else None


@lru_cache(maxsize=4096)
def _parse(text: str) -> str | None:
    """Return the address, cached: every request needs one, and most come from a few proxies or clients."""
    plain = text.strip(" \t").strip('"')
    match = _ADDRESS.fullmatch(plain)
    try:
        address = ip_address(match[1] or match[2] if match is not None else plain.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address)


def client_address(peer: str | None, forwarded: str, hops: int) -> str | None:
    """Return the address of the client behind `hops` trusted proxies, each of which appended one entry.

    With fewer entries than proxies the request bypassed some of them, and the peer is the client. An entry that is no
    address means that the outermost proxy does not know it: the client is then unknown.
    """
    # Not a parser for quoted lists: a client that sends an opening quotation mark would quote what proxies append.
    entries = forwarded.rsplit(",", hops) if hops and forwarded else []
    return address_of(entries[-hops] if hops and len(entries) >= hops else peer)


def network_of(ip: str | None) -> str:
    """Return the network of one subscriber: an IPv4 address, or the /64 of an IPv6 one (RFC 6177).

    NAT64 (RFC 6052, RFC 8215, with prefixes of 96 bits) and 6to4 (RFC 3056) count as the IPv4 address that they
    represent: there one subscriber has many networks, or many subscribers have one.
    """
    text = address_of(ip)
    if text is None:
        return UNKNOWN
    address = ip_address(text)
    if not isinstance(address, IPv6Address):
        return str(address)
    ipv4 = _ipv4_within(address)
    return str(ipv4 or ip_network((address, _SUBSCRIBER_PREFIX), strict=False))


def is_same(one: str | None, other: str | None) -> bool | None:
    """Tell whether two addresses are in one network; None if nobody can tell.

    At home most devices have addresses of both versions. Private ones say nothing: in one network each has its own, and
    behind a proxy that is not configured all have that of the proxy.
    """
    first, second = (ip_network(network_of(ip)) if address_of(ip) is not None else None for ip in (one, other))
    if first is None or second is None or first.version != second.version:
        return None
    return first == second if first.is_global and second.is_global else None


def _ipv4_within(address: IPv6Address) -> IPv4Address | None:
    if any(address in network for network in _NAT64):
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.sixtofour

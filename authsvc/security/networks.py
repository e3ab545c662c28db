"""Where somebody calls from, as far as it tells people apart."""

from ipaddress import IPv6Address, ip_address, ip_network

_IPV6_PREFIX = 64


def network_of(ip: str | None) -> str:
    """Return the network that one subscriber has: an IPv4 address, or the /64 of an IPv6 one (RFC 6177).

    A text that is no address stands for itself; no address at all is a network of its own.
    """
    try:
        address = ip_address((ip or "").partition("%")[0])
    except ValueError:
        return ip or "unknown"
    if not isinstance(address, IPv6Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ip_network((address, _IPV6_PREFIX), strict=False))

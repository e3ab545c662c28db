"""Where the service listens, and how it says so."""

import socket
from typing import Any

from gunicorn import util
from gunicorn.config import Config

_extra: list[tuple[str, int]] = []


def everywhere(port: str, *, only_this_machine: bool) -> list[str]:
    """Return the addresses to listen at: all interfaces in both families, or the loopback ones, if there are any."""
    v4, v6 = ("127.0.0.1", "::1") if only_this_machine else ("0.0.0.0", "::")  # noqa: S104
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            both = v6 == "::" and not probe.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)
            probe.bind((v6, 0))
    except OSError:  # a machine or a container without IPv6
        return [f"{v4}:{port}"]
    return [f"[{v6}]:{port}"] if both else [f"{v4}:{port}", f"[{v6}]:{port}"]


def listen_also_at(address: str) -> None:
    """Let gunicorn listen at one more address."""
    # Not by `bind`: the option `--bind` replaces what the file says.
    _extra[:] = [util.parse_address(address)]


def reachable_at(listeners: list[Any]) -> str:
    """Return where a service of these listeners can be reached, as addresses to open or connect to."""
    names = [listener.getsockname() for listener in listeners]
    tcp = [name[:2] for name in names if isinstance(name, tuple) and name[:2] not in _extra]
    own = ("0.0.0.0", "::", "127.0.0.1", "::1")  # noqa: S104
    hosts = [("localhost" if host in own else f"[{host}]" if ":" in host else host, port) for host, port in tcp]
    paths = [f"unix:{name}" for name in names if isinstance(name, str)]
    return " and ".join(dict.fromkeys([*(f"http://{host}:{port}" for host, port in hosts), *paths]))


_configured_addresses = Config.address.fget


def addresses(config: Any) -> list[Any]:
    """Return all addresses to listen at: those of gunicorn's settings, and that of `listen_also_at`."""
    configured = list(_configured_addresses(config))
    return configured + [address for address in _extra if address not in configured]

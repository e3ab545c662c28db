"""Machines within this one: network namespaces with wires between them, which can be cut. Linux, as root.

Each has a network of its own, and shares the rest. This process is at the end of some of the wires.
"""

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest

from authsvc.devdb import processes
from tests.support import programs
from tests.support.forking import tied
from tests.support.service import ROOT, Service, free_port

_NOBODY = "02:00:00:00:00:99"
"""An address that no network card has: what is sent to it is lost, and nobody says so."""
_NETWORKS = cycle("abcdefgh")
"""What tells the cards of several networks apart, whose names have 15 letters at most."""


def require() -> None:
    """Skip the test where there can't be such machines."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("machines: need Linux and root, for network namespaces")
    if shutil.which("ip") is None:
        programs.skip("ip (Debian: apt-get install iproute2)", ring="machines")
    name = f"as{os.getpid()}-try"
    trial = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True, check=False)
    if "not permitted" in trial.stderr:  # a container, whose root is none
        pytest.skip("machines: this system lets nobody make network namespaces")
    subprocess.run(["ip", "netns", "delete", name], capture_output=True, check=False)


@dataclass(frozen=True)
class Machine:
    """A machine with a name, and the programs that run in it."""

    name: str

    @property
    def inside(self) -> list[str]:
        """Return what a command begins with, to be run there."""
        return [str(shutil.which("ip")), "netns", "exec", self.name]

    def run(self, *command: str, **options: Any) -> "subprocess.CompletedProcess[str]":
        """Run a command there to its end."""
        return subprocess.run([*self.inside, *command], capture_output=True, text=True, check=False, **options)


@dataclass(frozen=True)
class End:
    """One end of a wire: in a machine or, without one, here; its card and its address."""

    machine: Machine | None
    card: str
    address: str

    def ip(self, *arguments: str) -> None:
        """Run `ip` where this end is."""
        where = [] if self.machine is None else ["-n", self.machine.name]
        ip(*where, *arguments)


@dataclass(frozen=True)
class Wire:
    """A wire between two ends; `pull` and `lose` are two ways to cut it, `mend` repairs either."""

    near: End
    far: End

    def pull(self) -> None:
        """Pull the plug at the far end: the near one knows that there is no carrier."""
        self.far.ip("link", "set", self.far.card, "down")

    def lose(self) -> None:
        """Lose every packet, in both directions, without a word to anybody."""
        for end, other in ((self.near, self.far), (self.far, self.near)):
            end.ip("neigh", "replace", other.address, "lladdr", _NOBODY, "dev", end.card, "nud", "permanent")

    def mend(self) -> None:
        """Let packets through again."""
        for end, other in ((self.near, self.far), (self.far, self.near)):
            end.ip("link", "set", end.card, "up")
            end.ip("neigh", "flush", "to", other.address, "dev", end.card, "nud", "permanent")


@dataclass
class Network:
    """Makes machines and wires, with addresses that nobody else here is likely to have."""

    _held: ExitStack = field(default_factory=ExitStack)
    _prefix: str = field(default_factory=lambda: f"as{os.getpid()}{next(_NETWORKS)}")
    _net: str = field(default_factory=lambda: f"10.{random.randrange(200, 255)}.{random.randrange(256)}")
    _wires: int = 0

    def machine(self, name: str) -> Machine:
        """Make a machine."""
        made = Machine(f"{self._prefix}-{name}")
        ip("netns", "add", made.name)
        self._held.callback(ip, "netns", "delete", made.name)
        ip("-n", made.name, "link", "set", "lo", "up")
        return made

    def wire(self, near: Machine | None, far: Machine) -> Wire:
        """Connect two machines, or this process with one."""
        number, self._wires = self._wires, self._wires + 1
        ends = [
            End(machine, f"{self._prefix}w{number}{side}", f"{self._net}.{4 * number + host}")
            for machine, side, host in ((near, "n", 1), (far, "f", 2))
        ]
        there = [[] if end.machine is None else ["netns", end.machine.name] for end in ends]
        ip("link", "add", ends[0].card, *there[0], "type", "veth", "peer", "name", ends[1].card, *there[1])
        self._held.callback(ends[0].ip, "link", "delete", ends[0].card)  # by itself it would go some time later
        for end in ends:
            end.ip("address", "add", f"{end.address}/30", "dev", end.card)
            end.ip("link", "set", end.card, "up")
        return Wire(*ends)

    def __enter__(self) -> "Network":
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()


class Node(Service):
    """A service on a machine of its own, which is asked through one wire and has its database at another."""

    def __init__(self, machine: Machine, front: Wire, back: Wire, **settings: object) -> None:
        super().__init__(machine=machine.inside, host=front.far.address, **settings)
        self.machine, self.front, self.back = machine, front, back

    def flask(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run `flask …` on its machine, as its operator does."""
        environ = {**os.environ, **{name: str(value) for name, value in self._settings.items()}}
        return self.machine.run(sys.executable, "-m", "flask", *arguments, cwd=ROOT, env=environ, timeout=60)

    def lose_power(self) -> None:
        """End as a machine without power does: nobody is told that its connections are no more."""
        self.front.lose()
        self.back.lose()
        self.kill_tree()


@contextmanager
def database_at(machine: Machine, folder: Path) -> Iterator[int]:
    """Run an embedded database on a machine, for everybody who has a wire to it; yield its port."""
    port = free_port()
    config = folder / "database.toml"
    config.touch()
    program = str(Path(sys.executable).with_name("secantusd-py"))
    command = [program, "--host", "0.0.0.0", "--port", str(port), "--config", str(config)]
    log = folder / "database.log"
    with log.open("ab") as output:
        server = subprocess.Popen(
            [*tied(), *machine.inside, *command, "--storage-path", ":memory:", "--sync-on-commit"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**os.environ, "TMPDIR": str(folder)},
        )
    try:
        assert processes.wait_until(lambda: b"listening on" in log.read_bytes(), 30), log.read_text(errors="replace")
        yield port
    finally:
        processes.end(server.pid, server)


def ip(*arguments: str) -> None:
    """Run `ip`. Fails with what it said."""
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"ip {' '.join(arguments)}: {done.stderr}"

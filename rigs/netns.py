"""Several hosts on one machine: network namespaces with one bridge between them.

The bridge has its own namespace.  This process is connected to it too, at the subnet's last
address, so that a test can reach every host; hosts can be cut off from it as from each other.

    with network_hosts(3) as hosts:
        server = hosts[0].start(["busybox", "httpd", "-f"], log_file=log)
        hosts.cut(hosts[0])
"""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from secrets import token_hex

from rigs.availability import binary
from rigs.processes import Process
from rigs.subnets import HOST_SPACE, free_subnet

INTERFACE = "eth0"
NOWHERE = "02:00:00:00:00:01"  # a hardware address that no host has


class Host:
    """One network namespace with one address."""

    def __init__(self, name: str, namespace: str, address: IPv4Address, port: str) -> None:
        self.name = name
        self.namespace = namespace
        self.address = str(address)
        self.bridge_port = port  # the other end of its cable
        self.processes: list[Process] = []

    def command(self, command: Sequence[str | Path]) -> list[str]:
        """Return the command line that runs `command` in this host."""
        return [binary("ip"), "netns", "exec", self.namespace, *map(str, command)]

    def run(self, command: Sequence[str | Path], *, timeout_s: float = 30.0) -> str:
        """Run a program in this host until it ends; return its output."""
        done = subprocess.run(
            self.command(command), capture_output=True, text=True, check=True, timeout=timeout_s
        )
        return done.stdout

    def start(
        self,
        command: Sequence[str | Path],
        *,
        log_file: Path,
        name: str = "",
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> Process:
        """Start a program in this host; it is stopped at the end of the block if it still runs."""
        process = Process(
            self.command(command),
            log_file=log_file,
            name=name or f"{command[0]} in {self.name}",
            env=env,
            cwd=cwd,
        )
        self.processes.append(process)
        return process


class Network(Sequence[Host]):
    """The hosts, and the faults between them.  `heal()` removes all faults."""

    def __init__(self, hosts: Sequence[Host], switch: str, observer: str) -> None:
        self._hosts = tuple(hosts)
        self._switch = switch
        self.observer = observer  # this process's own address in the network
        self._dead_ends: set[tuple[str, str]] = set()

    def __getitem__(self, index):  # type: ignore[no-untyped-def]  # int or slice, as Sequence has it
        return self._hosts[index]

    def __len__(self) -> int:
        return len(self._hosts)

    def cut(self, host: Host) -> None:
        """Pull the host's cable: no packets leave or reach it."""
        _ip("-n", self._switch, "link", "set", host.bridge_port, "down")

    def cut_one_way(self, source: Host, target: Host) -> None:
        """Drop packets from `source` to `target` silently; those in the other direction arrive."""
        self._dead_ends.add((source.namespace, target.address))
        _ip(
            *("-n", source.namespace, "neighbour", "replace", target.address),
            *("lladdr", NOWHERE, "dev", INTERFACE, "nud", "permanent"),
        )

    def cut_between(self, left: Sequence[Host], right: Sequence[Host]) -> None:
        """Separate two groups of hosts; within each group all hosts stay connected."""
        for one in left:
            for other in right:
                self.cut_one_way(one, other)
                self.cut_one_way(other, one)

    def heal(self) -> None:
        """Remove every fault."""
        for host in self._hosts:
            _ip("-n", self._switch, "link", "set", host.bridge_port, "up")
        for namespace, address in self._dead_ends:
            _ip("-n", namespace, "neighbour", "delete", address, "dev", INTERFACE)
        self._dead_ends.clear()


@contextlib.contextmanager
def network_hosts(count: int, space: IPv4Network = HOST_SPACE) -> Iterator[Network]:
    """Create `count` hosts; at the end of the block stop their processes and delete them."""
    run_id, subnet = token_hex(3), free_subnet(space)
    assert count < subnet.num_addresses - 3, f"{subnet} has no room for {count} hosts"
    switch = f"cst{run_id}-switch"
    with contextlib.ExitStack() as undo:
        _add_namespace(switch, undo)
        _ip("-n", switch, "link", "add", "bridge", "type", "bridge")
        _ip("-n", switch, "link", "set", "bridge", "up")
        hosts = []
        for number in range(1, count + 1):
            name = f"host{number}"
            host = Host(name, f"cst{run_id}-{name}", subnet[number], f"port{number}")
            _add_namespace(host.namespace, undo)
            _add_cable(host, switch)
            undo.callback(_stop_all, host)
            hosts.append(host)
        observer = f"{subnet[-2]}"
        _join_ourselves(f"cst{run_id}", switch, f"{observer}/{subnet.prefixlen}", undo)
        yield Network(hosts, switch, observer)


def _add_namespace(name: str, undo: contextlib.ExitStack) -> None:
    _ip("netns", "add", name)
    undo.callback(_ip, "netns", "delete", name)
    _ip("-n", name, "link", "set", "lo", "up")


def _add_cable(host: Host, switch: str) -> None:
    # Created inside the switch's namespace, so that its names never appear outside.
    _ip(
        *("-n", switch, "link", "add", host.bridge_port, "type", "veth"),
        *("peer", "name", INTERFACE, "netns", host.namespace),
    )
    _ip("-n", switch, "link", "set", host.bridge_port, "master", "bridge", "up")
    _ip("-n", host.namespace, "addr", "add", f"{host.address}/24", "dev", INTERFACE)
    _ip("-n", host.namespace, "link", "set", INTERFACE, "up")


def _join_ourselves(interface: str, switch: str, address: str, undo: contextlib.ExitStack) -> None:
    _ip("link", "add", interface, "type", "veth", "peer", "name", "observer", "netns", switch)
    undo.callback(_ip, "link", "delete", interface)
    _ip("-n", switch, "link", "set", "observer", "master", "bridge", "up")
    _ip("addr", "add", address, "dev", interface)
    _ip("link", "set", interface, "up")


def _stop_all(host: Host) -> None:
    for process in reversed(host.processes):
        process.stop()


def _ip(*arguments: str) -> None:
    subprocess.run([binary("ip"), *arguments], check=True, timeout=10)

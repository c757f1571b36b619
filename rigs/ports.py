"""Ports that no other program uses, unique over all test processes of this machine.

A process claims a block of them and hands out each port once.  The blocks lie outside the range
from which the kernel picks the source ports of connections, so no connection takes one meanwhile.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

from rigs.claims import claimed

BLOCK_PORTS = 64
FIRST_PORT = 10_000
EPHEMERAL_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_handing_out = threading.Lock()


def free_port(host: str = "127.0.0.1") -> int:
    """Return a port of `host` that is free for TCP and for UDP alike."""
    return free_ports(1, host)[0]


def free_ports(count: int, host: str = "127.0.0.1") -> list[int]:
    """Return `count` different ports of `host`, each free for TCP and for UDP alike."""
    found: list[int] = []
    while len(found) < count:
        with _handing_out:  # benchmarks start programs from several threads
            port = next(_own_ports)
        if _is_free(host, port):
            found.append(port)
    return found


def answers(host: str, port: int, *, timeout_s: float = 0.5) -> bool:
    """Return whether something accepts TCP connections on the port."""
    with socket.socket() as probe:
        probe.settimeout(timeout_s)
        return probe.connect_ex((host, port)) == 0


def _claimed_ports() -> Iterator[int]:
    for first in claimed("block of ports", block_starts(EPHEMERAL_RANGE.read_text())):
        yield from range(first, first + BLOCK_PORTS)


def block_starts(ephemeral_range: str) -> range:
    """Return the first port of each block below the ephemeral range; of all ports if it is low."""
    lowest = int(ephemeral_range.split(maxsplit=1)[0])
    end = lowest if lowest >= 2 * FIRST_PORT else 65_536
    return range(FIRST_PORT, end - BLOCK_PORTS + 1, BLOCK_PORTS)


def _is_free(host: str, port: int) -> bool:
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with contextlib.closing(socket.socket(type=kind)) as probe:
            try:
                probe.bind((host, port))
            except OSError:
                return False
    return True


_own_ports = _claimed_ports()

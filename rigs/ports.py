"""Ports that nobody uses.  The kernel picks them; one process is never given a port twice."""

from __future__ import annotations

import contextlib
import socket

_given: set[int] = set()


def free_port(host: str = "127.0.0.1") -> int:
    """Return a port of `host` that is free for TCP and for UDP alike."""
    return free_ports(1, host)[0]


def free_ports(count: int, host: str = "127.0.0.1") -> list[int]:
    """Return `count` different ports of `host`, each free for TCP and for UDP alike."""
    with contextlib.ExitStack() as held:
        found: list[int] = []
        while len(found) < count:
            listener = held.enter_context(socket.socket())
            listener.bind((host, 0))
            port = int(listener.getsockname()[1])
            if port not in _given and _is_free_for_udp(host, port):
                found.append(port)
        _given.update(found)
        return found


def answers(host: str, port: int, *, timeout_s: float = 0.5) -> bool:
    """Return whether something accepts TCP connections there."""
    with socket.socket() as probe:
        probe.settimeout(timeout_s)
        return probe.connect_ex((host, port)) == 0


def _is_free_for_udp(host: str, port: int) -> bool:
    with socket.socket(type=socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True

"""Opens TCP connections to see who accepts them, many at a time.

A connection on this host is accepted or refused before `connect` returns, so most checks need
neither a task nor a timer; those that must wait are left to the loop.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
import select
import socket

from constellation.value import Value

_READY = select.POLLOUT | select.POLLERR | select.POLLHUP


class TcpTarget(Value):
    """An address without a name to look up."""

    family: socket.AddressFamily
    address: tuple[str, int]

    @staticmethod
    def parse(host_port: str) -> TcpTarget | None:
        """Return the target 'host:port'; None if its host is a name."""
        host, _, port = host_port.rpartition(":")
        try:
            ip = ipaddress.ip_address(host.strip("[]"))
        except ValueError:
            return None
        if isinstance(ip, ipaddress.IPv6Address) and ip.scope_id is not None:
            return None
        family = socket.AF_INET if ip.version == 4 else socket.AF_INET6
        return TcpTarget(family, (str(ip), int(port)))


class TcpAttempt:
    """One connection that is being opened.  Close it."""

    def __init__(self, target: TcpTarget) -> None:
        """Begin.

        Raises:
            OSError: it failed already.
        """
        self._socket = socket.socket(target.family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            self._socket.connect(target.address)
        except BlockingIOError:
            return
        except OSError:
            self._socket.close()
            raise

    def fileno(self) -> int:
        """Return the file to wait for."""
        return self._socket.fileno()

    def finish(self) -> None:
        """Return once it is ready and accepted.

        Raises:
            OSError: it was not accepted.
        """
        number = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if number:
            raise OSError(number, os.strerror(number))

    async def ready(self) -> None:
        """Wait until it is accepted or refused."""
        loop = asyncio.get_running_loop()
        waiting = loop.create_future()
        loop.add_writer(self._socket, _done, waiting)
        try:
            await waiting
        finally:
            loop.remove_writer(self._socket)

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()


def ready_now(attempts: list[TcpAttempt]) -> set[int]:
    """Return the file numbers of the attempts that are accepted or refused already."""
    poll = select.poll()
    for attempt in attempts:
        poll.register(attempt.fileno(), _READY)
    return {number for number, _ in poll.poll(0)} if attempts else set()


def _done(waiting: asyncio.Future[None]) -> None:
    if not waiting.done():
        waiting.set_result(None)

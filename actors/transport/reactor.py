"""One process's selector and timers.  Not thread-safe, but for `wake`."""

from __future__ import annotations

import heapq
import os
import select
import socket
import time
from collections.abc import Callable
from itertools import count

READ = select.EPOLLIN
WRITE = select.EPOLLOUT

Handler = Callable[[int], None]


class Reactor:
    """Calls a handler when its file is ready, and a function when its time has come."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._handlers: dict[int, Handler] = {}
        self._sockets: dict[int, socket.socket] = {}
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self.register(self._wake, READ, self._woken)

    def register(self, file: int | socket.socket, events: int, handler: Handler) -> None:
        """Call `handler` with the ready events whenever `file` is ready for one of `events`."""
        number = file if isinstance(file, int) else file.fileno()
        if isinstance(file, socket.socket):
            self._sockets[number] = file
        self._handlers[number] = handler
        self._epoll.register(number, events)

    def modify(self, file: int, events: int) -> None:
        """Change what `file` is watched for."""
        self._epoll.modify(file, events)

    def unregister(self, file: int) -> None:
        """Forget `file`; it must still be open."""
        self._sockets.pop(file, None)
        if self._handlers.pop(file, None) is not None:
            self._epoll.unregister(file)

    def call_at(self, at_s: float, call: Callable[[], None]) -> None:
        """Call once, at monotonic time `at_s` or as soon after as `poll` runs."""
        heapq.heappush(self._timers, (at_s, next(self._order), call))

    def wake(self) -> None:
        """Make a waiting `poll` return.  May be called from a signal handler or a thread."""
        os.eventfd_write(self._wake, 1)

    def poll(self, timeout_s: float | None) -> None:
        """Wait until something is ready, at most `timeout_s`, and call what it is for."""
        if self._timers:
            due_s = max(0.0, self._timers[0][0] - time.monotonic())
            timeout_s = due_s if timeout_s is None else min(due_s, timeout_s)
        for file, events in self._epoll.poll(timeout_s):
            # A handler earlier in this round may have closed the file of a later one.
            handler = self._handlers.get(file)
            if handler is not None:
                handler(events)
        while self._timers and self._timers[0][0] <= time.monotonic():
            heapq.heappop(self._timers)[2]()

    def close(self) -> None:
        """Close the selector, and the sockets still registered with it."""
        for registered in self._sockets.values():
            registered.close()
        self._sockets.clear()
        self._handlers.clear()
        self._timers.clear()
        self._epoll.close()
        os.close(self._wake)

    def close_inherited(self) -> None:
        """In a forked process: close the files of the parent's reactor, and no more.

        Not `unregister`: the epoll object is shared with the parent, a file's number is not.
        Sockets are closed as objects, or their end would later close a number used anew.
        """
        for inherited in self._sockets.values():
            inherited.close()
        self._epoll.close()
        os.close(self._wake)

    def _woken(self, _: int) -> None:
        os.eventfd_read(self._wake)

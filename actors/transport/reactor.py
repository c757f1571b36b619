"""One process's selector and timers.  Not thread-safe, except for `wake`."""

from __future__ import annotations

import contextlib
import heapq
import os
import select
import socket
import time
from collections.abc import Callable, Iterator
from itertools import count

READ = select.EPOLLIN
WRITE = select.EPOLLOUT

Handler = Callable[[int], None]
POLL_MAX_S = 3600.0  # the kernel counts milliseconds in 31 bits; then it is waited again
_CANCELLED_MIN = 64  # with fewer, removing them is not worth the time


class Timer:
    """A call that will be made, unless it is cancelled.  Created by `Reactor.call_at`."""

    def __init__(self, call: Callable[[], None] | None, on_cancelled: Callable[[], None]) -> None:
        self._call = call
        self._on_cancelled = on_cancelled

    @property
    def is_waiting(self) -> bool:
        """Whether the call is still pending."""
        return self._call is not None

    def cancel(self) -> None:
        """Drop the call and its references.  May be repeated."""
        if self._call is not None:
            self._call = None
            self._on_cancelled()

    def run(self) -> None:
        """Make the call, if it is still pending."""
        call, self._call = self._call, None
        if call is not None:
            call()


NEVER = Timer(None, lambda: None)  # where no timer is set


class Reactor:
    """Calls a handler when its file is ready, and a function when its timer expires."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._handlers: dict[int, Handler] = {}
        self._sockets: dict[int, socket.socket] = {}
        self._timers: list[tuple[float, int, Timer]] = []
        self._cancelled_count = 0  # cancelled timers in `_timers`, or a few more
        self._order = count()
        self._held: dict[int, Callable[[], None]] | None = None  # sends by file; None: none is held
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self.register(self._wake, READ, self._woken)

    def register(self, file: int | socket.socket, events: int, handler: Handler) -> None:
        """Call `handler` with the ready events whenever `file` is ready for one of `events`."""
        number = file if isinstance(file, int) else file.fileno()
        self._epoll.register(number, events)
        self._handlers[number] = handler
        if isinstance(file, socket.socket):
            self._sockets[number] = file

    def modify(self, file: int, events: int) -> None:
        """Change the events for which `file` is watched."""
        self._epoll.modify(file, events)

    def unregister(self, file: int) -> None:
        """Forget `file`; it must still be open."""
        self._sockets.pop(file, None)
        if self._handlers.pop(file, None) is not None:
            self._epoll.unregister(file)

    def pause(self, file: socket.socket, for_s: float) -> None:
        """Stop watching `file` for `for_s` seconds."""
        handler = self._handlers[file.fileno()]
        self.unregister(file.fileno())

        def resume() -> None:
            if file.fileno() >= 0:  # it may have been closed meanwhile
                self.register(file, READ, handler)

        self.call_at(time.monotonic() + for_s, resume)

    def call_at(self, at_s: float, call: Callable[[], None]) -> Timer:
        """Call once, at monotonic time `at_s` or as soon after as `poll` runs."""
        timer = Timer(call, self._timer_cancelled)
        heapq.heappush(self._timers, (at_s, next(self._order), timer))
        return timer

    def _timer_cancelled(self) -> None:
        # Most timers guard something that soon succeeds: kept, they would fill the heap.
        self._cancelled_count += 1
        if self._cancelled_count > max(_CANCELLED_MIN, len(self._timers) // 2):
            self._timers = [entry for entry in self._timers if entry[2].is_waiting]
            heapq.heapify(self._timers)
            self._cancelled_count = 0

    @contextlib.contextmanager
    def sending_together(self) -> Iterator[None]:
        """Send all that is sent on one connection meanwhile with one call, at the end."""
        if self._held is not None:
            yield
            return
        held: dict[int, Callable[[], None]] = {}
        self._held = held
        try:
            yield
        finally:
            self._held = None
            for send in held.values():
                send()

    def holds(self, file: int, send: Callable[[], None]) -> bool:
        """Take note to call `send` soon; False: send now."""
        if self._held is None:
            return False
        self._held[file] = send
        return True

    def wake(self) -> None:
        """Make a waiting `poll` return.  May be called from a signal handler or a thread."""
        if not self._epoll.closed:  # a signal may arrive after `close`; the number may be reused
            os.eventfd_write(self._wake, 1)

    def poll(self, timeout_s: float | None) -> None:
        """Wait, at most `timeout_s`, for a ready file or an expired timer, and call its handler."""
        if self._timers:
            due_s = max(0.0, self._timers[0][0] - time.monotonic())
            timeout_s = due_s if timeout_s is None else min(due_s, timeout_s)
        if timeout_s is not None:
            timeout_s = min(timeout_s, POLL_MAX_S)
        for file, events in self._epoll.poll(timeout_s):
            # A handler earlier in this round may have closed the file of a later one.
            handler = self._handlers.get(file)
            if handler is not None:
                handler(events)
        while self._timers and self._timers[0][0] <= time.monotonic():
            heapq.heappop(self._timers)[2].run()

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
        """In a forked process: close the files of the parent's reactor.

        They are not unregistered, because the parent shares the epoll object.  Sockets are closed
        as objects: otherwise their finalizers would later close a reused number.
        """
        for inherited in self._sockets.values():
            inherited.close()
        self._epoll.close()
        os.close(self._wake)

    def _woken(self, _: int) -> None:
        with contextlib.suppress(BlockingIOError):  # read already
            os.eventfd_read(self._wake)

"""Calls of the disk that the caller waits for, but only for a limited time.

For an actor without an event loop: a disk that does not answer must not keep it from answering.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from constellation.errors import AdapterError

IDLE_S = 2.0  # after which the thread ends

Result = TypeVar("Result")


def _locked() -> threading.Lock:
    lock = threading.Lock()
    lock.acquire()
    return lock


@dataclass(slots=True)
class _Attempt:
    """One call, made in the thread."""

    call: Callable[[], Any]
    result: Any = None
    error: BaseException | None = None
    has_ended: bool = False
    # Released at the end.  A lock wakes its waiter sooner than an `Event`, which is made of three.
    running: threading.Lock = field(default_factory=_locked)


class BoundedSave:
    """Calls about one file, in a thread of their own.  One at a time, also if one does not end."""

    patience_s = 1.0  # a call that takes longer counts as failed

    def __init__(self, what: str, *, patience_s: float | None = None) -> None:
        """Name what is saved, for the operator, e.g. "/data/cordon.json"."""
        self._what = what
        self.patience_s = self.patience_s if patience_s is None else patience_s
        self._attempts: SimpleQueue[_Attempt] = SimpleQueue()
        self._last: _Attempt | None = None
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()  # of the thread's end

    @property
    def hangs(self) -> bool:
        """A call that was given up is still under way."""
        return self._last is not None and not self._last.has_ended

    def run(self, call: Callable[[], Result]) -> Result:
        """Return what `call` returns, or fail at once while an earlier one is under way.

        Raises:
            AdapterError: it failed, or did not end in time.  Then it may still have its effect;
                save again what should be on the disk until that works.
        """
        return self.begin(call)()

    def begin(self, call: Callable[[], Result]) -> Callable[[], Result]:
        """Begin a call.  What is returned waits for it as `run` does: call that once.

        Raises:
            AdapterError: an earlier call is still under way, so this one was not begun.
        """
        if self.hangs:
            raise self._unanswered()
        return partial(self._wait, self._begin(call))

    def _wait(self, attempt: _Attempt) -> Any:
        if not attempt.running.acquire(timeout=self.patience_s):
            raise self._unanswered()
        if attempt.error is not None:
            raise attempt.error
        return attempt.result

    def afterwards(self, call: Callable[[], object]) -> None:
        """Make a call once the one that hangs has ended, without waiting; now if none hangs."""
        if self.hangs:
            self._begin(call)
        else:
            call()

    def _begin(self, call: Callable[[], Any]) -> _Attempt:
        attempt = self._last = _Attempt(call)
        with self._lock:
            self._attempts.put(attempt)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="saving", daemon=True)
                self._thread.start()
        return attempt

    def _next(self) -> _Attempt | None:
        """Return the next call; None, and the thread ends, if there was none for a while."""
        try:
            return self._attempts.get(timeout=IDLE_S)
        except Empty:
            with self._lock:
                if not self._attempts.empty():
                    return self._attempts.get()
                self._thread = None
                return None

    def _work(self) -> None:
        while (attempt := self._next()) is not None:
            try:
                attempt.result = attempt.call()
            except BaseException as error:  # raised again by the caller
                attempt.error = error
            attempt.has_ended = True
            attempt.running.release()

    def _unanswered(self) -> AdapterError:
        why = f"the disk has not answered for {self.patience_s:g} s"
        fix = "check the kernel's log (dmesg) and the health of the disk that holds data_dir"
        return AdapterError(f"{self._what} cannot be written", why=why, fix=fix)

"""Saves a value in a thread, and retries until the disk takes it.

A disk that is full, read-only, failing or hanging does not stop the caller.  The caller calls
`keep` periodically, and reports `problem` while there is one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Generic, TypeVar

from actors.daemon_thread import in_thread
from constellation.errors import AdapterError

T = TypeVar("T")

PATIENCE_S = 3.0  # a save that takes longer counts as failed until it ends
RETRY_FIRST_S = 1.0
RETRY_MAX_S = 4.0  # everything is saved within seconds once the disk works again


class RetriedSave(Generic[T]):
    """Saves the newest value of one file.  One attempt at a time, with back-off."""

    def __init__(self, what: str, save: Callable[[T], None], saved: T) -> None:
        """Assume that the disk holds `saved`.

        Args:
            what: what is saved, for the operator, e.g. "the gossip memory".
            save: writes a value; raises AdapterError if the disk refuses.
            saved: what was loaded.
        """
        self.failures = 0
        self.problem: AdapterError | None = None  # of the last attempt; None: it worked
        self._what = what
        self._save = save
        self._saved = saved
        self._attempt: tuple[T, asyncio.Future[None]] | None = None
        self._turn = asyncio.Lock()
        self._retry_s = RETRY_FIRST_S
        self._retry_at_s = float("-inf")

    async def keep(self, value: T, now_s: float) -> bool:
        """Save `value` unless it is saved or a retry is not due; return whether it is saved.

        A refusing disk is no exception; see `problem`.
        """
        async with self._turn:
            if self._attempt is not None and not await self._has_ended(now_s):
                return False
            if value == self._saved and self.problem is None:
                return True
            if now_s < self._retry_at_s:
                return False
            task = asyncio.ensure_future(in_thread(partial(self._save, value)))
            self._attempt = (value, task)
            return await self._has_ended(now_s) and self.problem is None

    async def _has_ended(self, now_s: float) -> bool:
        """Wait a while for the attempt; return whether it has ended."""
        assert self._attempt is not None
        value, task = self._attempt
        await asyncio.wait({task}, timeout=PATIENCE_S)
        if not task.done():
            why = f"the disk has not answered for {PATIENCE_S:.0f} s"
            fix = "check the kernel's log (dmesg) and the health of the disk that holds data_dir"
            self._fail(AdapterError(f"{self._what} cannot be saved", why=why, fix=fix), now_s)
            return False
        self._attempt = None
        error = task.exception()
        if error is None:
            self._saved, self.problem = value, None
            self._retry_s, self._retry_at_s = RETRY_FIRST_S, float("-inf")
        elif isinstance(error, AdapterError):
            self._fail(error, now_s)
        else:
            raise error
        return True

    def _fail(self, error: AdapterError, now_s: float) -> None:
        self.failures += 1
        self.problem = error
        self._retry_at_s = now_s + self._retry_s
        self._retry_s = min(2 * self._retry_s, RETRY_MAX_S)

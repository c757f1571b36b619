"""Saves in a thread that the caller waits for, but only for a limited time.

For an actor without an event loop: a disk that does not answer must not keep it from answering.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from constellation.errors import AdapterError


class BoundedSave:
    """Saves of one file.  One attempt at a time, also if the one before has not ended."""

    patience_s = 1.0  # a save that takes longer counts as failed

    def __init__(self, what: str) -> None:
        """Name what is saved, for the operator, e.g. "/data/cordon.json"."""
        self._what = what
        self._thread: threading.Thread | None = None

    def run(self, save: Callable[[], None]) -> None:
        """Save, or fail at once while an earlier attempt is under way.

        Raises:
            AdapterError: it failed, or did not end in time.  Then it may still write; save again
                what should be on the disk until that works.
        """
        if self._thread is not None and self._thread.is_alive():
            raise self._unanswered()
        failures: list[BaseException] = []

        def attempt() -> None:
            try:
                save()
            except BaseException as error:  # raised again by the caller
                failures.append(error)

        self._thread = threading.Thread(target=attempt, name="saving", daemon=True)
        self._thread.start()
        self._thread.join(self.patience_s)
        if self._thread.is_alive():
            raise self._unanswered()
        if failures:
            raise failures[0]

    def _unanswered(self) -> AdapterError:
        why = f"the disk has not answered for {self.patience_s:g} s"
        fix = "check the kernel's log (dmesg) and the health of the disk that holds data_dir"
        return AdapterError(f"{self._what} cannot be written", why=why, fix=fix)

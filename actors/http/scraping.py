"""Asks all actor processes of the node for their metrics when someone asks for the page."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable

from constellation.metrics.exposition import ReportBook
from constellation.metrics.scrape import Scrape
from messages.metrics import MetricsReport

TIMEOUT_S = 0.5  # an actor that has not answered by then is shown with its last values
SPACING_S = 0.1  # between two scrapes, so that a flood of requests does not keep all actors busy

Ask = Callable[[int], Iterable[str]]  # sends the question with that number; returns who is asked


class Scraper:
    """Scrapes for all who ask at a time.  Used on the loop."""

    def __init__(self, book: ReportBook, ask: Ask) -> None:
        self._book = book
        self._ask = ask
        self._number = 0
        self._begun_at_s = 0.0
        self._scrape: Scrape | None = None
        self._changed = asyncio.Event()
        self._running: asyncio.Task[None] | None = None

    async def refresh(self) -> None:
        """Return when the book holds what a scrape has found that has not ended before."""
        while self._running is None:
            wait_s = self._begun_at_s + SPACING_S - time.monotonic()
            if wait_s <= 0:
                self._running = asyncio.ensure_future(self._run())
            else:
                await asyncio.sleep(wait_s)
        await asyncio.shield(self._running)

    def answered(self, report: MetricsReport) -> None:
        """Take the answer of one actor."""
        if self._scrape is not None:
            self._scrape.answered(report)
            self._changed.set()

    async def _run(self) -> None:
        self._begun_at_s = time.monotonic()
        self._number += 1
        scrape = self._scrape = Scrape(self._number, self._ask(self._number))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(TIMEOUT_S):
                while scrape.silent:
                    self._changed.clear()
                    await self._changed.wait()
        self._book.end(scrape)
        self._scrape = self._running = None

"""Asks this node's Traefik, and reports whether it works and whether requests get to it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from actors.adapters.entry_point import why_refused, why_silent
from actors.http.metrics import HttpMetrics
from constellation.log import get_logger
from constellation.traefik.entry_points import EntryPoint
from constellation.traefik.own_traefik import OwnTraefik
from messages.admin import IngressReported, PartReported
from messages.base import Message
from messages.gossip import IngressState
from messages.wellness import Trouble

log = get_logger(__name__)

LOOK_EVERY_S = 1.0  # for polls that are missed


class IngressWatch:
    """Asks the entry points, and tells `admin` what follows whenever it changes."""

    def __init__(
        self,
        traefik: OwnTraefik,
        metrics: HttpMetrics,
        tell_admin: Callable[[Message], None],
        changed: Callable[[], None],
    ) -> None:
        """Call `changed` after the state or the troubles have changed."""
        self.troubles: tuple[Trouble, ...] = ()
        self.state: IngressState = "unknown"
        self.why_fails = ""
        self._traefik = traefik
        self._metrics = metrics
        self._tell_admin = tell_admin
        self._changed = changed
        self._part: PartReported | None = None  # as `admin` knows it

    async def run(self) -> None:
        """Ask and report for ever."""
        await asyncio.gather(self._look_for_ever(), *map(self._ask, self._traefik.entry_points))

    def repeat(self) -> None:
        """Tell `admin` everything again: it has just started."""
        if self._part is not None:
            self._tell_admin(self._part)
            self._tell_admin(IngressReported(ingress=self.state))

    async def _look_for_ever(self) -> None:
        while True:
            self.look()
            await asyncio.sleep(LOOK_EVERY_S)

    async def _ask(self, point: EntryPoint) -> None:
        while True:
            question = point.question(time.monotonic())
            ask = why_refused if question == "knock" else why_silent
            why_not = await ask(point.host, point.port)
            point.told(question, why_not, time.monotonic())
            self.look()
            await asyncio.sleep(max(0.0, point.due_at_s - time.monotonic()))

    def look(self) -> None:
        """Report what has changed."""
        now_s = time.monotonic()
        traefik = self._traefik
        part, before = traefik.part(now_s), self._part
        was = (self.state, self.troubles)
        self.state, self.troubles = traefik.ingress_state(now_s), traefik.troubles(now_s)
        self.why_fails = traefik.why_ingress_fails(now_s)
        if part != before:
            self._part = part
            self._tell_admin(part)
            _log_part(before, part)
        if self.state != was[0] or before is None:
            self._tell_admin(IngressReported(ingress=self.state))
            self._metrics.ingress_fails.set(self.state == "fails")
            _log_state(was[0], self.state, self.why_fails)
        if (self.state, self.troubles) != was:
            self._changed()


def _log_part(before: PartReported | None, part: PartReported) -> None:
    was = before.state if before is not None else "absent"
    if part.state == "lost" and was != "lost":
        log.warning("traefik_silent", why=part.why, fix=part.fix)
    if part.state == "present" and was == "lost":
        log.info("traefik_answers_again")


def _log_state(was: IngressState, now: IngressState, why: str) -> None:
    if now == "fails":
        log.warning("ingress_fails", why=why)
    elif was == "fails":
        log.info("ingress_works_again")

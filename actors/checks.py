"""Checks actor: checks the services that do not run in Docker, each at its own interval."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from prometheus_client import Counter, Histogram

from actors import node
from actors.adapters.tcp_check import TcpAttempt, TcpTarget, ready_now
from actors.async_shell import AsyncShell
from constellation.log import get_logger
from constellation.monitor.check_plan import CheckPlan
from constellation.monitor.check_results import CheckResults
from constellation.monitor.container import kept_labels
from constellation.monitor.static_check import failure_of, no_answer
from constellation.settings.agent import Settings
from constellation.settings.monitor import StaticService
from messages.monitor import ServiceObservation, ServicesObserved

if TYPE_CHECKING:
    from actors.adapters.http_check import HttpChecks

log = get_logger(__name__)


class ChecksActor(AsyncShell):
    """Checks services when they are due; results that are news are sent to `services`."""

    def __init__(self) -> None:
        super().__init__()
        self.results: CheckResults | None = None
        self._http: HttpChecks | None = None
        self._news: list[ServiceObservation] = []
        self._rearm = asyncio.Event()

    @classmethod
    def preload(cls, settings: Settings) -> None:
        if _has_http_check(settings):
            _http_checks_class()

    async def run(self) -> None:
        self._make_metrics()
        settings = node.settings()
        self._services = {item.name: item for item in settings.static_services}
        self._targets = {
            item.name: TcpTarget.parse(item.address)
            for item in settings.static_services
            if item.check == "tcp"
        }
        for item in settings.static_services:
            if left_out := kept_labels(item.labels)[1]:
                log.warning("static_labels_left_out", service=item.name, labels=left_out[:8])
        self.results = CheckResults(settings.static_services, settings.monitor.policy())
        intervals_s = {item.name: item.interval_s for item in settings.static_services}
        self._plan = CheckPlan(intervals_s, self.now_s())
        self._waiting: set[asyncio.Task[None]] = set()
        self.started()
        self._report_all(self.results)
        if _has_http_check(settings):
            self._http = _http_checks_class()()
        try:
            await self._check_for_ever()
        finally:
            for check in self._waiting:  # before the client is closed: they would fail
                check.cancel()
            if self._http is not None:
                await self._http.close()

    def on_actor_up_async(self, name: str) -> None:
        if name == "services" and self.results is not None:
            self._report_all(self.results)

    def _make_metrics(self) -> None:
        self._counts = Counter(
            "constellation_monitor_checks",
            "Checks of static services by result",
            ["service", "result"],
            registry=self.registry,
        )
        self._duration_s = Histogram(
            "constellation_monitor_check_duration_seconds",
            "Duration of a check of a static service",
            registry=self.registry,
        )

    async def _check_for_ever(self) -> None:
        while True:
            self._begin(self._plan.take_due(self.now_s()))
            self._rearm.clear()
            wait_s = self._plan.next_due_s - self.now_s()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(None if wait_s == math.inf else max(0.0, wait_s)):
                    await self._rearm.wait()

    def _begin(self, names: list[str]) -> None:
        """Check these services: at once, or in a task if the answer takes time."""
        began_s = self.now_s()
        attempts: dict[str, TcpAttempt] = {}
        for name in names:
            target = self._targets.get(name)
            if target is None:
                self._wait_for(name, self._check(self._services[name]))
                continue
            try:
                attempts[name] = TcpAttempt(target)
            except OSError as error:
                self._ended(name, failure_of(error), began_s)
        ready = ready_now([*attempts.values()])
        for name, attempt in attempts.items():
            if attempt.fileno() in ready:
                self._ended(name, _finish(attempt), began_s)
            else:
                self._wait_for(name, _accepted(attempt, self._services[name].timeout_s))
        self._report_news()

    def _check(self, service: StaticService) -> Coroutine[Any, Any, str | None]:
        if service.check == "http":
            assert self._http is not None, "made before the first check"
            return self._http.check(service)
        return _check_named_tcp(service)

    def _wait_for(self, name: str, checking: Coroutine[Any, Any, str | None]) -> None:
        began_s = self.now_s()

        async def wait() -> None:
            failure = await checking
            self._ended(name, failure, began_s)
            self._report_news()
            self._rearm.set()  # it may be due again

        task = self.spawn(wait(), f"check of {name}")
        self._waiting.add(task)
        task.add_done_callback(self._waiting.discard)

    def _ended(self, name: str, failure: str | None, began_s: float) -> None:
        assert self.results is not None, "made before the first check"
        now_s = self.now_s()
        self._duration_s.observe(now_s - began_s)
        self._counts.labels(name, "failing" if failure else "passing").inc()
        self._plan.ended(name, now_s)
        if (observation := self.results.add_result(name, failure)) is not None:
            self._news.append(observation)

    def _report_news(self) -> None:
        if self._news:
            news, self._news = tuple(self._news), []
            report = ServicesObserved(source="static", complete=False, observations=news)
            self.post_soon("services", report)

    def _report_all(self, results: CheckResults) -> None:
        report = ServicesObserved(source="static", complete=True, observations=results.everything())
        self.post_soon("services", report)


def _finish(attempt: TcpAttempt) -> str | None:
    """Return why the connection was not accepted; None: it was."""
    try:
        attempt.finish()
    except OSError as error:
        return failure_of(error)
    else:
        return None
    finally:
        attempt.close()


async def _accepted(attempt: TcpAttempt, timeout_s: float) -> str | None:
    """Wait for the connection; return why it was not accepted, or None."""
    try:
        async with asyncio.timeout(timeout_s):
            await attempt.ready()
    except TimeoutError:
        return no_answer(timeout_s)
    else:
        return _finish(attempt)
    finally:
        attempt.close()


async def _check_named_tcp(service: StaticService) -> str | None:
    """Connect to a host that has a name; return why it failed, or None if it passed."""
    host, _, port = service.address.rpartition(":")
    try:
        async with asyncio.timeout(service.timeout_s):
            _, writer = await asyncio.open_connection(host.strip("[]"), int(port))
            writer.close()
    except TimeoutError:
        return no_answer(service.timeout_s)
    except (OSError, ValueError) as error:
        return failure_of(error)
    return None


def _has_http_check(settings: Settings) -> bool:
    return any(item.check == "http" for item in settings.static_services)


def _http_checks_class() -> type[HttpChecks]:
    # Not above: few nodes have such checks, and their client is large.
    from actors.adapters.http_check import HttpChecks  # noqa: PLC0415

    return HttpChecks

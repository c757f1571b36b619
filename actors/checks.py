"""Checks actor: checks the services that do not run in Docker, each at its own interval."""

from __future__ import annotations

import asyncio

import aiohttp
from prometheus_client import Counter, Histogram

from actors import node
from actors.async_shell import AsyncShell
from constellation.log import get_logger
from constellation.monitor.container import kept_labels
from constellation.monitor.static_check import http_status_failure, static_observation
from constellation.settings.monitor import StaticService
from messages.monitor import ServiceObservation, ServicesObserved

log = get_logger(__name__)


class ChecksActor(AsyncShell):
    """One task for each static service; every result is sent to `services`."""

    def __init__(self) -> None:
        super().__init__()
        self.last: dict[str, ServiceObservation] = {}

    async def run(self) -> None:
        self._make_metrics()
        services = node.settings().static_services
        for item in services:
            if left_out := kept_labels(item.labels)[1]:
                log.warning("static_labels_left_out", service=item.name, labels=left_out[:8])
        self.last = {item.name: static_observation(item, None, checked=False) for item in services}
        connector = aiohttp.TCPConnector(limit=0, force_close=True)
        async with aiohttp.ClientSession(connector=connector) as session:
            self.started()
            self._report_all()
            watches = [
                self.spawn(self._watch(service, session), f"check of {service.name}")
                for service in services
            ]
            try:
                await asyncio.Event().wait()
            finally:
                for watch in watches:  # before the session is closed, which would make them fail
                    watch.cancel()

    def on_actor_up_async(self, name: str) -> None:
        if name == "services":
            self._report_all()

    def _make_metrics(self) -> None:
        self._results = Counter(
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

    async def _watch(self, service: StaticService, session: aiohttp.ClientSession) -> None:
        loop = asyncio.get_running_loop()
        due_s = loop.time()
        while True:
            began_s = loop.time()
            failure = await check(service, session)
            self._duration_s.observe(loop.time() - began_s)
            self._results.labels(service.name, "failing" if failure else "passing").inc()
            observation = static_observation(service, failure)
            self.last[service.name] = observation
            self.post_soon(
                "services",
                ServicesObserved(source="static", complete=False, observations=(observation,)),
            )
            # Relative to the schedule, not to the end of the check; missed checks are skipped.
            due_s = max(due_s + service.interval_s, loop.time())
            await asyncio.sleep(due_s - loop.time())

    def _report_all(self) -> None:
        self.post_soon(
            "services",
            ServicesObserved(
                source="static", complete=True, observations=tuple(self.last.values())
            ),
        )


async def check(service: StaticService, session: aiohttp.ClientSession) -> str | None:
    """Check `service` once; return why it failed, or None if it passed."""
    try:
        async with asyncio.timeout(service.timeout_s):
            if service.check == "http":
                return await _check_http(service, session)
            await _check_tcp(service)
            return None
    except TimeoutError:
        return f"no answer within {service.timeout_s} s"
    except (OSError, aiohttp.ClientError, ValueError) as error:
        return _failure(error)


async def _check_http(service: StaticService, session: aiohttp.ClientSession) -> str | None:
    url = f"http://{service.address}{service.path}"
    async with session.get(url, allow_redirects=False) as response:
        return http_status_failure(response.status)


async def _check_tcp(service: StaticService) -> None:
    host, _, port = service.address.rpartition(":")
    _, writer = await asyncio.open_connection(host.strip("[]"), int(port))
    writer.close()


def _failure(error: Exception) -> str:
    """Return the reason without the data sent or received: either may contain secrets."""
    match error:
        case aiohttp.ClientConnectorError():
            return _failure(error.os_error)
        case ConnectionRefusedError():
            return "connection refused"
        case aiohttp.ServerDisconnectedError() | ConnectionResetError():
            return "connection closed without an answer"
        case aiohttp.ClientResponseError():
            return "the answer is not HTTP"
        case OSError():
            return error.strerror or type(error).__name__
        case _:
            return type(error).__name__

"""Checks actor: checks the services that do not run in Docker, each at its own interval."""

from __future__ import annotations

import asyncio
from urllib.parse import quote

from prometheus_client import Counter, Histogram

from actors import node
from actors.async_shell import AsyncShell
from constellation.http_head import LINE_BYTES_MAX, status_of
from constellation.log import get_logger
from constellation.monitor.container import kept_labels
from constellation.monitor.static_check import http_status_failure, static_observation
from constellation.settings.monitor import StaticService
from messages.monitor import ServiceObservation, ServicesObserved

log = get_logger(__name__)

FINAL_STATUS = 200  # those below announce an answer that follows
PATH_CHARACTERS = "!$%&'()*+,/:;=?@-._~[]"  # a path as written keeps them


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
        self.started()
        self._report_all()
        # Kept: the loop itself refers to a task only weakly.
        self._watches = [
            self.spawn(self._watch(service), f"check of {service.name}") for service in services
        ]
        await asyncio.Event().wait()

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

    async def _watch(self, service: StaticService) -> None:
        loop = asyncio.get_running_loop()
        due_s = loop.time()
        while True:
            began_s = loop.time()
            failure = await check(service)
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


class _NotHttpError(Exception):
    """The service answered, but not as HTTP does."""


async def check(service: StaticService) -> str | None:
    """Check `service` once; return why it failed, or None if it passed."""
    try:
        async with asyncio.timeout(service.timeout_s):
            return await (_check_http if service.check == "http" else _check_tcp)(service)
    except TimeoutError:
        return f"no answer within {service.timeout_s} s"
    except (OSError, EOFError, _NotHttpError) as error:
        return _failure(error)


async def _check_tcp(service: StaticService) -> None:
    _, writer = await _connect(service)
    writer.close()


async def _check_http(service: StaticService) -> str | None:
    reader, writer = await _connect(service)
    try:
        writer.write(_request(service))
        while (status := await _read_status(reader)) < FINAL_STATUS:  # e.g. 103: hints, no answer
            await _skip_fields(reader)
        return http_status_failure(status)
    finally:
        writer.close()  # without the rest of the answer: a check needs its status only


async def _connect(service: StaticService) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, _, port = service.address.rpartition(":")
    return await asyncio.open_connection(host.strip("[]"), int(port), limit=LINE_BYTES_MAX)


def _request(service: StaticService) -> bytes:
    path = quote(service.path.partition("#")[0], safe=PATH_CHARACTERS)
    lines = [
        f"GET {path} HTTP/1.1",
        f"Host: {service.address.removesuffix(':80')}",
        "User-Agent: constellation",
        "Accept: */*",
        "Connection: close",
    ]
    return "\r\n".join([*lines, "", ""]).encode()


async def _read_status(reader: asyncio.StreamReader) -> int:
    status = status_of((await _read_line(reader)).removesuffix(b"\r"))
    if status is None:
        raise _NotHttpError
    return status


async def _skip_fields(reader: asyncio.StreamReader) -> None:
    while (await _read_line(reader)).strip():
        pass


async def _read_line(reader: asyncio.StreamReader) -> bytes:
    """Return the next line without its end; EOFError if the connection ends before it does."""
    try:
        return (await reader.readuntil(b"\n")).removesuffix(b"\n")
    except asyncio.LimitOverrunError:
        raise _NotHttpError from None


def _failure(error: Exception) -> str:
    """Return the reason without the data sent or received: either may contain secrets."""
    match error:
        case ConnectionRefusedError():
            return "connection refused"
        case EOFError() | ConnectionResetError():
            return "connection closed without an answer"
        case _NotHttpError():
            return "the answer is not HTTP"
        case OSError():
            return error.strerror or type(error).__name__
        case _:
            return type(error).__name__

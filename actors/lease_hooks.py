"""Lease hooks actor: runs programs of the operator when this node acquires or loses a lease."""

from __future__ import annotations

import asyncio
import os
import time

from prometheus_client import Counter, Gauge

from actors import node
from actors.adapters.hook_program import run_program
from actors.lease_holder import AsyncLeaseHolderShell
from constellation.leases.hooks import (
    HookRun,
    LeaseHooks,
    environment,
    failure_of,
    is_passive,
    not_started,
)
from constellation.log import get_logger
from messages.wellness import TroublesReported

log = get_logger(__name__)


class LeaseHooksActor(AsyncLeaseHolderShell):
    """Follow the leases with hooks, and run the programs of each event side by side."""

    def __init__(self) -> None:
        super().__init__()
        self._acquiring: dict[str, set[asyncio.Task[None]]] = {}  # by lease
        self._runs = Counter(
            "constellation_lease_hook_runs",
            "Runs of the programs of leases.hooks, by how they ended",
            ["lease", "event", "result"],
            registry=self.registry,
        )
        self._failing = Gauge(
            "constellation_lease_hooks_failing",
            "Programs of leases.hooks whose last run failed",
            ["lease"],
            registry=self.registry,
        )

    async def run(self) -> None:
        settings = node.settings()
        self.hooks = LeaseHooks(settings.leases.programs(), settings.node_name)
        self._environment = environment(dict(os.environ))
        self._measure()
        self.started()
        for lease in self.hooks.leases:
            self.want_lease(lease, is_passive=is_passive(lease))
        await asyncio.Event().wait()

    def on_actor_up_async(self, name: str) -> None:
        if name == "admin" and self.hooks.troubles:
            self._report()

    async def on_lease_acquired(self, name: str, fencing_token: int) -> None:
        runs = self.hooks.runs("acquired", name, fencing_token)
        if not runs:
            return
        tasks = {asyncio.ensure_future(self._run(one)) for one in runs}
        self._acquiring[name] = tasks
        try:
            await asyncio.wait(tasks)  # also if they are cancelled because the lease is lost
        finally:
            del self._acquiring[name]
        for task in tasks:
            if not task.cancelled():
                task.result()

    def on_lease_closed(self, name: str, fencing_token: int) -> None:
        self.hooks.close(name, fencing_token)
        for task in self._acquiring.get(name, ()):
            task.cancel()

    async def on_lease_lost(self, name: str, fencing_token: int, why: str) -> None:
        runs = self.hooks.runs("lost", name, fencing_token)
        await asyncio.gather(*map(self._run, runs))

    async def _run(self, run: HookRun) -> None:
        """Run a program to its end, and tell how it ended."""
        began_s = time.monotonic()
        failure = "it was killed: this node no longer holds the lease, or its agent stops"
        try:
            failure = await self._failure_of(run)
        finally:
            self._ended(run, failure, time.monotonic() - began_s)

    async def _failure_of(self, run: HookRun) -> str:
        limit = asyncio.timeout(run.hook.timeout_s)
        try:
            async with limit:
                ended = await run_program(run.arguments, self._environment)
        except TimeoutError as error:
            if limit.expired():
                return f"it was killed after {run.hook.timeout_s:g} s, its timeout_s"
            return not_started(error)
        except OSError as error:
            return not_started(error)
        log.debug("lease_hook_output", command=str(run), output=ended.output)
        return failure_of(ended.code, ended.output)

    def _ended(self, run: HookRun, failure: str, took_s: float) -> None:
        self._runs.labels(run.hook.lease, run.event, "failed" if failure else "ok").inc()
        fields = {"command": str(run), "took_s": round(took_s, 3)}
        if failure:
            log.error("lease_hook_failed", **fields, why=failure)
        else:
            log.info("lease_hook_done", **fields)
        if self.hooks.ended(run, failure):
            self._measure()
            self._report()

    def _measure(self) -> None:
        for lease, count in self.hooks.failing.items():
            self._failing.labels(lease).set(count)

    def _report(self) -> None:
        report = TroublesReported(actor=self.name, troubles=self.hooks.troubles)
        self.post_soon("admin", report)

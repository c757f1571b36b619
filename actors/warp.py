"""WARP actor: probes the WARP gateways of this host, and publishes what it finds."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING

from prometheus_client import Counter, Gauge

from actors import node
from actors.adapters.address_source import ask_source
from actors.adapters.docker_knock import why_away
from actors.async_shell import AsyncShell, Reply
from actors.daemon_thread import in_thread
from constellation.dns.public_address import FAMILIES
from constellation.errors import AdapterError
from constellation.log import get_logger
from constellation.warp.gateways import Found, is_label
from constellation.warp.probe import Probe, unhealthy
from constellation.warp.schedule import Schedule
from constellation.warp.watch import Effect, Watch, limited, not_found
from messages.base import Message
from messages.warp import GatewayMoved, WarpState

if TYPE_CHECKING:
    from actors.adapters.docker_exec import GatewayEngine

log = get_logger(__name__)

OWN_INTERVAL_S = 300.0  # between questions for the host's own address
OWN_RETRY_S = 60.0  # while it is not known
EXEC_GRACE_S = 2.0  # a command has its own timeout, which ends it before this one


class WarpActor(AsyncShell):
    """Run the commands of the core, a round for all gateways at a time."""

    def __init__(self, connect: Callable[[], GatewayEngine] | None = None) -> None:
        super().__init__()
        self._connect = connect or self._connect_to_docker

    async def run(self) -> None:
        settings = node.settings()
        self.docker = settings.docker
        self.settings = settings.warp
        self._policy = self.settings.policy()
        self._watch = Watch(self.name, self.settings.gateways)
        self._schedule = Schedule(self.settings.interval_s, self.now_s())
        self._due = asyncio.Event()  # the next round may be due sooner than was thought
        self._clients: dict[str, int] = {}  # by container id: the client that worked
        self._own: frozenset[str] = frozenset()
        self._own_due_s = -math.inf
        self._make_metrics()
        self.started()
        while True:
            await self._wait()
            self._schedule.began(self.now_s())
            await self._round()
            self._schedule.ended(self.now_s(), is_well=self._watch.is_well)

    def on_actor_up_async(self, name: str) -> None:
        self._perform(self._watch.actor_up(name))

    def on_message(self, message: Message, reply: Reply) -> None:
        match message:
            case GatewayMoved(gateway=gateway, action=action):
                log.debug("warp_gateway_moved", gateway=gateway, action=action)
                self._schedule.moved()
                self._due.set()
            case _:
                super().on_message(message, reply)

    def _connect_to_docker(self) -> GatewayEngine:
        if away := why_away(self.docker, self.docker.request_timeout_s):
            raise away
        # Not above: it loads Docker's client, which is large, once Docker is there.
        from actors.adapters.docker_exec import GatewayEngine  # noqa: PLC0415

        return GatewayEngine(self.docker)

    def _make_metrics(self) -> None:
        registry = self.registry
        self._healthy = Gauge(
            "constellation_warp_healthy",
            "1 while requests through the WARP gateway leave by WARP",
            ["gateway"],
            registry=registry,
        )
        self._probes = Counter(
            "constellation_warp_probes",
            "Probes of WARP gateways, by the step that failed, or 'none'",
            ["gateway", "failed"],
            registry=registry,
        )
        self._took = Gauge(
            "constellation_warp_probe_seconds",
            "Duration of the last probe",
            ["gateway"],
            registry=registry,
        )

    async def _wait(self) -> None:
        while (wait_s := self._schedule.next_s - self.now_s()) > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._due.wait()
            self._due.clear()

    async def _round(self) -> None:
        """Probe all gateways, side by side."""
        try:
            engine = await in_thread(self._connect)
        except AdapterError as error:
            self._docker_away(error)
            return
        try:
            found = await in_thread(partial(_find, engine, self.settings.gateways))
            if any(isinstance(one, Found) and not one.why_down for one in found):
                await self._learn_own_addresses()
            states = await asyncio.gather(*(self._judge(engine, one) for one in found))
        except AdapterError as error:
            self._docker_away(error)
        else:
            self._forget_clients(found)
            self._perform(self._watch.judged(limited(states)))
        finally:
            engine.close()

    def _docker_away(self, error: AdapterError) -> None:
        self._perform(self._watch.docker_away(f"{error.what}: {error.why}"))

    async def _judge(self, engine: GatewayEngine, found: Found | WarpState) -> WarpState:
        if isinstance(found, WarpState):
            return found
        if found.why_down:
            state = unhealthy(found.name, "container", found.why_down)
        else:
            state = await self._probe(engine, found)
        self._probes.labels(state.gateway, state.step or "none").inc()
        return state

    async def _probe(self, engine: GatewayEngine, found: Found) -> WarpState:
        began_s = self.now_s()
        client = self._clients.get(found.container_id, 0)
        probe = Probe(found.name, self._policy, self._own, client=client, now_s=began_s)
        timeout_s = self.settings.timeout_s + EXEC_GRACE_S
        while (command := probe.next_command(self.now_s())) is not None:
            run = partial(engine.execute, found.container_id, command, timeout_s)
            probe.ran(await in_thread(run))
        assert probe.state is not None
        self._clients[found.container_id] = probe.client
        self._took.labels(found.name).set(self.now_s() - began_s)
        return probe.state

    def _forget_clients(self, found: Iterable[Found | WarpState]) -> None:
        kept = {one.container_id for one in found if isinstance(one, Found)}
        self._clients = {one: self._clients[one] for one in kept & self._clients.keys()}

    async def _learn_own_addresses(self) -> None:
        """Ask from where the host itself comes, unless it was asked a short time ago."""
        if self.now_s() < self._own_due_s:
            return
        found: set[str] = set()
        for urls in (self.settings.trace_urls, self.settings.address_urls):
            if not found:
                asked = (
                    in_thread(partial(ask_source, url, family, self.settings.timeout_s))
                    for url in urls
                    for family in FAMILIES
                )
                said = await asyncio.gather(*asked)
                found = {one.address for one in said if one.address}
        self._own = frozenset(found) or self._own
        self._own_due_s = self.now_s() + (OWN_INTERVAL_S if found else OWN_RETRY_S)

    def _perform(self, effects: list[Effect]) -> None:
        for effect in effects:
            self.perform(effect)
        if effects:
            self._healthy.clear()
            for state in self._watch.states.values():
                self._healthy.labels(state.gateway).set(state.health == "healthy")


def _find(engine: GatewayEngine, targets: Iterable[str]) -> list[Found | WarpState]:
    """Return the containers of all targets, and the states of those without one."""
    found: dict[str, Found | WarpState] = {}
    for target in targets:
        names = engine.labelled(target) if is_label(target) else [target]
        for name in names or [target]:
            container = engine.named(name) if names else None
            found[name] = container or not_found(name)
    return list(found.values())

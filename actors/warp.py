"""WARP actor: probes the WARP gateways of this host, and publishes what it finds."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from prometheus_client import Counter, Gauge

from actors import node
from actors.adapters.address_source import ask_source
from actors.adapters.docker_knock import why_away
from actors.async_shell import AsyncShell, Reply
from actors.daemon_thread import in_thread
from constellation.dns.public_address import FAMILIES, HOST_IN_WARP, SourceSaid
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
        self._due = asyncio.Event()  # a container has moved
        self._moved: set[str] = set()  # since the last round began
        self._probing: dict[str, tuple[str, asyncio.Task[None]]] = {}  # by name: container, probe
        self._docker_answers = True  # in this round
        self._clients: dict[str, int] = {}  # by container id: the client that worked
        self._own: frozenset[str] = frozenset()
        self._own_due_s = -math.inf
        self._own_lock = asyncio.Lock()
        self._make_metrics()
        self.started()
        while True:
            await self._wait()
            self._schedule.began(self.now_s())
            moved, self._moved = self._moved, set()
            self._due.clear()
            self._docker_answers = True
            await self._round(moved)
            is_well = self._docker_answers and self._watch.is_well
            self._schedule.ended(self.now_s(), is_well=is_well)

    def on_actor_up_async(self, name: str) -> None:
        self._perform(self._watch.actor_up(name))

    def on_message(self, message: Message, reply: Reply) -> None:
        match message:
            case GatewayMoved(gateway=gateway, action=action):
                log.debug("warp_gateway_moved", gateway=gateway, action=action)
                self._moved.add(gateway)
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
            is_due = self._due.is_set()  # then only the gap between two rounds is left
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await (asyncio.sleep(wait_s) if is_due else self._due.wait())

    async def _round(self, moved: set[str]) -> None:
        """Judge the gateways that are down, and probe the others, side by side.

        It ends when a container moves: a probe that takes long delays no other gateway.
        """
        try:
            found = await in_thread(self._find)
        except AdapterError as error:
            self._docker_away(error)
            return
        up = {one.name: one.container_id for one in found if isinstance(one, Found)}
        for name, (container_id, probe) in list(self._probing.items()):
            if name in moved or up.get(name) != container_id:
                probe.cancel()
                del self._probing[name]
        self._clients = {one: self._clients[one] for one in self._clients.keys() & up.values()}
        down = [one for one in found if isinstance(one, WarpState)]
        self._count(down)
        kept = [state for name, state in self._watch.states.items() if name in up]
        self._perform(self._watch.judged([*down, *kept]))
        for name in up.keys() - self._probing.keys():
            probe = self.spawn(self._probe(name, up[name]), f"probe {name}")
            self._probing[name] = up[name], probe
        await self._probes_or_move()

    async def _probes_or_move(self) -> None:
        due: asyncio.Task[Any] = asyncio.ensure_future(self._due.wait())
        pending: set[asyncio.Task[Any]] = {probe for _, probe in self._probing.values()}
        try:
            while pending and not due.done():
                done, _ = await asyncio.wait({due, *pending}, return_when=asyncio.FIRST_COMPLETED)
                pending -= done
        finally:
            due.cancel()

    def _find(self) -> list[Found | WarpState]:
        """Return the containers that run, and the states of the other gateways.  Blocking."""
        engine = self._connect()
        try:
            return limited(_states_of_targets(engine, self.settings.gateways))
        finally:
            engine.close()

    def _docker_away(self, error: AdapterError) -> None:
        self._docker_answers = False
        self._perform(self._watch.docker_away(f"{error.what}: {error.why}"))

    def _count(self, states: Iterable[WarpState]) -> None:
        for state in states:
            self._probes.labels(state.gateway, state.step or "none").inc()

    async def _probe(self, name: str, container_id: str) -> None:
        began_s = self.now_s()
        try:
            state = await self._state_of(name, container_id)
        except AdapterError as error:
            self._docker_away(error)
            return
        finally:
            if self._probing.get(name, ("", None))[1] is asyncio.current_task():
                del self._probing[name]
        self._took.labels(name).set(self.now_s() - began_s)
        self._count([state])
        others = {one: known for one, known in self._watch.states.items() if one != name}
        self._perform(self._watch.judged([*others.values(), state]))

    async def _state_of(self, name: str, container_id: str) -> WarpState:
        async with self._own_lock:
            await self._learn_own_addresses()
        client = self._clients.get(container_id, 0)
        probe = Probe(name, self._policy, self._own, client=client, now_s=self.now_s())
        timeout_s = self.settings.timeout_s + EXEC_GRACE_S
        engine = await in_thread(self._connect)
        try:
            while (command := probe.next_command(self.now_s())) is not None:
                run = partial(engine.execute, container_id, command, timeout_s)
                probe.ran(await in_thread(run))
        finally:
            engine.close()
        assert probe.state is not None
        self._clients[container_id] = probe.client
        return probe.state

    async def _learn_own_addresses(self) -> None:
        """Ask from where the host itself comes, unless it was asked a short time ago."""
        if self.now_s() < self._own_due_s:
            return
        said = await self._ask_from_here(self.settings.trace_urls)
        found = {one.address for one in said if one.address}
        if not found and not any(one.why_not == HOST_IN_WARP for one in said):
            said = await self._ask_from_here(self.settings.address_urls)
            found = {one.address for one in said if one.address}
        self._own = frozenset(found) or self._own
        self._own_due_s = self.now_s() + (OWN_INTERVAL_S if found else OWN_RETRY_S)

    async def _ask_from_here(self, urls: Iterable[str]) -> list[SourceSaid]:
        timeout_s = self.settings.timeout_s
        return await asyncio.gather(
            *(
                in_thread(partial(ask_source, url, family, timeout_s))
                for url in urls
                for family in FAMILIES
            )
        )

    def _perform(self, effects: list[Effect]) -> None:
        for effect in effects:
            self.perform(effect)
        if effects:
            self._healthy.clear()
            for state in self._watch.states.values():
                self._healthy.labels(state.gateway).set(state.health == "healthy")


def _states_of_targets(
    engine: GatewayEngine, targets: Iterable[str]
) -> Iterator[tuple[str, Found | WarpState]]:
    for target in targets:
        names = engine.labelled(target) if is_label(target) else [target]
        for name in names or [target]:
            found = engine.named(name) if names else None
            if found is None:
                yield name, not_found(name)
            elif found.why_down:
                yield name, unhealthy(name, "container", found.why_down)
            else:
                yield name, found

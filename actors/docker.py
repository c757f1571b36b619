"""Docker actor: watches the containers of this host, and sends `services` what it observes."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

from prometheus_client import Counter, Gauge

from actors import node
from actors.adapters.docker import DockerEngine, Engine, EventStream
from actors.async_shell import AsyncShell
from actors.daemon_thread import in_thread
from constellation.effects import Note, Send
from constellation.errors import AdapterError
from constellation.log import get_logger
from constellation.monitor.docker_event import ContainerEvent, read_event
from constellation.monitor.inventory import (
    Effect,
    Inspect,
    InspectSoon,
    Inventory,
    Unreported,
)
from messages.admin import PartReported, PartState

log = get_logger(__name__)

INSPECTIONS_MAX = 4  # concurrent ones; one that hangs leaves three for the others
EVENTS_WAITING_MAX = 1000  # then reading pauses and Docker drops events: a listing finds them
CHECK_LOG_DELAY_S = 0.25  # Docker stores the output of a check just after the event of its end
EVENT_GRACE_S = 1.0  # an event may arrive this long after the listing that shows its effect


class DockerActor(AsyncShell):
    """One session for each connection: a stream of events, and listings beside it."""

    def __init__(self, connect: Callable[[], Engine] | None = None) -> None:
        super().__init__()
        self._connect = connect or self._connect_to_docker

    async def run(self) -> None:
        settings = node.settings()
        self.settings = settings.docker
        policy = settings.docker.policy(
            bind_address=settings.bind_address,
            stopped_expiry_s=settings.monitor.stopped_expiry_s,
            trusts_addresses=settings.traefik.says_it_reaches_containers,
            static_names=(service.name for service in settings.static_services),
        )
        self.inventory = Inventory(policy)
        self._inspecting: set[str] = set()
        self._inspecting_soon: set[str] = set()
        self._slots = asyncio.Semaphore(INSPECTIONS_MAX)
        self._report_due = True
        self._outage_logged = False
        self._part = PartReported(part="docker", state="absent", why="it has not answered yet")
        self._make_metrics()
        self.started()
        while True:
            began_s = self.now_s()
            try:
                await self._session()
            except AdapterError as error:
                self._report_outage(error)
            if self.now_s() - began_s < self.settings.connect_interval_s:
                await asyncio.sleep(self.settings.connect_interval_s)

    def on_actor_up_async(self, name: str) -> None:
        if name == "admin":
            self.post_soon("admin", self._part)
        if name == "services":
            self.post_soon("services", self.inventory.everything())
            self._report_due = not self.inventory.complete

    def _connect_to_docker(self) -> Engine:
        return DockerEngine(self.settings)

    def _make_metrics(self) -> None:
        registry = self.registry
        self._connected = Gauge(
            "constellation_docker_connected", "1 while Docker's events arrive", registry=registry
        )
        containers = Gauge(
            "constellation_docker_containers", "Containers watched", registry=registry
        )
        containers.set_function(lambda: len(self.inventory.containers))
        self._events_seen = Counter(
            "constellation_docker_events", "Events received", ["action"], registry=registry
        )
        self._listings = Counter(
            "constellation_docker_reconciles", "Listings of all containers", registry=registry
        )
        self._stalls = Counter(
            "constellation_docker_stream_stalls",
            "Event streams closed because a listing found what they had not reported",
            registry=registry,
        )
        self._errors = Counter(
            "constellation_docker_errors",
            "Requests that Docker did not answer",
            ["what"],
            registry=registry,
        )

    # One session.

    async def _session(self) -> None:
        """Follow Docker until the connection ends or its events stall."""
        self._engine = await in_thread(self._connect)
        try:
            # First the stream, then the listing: what happens in between is seen twice, not never.
            stream = await in_thread(self._engine.open_events)
            try:
                await self._follow(stream)
            finally:
                stream.close()
        finally:
            self._connected.set(0)
            self.inventory.disconnected()
            self._engine.close()

    async def _follow(self, stream: EventStream) -> None:
        self._ended = asyncio.get_running_loop().create_future()
        threading.Thread(
            target=self._read, args=(stream, self._ended), name="docker-events", daemon=True
        ).start()
        self.inventory.connected(await in_thread(self._engine.info))
        await self._list()
        self._connected.set(1)
        self._outage_logged = False
        self._report_part(PartReported(part="docker", state="present"))
        log.info("docker_connected", socket=self.settings.socket)
        while not self._ended.done():
            await asyncio.wait({self._ended}, timeout=self.settings.reconcile_interval_s)
            if not self._ended.done():
                await self._list()
        if self._ended.result() == "ended":
            raise AdapterError(
                "Docker's event stream ended",
                why="Docker stopped or restarts",
                fix="nothing to do, if it restarts; otherwise start Docker",
            )

    def _read(self, stream: EventStream, ended: asyncio.Future[str]) -> None:
        """Pass events to the loop.  Runs in a thread of its own."""
        loop = self.loop
        assert loop is not None
        waiting = threading.BoundedSemaphore(EVENTS_WAITING_MAX)

        def handle(event: ContainerEvent) -> None:
            waiting.release()
            self._on_event(event)

        try:
            for raw in stream:
                event = read_event(raw)
                if event is not None:
                    waiting.acquire()
                    loop.call_soon_threadsafe(handle, event)
            loop.call_soon_threadsafe(_end, ended, "ended")
        except RuntimeError:
            return  # the loop is closed: the actor stops

    def _on_event(self, event: ContainerEvent) -> None:
        self._events_seen.labels(event.action).inc()
        self._perform(self.inventory.event(event, self.now_s()))

    async def _list(self) -> None:
        since = self.inventory.sequence
        rows = await in_thread(self._engine.list_containers)
        self._listings.inc()
        self._report_due = True
        self._perform(self.inventory.listed(rows, since, self.now_s()))

    async def _inspect(self, engine: Engine, container_id: str) -> None:
        async with self._slots:
            since = self.inventory.sequence
            try:
                found = await in_thread(lambda: engine.inspect(container_id))
            except AdapterError as error:
                self._errors.labels("inspect").inc()
                log.warning("container_not_inspected", container=container_id[:12], why=error.why)
                self.inventory.not_inspected(container_id)
                return
            finally:
                self._inspecting.discard(container_id)
        self._perform(self.inventory.inspected(container_id, found, since, self.now_s()))

    async def _inspect_soon(self, container_id: str, ended: asyncio.Future[str]) -> None:
        """Inspect once for all events meanwhile, after an inspection that is already running."""
        await asyncio.sleep(CHECK_LOG_DELAY_S)
        while container_id in self._inspecting and not ended.done():
            await asyncio.sleep(CHECK_LOG_DELAY_S)
        self._inspecting_soon.discard(container_id)
        if not ended.done():
            self._perform([Inspect(container_id)])

    async def _give_grace(self, unreported: Unreported, ended: asyncio.Future[str]) -> None:
        await asyncio.sleep(EVENT_GRACE_S)
        if not ended.done() and self.inventory.has_stalled(unreported):
            self._stalls.inc()
            log.warning("docker_stream_stalled", unreported=len(unreported.container_ids))
            _end(ended, "stalled")

    def _perform(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Inspect(container_id):
                    if container_id not in self._inspecting:
                        self._inspecting.add(container_id)
                        self.spawn(self._inspect(self._engine, container_id), "inspect")
                case InspectSoon(container_id):
                    if container_id not in self._inspecting_soon:
                        self._inspecting_soon.add(container_id)
                        self.spawn(self._inspect_soon(container_id, self._ended), "inspect soon")
                case Unreported():
                    self.spawn(self._give_grace(effect, self._ended), "grace")
                case Send() | Note():
                    self.perform(effect)
        if self._report_due and self.inventory.complete:
            self._report_due = False
            self.post_soon("services", self.inventory.everything())

    def _report_outage(self, error: AdapterError) -> None:
        self._errors.labels("session").inc()
        state: PartState = "absent" if self._part.state == "absent" else "lost"
        why = f"{error.what}: {error.why}"
        self._report_part(
            PartReported(part="docker", state=state, why=why[:512], fix=error.fix[:512])
        )
        if not self._outage_logged:
            self._outage_logged = True
            # What is absent from the beginning was logged at the start of the agent.
            say = log.debug if state == "absent" else log.warning
            say(
                "docker_away",
                what=error.what,
                why=error.why,
                fix=error.fix,
                retry_s=self.settings.connect_interval_s,
            )

    def _report_part(self, part: PartReported) -> None:
        if part != self._part:
            self._part = part
            self.post_soon("admin", part)


def _end(future: asyncio.Future[str], how: str) -> None:
    if not future.done():
        future.set_result(how)

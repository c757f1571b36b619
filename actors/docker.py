"""Docker actor: watches the containers of this host, and tells `services` what it sees."""

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

INSPECTIONS_MAX = 4  # at once; one that hangs leaves three for the others
EVENTS_WAITING_MAX = 1000  # then the stream is not read on, and Docker drops: a look finds it
CHECK_LOG_DELAY_S = 0.25  # Docker writes what a check printed just after it told of its end
EVENT_GRACE_S = 1.0  # an event may arrive so long after the look that saw its effect


class DockerActor(AsyncShell):
    """One session a connection: a stream of events, and full looks beside it."""

    def __init__(self, connect: Callable[[], Engine] | None = None) -> None:
        super().__init__()
        self._connect = connect or self._connect_to_docker

    async def run(self) -> None:
        settings = node.settings()
        self.settings = settings.docker
        policy = settings.docker.policy(
            bind_address=settings.bind_address,
            stopped_expiry_s=settings.monitor.stopped_expiry_s,
        )
        self.inventory = Inventory(policy)
        self._inspecting: set[str] = set()
        self._inspecting_soon: set[str] = set()
        self._slots = asyncio.Semaphore(INSPECTIONS_MAX)
        self._report_due = True
        self._away_told = False
        self._part = PartReported(part="docker", state="absent", why="it was not reached yet")
        self._make_metrics()
        self.started()
        while True:
            began_s = self.now_s()
            try:
                await self._session()
            except AdapterError as error:
                self._note_away(error)
            if self.now_s() - began_s < self.settings.connect_interval_s:
                await asyncio.sleep(self.settings.connect_interval_s)

    def on_actor_up_async(self, name: str) -> None:
        if name == "admin":
            self.post_soon("admin", self._part)
        if name == "services":
            self.post_soon("services", self.inventory.everything())
            self._report_due = not self.inventory.complete

    def _connect_to_docker(self) -> Engine:
        return DockerEngine(self.settings.socket, request_timeout_s=self.settings.request_timeout_s)

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
            "constellation_docker_events", "Events taken in", ["action"], registry=registry
        )
        self._looks = Counter(
            "constellation_docker_reconciles", "Full looks at all containers", registry=registry
        )
        self._stalls = Counter(
            "constellation_docker_stream_stalls",
            "Event streams given up because a look found what they had not told",
            registry=registry,
        )
        self._errors = Counter(
            "constellation_docker_errors",
            "Questions Docker did not answer",
            ["what"],
            registry=registry,
        )

    # One session.

    async def _session(self) -> None:
        """Follow Docker until it is gone, or its events stall."""
        self._engine = await in_thread(self._connect)
        try:
            # First the stream, then the look: what happens in between is told twice, not never.
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
        await self._look()
        self._connected.set(1)
        self._away_told = False
        self._tell_part(PartReported(part="docker", state="present"))
        log.info("docker_connected", socket=self.settings.socket)
        while not self._ended.done():
            await asyncio.wait({self._ended}, timeout=self.settings.reconcile_interval_s)
            if not self._ended.done():
                await self._look()
        if self._ended.result() == "ended":
            raise AdapterError(
                "Docker's events ended", why="it stopped or restarts", fix="nothing, if it returns"
            )

    def _read(self, stream: EventStream, ended: asyncio.Future[str]) -> None:
        """Hand events to the loop.  Runs in a thread of its own."""
        loop = self.loop
        assert loop is not None
        waiting = threading.BoundedSemaphore(EVENTS_WAITING_MAX)

        def take(event: ContainerEvent) -> None:
            waiting.release()
            self._on_event(event)

        try:
            for raw in stream:
                event = read_event(raw)
                if event is not None:
                    waiting.acquire()
                    loop.call_soon_threadsafe(take, event)
            loop.call_soon_threadsafe(_end, ended, "ended")
        except RuntimeError:
            return  # the loop is closed: the actor stops

    def _on_event(self, event: ContainerEvent) -> None:
        self._events_seen.labels(event.action).inc()
        self._perform(self.inventory.event(event, self.now_s()))

    async def _look(self) -> None:
        since = self.inventory.sequence
        rows = await in_thread(self._engine.list_containers)
        self._looks.inc()
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
        """Ask once for all that happens meanwhile, and not before a question under way is over."""
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

    def _note_away(self, error: AdapterError) -> None:
        self._errors.labels("session").inc()
        state: PartState = "absent" if self._part.state == "absent" else "lost"
        why = f"{error.what}: {error.why}"
        self._tell_part(PartReported(part="docker", state=state, why=why[:512], fix=error.fix))
        if not self._away_told:
            self._away_told = True
            # The start of the agent has named what was not there to begin with.
            say = log.debug if state == "absent" else log.warning
            say(
                "docker_away",
                what=error.what,
                why=error.why,
                fix=error.fix,
                retry_s=self.settings.connect_interval_s,
            )

    def _tell_part(self, part: PartReported) -> None:
        if part != self._part:
            self._part = part
            self.post_soon("admin", part)


def _end(future: asyncio.Future[str], how: str) -> None:
    if not future.done():
        future.set_result(how)

"""Docker actor: watches the containers of this host, and sends `services` what it observes."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from prometheus_client import Counter, Gauge

from actors import node
from actors.adapters.docker_knock import why_away
from actors.adapters.docker_memory import DockerMemory
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
    ListSoon,
    SettleNames,
    Unreported,
)
from constellation.monitor.renames import SETTLE_S
from constellation.monitor.troubles import docker_troubles
from constellation.warp.gateways import moved_gateway
from messages.admin import PartReported, PartState
from messages.warp import GatewayMoved
from messages.wellness import TroublesReported

if TYPE_CHECKING:
    from actors.adapters.docker import Engine, EventStream

log = get_logger(__name__)

_Inspection = dict[str, Any] | None

INSPECTIONS_MAX = 4  # concurrent ones that may still answer soon
INSPECTION_SLOT_S = 0.25  # then it leaves its place to others; most answer within 10 ms
INSPECTION_OVERDUE_S = 1.0  # then the container is known by its row in a listing
HANGING_MAX = 32  # inspections without an answer, each in a thread; then no more are sent
LIST_GAP_S = 0.3  # between a reason to list soon and the listing
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
        self._hanging = 0
        self._settling = False
        self._list_due = asyncio.Event()
        self._report_due = True
        self._outage_logged = False
        self._part = PartReported(part="docker", state="absent", why="it has not answered yet")
        self._troubles = self._known_troubles()
        self._memory = DockerMemory(settings.data_dir)
        self._is_expected = self.settings.is_expected
        self._make_metrics()
        self.started()
        self._is_expected = self._is_expected or await in_thread(self._memory.is_known)
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
            self.post_soon("admin", self._troubles)
        if name == "services":
            self.post_soon("services", self.inventory.everything())
            self._report_due = not self.inventory.complete

    def _connect_to_docker(self) -> Engine:
        if away := why_away(self.settings, self.settings.request_timeout_s):
            raise away
        # Not above: only the process that watches Docker has use for its client, once it is there.
        from actors.adapters.docker import DockerEngine  # noqa: PLC0415

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
        self._inspecting = set()  # what the last connection does not answer is asked again
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
        info = self.spawn(self._ask_for_info(self._engine), "info")
        await asyncio.wait({info}, timeout=INSPECTION_OVERDUE_S)  # it is slow on some hosts
        await self._list()
        self._connected.set(1)
        self._outage_logged = False
        self._report_part(PartReported(part="docker", state="present"))
        log.info("docker_connected", socket=self.settings.socket)
        while not self._ended.done():
            await self._until_listing_is_due()
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
        if gateway := moved_gateway(node.settings().warp.gateways, event):
            self.post_soon("warp", GatewayMoved(gateway=gateway, action=event.action))
        self._perform(self.inventory.event(event, self.now_s()))

    async def _list(self) -> None:
        since = self.inventory.sequence
        rows = await in_thread(self._engine.list_containers)
        self._listings.inc()
        self._report_due = True
        self._perform(self.inventory.listed(rows, since, self.now_s()))

    async def _ask_for_info(self, engine: Engine) -> None:
        try:
            info = await in_thread(engine.info)
        except AdapterError as error:
            self._errors.labels("info").inc()
            log.warning("docker_info_unknown", why=error.why, fix=error.fix)
            return
        self._perform(self.inventory.connected(info))

    async def _until_listing_is_due(self) -> None:
        due = asyncio.ensure_future(self._list_due.wait())
        await asyncio.wait(
            {self._ended, due},
            timeout=self.settings.reconcile_interval_s,
            return_when=asyncio.FIRST_COMPLETED,
        )
        if due.done():
            await asyncio.wait({self._ended}, timeout=LIST_GAP_S)
        due.cancel()
        self._list_due.clear()

    async def _inspect(self, engine: Engine, container_id: str) -> None:
        inspecting = self._inspecting
        async with self._slots:
            since = self.inventory.sequence
            answer = self._ask_about(engine, container_id)
            await asyncio.wait({answer}, timeout=INSPECTION_SLOT_S)
        try:
            found = await self._awaited(container_id, answer)
        except AdapterError as error:
            self._errors.labels("inspect").inc()
            log.warning("container_not_inspected", container=container_id[:12], why=error.why)
            self._perform(self.inventory.not_inspected(container_id, self.now_s()))
            return
        finally:
            inspecting.discard(container_id)
        self._perform(self.inventory.inspected(container_id, found, since, self.now_s()))
        if self.inventory.containers and not self._is_expected:
            self._is_expected = True
            await in_thread(self._memory.remember)

    def _ask_about(self, engine: Engine, container_id: str) -> asyncio.Future[_Inspection]:
        """Return the future answer to an inspection; none is sent while too many hang."""
        if self._hanging < HANGING_MAX:
            return asyncio.ensure_future(in_thread(lambda: engine.inspect(container_id)))
        refused: asyncio.Future[_Inspection] = asyncio.get_running_loop().create_future()
        self._perform(self.inventory.overdue(container_id, self.now_s()))
        why = f"{HANGING_MAX} inspections before it do not answer"
        refused.set_exception(AdapterError("not inspected", why=why, fix="restart Docker"))
        return refused

    async def _awaited(self, container_id: str, answer: asyncio.Future[_Inspection]) -> _Inspection:
        """Return the answer to an inspection; it hangs if it is late."""
        if answer.done():
            return answer.result()
        self._hanging += 1
        try:
            await asyncio.wait({answer}, timeout=INSPECTION_OVERDUE_S - INSPECTION_SLOT_S)
            if not answer.done():
                self._perform(self.inventory.overdue(container_id, self.now_s()))
            return await answer
        finally:
            self._hanging -= 1

    async def _inspect_soon(self, container_id: str, ended: asyncio.Future[str]) -> None:
        """Inspect once for all events meanwhile, after an inspection that is already running."""
        await asyncio.sleep(CHECK_LOG_DELAY_S)
        while container_id in self._inspecting and not ended.done():
            await asyncio.sleep(CHECK_LOG_DELAY_S)
        self._inspecting_soon.discard(container_id)
        if not ended.done():
            self._perform([Inspect(container_id)])

    async def _settle_names(self) -> None:
        await asyncio.sleep(SETTLE_S / 2)
        self._settling = False
        self._perform(self.inventory.names_settled(self.now_s()))

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
                    self._begin_inspection(container_id)
                case InspectSoon(container_id):
                    self._begin_inspection_soon(container_id)
                case ListSoon():
                    self._list_due.set()
                case SettleNames():
                    self._begin_settling()
                case Unreported():
                    self.spawn(self._give_grace(effect, self._ended), "grace")
                case Send() | Note():
                    self.perform(effect)
        self._report_troubles()
        if self._report_due and self.inventory.complete:
            self._report_due = False
            self.post_soon("services", self.inventory.everything())

    def _begin_inspection(self, container_id: str) -> None:
        if container_id not in self._inspecting:
            self._inspecting.add(container_id)
            self.spawn(self._inspect(self._engine, container_id), "inspect")

    def _begin_inspection_soon(self, container_id: str) -> None:
        if container_id not in self._inspecting_soon:
            self._inspecting_soon.add(container_id)
            self.spawn(self._inspect_soon(container_id, self._ended), "inspect soon")

    def _begin_settling(self) -> None:
        if not self._settling:
            self._settling = True
            self.spawn(self._settle_names(), "settle names")

    def _report_outage(self, error: AdapterError) -> None:
        self._errors.labels("session").inc()
        is_absent = self._part.state == "absent" and not self._is_expected
        state: PartState = "absent" if is_absent else "lost"
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

    def _report_troubles(self) -> None:
        troubles = self._known_troubles()
        if troubles != self._troubles:
            self._troubles = troubles
            self.post_soon("admin", troubles)

    def _known_troubles(self) -> TroublesReported:
        return docker_troubles(self.inventory, node.settings().domain)

    def _report_part(self, part: PartReported) -> None:
        if part != self._part:
            self._part = part
            self.post_soon("admin", part)


def _end(future: asyncio.Future[str], how: str) -> None:
    if not future.done():
        future.set_result(how)

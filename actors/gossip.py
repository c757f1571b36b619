"""The gossip actor: this node as a member of the cluster.  The core makes every decision."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
from collections.abc import Callable
from pathlib import Path
from random import SystemRandom

from thespian.actors import ActorAddress

from actors import node
from actors.adapters.gossip_keys import GossipKeys
from actors.adapters.gossip_memory import GossipMemory, Remembered
from actors.adapters.gossip_metrics import GossipMetrics
from actors.adapters.gossip_transport import GossipTransport
from actors.adapters.keyring_file import FILE_NAME as KEYRING_FILE_NAME
from actors.adapters.keyring_file import KeyringFile
from actors.adapters.node_identity import load_identity
from actors.adapters.retried_save import RetriedSave
from actors.async_shell import AsyncShell, Reply
from actors.shell import remote_address
from constellation.effects import Note
from constellation.errors import AdapterError
from constellation.gossip.change_feed import limited
from constellation.gossip.datagram import GossipEnvelope
from constellation.gossip.gossip_node import GossipNode
from constellation.gossip.incarnation import UNSAVED_PAUSE_S, saved_life, unsaved_life
from constellation.gossip.member import Address
from constellation.gossip.outbox import MemberChanged, ProbeEnded
from constellation.gossip.security import Keyring
from constellation.gossip.troubles import TroubleReporter, key_troubles, troubles_of
from constellation.log import get_logger
from constellation.settings.agent import Settings
from constellation.settings.gossip import GossipSettings
from messages.admin import PartReported
from messages.base import Message
from messages.events import ChangeReported
from messages.gossip import (
    ClusterSubscribe,
    GossipLeave,
    GossipLeft,
    RecordPublish,
    RecordWithdraw,
    ServicesScope,
)
from messages.keyring import KeyringCopy, KeyringFetch, KeyringOrder, KeyringOrderDone
from messages.tailscale import SeedsFound

log = get_logger(__name__)

COALESCE_S = 0.01  # changes within this time are sent as one message
HOUSEKEEPING_S = 1.0  # between saves, and between resolutions of seed names
HOUSEKEEPING_MAX_S = 2.0  # if nothing else happens
PROBE_JITTER_S = 0.05  # the probe that ends the wait may come a little early
LEAVE_POLL_S = 0.02
LEAVE_TIMEOUT_S = 2.0
KEY_SOURCES_MAX = 8
PART_PRESENT = PartReported(part="gossip", state="present")


class GossipActor(AsyncShell):
    """Translates messages to steps of the core, and its changes to messages for readers."""

    def __init__(self) -> None:
        super().__init__()
        self.transport: GossipTransport | None = None
        self.metrics: GossipMetrics | None = None
        self.keys: GossipKeys | None = None
        # What they need and how to reach them, by the reader's address.
        self._subscribers: dict[str, tuple[ServicesScope, Reply]] = {}
        self._found: tuple[Address, ...] = ()  # seeds found in the tailnet
        self._feed_armed = False
        self._housekeeping_at_s = 0.0
        self._housekeeping_due = asyncio.Event()
        self.saver: RetriedSave[Remembered] | None = None
        self._name_taken = False
        self._unsaved: AdapterError | None = None  # why something is not saved; None: all is saved
        self._reported = PART_PRESENT  # to admin
        self._troubles = TroubleReporter("gossip")

    def on_actor_up_async(self, name: str) -> None:
        if name != "admin":
            return
        if self._reported != PART_PRESENT:
            self.post_soon("admin", self._reported)
        self.post_soon("admin", self._troubles.report)

    async def run(self) -> None:
        settings = node.settings()
        memory = GossipMemory(Path(settings.data_dir))
        kept = memory.load()
        self.saver = RetriedSave("the gossip memory", memory.save, kept)
        incarnation = await self._begin_life(memory, kept)
        cluster_key = node.cluster_key()
        keyring_file = KeyringFile(Path(settings.data_dir), cluster_key)
        transport = self._make(settings, keyring_file.load(), incarnation)
        try:
            await transport.open_sockets(transport.node.address)
        except AdapterError as error:
            # The operator must act: one line that says how, without a traceback.
            self.perform(Note("gossip_not_started", {"error": str(error)}, "error"))
            raise
        self.keys = GossipKeys(transport, keyring_file, cluster_key, self._keys_changed)
        self.transport, self.metrics = transport, GossipMetrics(transport, self.registry)
        transport.node.set_seeds(await self._seeds(settings.gossip))
        transport.perform(transport.node.start(self._time(), known=kept.addresses))
        self.started()
        try:
            while True:
                kept = self._memory(transport.node, kept)
                await self._save(transport, kept)
                await self._until_housekeeping()
                transport.node.set_seeds(await self._seeds(settings.gossip))
                self._arm_feed()
                foreign = self._report_troubles(transport)
                if self.keys.must_ask(has_foreign=bool(foreign)):
                    self._ask_for_keys(transport, foreign, settings.actors.port)
        finally:
            await transport.close_sockets()

    async def _until_housekeeping(self) -> None:
        """Wait for a step of the node, as there is at every probe: another wakeup costs more."""
        self._housekeeping_at_s = self._time() + HOUSEKEEPING_S - PROBE_JITTER_S
        self._housekeeping_due.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(HOUSEKEEPING_MAX_S):
                await self._housekeeping_due.wait()

    async def _begin_life(self, memory: GossipMemory, kept: Remembered) -> int:
        """Return the incarnation of this life, saved before anything is sent under it."""
        assert self.saver is not None
        incarnation = saved_life(kept.incarnation)
        if await self.saver.keep(Remembered(incarnation, kept.addresses), self._time()):
            return incarnation
        incarnation = unsaved_life(kept.incarnation, memory.age_s())
        await asyncio.sleep(UNSAVED_PAUSE_S)
        return incarnation

    async def _save(self, transport: GossipTransport, memory: Remembered) -> None:
        """Save what the next life needs; report a disk that refuses, and one that works again."""
        assert self.saver is not None
        assert self.keys is not None
        now_s = self._time()
        await self.saver.keep(memory, now_s)
        await self.keys.keep_saved(now_s)
        transport.counts["saves_failed"] = self.saver.failures + self.keys.saver.failures
        self.unsaved.labels("gossip.json").set(self.saver.problem is not None)
        self.unsaved.labels(KEYRING_FILE_NAME).set(self.keys.saver.problem is not None)
        problem = self.saver.problem or self.keys.saver.problem
        if str(problem) != str(self._unsaved):
            self._unsaved = problem
            if problem is None:
                self.perform(Note("gossip_saved_again", {}))
            else:
                fields = {"what": problem.what, "why": problem.why, "fix": problem.fix}
                self.perform(Note("gossip_not_saved", fields, "warning"))
            self._report_part()

    @staticmethod
    def _memory(core: GossipNode, kept: Remembered) -> Remembered:
        """Return what the next life needs; `kept` is what was kept so far."""
        # A node without peers keeps the addresses it knew: it may be the one that is cut off.
        addresses = core.known_addresses or kept.addresses
        if set(addresses) == set(kept.addresses):
            addresses = kept.addresses  # only the order changed
        return Remembered(core.highest_incarnation, addresses)

    def receiveMsg_ClusterSubscribe(self, message: ClusterSubscribe, sender: ActorAddress) -> None:
        if self.add_reader(sender):
            reader, reply = self.address_text(sender), self._reply_to(sender)
            self._on_loop(lambda: self._subscribe(reader, message.services, reply))

    def on_actor_gone(self, address: str) -> None:
        self._on_loop(lambda: self._unsubscribe(address))

    def on_message(self, message: Message, reply: Reply) -> None:
        if self.transport is None:
            # Not started yet: publishers are notified of the start, and publish again.
            return
        core, now_s = self.transport.node, self._time()
        match message:
            case RecordPublish():
                self.transport.perform(core.publish(message, now_s))
            case RecordWithdraw():
                self.transport.perform(core.withdraw(message, now_s))
            case KeyringOrder() | KeyringFetch() | KeyringCopy():
                self._on_keys(message, reply)
            case SeedsFound(hosts=hosts):
                # The port is a setting of the cluster: assume that the others use the same.
                port = core.address.port
                self._found = tuple(Address(host, port) for host in hosts)
            case GossipLeave():
                self.spawn(self._leave(self.transport, reply), "leave")
            case _:
                super().on_message(message, reply)

    def _on_keys(self, message: KeyringOrder | KeyringFetch | KeyringCopy, reply: Reply) -> None:
        assert self.keys is not None, "made with the transport"
        match message:
            case KeyringOrder():
                self.spawn(self._obey(self.keys, message, reply), "key order")
            case KeyringFetch():
                reply(self.keys.copy())
            case KeyringCopy():
                self.keys.adopt(message)

    async def _obey(self, keys: GossipKeys, order: KeyringOrder, reply: Reply) -> None:
        state = await keys.obey(order, self._time())
        reply(KeyringOrderDone(number=order.number, state=state))

    async def _seeds(self, settings: GossipSettings) -> tuple[Address, ...]:
        """Return the configured and the discovered seeds, each once."""
        return tuple(dict.fromkeys((*await _resolve(settings.seeds), *self._found)))

    def _keys_changed(self, what: str, key_ids: tuple[str, ...]) -> None:
        own = node.settings().node_name
        reason = f"{what}; now {', '.join(key_ids)}"
        self.post_soon("admin", ChangeReported(what="keys_changed", node=own, reason=reason[:512]))

    def _ask_for_keys(
        self, transport: GossipTransport, foreign: list[str], actor_port: int
    ) -> None:
        """Ask nodes whose packets cannot be decrypted for their keys, over the actor system."""
        core = transport.node
        others = (one.ip for one in (*core.seeds, *core.known_addresses))
        hosts = dict.fromkeys((*foreign, *others))
        hosts.pop(core.address.ip, None)
        for host in list(hosts)[:KEY_SOURCES_MAX]:
            self.send_soon(remote_address(host, actor_port, "gossip"), KeyringFetch())

    def _make(self, settings: Settings, keyring: Keyring, incarnation: int) -> GossipTransport:
        envelope = GossipEnvelope(keyring, settings.gossip.label.encode())
        core = GossipNode(
            identity=load_identity(settings),
            address=Address(settings.bind_address, settings.gossip.port),
            policy=settings.gossip.policy(overhead_bytes=envelope.overhead_bytes),
            random=SystemRandom(),
            incarnation=incarnation,
            now_s=self._time(),
        )
        return GossipTransport(
            core,
            envelope,
            tcp_timeout_s=settings.gossip.tcp_timeout_s,
            observe=self._observe,
            stepped=self._on_step,
        )

    def _observe(self, effect: Note | MemberChanged | ProbeEnded) -> None:
        match effect:
            case Note():
                self.perform(effect)
            case ProbeEnded(_, round_trip_s):
                if self.metrics is not None and round_trip_s is not None:
                    self.metrics.round_trip.observe(round_trip_s)
            case MemberChanged():
                pass  # the change feed has recorded it

    def _subscribe(self, reader: str, services: ServicesScope, reply: Reply) -> None:
        if self.transport is None:
            return
        self._send_changes()
        self._subscribers[reader] = services, reply
        reply(limited(self.transport.node.snapshot(self._time()), services))

    def _unsubscribe(self, reader: str) -> None:
        self._subscribers.pop(reader, None)

    def _on_step(self) -> None:
        self._arm_feed()
        if self._time() >= self._housekeeping_at_s:
            self._housekeeping_due.set()
        if self.transport is not None and self.transport.node.name_taken != self._name_taken:
            self._name_taken = not self._name_taken
            self._report_part()

    def _report_troubles(self, transport: GossipTransport) -> list[str]:
        """Report what changed; return the addresses of seeds and members that have other keys."""
        now_s, core = self._time(), transport.node
        expected = {one.ip for one in (*core.seeds, *core.known_addresses)} - {core.address.ip}
        foreign = list(transport.foreign_keys.lasting(now_s, expected=expected))
        now = [*troubles_of(core, now_s), *key_troubles(core.node_name, foreign)]
        report, events = self._troubles.update(now)
        if report is not None:
            self.post_soon("admin", report)
        for event in events:
            level = "info" if event.what == "path_restored" else "warning"
            self.perform(Note(event.what, {"of": event.node, "why": event.reason}, level))
            self.post_soon("admin", event)
        return [ip for ip, _ in foreign]

    def _report_part(self) -> None:
        part = self._part()
        if part != self._reported:
            self._reported = part
            self.post_soon("admin", part)

    def _part(self) -> PartReported:
        holder = self.transport.node.name_taken_by if self.transport is not None else None
        if holder is not None:
            name, address = holder
            return PartReported(
                part="gossip",
                state="lost",
                why=f"this node is not a member: {name} at {address} has its node_name or its "
                "identity; that is another node, or an earlier life of this one if it has lost its "
                "data_dir",
                fix="give each node its own node_name and data_dir, and never copy a data_dir; if "
                "there is no other node, wait until the earlier life is declared dead",
            )
        if self._unsaved is not None:
            why = f"{self._unsaved.what}: {self._unsaved.why}; the node stays a member"
            fix = self._unsaved.fix[:512]
            return PartReported(part="gossip", state="lost", why=why[:512], fix=fix)
        return PART_PRESENT

    def _arm_feed(self) -> None:
        """Send the changes to readers shortly, together with those that follow until then."""
        if self.transport is None or self._feed_armed or not self.transport.node.has_changes:
            return
        self._feed_armed = True
        asyncio.get_running_loop().call_later(COALESCE_S, self._send_changes)

    def _send_changes(self) -> None:
        self._feed_armed = False
        if self.transport is None or not self.transport.node.has_changes:
            return
        change = self.transport.node.take_changes(self._time())
        scopes = {services for services, _ in self._subscribers.values()}
        changes = {services: limited(change, services) for services in scopes}
        for services, reply in self._subscribers.values():
            reply(changes[services])

    async def _leave(self, transport: GossipTransport, reply: Reply) -> None:
        transport.perform(transport.node.leave(self._time()))
        deadline_s = self._time() + LEAVE_TIMEOUT_S
        while not transport.node.has_left and self._time() < deadline_s:
            await asyncio.sleep(LEAVE_POLL_S)
        reply(GossipLeft())

    def _on_loop(self, work: Callable[[], None]) -> None:
        if self.loop is not None:
            self.loop.call_soon_threadsafe(work)

    @staticmethod
    def _time() -> float:
        return asyncio.get_running_loop().time()


async def _resolve(seeds: tuple[str, ...]) -> tuple[Address, ...]:
    """Return the addresses of `host:port` seeds; names that do not resolve are left out."""
    found: list[Address] = []
    for seed in seeds:
        host, _, port = seed.rpartition(":")
        host = host.strip("[]")
        try:
            found.append(Address(str(ipaddress.ip_address(host)), int(port)))
            continue
        except ValueError:
            log.debug("seed_is_a_name", seed=seed)
        try:
            rows = await asyncio.get_running_loop().getaddrinfo(
                host, int(port), type=socket.SOCK_DGRAM
            )
        except OSError as error:
            log.warning("seed_not_resolved", seed=seed, error=str(error))
            continue
        found += [Address(str(row[4][0]), int(port)) for row in rows]
    return tuple(dict.fromkeys(found))

"""Gossip actor: this node's member of the cluster.  Every decision is made in the core."""

from __future__ import annotations

import asyncio
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
from actors.adapters.keyring_file import KeyringFile
from actors.adapters.node_identity import load_identity
from actors.async_shell import AsyncShell, Reply
from constellation.effects import Note
from constellation.errors import AdapterError
from constellation.gossip.datagram import Envelope
from constellation.gossip.gossip_node import GossipNode
from constellation.gossip.member import Address
from constellation.gossip.outbox import MemberChanged, ProbeEnded
from constellation.gossip.security import Keyring
from constellation.log import get_logger
from constellation.settings.agent import Settings
from constellation.settings.gossip import GossipSettings
from constellation.transport.address import ActorRef
from messages.admin import PartReported
from messages.base import Message
from messages.gossip import (
    ClusterSubscribe,
    GossipLeave,
    GossipLeft,
    RecordPublish,
    RecordWithdraw,
)
from messages.keyring import KeyringCopy, KeyringFetch, KeyringOrder
from messages.lifecycle import ActorDirectory
from messages.tailscale import SeedsFound

log = get_logger(__name__)

COALESCE_S = 0.01  # changes within so long become one message
HOUSEKEEPING_S = 1.0  # between looks at what to keep, and resolutions of seeds
LIFE_STEP = 16  # more incarnations than a node takes between two looks at what to keep
LEAVE_POLL_S = 0.02
LEAVE_TIMEOUT_S = 2.0
SUBSCRIBERS_MAX = 64
GOSSIP = "@gossip"  # whoever is a node's gossip actor now
KEY_SOURCES_MAX = 8


class GossipActor(AsyncShell):
    """Translate messages to steps of the core, and its changes to messages for readers."""

    def __init__(self) -> None:
        super().__init__()
        self.transport: GossipTransport | None = None
        self.metrics: GossipMetrics | None = None
        self.keys: GossipKeys | None = None
        self._subscribers: dict[str, Reply] = {}  # by the reader's address
        self._found: tuple[Address, ...] = ()  # seeds of the tailnet
        self._feed_armed = False
        self._silent = False  # because our name is taken; as `admin` was told

    def on_actor_up_async(self, name: str) -> None:
        if name == "admin" and self._silent:
            self.post_soon("admin", self._part())

    async def run(self) -> None:
        settings = node.settings()
        memory = GossipMemory(Path(settings.data_dir))
        # A life above the last one, made durable before anything is said in it.
        kept = memory.load()
        kept = Remembered(kept.incarnation + LIFE_STEP, kept.addresses)
        memory.save(kept)
        cluster_key = node.cluster_key()
        keyring_file = KeyringFile(Path(settings.data_dir), cluster_key)
        transport = self._make(settings, keyring_file.load(), kept.incarnation)
        try:
            await transport.open(transport.node.swim.address)
        except AdapterError as error:
            # The operator must act: one line that says how, and no trace of calls.
            self.perform(Note("gossip_not_started", {"error": str(error)}, "error"))
            raise
        self.keys = GossipKeys(transport, keyring_file, cluster_key)
        self.transport, self.metrics = transport, GossipMetrics(transport, self.registry)
        transport.node.swim.seeds = await self._seeds(settings.gossip)
        transport.perform(transport.node.start(self._time(), known=kept.addresses))
        self.started()
        try:
            while True:
                await asyncio.sleep(HOUSEKEEPING_S)
                kept = self._keep(memory, kept)
                transport.node.swim.seeds = await self._seeds(settings.gossip)
                self._arm_feed()
                if self.keys.must_ask():
                    self._ask_for_keys(transport, settings.actors.port)
        finally:
            await transport.close()

    def receiveMsg_ClusterSubscribe(self, message: ClusterSubscribe, sender: ActorAddress) -> None:
        reply = self._reply_to(sender)
        self._on_loop(lambda: self._subscribe(self.address_text(sender), reply))

    def receiveMsg_ActorDirectory(self, message: ActorDirectory, sender: ActorAddress) -> None:
        before = {self.address_text(address) for address in self.directory.values()}
        super().receiveMsg_ActorDirectory(message, sender)
        gone = before - {self.address_text(address) for address in self.directory.values()}
        self._on_loop(lambda: self._unsubscribe(gone))

    def on_message(self, message: Message, reply: Reply) -> None:
        if self.transport is None:
            # Not ready yet: who publishes is told of our start, and publishes then.
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
                # The others are taken to use the same port: it is a setting of the cluster.
                port = core.swim.address.port
                self._found = tuple(Address(host, port) for host in hosts)
            case GossipLeave():
                self.spawn(self._leave(self.transport, reply), "leave")
            case _:
                super().on_message(message, reply)

    def _on_keys(self, message: KeyringOrder | KeyringFetch | KeyringCopy, reply: Reply) -> None:
        assert self.keys is not None, "made with the transport"
        match message:
            case KeyringOrder():
                reply(self.keys.obey(message))
            case KeyringFetch():
                reply(self.keys.copy())
            case KeyringCopy():
                self.keys.adopt(message)

    async def _seeds(self, settings: GossipSettings) -> tuple[Address, ...]:
        """Return the seeds that are set and those that were found, each once."""
        return tuple(dict.fromkeys((*await _resolve(settings.seeds), *self._found)))

    def _ask_for_keys(self, transport: GossipTransport, actor_port: int) -> None:
        """Ask the nodes that we cannot talk to for their keys, by the actor system."""
        swim = transport.node.swim
        hosts = dict.fromkeys(one.ip for one in (*swim.seeds, *swim.known_addresses))
        hosts.pop(swim.address.ip, None)
        for host in list(hosts)[:KEY_SOURCES_MAX]:
            self.send_soon(ActorAddress(ActorRef(host, actor_port, GOSSIP)), KeyringFetch())

    def _make(self, settings: Settings, keyring: Keyring, incarnation: int) -> GossipTransport:
        envelope = Envelope(keyring, settings.gossip.label.encode())
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
                pass  # the feed knows, as of records

    def _subscribe(self, reader: str, reply: Reply) -> None:
        if self.transport is None:
            return
        if reader not in self._subscribers and len(self._subscribers) >= SUBSCRIBERS_MAX:
            log.error("subscriber_refused", reader=reader, limit=SUBSCRIBERS_MAX)
            return
        self._send_changes()
        self._subscribers[reader] = reply
        reply(self.transport.node.feed.snapshot(self._time()))

    def _unsubscribe(self, readers: set[str]) -> None:
        for reader in readers:
            self._subscribers.pop(reader, None)

    def _on_step(self) -> None:
        self._arm_feed()
        if self.transport is not None and self.transport.node.swim.name_taken != self._silent:
            self._silent = not self._silent
            self.post_soon("admin", self._part())

    def _part(self) -> PartReported:
        if not self._silent:
            return PartReported(part="gossip", state="present")
        return PartReported(
            part="gossip",
            state="lost",
            why="another node, or this one before it lost its data_dir, has its node_name",
            fix="give each node a node_name of its own; or wait, if there is no other node",
        )

    def _arm_feed(self) -> None:
        """Send what has changed soon, with what else changes until then."""
        if self.transport is None or self._feed_armed or not self.transport.node.feed.is_dirty:
            return
        self._feed_armed = True
        asyncio.get_running_loop().call_later(COALESCE_S, self._send_changes)

    def _send_changes(self) -> None:
        self._feed_armed = False
        if self.transport is None or not self.transport.node.feed.is_dirty:
            return
        change = self.transport.node.feed.take(self._time())
        for reply in self._subscribers.values():
            reply(change)

    async def _leave(self, transport: GossipTransport, reply: Reply) -> None:
        transport.perform(transport.node.leave(self._time()))
        deadline_s = self._time() + LEAVE_TIMEOUT_S
        while not transport.node.swim.has_left and self._time() < deadline_s:
            await asyncio.sleep(LEAVE_POLL_S)
        reply(GossipLeft())

    def _keep(self, memory: GossipMemory, kept: Remembered) -> Remembered:
        """Make durable what has changed of what the next life needs."""
        assert self.transport is not None
        core = self.transport.node
        now = Remembered(core.highest_incarnation, core.swim.known_addresses)
        # One alone keeps the addresses it knew: it may be the one that is cut off.
        if not now.addresses:
            now = Remembered(now.incarnation, kept.addresses)
        if (now.incarnation, set(now.addresses)) == (kept.incarnation, set(kept.addresses)):
            return kept
        memory.save(now)
        return now

    def _on_loop(self, work: Callable[[], None]) -> None:
        if self.loop is not None:
            self.loop.call_soon_threadsafe(work)

    @staticmethod
    def _time() -> float:
        return asyncio.get_running_loop().time()


async def _resolve(seeds: tuple[str, ...]) -> tuple[Address, ...]:
    """Return the addresses of `host:port` seeds; names that do not resolve now are left out."""
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

"""A member that lies: it has the gossip key, and says what it likes to all others."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle

from constellation.gossip import packets
from constellation.gossip.gossip_node import GossipNode
from constellation.gossip.member import Address
from constellation.gossip.node_meta import pack_meta
from constellation.gossip.packets import Alive
from constellation.gossip.policy import PLAIN_VERSIONS
from constellation.gossip.record_codec import pack_records, sign_record
from constellation.gossip.stream import NodeEntry, PushPull
from messages.gossip import NodeState, StateRecord
from messages.monitor import Label, ServiceState
from tests.identities import identity_of
from tests.simulation.network import SimNetwork

LARGE = tuple(Label(name=f"label-{number}", value="x" * 1000) for number in range(55))


class Liar:
    """The node at `ip` of a cluster, beside what the real node there says."""

    def __init__(self, net: SimNetwork, ip: str) -> None:
        self.net, self.ip = net, ip
        self.name = net.nodes[ip].node_name
        self._counter = 1 << 20

    @property
    def others(self) -> list[str]:
        return [ip for ip in self.net.nodes if ip != self.ip]

    def record(self, author: str, key: str, labels: tuple[Label, ...] = ()) -> bytes:
        self._counter += 1
        value = ServiceState(
            service=key, health="healthy", source="static", instance="x", labels=labels
        )
        record = StateRecord(
            kind="service",
            node=author,
            key=key,
            incarnation=1,
            counter=self._counter,
            service_state=value,
        )
        return sign_record(record, identity_of(author)).encoded

    def tell_records(self, *encoded: bytes) -> None:
        """Send records to every other node over TCP."""
        body = pack_records(encoded)
        for ip in self.others:
            node = self.net.nodes[ip]
            self.net.perform(ip, node.on_user_stream(body, self.net.now_s))

    def tell_packet(self, *parts: bytes) -> None:
        """Send a packet to every other node."""
        for ip in self.others:
            node = self.net.nodes[ip]
            body = packets.compound(parts)
            source = Address(self.ip, 7946)
            self.net.perform(ip, node.on_packet(body, source, self.net.now_s))

    def tell_members(self, claims: list[Alive]) -> None:
        """Send a member table to every other node."""
        table = PushPull(tuple(NodeEntry(claim, "alive") for claim in claims), join=True)
        for ip in self.others:
            node = self.net.nodes[ip]
            _, effects = node.on_push_pull_request(table, self.net.now_s)
            self.net.perform(ip, effects)

    def flood(self, seconds: float, bodies: list[tuple[bytes, ...]]) -> Iterator[None]:
        """Tell all of it again and again, a part every 50 ms; yield between two parts."""
        end_s = self.net.now_s + seconds
        for part in cycle(bodies):
            if self.net.now_s >= end_s:
                return
            self.tell_records(*part)
            self.net.run(0.05)
            yield


def invented(count: int, *, states: int = 0) -> list[Alive]:
    """Return the claims of members that do not exist, some of them with a node state."""
    claims = []
    for number in range(count):
        name = f"invented-{number}"
        ip = f"10.9.{number >> 8}.{number & 255}"
        state = NodeState(address=ip, gossip_port=7946, actor_port=7947)
        key = identity_of(name).public_key if number < states else bytes(32)
        meta = pack_meta(key, state if number < states else None)
        claims.append(Alive(1, name, Address(ip, 7946).packed, 7946, meta, PLAIN_VERSIONS))
    return claims


def knows(node: GossipNode, author: str, service: str) -> str:
    """Return the health of a service of a node as a reader of `node` knows it; empty: unknown."""
    for one in node.snapshot(0.0).services:
        if (one.node, one.state.service) == (author, service):
            return one.state.health
    return ""

"""A cluster under random faults from a seed; its invariants are checked after every step.

An oracle keeps what each node has published.  After every step of a node,

- its table holds only what the author has published, and no older version than before;
- the known incarnation of a member never decreases;
- no packet is larger than the limit;
- the node holds itself for alive.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

from constellation.gossip import packets
from constellation.gossip.gossip_node import GossipNode
from constellation.gossip.member import Address
from constellation.gossip.node_meta import public_key_in
from constellation.gossip.outbox import Effect, SendDatagram
from constellation.gossip.policy import GossipPolicy
from constellation.gossip.record_codec import value_of
from constellation.gossip.record_table import RecordId
from messages.gossip import RecordPublish, RecordWithdraw
from messages.monitor import ServiceState
from tests.simulation.network import SimNetwork

PACKET_BYTES_MAX = GossipPolicy().swim.packet_bytes_max
NAMES_OF_SERVICES = ("web", "api", "db")


@dataclass
class Life:
    """What one node has published, in all its lives."""

    name: str
    ip: str
    life: int = 1
    known: tuple[Address, ...] = ()  # saved
    published: dict[str, str] = field(default_factory=dict)  # instance by service, in this life
    ever: set[tuple[str, str]] = field(default_factory=set)


class Chaos(SimNetwork):
    """Nodes n1, n2 and so on, and the faults between them."""

    def __init__(self, *, seed: int, nodes: int, policy: GossipPolicy | None = None) -> None:
        super().__init__(seed=seed, trip_s=0.01)
        self._policy = policy
        self.lives = [Life(f"n{number}", f"10.0.0.{number}") for number in range(1, nodes + 1)]
        self.trace = hashlib.blake2b(digest_size=16)
        self.done: list[str] = []  # the faults so far, for the failure message
        self._by_ip = {life.ip: life for life in self.lives}
        self._by_name = {life.name: life for life in self.lives}
        self._versions: dict[tuple[int, str, RecordId, bytes], tuple[int, int]] = {}
        self._incarnations: dict[int, dict[tuple[str, bytes], int]] = {}
        self._nodes_ever: list[GossipNode] = []  # keeps their ids unique
        self._instances = 0
        for life in self.lives:
            self.begin(life)

    # Invariants.

    def perform(self, ip: str, effects: list[Effect]) -> None:
        """Check the invariants after the step that led to these effects, then perform them."""
        for effect in effects:
            self.trace.update(f"{self.now_s:.6f} {ip} {type(effect).__name__}".encode())
            if isinstance(effect, SendDatagram):
                size = len(packets.compound(effect.parts))
                self._see(size <= PACKET_BYTES_MAX, f"a packet of {size} bytes")
        if ip in self.nodes:
            self._check_records(self.nodes[ip])
            self._check_members(self.nodes[ip])
        super().perform(ip, effects)

    def _check_records(self, node: GossipNode) -> None:
        observer = id(node)
        for stored in node.state.table:
            record = stored.record
            record_id = RecordId(record.kind, record.key)
            key = (observer, record.node, record_id, stored.author_key)
            version = (record.incarnation, record.counter)
            before = self._versions.get(key, (0, 0))
            self._see(version >= before, f"{record.node}/{record.key} goes from {before} back")
            self._versions[key] = version
            value = value_of(record)
            if isinstance(value, ServiceState):
                said = (value.service, value.instance) in self._by_name[record.node].ever
                self._see(said, f"{record.node} never said {value.instance}")

    def _check_members(self, node: GossipNode) -> None:
        now = {
            (member.name, public_key_in(member.claim.meta)): member.incarnation
            for member in node.swim.members
        }
        before = self._incarnations.get(id(node), {})
        for (name, key), incarnation in now.items():
            known = before.get((name, key), 0)
            self._see(incarnation >= known, f"{name} goes from incarnation {known} back")
        self._incarnations[id(node)] = now  # a forgotten member may begin anew
        me = node.swim.members.get(node.node_name)
        self._see(me is not None and me.state == "alive", "a node that believes it is dead")

    def _see(self, holds: object, what: str) -> None:
        assert holds, f"at {self.now_s:.3f} s: {what}; after {self.done[-12:]}"

    # Faults and actions.

    def begin(self, life: Life) -> None:
        """Start a node with what it saved, and publish its services again."""
        if life.ip in self.nodes:
            return
        others = [one.ip for one in self.lives if one is not life][:2]
        node = self.start(
            life.name, life.ip, *others, policy=self._policy, life=life.life, known=life.known
        )
        self._nodes_ever.append(node)
        said, life.published = life.published, {}
        for service in said:
            self.publish(life, service)

    def end(self, life: Life, *, host_is_up: bool = False) -> None:
        """Kill a node; what it saved stays."""
        node = self.nodes.get(life.ip)
        if node is not None:
            life.life = node.highest_incarnation + 1
            life.known = node.known_addresses
            self.kill(life.ip, host_is_up=host_is_up)

    def publish(self, life: Life, service: str) -> None:
        """Publish a new instance of a service."""
        if life.ip not in self.nodes:
            return
        self._instances += 1
        instance = f"{life.name}-{self._instances}"
        life.published[service] = instance
        life.ever.add((service, instance))
        state = ServiceState(service=service, health="healthy", source="static", instance=instance)
        message = RecordPublish(service_states=(state,))
        self.perform(life.ip, self.nodes[life.ip].publish(message, self.now_s))

    def withdraw(self, life: Life, service: str) -> None:
        """Withdraw a service."""
        if life.ip in self.nodes:
            life.published.pop(service, None)
            message = RecordWithdraw(kind="service", key=service)
            self.perform(life.ip, self.nodes[life.ip].withdraw(message, self.now_s))

    def leave(self, life: Life) -> None:
        """Let a node leave, and end it."""
        if life.ip in self.nodes:
            self.perform(life.ip, self.nodes[life.ip].leave(self.now_s))
            self.run(2.0)
            self.end(life)

    def fault(self) -> None:
        """Perform one random fault or action."""
        random = self.random
        life, other = random.sample(self.lives, 2)
        service = random.choice(NAMES_OF_SERVICES)
        halves = {one.ip for one in self.lives if random.random() < 0.5}
        happenings: dict[str, Callable[[], None]] = {
            "kill": lambda: self.end(life) if len(self.nodes) > 2 else None,
            "crash": lambda: self.end(life, host_is_up=True) if len(self.nodes) > 2 else None,
            "reject": lambda: self.reject(life.ip, other.ip),
            "leave": lambda: self.leave(life) if len(self.nodes) > 2 else None,
            "begin": lambda: self.begin(life),
            "split": lambda: self.split(halves, {one.ip for one in self.lives} - halves),
            "cut": lambda: self.cut(life.ip, other.ip),
            "heal": self.heal,
            "starve": lambda: self.starve(life.ip, random.uniform(0.5, 15.0)),
            "publish": lambda: self.publish(life, service),
            "withdraw": lambda: self.withdraw(life, service),
            "lose": lambda: setattr(self, "loss", random.choice((0.0, 0.05, 0.2))),
            "slow": lambda: setattr(self, "trip_s", random.choice((0.001, 0.05, 0.3))),
        }
        what = random.choice([*happenings, "publish", "publish", "withdraw", "begin", "begin"])
        self.done.append(f"{self.now_s:.1f} {what} {life.name}")
        happenings[what]()

    def recover(self) -> None:
        """End all faults, and start the nodes that are down."""
        self.heal()
        self.loss, self.trip_s = 0.01, 0.01
        for life in self.lives:
            self._starved_until_s.pop(life.ip, None)
            self.begin(life)

    # The expected result.

    @property
    def is_equal(self) -> bool:
        """All nodes run, see all others alive, and have the same records."""
        nodes = list(self.nodes.values())
        names = {life.name: "alive" for life in self.lives}
        digests = nodes[0].state.table.digests()
        return all(
            {member.name: member.state for member in node.swim.members} == names
            and node.state.table.digests() == digests
            for node in nodes
        )

    def known_to(self, node: GossipNode) -> dict[tuple[str, str], str]:
        """Return the instance of each service of each node, as `node` knows it."""
        values = ((stored.record.node, value_of(stored.record)) for stored in node.state.table)
        return {
            (name, value.service): value.instance
            for name, value in values
            if isinstance(value, ServiceState)
        }

    @property
    def said(self) -> dict[tuple[str, str], str]:
        """What every node publishes now."""
        return {
            (life.name, service): instance
            for life in self.lives
            for service, instance in life.published.items()
        }

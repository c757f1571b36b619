"""Whole Raft members in virtual time: bootstrap, steward, orders; with a gossip that is delayed.

Nodes come and go as a simple gossip reports.  A node may be cut off, die between any two steps of a
batch, fail to save, and come back with or without its disk.  A write is whole or absent, as with
the real journal.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from heapq import heappop, heappush
from itertools import count
from random import Random

from msgspec.structs import replace

from constellation.raft.disk import RaftDisk
from constellation.raft.health import MemberHealth, health_of
from constellation.raft.member import MemberPolicy
from constellation.raft.policy import RaftPolicy
from constellation.raft.roster import RosterNode
from constellation.raft.steward import StewardPolicy
from messages.base import Message
from messages.raft_member import OrderAction, RaftOrder, RaftOrderDone
from tests.simulation.member_checks import MemberChecks
from tests.simulation.member_life import OPERATOR, Life

GOSSIP_INTERVAL_S = 0.5
GOSSIP_DELAY_S = (0.02, 1.0)
LIVING_S = 4.0  # time after which a silent node counts as dead
SLOW = RaftPolicy(heartbeat_interval_s=1.0, election_timeout_s=3.0)  # for hours
POLICY = RaftPolicy(append_entries_max=8, snapshot_entries=24, snapshot_chunk_bytes=200)


@dataclass
class Node:
    """What a node keeps from one life to the next."""

    said: RosterNode  # what it publishes: its priority, and whether it is a witness
    disk: RaftDisk
    disk_life: int = 0  # with another disk it is another node, as far as promises go
    life: Life | None = None


class Members:
    """Nodes by name, messages in flight, and what was observed."""

    def __init__(  # noqa: PLR0913 - each by name
        self,
        *,
        seed: int,
        names: Sequence[str],
        expect: int,
        loss: float = 0.0,
        priorities: dict[str, int] | None = None,
        witnesses: Sequence[str] = (),
        raft: RaftPolicy = POLICY,
        steward: StewardPolicy | None = None,
        tick_s: float = 0.1,
    ) -> None:
        self.random = Random(seed)
        steward = steward or StewardPolicy()
        policy = MemberPolicy(raft=raft, steward=steward, bootstrap_expect=expect)
        self.policies = dict.fromkeys(names, policy)
        self.loss, self.delay_s, self.tick_s = loss, (0.001, 0.02), tick_s
        self.crash_chance = 0.0  # of dying within one batch
        self.save_failure_chance = 0.0  # of a disk that cannot save a batch, or does not know
        self.now_s = 0.0
        self.checks = MemberChecks()
        self.nodes: dict[str, Node] = {}
        self.groups: list[frozenset[str]] = []  # nodes in no group reach each other
        self.answers: dict[int, RaftOrderDone] = {}
        self.drops: Callable[[str, Message], bool] = lambda to, message: False
        self._heard: dict[tuple[str, str], tuple[float, str]] = {}  # when, and of which cluster
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()
        for name in names:
            priority = (priorities or {}).get(name, 100)
            said = RosterNode(True, "", priority, name in witnesses)
            self.nodes[name] = Node(said, RaftDisk())

    def begin_none(self, *names: str) -> None:
        """Let these nodes wait to be added."""
        for name in names:
            self.policies[name] = replace(self.policies[name], bootstrap_expect=0)

    # Faults.

    def start(self, *names: str) -> None:
        """Start nodes from their disks; without names, all that are down."""
        for name in names or list(self.nodes):
            node = self.nodes[name]
            if node.life is None:
                node.life = Life(self, name)
                self.at(node.life, self.random.uniform(0, GOSSIP_INTERVAL_S), self._gossip)

    def start_over(self, seconds: float) -> None:
        """Start all nodes, each at a random time within `seconds`."""
        for name in self.nodes:
            self._push(self.now_s + self.random.uniform(0, seconds), partial(self.start, name))

    def kill(self, *names: str) -> None:
        """Kill nodes; messages to them are lost."""
        for name in names:
            self.nodes[name].life = None

    def lose_disk(self, name: str) -> None:
        """Kill a node, and give it an empty disk."""
        self.kill(name)
        node = self.nodes[name]
        node.disk, node.disk_life = RaftDisk(), node.disk_life + 1

    def split(self, *groups: Sequence[str]) -> None:
        """Let only nodes of the same group reach each other."""
        self.groups = [frozenset(group) for group in groups]

    def heal(self) -> None:
        """End all faults."""
        self.groups, self.loss, self.crash_chance = [], 0.0, 0.0
        self.save_failure_chance = 0.0
        self.start()

    def reaches(self, one: str, other: str) -> bool:
        """Return whether messages of one node can reach the other."""
        return all((one in group) == (other in group) for group in self.groups)

    # Time.

    def run(self, seconds: float, until: Callable[[], bool] | None = None) -> bool:
        """Let time pass; True as soon as `until` holds."""
        end_s = self.now_s + seconds
        while self._queue and self._queue[0][0] <= end_s:
            self.now_s, _, work = heappop(self._queue)
            work()
            if until is not None and until():
                return True
        self.now_s = end_s
        return until is not None and until()

    def at(self, life: Life, after_s: float, work: Callable[[Life], None]) -> None:
        """Run `work` in a node after a delay, unless that life of it ends before."""

        def do() -> None:
            if self.nodes[life.name].life is life:
                work(life)

        self._push(self.now_s + after_s, do)

    def _push(self, due_s: float, work: Callable[[], None]) -> None:
        heappush(self._queue, (due_s, next(self._order), work))

    # Messages between nodes.

    def send(self, source: str, to: str, message: Message) -> None:
        """Deliver a message, or lose it."""
        if to == OPERATOR:
            assert isinstance(message, RaftOrderDone)
            self.answers[message.number] = message
            return
        life = self.nodes[to].life
        if life is None or self.random.random() < self.loss or self.drops(to, message):
            return
        delay_s = self.random.uniform(*self.delay_s)
        self.at(life, delay_s, lambda one: self._arrive(source, one, message))

    def _arrive(self, source: str, life: Life, message: Message) -> None:
        if self.reaches(source, life.name):
            life.hear(message, source)

    def _gossip(self, life: Life) -> None:
        """Publish that this node is alive, and its cluster."""
        cluster_id = self.nodes[life.name].disk.identity.cluster_id
        for name, node in self.nodes.items():
            if node.life and name != life.name and self.reaches(name, life.name):
                heard = (self.now_s, cluster_id)
                delay_s = self.random.uniform(*GOSSIP_DELAY_S)
                self.at(node.life, delay_s, partial(self._learn, name=life.name, heard=heard))
        self.at(life, GOSSIP_INTERVAL_S, self._gossip)

    def _learn(self, life: Life, name: str, heard: tuple[float, str]) -> None:
        key = (life.name, name)
        self._heard[key] = max(heard, self._heard.get(key, heard))

    def roster(self, name: str) -> dict[str, RosterNode]:
        """Return what a node knows from gossip; nothing of nodes it never heard of."""
        roster = {}
        for other, node in self.nodes.items():
            if other == name and node.life:
                roster[other] = replace(node.said, cluster_id=node.disk.identity.cluster_id)
            elif (name, other) in self._heard:
                at_s, cluster_id = self._heard[(name, other)]
                is_living = self.now_s - at_s < LIVING_S
                roster[other] = replace(node.said, is_living=is_living, cluster_id=cluster_id)
        return roster

    # What tests ask.

    def life(self, name: str) -> Life:
        """Return the life of a node that is up."""
        life = self.nodes[name].life
        assert life is not None, f"{name} is down"
        return life

    @property
    def up(self) -> list[Life]:
        """All nodes that are up."""
        return [node.life for node in self.nodes.values() if node.life]

    @property
    def leader(self) -> str:
        """The leader of the latest term, if it has committed in it; else ""."""
        leading = [one for one in self.up if one.leads]
        return max(leading, key=lambda one: one.term).name if leading else ""

    @property
    def voters(self) -> frozenset[str]:
        """The voters of the leader's committed configuration; none without a leader."""
        return self._committed("voters")

    @property
    def learners(self) -> frozenset[str]:
        """The learners of the leader's committed configuration."""
        return self._committed("learners")

    def _committed(self, what: str) -> frozenset[str]:
        if not self.leader:
            return frozenset()
        raft = self.life(self.leader).member.raft
        assert raft is not None
        names: frozenset[str] = getattr(raft.state.committed_configuration, what)
        return names

    def condition(self, name: str) -> MemberHealth:
        """Return the health that a node reports."""
        host = self.life(name).host
        return health_of(host.member, host.failed, self.now_s)

    def order(self, action: OrderAction, node: str, *, at: str = "") -> int:
        """Give an order at a node, or the leader; return the number of the answer."""
        number = len(self.answers) + 1_000_000 + self.random.getrandbits(30)
        order = RaftOrder(action=action, node=node, number=number)
        self.life(at or self.leader).hear(order, OPERATOR)
        return number

    def obeyed(self, action: OrderAction, node: str, *, at: str = "") -> bool:
        """Give an order and wait for the answer; return whether it is done."""
        number = self.order(action, node, at=at)
        assert self.run(6, until=lambda: number in self.answers), "an order was not answered"
        return self.answers[number].is_done

    def all_are_members(self) -> bool:
        """Return whether all nodes that are up are committed members of one leader, and know it."""
        leader = self.leader
        if not leader:
            return False
        names = {one.name for one in self.up}
        cluster_id = self.life(leader).member.identity.cluster_id
        return names <= self.voters | self.learners and all(
            one.serves
            and one.member.identity.cluster_id == cluster_id
            and one.member.leader == leader
            for one in self.up
        )


def names(count: int) -> list[str]:
    """Return that many names."""
    return [f"n{number}" for number in range(1, count + 1)]


def started(seed: int, count: int, *, expect: int = 3) -> Members:
    """Return a network of nodes that have become members of one cluster."""
    net = Members(seed=seed, names=names(count), expect=expect)
    net.start()
    assert net.run(30, until=net.all_are_members)
    return net

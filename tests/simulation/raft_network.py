"""Raft nodes with their lease managers in virtual time; durable state survives.

A node may be cut off in one or both directions, killed at any point, and stopped and continued.
Every node has its own clock, with an offset and a rate.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from heapq import heappop, heappush
from itertools import count
from random import Random

from constellation.raft.disk import RaftDisk
from constellation.raft.policy import RaftPolicy
from messages.base import Message
from tests.simulation.raft_checks import Checks
from tests.simulation.raft_leases import LEASE_POLICY, WANTS
from tests.simulation.raft_member import Member

# Small enough that a short run has snapshots, their chunks, and batches of several appends.
POLICY = RaftPolicy(append_entries_max=8, snapshot_entries=24, snapshot_chunk_bytes=200)
CALM_S = (0.001, 0.02)


class RaftNetwork:
    """Members by name, their disks, and messages in flight."""

    def __init__(
        self,
        *,
        seed: int,
        nodes: int,
        spares: int = 0,
        loss: float = 0.0,
        policy: RaftPolicy = POLICY,
    ) -> None:
        self.seed = seed
        self.random = Random(seed)
        self.policy = policy
        self.checks = Checks()
        self.loss = loss
        self.delay_s = CALM_S  # of a message between nodes
        self.local_delay_s = (0.0, 0.02)  # of a message between the actors of one node
        self.local_loss = 0.0  # of messages between the manager and the actors of a node
        self.confirm_chance = 0.1  # of asking the cluster before a write
        self.long_write_chance = 0.1  # of a write that goes on for longer than the margin
        self.crash_chance = 0.0  # of dying within a batch that writes
        self.batch_chance = 0.0  # of performing effects together with the next ones
        self.wants = dict(WANTS)
        self.now_s = 0.0
        self.voters = [f"n{number}" for number in range(1, nodes + 1)]
        self.names = [f"n{number}" for number in range(1, nodes + spares + 1)]
        self.disks = {name: RaftDisk() for name in self.names}
        self.clocks = {name: self._clock() for name in self.names}
        self.members: dict[str, Member] = {}
        self.cuts: set[tuple[str, str]] = set()
        self._waiting: dict[str, list[Callable[[], object]]] = {}  # by node that is stopped
        self.ending: set[str] = set()
        self._queue: list[tuple[float, int, Callable[[], object]]] = []
        self._order = count()
        for name in self.names:
            self.start(name)
        self.members[self.voters[0]].bootstrap(self.voters)

    def _clock(self) -> tuple[float, float]:
        """Return an offset and a rate; two rates differ by no more than leases allow."""
        rate = self.random.choice([0.0, 1.0, self.random.random()]) * LEASE_POLICY.clock_drift
        return self.random.uniform(0, 1e6), 1 + rate

    def set_clocks(self, clocks: dict[str, tuple[float, float]]) -> None:
        """Give all clocks another offset and rate, and restart all nodes: a life has one clock."""
        self.clocks = clocks
        for name in self.names:
            self.kill(name)
            self.start(name)
        if not self.disks[self.voters[0]].entries:
            self.members[self.voters[0]].bootstrap(self.voters)

    # Faults.

    def start(self, name: str) -> None:
        """Start a node from its disk."""
        self._waiting.pop(name, None)
        self.members[name] = Member(self, name)

    def start_all(self) -> None:
        """Start all nodes that are down."""
        for name in self.names:
            if name not in self.members:
                self.start(name)

    def kill(self, name: str) -> None:
        """Kill a node; messages to it are lost."""
        member = self.members.pop(name, None)
        if member is not None:
            member.user.suspend_writes()
        self.ending.discard(name)

    def end(self, name: str, seconds: float) -> None:
        """Let a node release its leases, and kill it after a delay."""
        member = self.members[name]
        self.ending.add(name)
        self.at(member, 0.0, member.user.close)
        self.at(member, seconds, lambda: self.kill(name))

    def stop(self, name: str, seconds: float) -> None:
        """Stop a node as SIGSTOP does: its messages and timers wait."""
        self._waiting.setdefault(name, [])
        if name in self.members:
            self.members[name].user.suspend_writes()
        self._push(self.now_s + seconds, partial(self._go_on, name))

    def _go_on(self, name: str) -> None:
        for work in self._waiting.pop(name, []):
            work()

    def isolate(self, names: Sequence[str]) -> None:
        """Cut some nodes off from all others, in both directions."""
        inside = set(names)
        self.cuts = {
            (a, b) for a in self.names for b in self.names if (a in inside) != (b in inside)
        }

    def heal(self) -> None:
        """End all faults."""
        self.cuts.clear()
        for name in list(self._waiting):
            self._go_on(name)
        self.loss, self.crash_chance, self.delay_s = 0.0, 0.0, CALM_S
        self.local_delay_s, self.local_loss = (0.0, 0.02), 0.0
        for name in sorted(self.ending):
            self.kill(name)
        self.start_all()
        for member in self.members.values():
            for actor in member.user.actors.values():
                actor.go_on()
            for lease in self.wants:
                self.at(member, 0.0, partial(member.user.want, lease))

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

    def local_s(self, name: str) -> float:
        """Return what the node's clock says."""
        offset_s, rate = self.clocks[name]
        return offset_s + self.now_s * rate

    def at(self, member: Member, after_s: float, work: Callable[[], object]) -> None:
        """Run `work` in a member's process after a delay, unless that life of it ends before."""
        self.at_s(member, self.now_s + after_s, work)

    def at_s(self, member: Member, due_s: float, work: Callable[[], object]) -> None:
        """Run `work` at a time; calls for the same time keep their order."""

        def do() -> None:
            if self.members.get(member.name) is not member:
                return
            if member.name in self._waiting:
                self._waiting[member.name].append(do)
            else:
                work()

        self._push(due_s, do)

    def after(self, seconds: float, work: Callable[[], object]) -> None:
        """Do something outside of all nodes after a while."""
        self._push(self.now_s + seconds, work)

    def loses_local(self) -> bool:
        """Return whether a message between the manager and an actor of a node is lost."""
        return self.random.random() < self.local_loss

    def after_local(self, member: Member, due_s: float, work: Callable[[], object]) -> None:
        """Run `work` when a member's clock shows `due_s`."""
        _, rate = self.clocks[member.name]
        self.at(member, max(0.0, due_s - self.local_s(member.name)) / rate, work)

    def send(
        self, source: str, to: str, message: Message, *, before: Message | None = None
    ) -> None:
        """Have a message delivered, or not; after another one if they are in one packet."""
        for _ in range(1 + (self.random.random() < 0.02)):  # now and then twice
            receiver = self.members.get(to)
            if receiver is None or self.random.random() < self.loss:
                continue
            self._deliver(source, receiver, [one for one in (before, message) if one is not None])

    def _deliver(self, source: str, receiver: Member, messages: Sequence[Message]) -> None:
        def arrive() -> None:
            if (source, receiver.name) not in self.cuts:
                for message in messages:
                    receiver.hear(message)

        self.at(receiver, self.random.uniform(*self.delay_s), arrive)

    def _push(self, due_s: float, work: Callable[[], object]) -> None:
        heappush(self._queue, (due_s, next(self._order), work))

    # What tests ask.

    def digest(self) -> str:
        """Return a digest of everything done so far."""
        return repr((self.now_s, next(self._order), self.random.random(), self.checks.counts))

    @property
    def leader(self) -> str:
        """The leader of the latest term; "" if there is none."""
        leading = [one for one in self.members.values() if one.raft.leadership]
        return max(leading, key=lambda one: one.raft.state.term).name if leading else ""

    @property
    def leading(self) -> Member:
        """The member that leads."""
        return self.members[self.leader]

    def held(self) -> list[tuple[str, str]]:
        """Return which node holds which lease, as it believes."""
        return [(name, lease) for name, one in self.members.items() for lease in one.keeper.held]

    def propose(self, name: str, *data: bytes) -> list[int]:
        """Propose at a node; the indexes, none if it does not lead."""
        return self.members[name].propose(data)

    def wait_for_leader(self, seconds: float = 10.0) -> str:
        """Return the leader, once there is one that has committed in its term."""
        assert self.run(seconds, until=self._is_led), "no leader"
        return self.leader

    def _is_led(self) -> bool:
        leader = self.leader
        leadership = self.members[leader].raft.leadership if leader else None
        return leadership is not None and leadership.has_committed

"""A Raft cluster in virtual time: loss, delay, partitions, crashes; what is durable survives.

After every step these are checked: at most one leader a term (election safety); a leader never
cuts its log (leader append-only); logs that agree on an entry agree before it (log matching);
whoever leads holds all that was committed (leader completeness); no two nodes apply different
entries at one index (state machine safety); no node votes twice in a term.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count
from random import Random

from constellation.raft.configuration import Configuration
from constellation.raft.effects import (
    Apply,
    Effect,
    RoleChanged,
    SaveEntries,
    SaveHardState,
    SendTo,
)
from constellation.raft.log import RaftLog
from constellation.raft.node import RaftNode
from constellation.raft.policy import RaftPolicy
from messages.raft import RaftEntry, RaftHardState, RaftVoteResponse


@dataclass
class Disk:
    """What survives a crash."""

    state: RaftHardState = field(default_factory=lambda: RaftHardState(term=0))
    entries: list[RaftEntry] = field(default_factory=list)


class RaftNetwork:
    """Nodes by name, their disks, and what is under way."""

    def __init__(self, *, seed: int, nodes: int, loss: float = 0.0) -> None:
        self.random = Random(seed)
        self.loss = loss
        self.delay_s = (0.001, 0.02)
        self.now_s = 0.0
        self.names = [f"n{number}" for number in range(1, nodes + 1)]
        self.disks = {name: Disk() for name in self.names}
        self.nodes: dict[str, RaftNode] = {}
        self.cuts: set[tuple[str, str]] = set()
        self.leaders: dict[int, str] = {}  # by term
        self.applied: dict[int, RaftEntry] = {}  # by index, of whoever applied it first
        self.votes: dict[tuple[int, str], str] = {}
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()
        self._lives: dict[str, int] = dict.fromkeys(self.names, 0)
        for name in self.names:
            self.start(name)

    def start(self, name: str) -> None:
        """Start a node with what its disk has."""
        disk = self.disks[name]
        self._lives[name] += 1
        self.nodes[name] = RaftNode(
            node_name=name,
            policy=RaftPolicy(),
            random=Random(self.random.random()),
            hard_state=disk.state,
            log=RaftLog(disk.entries),
            configuration=Configuration(frozenset(self.names)),
            now_s=self.now_s,
        )
        self._arm(name)

    def kill(self, name: str) -> None:
        """End a node; what is on its way to it is lost."""
        self._lives[name] += 1
        self.nodes.pop(name, None)

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

    def propose(self, name: str, *data: bytes) -> list[int]:
        """Propose at a node; the indexes, none if it does not lead."""
        indexes, effects = self.nodes[name].propose(data, self.now_s)
        self._perform(name, effects)
        return indexes

    @property
    def leader(self) -> str:
        """Who leads in the latest term; "" if nobody."""
        leading = [node for node in self.nodes.values() if node.role == "leader"]
        return max(leading, key=lambda node: node.term).node_name if leading else ""

    def _perform(self, name: str, effects: list[Effect]) -> None:
        disk = self.disks[name]
        # A crash may come after any effect: what follows it never happens.
        for effect in effects:
            match effect:
                case SaveHardState(state):
                    disk.state = state
                case SaveEntries(entries):
                    self._check_append_only(name, entries)
                    del disk.entries[entries[0].index - 1 :]
                    disk.entries += entries
                case SendTo(to, message):
                    if isinstance(message, RaftVoteResponse):
                        self._check_vote(name, to, message)
                    self._send(name, to, message)
                case Apply(entries):
                    self._check_applied(entries)
                case RoleChanged("leader", term, _):
                    self._check_leader(name, term)
                case _:
                    continue
        if name in self.nodes:
            self._arm(name)
            self._check_logs(name)

    def _send(self, source: str, to: str, message: object) -> None:
        for _ in range(1 + (self.random.random() < 0.02)):  # now and then twice
            if self.random.random() < self.loss:
                continue
            life = self._lives[to]

            def arrive(life: int = life) -> None:
                if (source, to) not in self.cuts and self._lives[to] == life and to in self.nodes:
                    self._perform(to, self.nodes[to].step(message, self.now_s))  # type: ignore[arg-type]

            self._at(self.now_s + self.random.uniform(*self.delay_s), arrive)

    def _arm(self, name: str) -> None:
        node, due_s = self.nodes[name], self.nodes[name].next_due_s

        def wake() -> None:
            if self.nodes.get(name) is node and node.next_due_s == due_s:
                self._perform(name, node.tick(self.now_s))

        self._at(max(due_s, self.now_s), wake)

    def _at(self, due_s: float, work: Callable[[], None]) -> None:
        heappush(self._queue, (due_s, next(self._order), work))

    # Invariants.

    def _check_leader(self, name: str, term: int) -> None:
        assert self.leaders.setdefault(term, name) == name, f"two leaders in term {term}"
        log = self.nodes[name].log
        for index, entry in self.applied.items():
            assert log.term_at(index) == entry.term, f"{name} leads without committed {index}"

    def _check_vote(self, voter: str, candidate: str, vote: RaftVoteResponse) -> None:
        if vote.granted and not vote.pre_vote:
            first = self.votes.setdefault((vote.term, voter), candidate)
            assert first == candidate, f"{voter} votes twice in term {vote.term}"

    def _check_append_only(self, name: str, entries: tuple[RaftEntry, ...]) -> None:
        if self.nodes[name].role == "leader":
            at = len(self.disks[name].entries) + 1
            assert entries[0].index == at, f"the leader {name} cuts its log"

    def _check_applied(self, entries: tuple[RaftEntry, ...]) -> None:
        for entry in entries:
            assert self.applied.setdefault(entry.index, entry) == entry, f"{entry.index} differs"

    def _check_logs(self, name: str) -> None:
        mine = self.disks[name].entries
        for other in self.names:
            theirs = self.disks[other].entries
            for at in range(min(len(mine), len(theirs)) - 1, -1, -1):
                if mine[at].term == theirs[at].term:
                    assert mine[: at + 1] == theirs[: at + 1], f"{name}, {other} differ below {at}"
                    break

"""One simulated node: the Raft core, the lease table it drives, a register, and a lease user."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from random import Random
from typing import TYPE_CHECKING

from constellation.leases.keeper import Leading, LeaseKeeper
from constellation.leases.table import LeaseTable
from constellation.raft.batch import in_safe_order
from constellation.raft.configuration import ChangeKind, ConfigurationRefusedError
from constellation.raft.effects import (
    Apply,
    Effect,
    LeaderProved,
    ReadReady,
    Restore,
    RoleChanged,
    Save,
    SaveEntries,
    SaveHardState,
    SaveSnapshot,
    SendTo,
)
from constellation.raft.node import FirstState, RaftNode
from messages.base import Message
from messages.leases import LeasesChanged, LeaseTableState
from messages.raft import RaftEntry, RaftHeard, RaftTimeoutNow
from messages.raft_member import LeadershipProve, LeadershipProved
from tests.simulation.raft_disk import last_index, saved
from tests.simulation.raft_leases import LeaseUser

if TYPE_CHECKING:
    from tests.simulation.raft_network import RaftNetwork


class Forwarded(Message):
    """Commands on their way to the leader."""

    commands: tuple[bytes, ...]


class Member:
    """One life of a node."""

    def __init__(self, net: RaftNetwork, name: str) -> None:
        self.net = net
        self.name = name
        random = Random(net.random.random())
        disk = net.disks[name]
        self.table = LeaseTable.decode(disk.snapshot.data) if disk.snapshot else LeaseTable()
        self.applied_index = disk.snapshot.last_index if disk.snapshot else 0
        self.raft = RaftNode(
            node_name=name, policy=net.policy, random=random, disk=disk, now_s=self.now_s
        )
        self._batch: list[Effect] = []
        self._open: dict[int, Callable[[bool], None]] = {}  # reads, by number
        self._questions: dict[int, tuple[LeadershipProve, Callable[[LeadershipProved], None]]] = {}
        self._heard: dict[str, RaftHeard] = {}  # by receiver: to be sent with the next message
        self._writes: dict[int, tuple[bytes, int]] = {}  # by index: data, floor at its beginning
        self._arrives_s: dict[str, float] = {}  # of what is under way between actors, by channel
        self._arm_raft()
        self.user = LeaseUser(self, random)

    @property
    def now_s(self) -> float:
        """What the node's clock says."""
        return self.net.local_s(self.name)

    @property
    def keeper(self) -> LeaseKeeper:
        """Its lease manager."""
        return self.user.keeper

    # What it is asked.

    def bootstrap(self, voters: Sequence[str]) -> None:
        first = FirstState(1, LeaseTable().encode())
        self._perform(self.raft.bootstrap(voters, self.now_s, first_state=first))

    def hear(self, message: Message) -> None:
        if isinstance(message, Forwarded):
            self.propose(message.commands)
        else:
            self.net.checks.counts["transfers"] += isinstance(message, RaftTimeoutNow)
            self._perform(self.raft.step(message, self.now_s))

    def propose(self, data: Sequence[bytes]) -> list[int]:
        indexes, effects = self.raft.propose(data, self.now_s)
        self._perform(effects)
        return indexes

    def forward(self, data: tuple[bytes, ...]) -> None:
        leader = self.raft.state.leader
        if not self.propose(data) and leader not in ("", self.name):
            self.net.send(self.name, leader, Forwarded(commands=data))

    def propose_as_leader(self, data: tuple[bytes, ...], term: int) -> None:
        _, effects = self.raft.propose(data, self.now_s, term=term)
        self._perform(effects)

    def prove(self, question: LeadershipProve, done: Callable[[LeadershipProved], None]) -> None:
        """Call `done` with the proof that this node leads, if it comes."""
        number = self.net.random.getrandbits(60)
        self._questions[number] = (question, done)
        self._perform(self.raft.prove(number, self.now_s))

    def change(self, kind: ChangeKind, node: str) -> bool:
        try:
            self._perform(self.raft.change(kind, node, self.now_s))
        except ConfigurationRefusedError:
            return False
        return True

    def transfer(self, node: str) -> bool:
        try:
            self._perform(self.raft.transfer(node, self.now_s))
        except ConfigurationRefusedError:
            return False
        return True

    def write(self, data: bytes) -> bool:
        floor = self.net.checks.floor
        indexes, effects = self.raft.propose([data], self.now_s)
        self._writes |= dict.fromkeys(indexes, (data, floor))
        self._perform(effects)
        return bool(indexes)

    def read(self) -> None:
        floor = self.net.checks.floor

        def done(is_confirmed: bool) -> None:
            if is_confirmed:
                at = self.applied_index
                self.net.checks.completes(at, floor=floor, is_write=False)

        self.ask(done)

    def ask(self, done: Callable[[bool], None]) -> None:
        """Call `done` with whether what is applied now is as new as this question."""
        number = self.net.random.getrandbits(60)
        self._open[number] = done
        self._perform(self.raft.read(number, self.now_s))

    # What the core asks for, as the real shell does it.

    def _perform(self, effects: Sequence[Effect]) -> None:
        """Do it now, or together with what comes a little later."""
        self._batch += effects
        if self._batch and self.net.random.random() < self.net.batch_chance:
            self.net.at(self, self.net.random.uniform(0, 0.005), self._flush)
        else:
            self._flush()
        self._arm_raft()

    def _flush(self) -> None:
        """Do what was asked for; die on the way now and then."""
        net = self.net
        effects, self._batch = self._batch, []
        if not effects:
            return
        early, saves, late = in_safe_order(effects)
        steps: list[Effect] = [*early, *saves, *late]
        until = len(steps)
        # Batches without a write are many, and little depends on them.
        if net.random.random() < (net.crash_chance if saves else net.crash_chance / 50):
            at_the_write = min(len(early), len(steps) - 1)
            until = net.random.choice([at_the_write, net.random.randrange(len(steps))])
        for effect in steps[:until]:
            self._do(effect)
        if until < len(steps):
            net.checks.counts["crashes"] += 1
            net.checks.counts["crashes before the write"] += until == len(early) > 0
            net.kill(self.name)
        elif self.raft.wants_snapshot:
            self._batch = self.raft.take_snapshot(self.table.encode())
            self._flush()

    def _do(self, effect: Effect) -> None:
        net = self.net
        match effect:
            case SaveHardState() | SaveEntries() | SaveSnapshot():
                self._save(effect)
            case SendTo(to, RaftHeard() as heard):
                self._heard[to] = heard
            case SendTo(to, message):
                net.checks.says(self.name, to, message, net.disks[self.name])
                net.send(self.name, to, message, before=self._heard.pop(to, None))
            case Apply(entries):
                net.checks.applies(entries, self.raft.state.term)
                self._apply(entries)
            case Restore(snapshot):
                net.checks.counts["installs"] += 1
                self.table = LeaseTable.decode(snapshot.data)
                self.applied_index = snapshot.last_index
                self._writes.clear()  # whether they are in it, this node cannot tell
                self._tell_user(self.table.state)
            case LeaderProved(number):
                net.checks.counts["proofs"] += 1
                self._proved(effect, *self._questions.pop(number))
            case ReadReady(number, is_confirmed):
                self._open.pop(number)(is_confirmed)
            case RoleChanged(role, term, leader, _):
                leading = Leading(leader, is_leader=role == "leader", term=term)
                if leading.is_leader:
                    net.checks.leads(self.name, term, self.raft.state.log)
                self.later("raft to manager", lambda: self.user.lead(leading))
            case _:
                return

    def _proved(
        self,
        proved: LeaderProved,
        question: LeadershipProve,
        done: Callable[[LeadershipProved], None],
    ) -> None:
        tokens = self.table.tokens_of(question.session) if proved.renews else ()
        proof = LeadershipProved(
            number=question.number,
            term=proved.term,
            tokens=tokens,
            earlier_ago_s=proved.earlier_ago_s,
        )
        self.later("raft to manager", partial(done, proof))

    def _save(self, save: Save) -> None:
        net = self.net
        disk = net.disks[self.name]
        is_cut = isinstance(save, SaveEntries) and save.entries[0].index <= last_index(disk)
        assert not (is_cut and self.raft.leadership), f"{self.name} leads and cuts its log"
        net.checks.counts["cuts"] += is_cut
        net.checks.saves(save, disk)
        net.disks[self.name] = saved(disk, save)

    def _apply(self, entries: Sequence[RaftEntry]) -> None:
        commands = [(one.index, one.data) for one in entries if one.kind == "command"]
        self._tell_user(self.table.apply(commands))
        self.applied_index = entries[-1].index
        for entry in entries:
            data, floor = self._writes.pop(entry.index, (None, 0))
            if data == entry.data:
                self.net.checks.completes(entry.index, floor=floor, is_write=True)

    def _tell_user(self, message: LeasesChanged | LeaseTableState) -> None:
        self.later("raft to manager", lambda: self.user.hear(message))

    def _arm_raft(self) -> None:
        due_s = self.raft.next_due_s

        def wake() -> None:
            if self.raft.next_due_s == due_s:
                self._perform(self.raft.tick(self.now_s))

        self.net.after_local(self, due_s, wake)

    def later(self, channel: str, work: Callable[[], None]) -> None:
        """Do it in another actor: what one tells another arrives in order."""
        sent_s = self.net.now_s + self.net.random.uniform(*self.net.local_delay_s)
        arrives_s = max(sent_s, self._arrives_s.get(channel, 0.0))
        self._arrives_s[channel] = arrives_s
        self.net.at_s(self, arrives_s, work)

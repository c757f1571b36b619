"""One simulated node: the Raft core, the lease table it drives, the lease manager, a register."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING

from constellation.leases.effects import LeaseEffect, Propose, Tell
from constellation.leases.guard import LeaseGuard
from constellation.leases.keeper import LeaseKeeper, Want
from constellation.leases.policy import LeasePolicy
from constellation.leases.table import LeaseTable
from constellation.raft.batch import in_safe_order
from constellation.raft.configuration import ChangeKind, ConfigurationRefusedError
from constellation.raft.effects import (
    Apply,
    Effect,
    ReadReady,
    Restore,
    RoleChanged,
    Save,
    SaveEntries,
    SaveHardState,
    SaveSnapshot,
    SendTo,
)
from constellation.raft.node import RaftNode
from constellation.wire import encode
from messages.base import Message
from messages.leases import LeaseLost, LeasesChanged, LeaseTableState
from messages.raft import RaftVoteResponse

if TYPE_CHECKING:
    from tests.simulation.raft_network import RaftNetwork

LEASES = ("lb-leader", "dns-writer")
LEASE_POLICY = LeasePolicy()
LOCAL_DELAY_S = (0.0, 0.02)  # of a message between the actors of one node


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
        self.raft = RaftNode(
            node_name=name, policy=net.policy, random=random, disk=disk, now_s=self._now_s
        )
        session = f"{random.getrandbits(64):x}"
        self.keeper = LeaseKeeper(node_name=name, session=session, policy=LEASE_POLICY)
        self.guards = {lease: LeaseGuard(lease) for lease in LEASES}
        self._open: dict[int, Callable[[bool], None]] = {}  # reads, by number
        self._writes: dict[int, tuple[bytes, int]] = {}  # by index: data, floor at its beginning
        self._keeper_wakeups = 0
        self._last_arrives_s = 0.0
        self._arm_raft()
        self._mind(self.keeper.restore(self.table.state, self._now_s))
        for lease in LEASES:
            self._mind(self.keeper.want(lease, Want(ttl_s=LEASE_POLICY.ttl_s), self._now_s))
        self._arm_keeper()
        net.at(self, net.random.uniform(0, 0.2), self._act)

    @property
    def _now_s(self) -> float:
        return self.net.local_s(self.name)

    # Raft.

    def bootstrap(self, voters: Sequence[str]) -> None:
        self.perform(self.raft.bootstrap(voters, self._now_s))

    def hear(self, message: Message) -> None:
        if isinstance(message, Forwarded):
            self.propose(message.commands)
        else:
            self.perform(self.raft.step(message, self._now_s))

    def propose(self, data: Sequence[bytes]) -> list[int]:
        indexes, effects = self.raft.propose(data, self._now_s)
        self.perform(effects)
        return indexes

    def change(self, kind: ChangeKind, node: str) -> bool:
        try:
            self.perform(self.raft.change(kind, node, self._now_s))
        except ConfigurationRefusedError:
            return False
        return True

    def transfer(self, node: str) -> bool:
        try:
            self.perform(self.raft.transfer(node, self._now_s))
        except ConfigurationRefusedError:
            return False
        return True

    def write(self, data: bytes) -> bool:
        floor = self.net.checks.floor
        indexes, effects = self.raft.propose([data], self._now_s)
        self._writes |= dict.fromkeys(indexes, (data, floor))
        self.perform(effects)
        return bool(indexes)

    def read(self) -> None:
        floor, number = self.net.checks.floor, len(self._open) + self.net.random.getrandbits(60)

        def done(is_confirmed: bool) -> None:
            if is_confirmed:
                at = self.raft.state.applied_index
                self.net.checks.completes(at, floor=floor, is_write=False)

        self._open[number] = done
        self.perform(self.raft.read(number, self._now_s))

    def perform(self, effects: Sequence[Effect]) -> None:
        """Do what the core asks, as the real shell does; die on the way now and then."""
        net = self.net
        early, saves, late = in_safe_order(effects)
        steps: list[Callable[[], None]] = [lambda one=one: self._do(one) for one in early]
        steps += [lambda one=one: self._save(one) for one in saves]
        steps += [lambda one=one: self._do(one) for one in late]
        until = len(steps)
        if net.random.random() < net.crash_chance:
            until = net.random.randrange(until + 1)
        for step in steps[:until]:
            step()
        if until < len(steps):
            net.kill(self.name)
            return
        if self.raft.wants_snapshot:
            self.perform(self.raft.take_snapshot(self.table.encode()))
        self._arm_raft()

    def _save(self, save: Save) -> None:
        disk, net = self.net.disks[self.name], self.net
        match save:
            case SaveHardState(state):
                net.disks[self.name] = replace(disk, hard_state=state)
            case SaveEntries(entries):
                kept = tuple(one for one in disk.entries if one.index < entries[0].index)
                is_cut = len(kept) < len(disk.entries)
                assert not (is_cut and self.raft.leadership), f"{self.name} leads and cuts its log"
                net.checks.saves(entries, self.raft.state.log)
                net.disks[self.name] = replace(disk, entries=kept + entries)
            case SaveSnapshot(snapshot, entries):
                net.disks[self.name] = replace(disk, snapshot=snapshot, entries=entries)

    def _do(self, effect: Effect) -> None:
        net = self.net
        match effect:
            case SendTo(to, message):
                if isinstance(message, RaftVoteResponse):
                    net.checks.votes_for(self.name, to, message)
                net.send(self.name, to, message)
            case Apply(entries):
                net.checks.applies(entries)
                self._apply(entries)
            case Restore(snapshot):
                self.table = LeaseTable.decode(snapshot.data)
                self._writes.clear()  # whether they are in it, this node cannot tell
                self._tell_keeper(self.table.state)
            case ReadReady(number, is_confirmed):
                self._open.pop(number)(is_confirmed)
            case RoleChanged(role, term, _, _):
                if role == "leader":
                    net.checks.leads(self.name, term, self.raft.state.log)
                is_leader = role == "leader"
                self._later(lambda: self._lead(is_leader=is_leader))
            case _:
                return

    def _apply(self, entries: Sequence[object]) -> None:
        changed = self.table.apply(
            [(one.index, one.data) for one in entries if one.kind == "command"]  # type: ignore[attr-defined]
        )
        self._tell_keeper(changed)
        for entry in entries:
            data, floor = self._writes.pop(entry.index, (None, 0))  # type: ignore[attr-defined]
            if data == entry.data:  # type: ignore[attr-defined]
                at = entry.index  # type: ignore[attr-defined]
                self.net.checks.completes(at, floor=floor, is_write=True)

    def _arm_raft(self) -> None:
        due_s = self.raft.next_due_s

        def wake() -> None:
            if self.raft.next_due_s == due_s:
                self.perform(self.raft.tick(self._now_s))

        self.net.after_local(self, due_s, wake)

    # Leases.

    def _tell_keeper(self, message: LeasesChanged | LeaseTableState) -> None:
        def hear() -> None:
            if isinstance(message, LeaseTableState):
                self._mind(self.keeper.restore(message, self._now_s))
            else:
                self._mind(self.keeper.change(message, self._now_s))

        self._later(hear)

    def _lead(self, *, is_leader: bool) -> None:
        self._mind(self.keeper.set_leader(is_leader=is_leader, now_s=self._now_s))
        self._arm_keeper()

    def _arm_keeper(self) -> None:
        due_s = self.keeper.next_due_s(self._now_s)
        self._keeper_wakeups += 1
        wakeup = self._keeper_wakeups

        def wake() -> None:
            if wakeup == self._keeper_wakeups:  # else another one was set since
                self._mind(self.keeper.tick(self._now_s))
                self._arm_keeper()

        self.net.after_local(self, due_s + 0.001, wake)

    def _mind(self, effects: Sequence[LeaseEffect]) -> None:
        for effect in effects:
            match effect:
                case Propose(commands):
                    data = tuple(encode(one) for one in commands)
                    self._later(lambda data=data: self._forward(data))
                case Tell(message):
                    self.guards[message.name].hear(message)
                    if isinstance(message, LeaseLost):
                        self._let_go(message)
                case _:
                    continue

    def _forward(self, data: tuple[bytes, ...]) -> None:
        if not self.propose(data) and self.raft.state.leader not in ("", self.name):
            self.net.send(self.name, self.raft.state.leader, Forwarded(commands=data))

    def _let_go(self, lost: LeaseLost) -> None:
        """Say so when the last act has ended, or never."""
        last = self.net.checks.acts.get(lost.name)
        ends_s = last.ends_s if last and last.token == lost.fencing_token else 0.0
        wait_s = max(0.0, ends_s - self.net.now_s)

        def say() -> None:
            self._mind(self.keeper.let_go(lost.fencing_token, self._now_s))

        if self.net.random.random() < 0.8:
            self.net.at(self, wait_s, say)

    def _later(self, work: Callable[[], None]) -> None:
        """Do it in another actor: that gets messages in order."""
        arrives_s = self.net.now_s + self.net.random.uniform(*LOCAL_DELAY_S)
        self._last_arrives_s = max(arrives_s, self._last_arrives_s)
        self.net.at(self, self._last_arrives_s - self.net.now_s, work)

    def _act(self) -> None:
        """Act on what is held; what is begun may take as long as the margin."""
        for name, guard in self.guards.items():
            token = guard.fencing_token(self._now_s)
            if token is not None:
                ends_s = self.net.now_s + self.net.random.uniform(0, LEASE_POLICY.margin_s)
                self.net.checks.acts_on(name, self.name, token, self.net.now_s, ends_s)
        self.net.at(self, self.net.random.uniform(0.05, 0.3), self._act)

"""Leases actor: which leases this node holds, and which of its actors act on them.

Every time is CLOCK_BOOTTIME, `boot_now_s`: it goes on while the machine is suspended, so that no
lease outlives a suspend.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from functools import partial

from prometheus_client import Counter, Gauge
from thespian.actors import ActorAddress

from actors import node
from actors.shell import ShellActor
from constellation.effects import Note
from constellation.leases.effects import (
    Announce,
    ManagerEffect,
    Propose,
    ProposeAsLeader,
    Prove,
    SendToReader,
)
from constellation.leases.keeper import Leading
from constellation.leases.manager import LeaseManager
from constellation.wire import encode
from messages.events import ChangeReported
from messages.leases import (
    LeaseAcquired,
    LeaseLetGo,
    LeaseLost,
    LeasesChanged,
    LeaseTableState,
    LeaseUnwanted,
    LeaseWanted,
)
from messages.raft_member import (
    LeadershipProved,
    LeasesSubscribe,
    RaftLeading,
    RaftPropose,
    RaftProposeAsLeader,
    RaftRefused,
)

CLOCKS_APART_S = 0.001  # two clocks are read one after the other: not to be woken too early


class LeasesActor(ShellActor):
    """Translate messages of Raft and of subscribers to steps of the manager, and its effects."""

    def on_start(self) -> None:
        settings = node.settings()
        self._own_name = settings.node_name
        self.manager = LeaseManager(
            node_name=settings.node_name,
            session=secrets.token_hex(8),
            policy=settings.leases.policy(),
            is_witness=settings.raft.witness,
        )
        self._due_at_s = 0.0
        self._tokens: dict[str, int] = {}  # fencing tokens of grants to this node
        self._measured: set[str] = set()  # leases with a sample in `_held`
        self._held = Gauge(
            "constellation_lease_held",
            "1 while this node may act on the lease, 0 while it only wants it",
            ["lease"],
            registry=self.registry,
        )
        self._token = Gauge(
            "constellation_lease_fencing_token",
            "Fencing token of the latest grant to this node",
            ["lease"],
            registry=self.registry,
        )
        self._changes = Counter(
            "constellation_lease_changes",
            "Leases that this node acquired and lost",
            ["lease", "change"],
            registry=self.registry,
        )

    def on_actor_up(self, name: str) -> None:
        if name == "raft":
            self.post("raft", LeasesSubscribe())

    # From Raft.

    def receiveMsg_LeaseTableState(self, message: LeaseTableState, sender: ActorAddress) -> None:
        self._perform_all(self.manager.restore(message, self.boot_now_s()))

    def receiveMsg_LeasesChanged(self, message: LeasesChanged, sender: ActorAddress) -> None:
        self._perform_all(self.manager.change(message, self.boot_now_s()))

    def receiveMsg_RaftLeading(self, message: RaftLeading, sender: ActorAddress) -> None:
        leading = Leading(
            message.leader,
            is_leader=message.is_leader,
            term=message.term,
            yields=message.yields,
        )
        self._perform_all(self.manager.set_leading(leading, self.boot_now_s()))

    def receiveMsg_LeadershipProved(self, message: LeadershipProved, sender: ActorAddress) -> None:
        self._perform_all(self.manager.proved(message, self.boot_now_s()))

    def receiveMsg_RaftRefused(self, message: RaftRefused, sender: ActorAddress) -> None:
        if self.is_at(self._own_name, sender):  # proposals go to this node's Raft actor only
            self._perform_all(self.manager.refused(self.boot_now_s()))

    # From the actors of this node that act on leases.

    def receiveMsg_LeaseWanted(self, message: LeaseWanted, sender: ActorAddress) -> None:
        reader = self.address_text(sender)
        self._perform_all(self.manager.wanted(message, reader, self.boot_now_s()))

    def receiveMsg_LeaseUnwanted(self, message: LeaseUnwanted, sender: ActorAddress) -> None:
        reader = self.address_text(sender)
        self._perform_all(self.manager.unwanted(message, reader, self.boot_now_s()))

    def receiveMsg_LeaseLetGo(self, message: LeaseLetGo, sender: ActorAddress) -> None:
        reader = self.address_text(sender)
        self._perform_all(self.manager.let_go(message, reader, self.boot_now_s()))

    def on_actor_gone(self, address: str) -> None:
        self._perform_all(self.manager.reader_died(address, self.boot_now_s()))

    # Time.

    def next_due_s(self) -> float:
        return self.now_s() + max(0.0, self._due_at_s - self.boot_now_s()) + CLOCKS_APART_S

    def on_due(self, now_s: float) -> None:
        boot_now_s = self.boot_now_s()
        if boot_now_s >= self._due_at_s:
            self._perform_all(self.manager.tick(boot_now_s))

    def begin_to_yield(self, now_s: float) -> None:
        self._perform_all(self.manager.close(self.boot_now_s()))

    def has_yielded(self, now_s: float) -> bool:
        return self.manager.keeper.owns_none

    # What follows.

    def _perform_all(self, effects: Sequence[ManagerEffect]) -> None:
        for effect in effects:
            match effect:
                case Propose(commands):
                    data = tuple(encode(command) for command in commands)
                    self.post("raft", RaftPropose(commands=data))
                case ProposeAsLeader(commands, term):
                    data = tuple(encode(command) for command in commands)
                    self.post("raft", RaftProposeAsLeader(commands=data, term=term))
                case Prove(question):
                    self.post("raft", question)
                case SendToReader(reader, message):
                    self.send(self.address_of(reader), message)
                case Announce(message):
                    self._announce(message)
                case Note():
                    self.perform(effect)
        self._due_at_s = self.manager.keeper.next_due_s(self.boot_now_s())
        self._measure()

    def _announce(self, message: LeaseAcquired | LeaseLost) -> None:
        name, token = message.name, message.fencing_token
        if isinstance(message, LeaseLost):
            self._changes.labels(name, "lost").inc()
            report = ChangeReported(
                what="lease_lost", node=self._own_name, subject=name, reason=message.why
            )
            self.post("admin", report)
        elif self._tokens.get(name) != token:
            self._tokens[name] = token
            self._changes.labels(name, "acquired").inc()
            self._token.labels(name).set(token)

    def _measure(self) -> None:
        """Have one sample for each lease that is wanted here."""
        wanted = self.manager.keeper.wanted
        for name in wanted - self._measured:
            self._held.labels(name).set_function(partial(self._may_act, name))
        for name in self._measured - wanted:
            self._held.remove(name)
        self._measured = set(wanted)

    def _may_act(self, name: str) -> bool:
        held = self.manager.keeper.held.get(name)
        return held is not None and self.boot_now_s() < held.valid_until_s

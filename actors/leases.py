"""Leases actor: what this node holds alone, and who in it acts on that.

Time is CLOCK_BOOTTIME: it runs on while the machine sleeps, so that no lease outlives a suspend.
"""

from __future__ import annotations

import secrets
import time
from functools import partial

from prometheus_client import Counter, Gauge
from thespian.actors import ActorAddress

from actors import node
from actors.shell import ShellActor
from constellation.effects import Note
from constellation.leases.effects import LeaseEffect, Propose, Tell
from constellation.leases.guard import LeaseGuard
from constellation.leases.keeper import LeaseKeeper, Want
from constellation.leases.policy import DEFAULT_LEASES
from constellation.leases.subscribers import LeaseSubscribers
from constellation.wire import encode
from messages.events import ChangeReported
from messages.leases import (
    LeaseAcquired,
    LeaseLetGo,
    LeaseLost,
    LeaseRefused,
    LeasesChanged,
    LeaseTableState,
    LeaseUnwanted,
    LeaseWanted,
)
from messages.lifecycle import ActorDirectory
from messages.raft_member import (
    LeasesSubscribe,
    RaftLeading,
    RaftPropose,
    RaftRefused,
)


class LeasesActor(ShellActor):
    """Translate what Raft and subscribers say to steps of the keeper, and its effects to both."""

    tick_interval_s = 0.05

    def on_start(self) -> None:
        settings = node.settings()
        policy = settings.leases.policy()
        session = secrets.token_hex(8)
        self.keeper = LeaseKeeper(node_name=settings.node_name, session=session, policy=policy)
        self.subscribers = LeaseSubscribers()
        self._due_at_s = 0.0
        self._latest: dict[str, int] = {}  # fencing tokens of grants to this node
        self._make_metrics()
        if not settings.raft.witness:
            for name in DEFAULT_LEASES:
                self._perform(self.keeper.want(name, Want(policy.ttl_s), self.now_s()))

    def _make_metrics(self) -> None:
        held = Gauge(
            "constellation_lease_held",
            "1 while this node may act on the lease",
            ["lease"],
            registry=self.registry,
        )
        self._guards = {name: LeaseGuard(name) for name in DEFAULT_LEASES}
        for name, guard in self._guards.items():
            held.labels(name).set_function(partial(self._may_act, guard))
        self._token = Gauge(
            "constellation_lease_fencing_token",
            "Fencing token of the latest grant to this node",
            ["lease"],
            registry=self.registry,
        )
        self._changes = Counter(
            "constellation_lease_changes",
            "Leases that this node acquired, and lost",
            ["lease", "change"],
            registry=self.registry,
        )

    def _may_act(self, guard: LeaseGuard) -> bool:
        return guard.fencing_token(self.now_s()) is not None

    def now_s(self) -> float:
        """Return seconds since the machine started, with those it slept."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    def on_actor_up(self, name: str) -> None:
        if name == "raft":
            self.post("raft", LeasesSubscribe())

    # What Raft says.

    def receiveMsg_LeaseTableState(self, message: LeaseTableState, sender: ActorAddress) -> None:
        self._perform(self.keeper.restore(message, self.now_s()))

    def receiveMsg_LeasesChanged(self, message: LeasesChanged, sender: ActorAddress) -> None:
        self._perform(self.keeper.change(message, self.now_s()))

    def receiveMsg_RaftLeading(self, message: RaftLeading, sender: ActorAddress) -> None:
        self._perform(self.keeper.set_leader(is_leader=message.is_leader, now_s=self.now_s()))

    def receiveMsg_RaftRefused(self, message: RaftRefused, sender: ActorAddress) -> None:
        self._perform(self.keeper.refused(self.now_s()))

    # Who acts on leases.

    def receiveMsg_LeaseWanted(self, message: LeaseWanted, sender: ActorAddress) -> None:
        ttl_s = message.ttl_s or self.keeper.policy.ttl_s
        want = Want(ttl_s, follows_leader=message.follows_leader)
        reader = self.address_text(sender)
        is_new = reader not in self.subscribers.readers(message.name)
        if node.settings().raft.witness:
            why = "this node is a witness: it votes, and holds no lease"
            self.send(sender, LeaseRefused(name=message.name, why=why))
            return
        try:
            self.subscribers.add(message.name, reader)
            effects = self.keeper.want(message.name, want, self.now_s())
        except ValueError as error:
            self.perform(Note("lease_refused", {"lease": message.name, "why": str(error)}, "error"))
            self.send(sender, LeaseRefused(name=message.name, why=str(error)))
            if is_new:  # who acts on it already goes on as before
                self.subscribers.remove(message.name, reader)
            return
        held = self.keeper.held.get(message.name)
        if held is not None:
            self.send(sender, held)
        self._perform(effects)

    def receiveMsg_LeaseUnwanted(self, message: LeaseUnwanted, sender: ActorAddress) -> None:
        self._gone(self.address_text(sender), message.name)

    def receiveMsg_LeaseLetGo(self, message: LeaseLetGo, sender: ActorAddress) -> None:
        if self.subscribers.let_go(message.fencing_token, self.address_text(sender)):
            self._perform(self.keeper.let_go(message.fencing_token, self.now_s()))

    def receiveMsg_ActorDirectory(self, message: ActorDirectory, sender: ActorAddress) -> None:
        before = {self.address_text(address) for address in self.directory.values()}
        super().receiveMsg_ActorDirectory(message, sender)
        gone = before - {self.address_text(address) for address in self.directory.values()}
        for reader in gone:
            for name in self.subscribers.leases_of(reader):
                self._gone(reader, name)

    def _gone(self, reader: str, name: str) -> None:
        is_last = self.subscribers.remove(name, reader)
        if is_last and name not in DEFAULT_LEASES:
            self._perform(self.keeper.unwant(name, self.now_s()))

    # Time.

    def on_tick(self, now_s: float) -> None:
        if now_s >= self._due_at_s:
            self._perform(self.keeper.tick(now_s))

    def begin_to_yield(self, now_s: float) -> None:
        self._perform(self.keeper.close(now_s))

    def has_yielded(self, now_s: float) -> bool:
        return self.keeper.owns_none

    # What follows.

    def _perform(self, effects: list[LeaseEffect]) -> None:
        for effect in effects:
            match effect:
                case Propose(commands):
                    data = tuple(encode(command) for command in commands)
                    self.post("raft", RaftPropose(commands=data))
                case Tell(message):
                    self._tell(message)
                case Note():
                    self.perform(effect)
        self._due_at_s = self.keeper.next_due_s(self.now_s())

    def _tell(self, message: LeaseAcquired | LeaseLost) -> None:
        readers = self.subscribers.readers(message.name)
        for reader in readers:
            self.send(self.address_of(reader), message)
        token = message.fencing_token
        if message.name in self._guards:
            self._guards[message.name].hear(message)
        if isinstance(message, LeaseAcquired):
            if self._latest.get(message.name) != token:
                self._latest[message.name] = token
                self._changes.labels(message.name, "acquired").inc()
            self._token.labels(message.name).set(token)
            return
        self._changes.labels(message.name, "lost").inc()
        what = ChangeReported(
            what="lease_lost",
            node=self.keeper.node_name,
            subject=message.name,
            reason=message.why,
        )
        self.post("admin", what)
        if self.subscribers.expect(token, readers):
            self._perform(self.keeper.let_go(token, self.now_s()))

"""The core of the `leases` actor: what this node holds, and which of its actors act on it.

An actor subscribes with `LeaseWanted`.  The node holds a lease while an actor that is not passive
wants it; passive ones are told of it, and must let go of it, like the others.

When the node loses a lease, the lease is released as soon as every actor that could act on it has
let go, and at the latest when the time of the grant and the margin are over.  An actor that died
cannot let go, and what it sent last may still be on its way: then only time counts.
"""

from __future__ import annotations

from collections.abc import Iterable

from constellation.effects import Note
from constellation.leases.clock import BootSeconds
from constellation.leases.effects import Announce, LeaseEffect, ManagerEffect, SendToReader
from constellation.leases.keeper import Leading, LeaseKeeper, Want
from constellation.leases.policy import LeasePolicy
from constellation.leases.subscribers import LeaseSubscribers
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
from messages.raft_member import LeadershipProved

_WITNESS = "this node is a witness: it votes, and holds no lease"


class LeaseManager:
    """One life of a node's lease manager."""

    def __init__(
        self, *, node_name: str, session: str, policy: LeasePolicy, is_witness: bool = False
    ) -> None:
        self.keeper = LeaseKeeper(node_name=node_name, session=session, policy=policy)
        self.subscribers = LeaseSubscribers()
        self._is_witness = is_witness

    # From the actors of this node that act on leases.

    def wanted(self, message: LeaseWanted, reader: str, now_s: BootSeconds) -> list[ManagerEffect]:
        """Subscribe an actor, or update what it wants."""
        name = message.name
        if self._is_witness:
            return [SendToReader(reader, LeaseRefused(name=name, why=_WITNESS))]
        ttl_s = message.ttl_s or self.keeper.policy.ttl_s
        want = Want(ttl_s, message.follows_leader, frozenset(message.unable))
        before = self.subscribers.readers(name).get(reader)
        was_wanted = self.subscribers.is_wanted(name)
        try:
            self.subscribers.subscribe(name, reader, message.number, is_passive=message.is_passive)
            effects = [] if message.is_passive else self.keeper.want(name, want, now_s)
        except ValueError as error:
            if before is None:
                self.subscribers.unsubscribe(name, reader)
            note = Note("lease_refused", {"lease": name, "why": str(error)}, "error")
            return [note, SendToReader(reader, LeaseRefused(name=name, why=str(error)))]
        if was_wanted and not self.subscribers.is_wanted(name):
            effects = self.keeper.unwant(name, now_s)
        held = self.keeper.held.get(name)
        answer = [SendToReader(reader, _numbered(held, message.number))] if held else []
        return [*answer, *self._with_readers(effects, now_s)]

    def unwanted(
        self, message: LeaseUnwanted, reader: str, now_s: BootSeconds
    ) -> list[ManagerEffect]:
        """Unsubscribe an actor."""
        name = message.name
        if not message.has_let_go:
            return self._forget(name, reader, now_s)
        is_last = self.subscribers.unsubscribe(name, reader)
        effects: list[ManagerEffect] = []
        for token in self.subscribers.tokens_awaited(name, reader):
            effects += self._let_go(name, token, reader, now_s)
        if is_last:
            effects += self._with_readers(self.keeper.unwant(name, now_s), now_s)
        return effects

    def let_go(self, message: LeaseLetGo, reader: str, now_s: BootSeconds) -> list[ManagerEffect]:
        """Release a lost lease if this actor was the last to let go of it."""
        return self._let_go(message.name, message.fencing_token, reader, now_s)

    def reader_died(self, reader: str, now_s: BootSeconds) -> list[ManagerEffect]:
        """Unsubscribe an actor that has ended without letting go."""
        effects: list[ManagerEffect] = []
        for name in self.subscribers.leases_of(reader):
            effects += self._forget(name, reader, now_s)
        return effects

    def _forget(self, name: str, reader: str, now_s: BootSeconds) -> list[ManagerEffect]:
        if name in self.keeper.held:
            self.subscribers.note_death(name)
        if not self.subscribers.unsubscribe(name, reader):
            return []
        return self._with_readers(self.keeper.unwant(name, now_s), now_s)

    def _let_go(
        self, name: str, token: int, reader: str, now_s: BootSeconds
    ) -> list[ManagerEffect]:
        if not self.subscribers.let_go(name, token, reader):
            return []
        return self._with_readers(self.keeper.let_go(token, now_s), now_s)

    # From Raft, and from the shell.

    def restore(self, state: LeaseTableState, now_s: BootSeconds) -> list[ManagerEffect]:
        """Replace the whole table."""
        return self._with_readers(self.keeper.restore(state, now_s), now_s)

    def change(self, changed: LeasesChanged, now_s: BootSeconds) -> list[ManagerEffect]:
        """Apply what changed in the table."""
        return self._with_readers(self.keeper.change(changed, now_s), now_s)

    def set_leading(self, leading: Leading, now_s: BootSeconds) -> list[ManagerEffect]:
        """Note who leads."""
        return self._with_readers(self.keeper.set_leading(leading, now_s), now_s)

    def proved(self, proof: LeadershipProved, now_s: BootSeconds) -> list[ManagerEffect]:
        """Renew what this node holds by a proof that it leads."""
        return self._with_readers(self.keeper.proved(proof, now_s), now_s)

    def refused(self, now_s: BootSeconds) -> list[ManagerEffect]:
        """Repeat later what Raft did not take."""
        return self._with_readers(self.keeper.refused(now_s), now_s)

    def close(self, now_s: BootSeconds) -> list[ManagerEffect]:
        """Give everything back: this node stops."""
        return self._with_readers(self.keeper.close(now_s), now_s)

    def tick(self, now_s: BootSeconds) -> list[ManagerEffect]:
        """Do what is due."""
        return self._with_readers(self.keeper.tick(now_s), now_s)

    # To the actors.

    def _with_readers(
        self, effects: Iterable[LeaseEffect], now_s: BootSeconds
    ) -> list[ManagerEffect]:
        """Add what the readers of a lease must know, and release what nobody acts on."""
        result: list[ManagerEffect] = []
        for effect in effects:
            result.append(effect)
            match effect:
                case Announce(LeaseAcquired() as acquired):
                    for reader, number in self.subscribers.readers(acquired.name).items():
                        result.append(SendToReader(reader, _numbered(acquired, number)))
                case Announce(LeaseLost() as lost):
                    for reader in self.subscribers.readers(lost.name):
                        result.append(SendToReader(reader, lost))
                    if self.subscribers.end_grant(lost.name, lost.fencing_token):
                        released = self.keeper.let_go(lost.fencing_token, now_s)
                        result += self._with_readers(released, now_s)
                case _:
                    continue
        return result


def _numbered(acquired: LeaseAcquired, number: int) -> LeaseAcquired:
    return acquired.model_copy(update={"number": number})

"""Raft actor: this node's member of the Raft cluster, and the lease table that its log drives.

What has arrived is stepped and made durable together, with one sync of the disk: that is why a
message is only put into the inbox by its handler.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from random import SystemRandom

from thespian.actors import ActorAddress

from actors import node
from actors.adapters.raft_metrics import RaftMetrics
from actors.adapters.raft_store import RaftStore
from actors.raft_inbox import RaftInbox
from constellation.cluster_view import ClusterView
from constellation.effects import Note
from constellation.errors import AdapterError, WireError
from constellation.leases.table import LeaseTable
from constellation.log import get_logger
from constellation.peers import actor_systems
from constellation.raft.asked import Reply
from constellation.raft.batch import in_safe_order
from constellation.raft.chronicle import Chronicle
from constellation.raft.condition import Condition, condition_of, no_sense, refuses
from constellation.raft.effects import Apply, Restore, RoleChanged, SendTo
from constellation.raft.member import MemberEffect, RaftMember
from constellation.raft.member_policy import MemberPolicy
from constellation.raft.node import FirstState
from constellation.raft.packets import pack
from constellation.raft.reads import ReadDone
from constellation.raft.roster import roster_of
from constellation.raft.status import status_of
from constellation.transport.address import ActorRef
from messages.admin import PartReported, PartState
from messages.gossip import ClusterChanged, ClusterSubscribe
from messages.leases import LeasesChanged, LeaseTableState
from messages.lifecycle import ActorDirectory
from messages.raft_member import (
    ChangeReported,
    ClusterJoined,
    LeasesRead,
    LeasesReadDone,
    LeasesSubscribe,
    RaftLeading,
    RaftOrder,
    RaftOrderDone,
    RaftPacket,
    RaftStatusRequest,
)

RAFT = "@raft"  # whoever is a node's Raft actor now
REOPEN_S = 2.0  # between tries to use a disk that has failed
LOOK_S = 0.5  # between looks at how this member is
EXIT_FAILED = 70  # EX_SOFTWARE: the supervisor starts the actor again

log = get_logger(__name__)


class RaftActor(RaftInbox):
    """Translate messages to steps of the member, and its effects to the disk and other actors."""

    tick_interval_s = 0.05

    def on_start(self) -> None:
        settings = node.settings()
        self._own_name = settings.node_name
        self._policy = MemberPolicy(
            raft=settings.raft.policy(),
            steward=settings.raft.steward_policy(),
            bootstrap_expect=settings.bootstrap_expect,
            looks_for_others=settings.looks_for_others,
            # Milliseconds: no cluster of before, however busy, has come to as high an index, so
            # fencing tokens grow even if one is begun anew.
            first_state=FirstState(
                max(1, int(node.started_at_utc_s() * 1000)), LeaseTable().encode()
            ),
            check_snapshot=LeaseTable.decode,
        )
        self.view = ClusterView()
        self._addresses: dict[str, tuple[str, int]] = {}
        self.store: RaftStore | None = None
        self.table = LeaseTable()
        self.chronicle = Chronicle()
        self._readers: dict[str, ActorAddress] = {}  # of the lease table, in this node
        self._failed: AdapterError | None = None
        self._failed_at_save = False
        self._reopen_at_s = 0.0
        self._look_at_s = 0.0
        self._condition: Condition | None = None  # as `admin` was told
        self._told_cluster_id: str | None = None  # the same
        self.metrics = RaftMetrics(self.registry)
        self._open(self.now_s())

    def on_stop(self) -> None:
        if self.store is not None:
            self.store.close()

    def on_actor_up(self, name: str) -> None:
        if name == "gossip":
            self.post("gossip", ClusterSubscribe())
        elif name == "admin":
            self._condition = self._told_cluster_id = None  # it is told anew
            self._tell_identity()

    # The disk.

    def _open(self, now_s: float) -> None:
        """Take part, from what is on the disk; or not, and try again later."""
        try:
            self.store = RaftStore.open(Path(node.settings().data_dir) / "raft")
            disk = self.store.disk
            self.table = LeaseTable.decode(disk.snapshot.data) if disk.snapshot else LeaseTable()
            self.member = RaftMember(
                node_name=self._own_name,
                policy=self._policy,
                disk=disk,
                random=SystemRandom(),
                now_s=now_s,
            )
        except (AdapterError, ValueError, WireError) as error:
            self._refuse(error, now_s)
            return
        if self._failed is not None and not self._failed_at_save:
            self._serves_again()
        if disk.torn_bytes:
            fields = {"bytes": disk.torn_bytes, "why": "a write had not ended at the last stop"}
            self.perform(Note("torn_record_cut", fields, "warning"))
        self.chronicle.begin_at(disk)
        self.member.set_roster(roster_of(self.view))
        self._tell_identity()
        self._tell_readers(self.table.state)

    def _serves_again(self) -> None:
        self._failed, self._failed_at_save = None, False
        self.perform(Note("raft_serves_again", {}))

    def _refuse(self, error: Exception, now_s: float, *, at_save: bool = False) -> None:
        """Take no part: what this node promised may not be on its disk."""
        failed = error if isinstance(error, AdapterError) else no_sense(error)
        if self._failed is None or str(self._failed) != str(failed):
            self.perform(Note("raft_refuses", {"why": failed.why, "fix": failed.fix}, "error"))
        # A disk that could be read but not written has shown nothing by being read again.
        self._failed, self._failed_at_save = failed, at_save or self._failed_at_save
        self._reopen_at_s = now_s + REOPEN_S
        if self.store is not None:
            self.store.close()
        self.store = self.member = None
        self._inbox.clear()
        self._tell_readers(self._leading())

    # What arrives.

    def on_caught_up(self) -> None:
        if self._inbox:
            self._work(self.now_s())

    def receiveMsg_RaftPacket(self, message: RaftPacket, sender: ActorAddress) -> None:
        known = self._addresses.get(message.source)
        if self.view.known and known != sender.addressDetails.node:
            self.metrics.refused.labels("source").inc()
            return
        self._later(lambda member, now_s: member.on_packet(message, now_s))

    def receiveMsg_RaftOrder(self, message: RaftOrder, sender: ActorAddress) -> None:
        asker = self.address_text(sender)
        if self.member is None:
            text = f"{self._own_name} takes no part now: {self._failed}"
            self.send(sender, RaftOrderDone(number=message.number, is_done=False, text=text))
            return
        self._later(lambda member, now_s: member.order(message, asker, now_s))

    def receiveMsg_LeasesRead(self, message: LeasesRead, sender: ActorAddress) -> None:
        asker = self.address_text(sender)
        if self.member is None:
            self.send(sender, self._leases(message.number, is_confirmed=False))
            return
        self._later(lambda member, now_s: member.read(asker, message.number, now_s))

    def receiveMsg_ActorDirectory(self, message: ActorDirectory, sender: ActorAddress) -> None:
        super().receiveMsg_ActorDirectory(message, sender)
        running = {self.address_text(address) for address in self.directory.values()}
        for reader in set(self._readers) - running:
            del self._readers[reader]

    def receiveMsg_LeasesSubscribe(self, message: LeasesSubscribe, sender: ActorAddress) -> None:
        self._readers[self.address_text(sender)] = sender
        self.send(sender, self.table.state)
        self.send(sender, self._leading())

    def receiveMsg_RaftStatusRequest(
        self, message: RaftStatusRequest, sender: ActorAddress
    ) -> None:
        self.send(
            sender,
            status_of(
                self._own_name,
                self.member,
                self._condition or refuses(self._failed),
                now_s=self.now_s(),
                journal_bytes=self._journal_bytes,
            ),
        )

    def receiveMsg_ClusterChanged(self, message: ClusterChanged, sender: ActorAddress) -> None:
        before = self.view
        self.view = before.apply(message)
        if self.view.gap:
            if not before.gap:
                self.post("gossip", ClusterSubscribe())
            return
        self._addresses = actor_systems(self.view)
        if self.member is not None:
            led = self._leading()
            self.member.set_roster(roster_of(self.view))
            if led != self._leading():  # another cluster came, to which this one gives way, or went
                self._tell_readers(self._leading())

    def begin_to_yield(self, now_s: float) -> None:
        self._later(lambda member, now_s: member.begin_to_yield(now_s))

    def has_yielded(self, now_s: float) -> bool:
        return self.member is None or not (self.member.is_leader and self.member.has_others)

    # Time.

    def on_tick(self, now_s: float) -> None:
        if self.member is None and now_s >= self._reopen_at_s:
            self._open(now_s)
        if self.member is not None:
            self.member.tick(now_s)
        self._work(now_s)
        if now_s >= self._look_at_s:
            self._look_at_s = now_s + LOOK_S
            self._look(now_s)

    def _look(self, now_s: float) -> None:
        condition = condition_of(self.member, self._failed, now_s)
        if condition != self._condition:
            ill: PartState = "absent" if condition.is_off else "lost"
            state: PartState = "present" if condition.is_well else ill
            part = PartReported(part="raft", state=state, why=condition.why, fix=condition.fix)
            if self.post("admin", part):
                self._condition = condition
        self.metrics.look(self.member, condition, journal_bytes=self._journal_bytes)

    @property
    def _journal_bytes(self) -> int:
        return self.store.size_bytes if self.store else 0

    # What follows.

    def _work(self, now_s: float) -> None:
        """Step all that has arrived, make it durable with one write, then let others know."""
        inbox, self._inbox = self._inbox, []
        if self.member is None:
            return
        try:
            for step in inbox:
                step(self.member, now_s)
            effects = self.member.take_effects(now_s)
            while effects and self.member is not None:
                self._perform_batch(effects, now_s)
                effects = self._snapshot_if_long(now_s)
        except Exception as error:
            # State may be half changed, and Thespian would run this again: a fresh start is safe.
            log.exception("actor_failed", what="step", error=repr(error))
            os._exit(EXIT_FAILED)

    def _perform_batch(self, effects: Sequence[MemberEffect], now_s: float) -> None:
        assert self.store is not None, "a member has a store"
        early, saves, late = in_safe_order(effects)
        self._transmit(early)
        try:
            with self.metrics.saving(len(saves)):
                self.store.save(saves)
        except AdapterError as error:
            self._refuse(error, now_s, at_save=True)
            return
        if saves and self._failed is not None:
            self._serves_again()
        for effect in late:
            self._perform_late(effect)
        self._transmit([effect for effect in late if isinstance(effect, SendTo)])
        self._tell_identity()

    def _perform_late(self, effect: MemberEffect) -> None:
        match effect:
            case Apply(entries):
                commands = [(one.index, one.data) for one in entries if one.kind == "command"]
                self.metrics.applied.inc(len(commands))
                changed = self.table.apply(commands)
                self._tell_readers(changed)
                raft = self.member.raft if self.member else None
                known = raft.leader_commit_index if raft else 0
                self._report(self.chronicle.applied(entries, changed, leader_commit_index=known))
            case Restore(snapshot):
                self.table = LeaseTable.decode(snapshot.data)
                self._tell_readers(self.table.state)
            case Reply(asker, message):
                self.send(self.address_of(asker), message)
            case ReadDone(asker, number, is_confirmed):
                done = self._leases(number, is_confirmed=is_confirmed)
                self.send(self.address_of(asker), done)
            case RoleChanged():
                self.metrics.role_changed(effect)
                self._tell_readers(self._leading())
                self._report(self.chronicle.role_changed(effect))
            case Note():
                self.perform(effect)
            case _:
                return  # a message: sent with all others

    def _snapshot_if_long(self, now_s: float) -> list[MemberEffect]:
        if self.member is None:
            return []
        self.member.shorten_log(self.table.encode)
        return self.member.take_effects(now_s)

    def _transmit(self, sends: Sequence[SendTo]) -> None:
        if not sends or self.member is None:
            return
        packed = pack(
            sends,
            cluster_id=self.member.identity.cluster_id,
            source=self._own_name,
            adoptable=self.member.adoptable,
        )
        for send in packed:
            address = self._addresses.get(send.node)
            if address is None:
                self.metrics.unsent.inc()
            else:
                self.send(ActorAddress(ActorRef(*address, RAFT)), send.message)

    def _leases(self, number: int, *, is_confirmed: bool) -> LeasesReadDone:
        return LeasesReadDone(number=number, state=self.table.state, is_confirmed=is_confirmed)

    def _tell_readers(self, message: LeaseTableState | LeasesChanged | RaftLeading) -> None:
        if not isinstance(message, LeasesChanged) or message.held or message.freed:
            for reader in self._readers.values():
                self.send(reader, message)

    def _leading(self) -> RaftLeading:
        member = self.member
        return RaftLeading(
            is_leader=member is not None and member.is_leader and not member.gives_way,
            leader=member.leader if member else "",
            term=member.raft.state.term if member and member.raft else 0,
        )

    def _tell_identity(self) -> None:
        if self.member is None or self.member.identity.cluster_id == self._told_cluster_id:
            return
        cluster_id = self.member.identity.cluster_id
        if self.post("admin", ClusterJoined(cluster_id=cluster_id)):
            self._told_cluster_id = cluster_id

    def _report(self, changes: Sequence[ChangeReported]) -> None:
        for change in changes:
            about = {"subject": change.subject} if change.subject else {}
            fields = {"about": change.node, **about, "reason": change.reason}
            self.perform(Note(change.what.replace(" ", "_"), fields))
            self.post("admin", change)

"""Raft actor: hands messages to the Raft host, and performs the batches that it returns.

A handler only puts its message into the host's inbox.  All that has arrived is stepped and made
durable together, with one sync of the disk.  A disk that does not answer counts as one that failed:
this node takes no part until it answers and the journal was read again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import nullcontext
from pathlib import Path
from random import SystemRandom

from thespian.actors import ActorAddress

from actors import node
from actors.adapters.bounded_save import BoundedSave
from actors.adapters.raft_metrics import RaftMetrics
from actors.adapters.raft_store import FILE_NAME, RaftStore
from actors.shell import ShellActor
from actors.transport.transport import sending_together
from constellation.cluster_view import ClusterView
from constellation.effects import Note, Send
from constellation.errors import AdapterError
from constellation.raft.asked import Reply
from constellation.raft.batch import Batch, LocalEffect, Publish
from constellation.raft.effects import SendTo
from constellation.raft.host import RaftHost
from constellation.raft.member import MemberInput, MemberPolicy
from constellation.raft.roster import roster_of
from messages.gossip import ClusterChanged
from messages.raft_member import (
    LeadershipProve,
    LeasesRead,
    LeasesSubscribe,
    RaftOffer,
    RaftOrder,
    RaftOrderDone,
    RaftPacket,
    RaftPromise,
    RaftPropose,
    RaftProposeAsLeader,
    RaftReadIndex,
    RaftReadIndexRequest,
    RaftStatusRequest,
)

DISK_PATIENCE_S = 5.0
SUPERVISOR_SHARE = 0.5  # of its patience: it would kill an actor that waits for the disk longer
RAFT = "raft"  # the name of every node's Raft actor


class RaftActor(ShellActor):
    """Translate messages to inputs of the host, and its batches to the disk and other actors."""

    services_followed = "none"

    def on_start(self) -> None:
        settings = node.settings()
        self.host = RaftHost(
            node_name=settings.node_name,
            policy=MemberPolicy(
                raft=settings.raft.policy(),
                steward=settings.raft.steward_policy(),
                bootstrap_expect=settings.bootstrap_expect,
                looks_for_others=settings.looks_for_others,
            ),
            random=SystemRandom(),
            utc_s=node.started_at_utc_s(),
        )
        self._directory = Path(settings.data_dir) / "raft"
        patience_s = min(DISK_PATIENCE_S, SUPERVISOR_SHARE * settings.supervisor.ping_timeout_s)
        self._disk = BoundedSave(str(self._directory / FILE_NAME), patience_s=patience_s)
        self.store: RaftStore | None = None  # None exactly while the host refuses
        self.metrics = RaftMetrics(self.registry)
        self.follow_cluster()
        self._open(self.now_s())

    def on_stop(self) -> None:
        self._close()

    def on_actor_up(self, name: str) -> None:
        if name == "admin":
            self.host.admin_started()

    # The disk.

    def _open(self, now_s: float) -> None:
        opened: list[RaftStore] = []
        try:
            self._disk.run(lambda: opened.append(RaftStore.open(self._directory)))
        except AdapterError as error:
            self._disk.afterwards(lambda: _close_all(opened))
            self.host.open_failed(error, now_s)
            return
        (self.store,) = opened
        if not self.host.begin(self.store.disk, now_s):
            self._close()

    def _close(self) -> None:
        """Close the store, but not under a call that hangs: that may still write to its file."""
        if self.store is not None:
            self._disk.afterwards(self.store.close)
        self.store = None

    # What arrives.

    def receiveMsg_RaftPacket(self, message: RaftPacket, sender: ActorAddress) -> None:
        if self.view.known and not self.is_at(message.source, sender):
            self.metrics.refused.labels("source").inc()
            return
        self._receive(message, sender)

    def receiveMsg_RaftPropose(self, message: RaftPropose, sender: ActorAddress) -> None:
        self._receive(message, sender)

    def receiveMsg_RaftProposeAsLeader(
        self, message: RaftProposeAsLeader, sender: ActorAddress
    ) -> None:
        self._receive(message, sender)

    def receiveMsg_LeadershipProve(self, message: LeadershipProve, sender: ActorAddress) -> None:
        self._receive(message, sender)

    def receiveMsg_RaftOffer(self, message: RaftOffer, sender: ActorAddress) -> None:
        self._receive(message, sender)

    def receiveMsg_RaftPromise(self, message: RaftPromise, sender: ActorAddress) -> None:
        self._receive(message, sender)

    def receiveMsg_RaftReadIndexRequest(
        self, message: RaftReadIndexRequest, sender: ActorAddress
    ) -> None:
        self._receive(message, sender)

    def receiveMsg_RaftReadIndex(self, message: RaftReadIndex, sender: ActorAddress) -> None:
        # Only the leader knows which index is committed; another node's answer may be a stale read.
        if not self.is_at(self.host.leading.leader, sender):
            self.metrics.refused.labels("read").inc()
            return
        self._receive(message, sender)

    def receiveMsg_RaftOrder(self, message: RaftOrder, sender: ActorAddress) -> None:
        self._receive(message, sender)

    def receiveMsg_RaftOrderDone(self, message: RaftOrderDone, sender: ActorAddress) -> None:
        self._receive(message, sender)

    def receiveMsg_LeasesRead(self, message: LeasesRead, sender: ActorAddress) -> None:
        self._receive(message, sender)

    def _receive(self, message: MemberInput, sender: ActorAddress) -> None:
        self.host.receive(message, self.address_text(sender))

    def receiveMsg_LeasesSubscribe(self, message: LeasesSubscribe, sender: ActorAddress) -> None:
        if self.add_reader(sender):
            self.send(sender, self.host.table.state)
            self.send(sender, self.host.leading)

    def receiveMsg_RaftStatusRequest(
        self, message: RaftStatusRequest, sender: ActorAddress
    ) -> None:
        status = self.host.status(self.now_s(), journal_bytes=self._journal_bytes)
        self.send(sender, status)

    def on_cluster_changed(self, before: ClusterView, change: ClusterChanged) -> None:
        self.host.set_roster(roster_of(self.view))

    def begin_to_yield(self, now_s: float) -> None:
        self.host.begin_to_yield(now_s)

    def has_yielded(self, now_s: float) -> bool:
        return self.host.has_yielded

    def next_due_s(self) -> float:
        return self.host.next_due_s

    def on_due(self, now_s: float) -> None:
        if self.host.wants_disk(now_s):
            if self._disk.hangs:
                self.host.disk_hangs(now_s)
            else:
                self._open(now_s)
        self.host.tick(now_s, late_s=self.late_s, patience=self.lateness.patience)
        self._work(now_s)

    def measure(self) -> None:
        self.metrics.look(self.host.member, self.host.health, journal_bytes=self._journal_bytes)

    def on_caught_up(self) -> None:
        self._work(self.now_s())

    @property
    def _journal_bytes(self) -> int:
        return self.store.size_bytes if self.store else 0

    # What follows.

    def _work(self, now_s: float) -> None:
        while (batch := self.host.next_batch(now_s)) is not None:
            self._perform_batch(batch, now_s)

    def _perform_batch(self, batch: Batch, now_s: float) -> None:
        """Perform the fields of a batch in the order in which it declares them.

        The disk begins before the early sends: each of them wakes a process, which may take this
        processor for as long as a sync takes.
        """
        began_s = self.now_s()
        try:
            wait_for_save = self._begin_to_save(batch)
            self._send_all(batch.early_sends)
            wait_for_save()
        except AdapterError as error:
            self._close()
            self.host.save_failed(error, now_s)
            return
        finally:
            ended_s = self.now_s()
            # A leader with a slow disk must not become patient with itself.
            self.lateness.worked(began_s, ended_s)
        self._send_all(batch.sends)
        local = self.host.saved(batch).local
        # Most batches have one answer or none, which gains nothing from it.
        with sending_together() if len(local) > 1 else nullcontext():
            for effect in local:
                self._perform_local(effect)
        self.metrics.performed(batch, saved_in_s=ended_s - began_s)

    def _begin_to_save(self, batch: Batch) -> Callable[[], None]:
        if not batch.saves:
            return lambda: None
        store = self.store
        assert store is not None, "a host that serves has a store"
        return self._disk.begin(lambda: store.save(batch.saves))

    def _perform_local(self, effect: LocalEffect) -> None:
        match effect:
            case Publish(message):
                self.send_to_readers(message)
            case Reply(asker, message):
                self.send(self.address_of(asker), message)
            case Send() | Note():
                self.perform(effect)

    def _send_all(self, sends: tuple[SendTo, ...]) -> None:
        for send in sends:
            self.send_to(send.node, RAFT, send.message)


def _close_all(stores: Iterable[RaftStore]) -> None:
    for store in stores:
        store.close()

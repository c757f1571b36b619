"""One node's Raft, whole and without I/O: the member, the lease table its log drives, the disk.

The host is what the shell talks to.  Messages wait in an inbox until `next_batch`, which steps all
of them together and returns one `Batch`: the shell sends, saves, and reports back by `saved` or
`save_failed`.

The host serves or refuses.  It refuses from a failure of the disk until the journal was opened and
read again: what this node promised may not be on its disk, so a member that went on could break
its word.  While it refuses there is no member, and every question is answered with a refusal.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random

from msgspec.structs import replace

from constellation.effects import Note, Send
from constellation.errors import AdapterError, WireError
from constellation.leases.table import LeaseTable
from constellation.raft.asked import Reply
from constellation.raft.batch import Batch, LocalEffect, Publish, Rest, in_safe_order
from constellation.raft.chronicle import Chronicle
from constellation.raft.disk import RaftDisk
from constellation.raft.effects import Apply, Restore, RoleChanged, SaveIdentity, SendTo
from constellation.raft.health import MemberHealth, contradiction, health_of
from constellation.raft.member import MemberEffect, MemberInput, MemberPolicy, RaftMember
from constellation.raft.node import FirstState
from constellation.raft.packets import pack
from constellation.raft.proofs import ProofDone
from constellation.raft.reads import ReadDone
from constellation.raft.roster import RaftRoster
from constellation.raft.status import status_of
from constellation.saving import TEXT_CHARACTERS_MAX
from messages.admin import PartReported, PartState
from messages.events import ChangeReported
from messages.leases import LeasesChanged
from messages.raft import RaftEntry
from messages.raft_member import (
    ClusterJoined,
    LeadershipProved,
    LeasesRead,
    LeasesReadDone,
    RaftLeading,
    RaftOrder,
    RaftOrderDone,
    RaftStatus,
)
from messages.wellness import TROUBLES_MAX, Trouble, TroublesReported

INBOX_MAX = 10_000  # beyond this messages are dropped: senders repeat what is not answered
REOPEN_S = 2.0  # between two attempts to use a disk that has failed
HANGING_LOOK_S = 0.1  # between two looks at a call that hangs: nothing tells when it ends
LOOK_S = 0.5  # between two looks at the health of the member
# How late this process runs is seen when it is woken.  A follower whose leader is heard would never
# be, and so would learn that the machine is busy only by an election that it should not have begun.
LATENESS_LOOK_S = 0.5  # shorter than the shortest election timeout
ADMIN = "admin"  # the actor that reports and events go to


class RaftHost:
    """The Raft of one node over all the lives of its member."""

    def __init__(
        self, *, node_name: str, policy: MemberPolicy, random: Random, utc_s: float
    ) -> None:
        """Begin without a disk: `wants_disk` asks for it.

        Args:
            node_name: of this node.
            policy: of its member; the host adds what concerns the lease table.
            random: for election timeouts and cluster ids.
            utc_s: wall clock time.  A cluster that this node begins takes its indexes from it.
        """
        self.node_name = node_name
        self.member: RaftMember | None = None  # None: this node refuses, or has not begun
        self.table = LeaseTable()  # as of what is durable
        self.failed: AdapterError | None = None  # the disk; None: it works, or was not tried yet
        self.health: MemberHealth | None = None  # as `admin` knows it
        self._policy = replace(
            policy,
            first_state=FirstState.begun_at(utc_s, LeaseTable().encode()),
            check_snapshot=LeaseTable.decode,
        )
        self._random = random
        self._roster: RaftRoster = {}
        self._chronicle = Chronicle()
        self._inbox: list[tuple[MemberInput, str]] = []  # each with its asker
        self._waiting: list[LocalEffect] = []  # rests on nothing that must be saved
        self._unsaved_table: LeaseTable | None = None  # as of the batch that is being saved
        self._failed_at_save = False
        self._reopen_at_s = -math.inf
        self._troubles: tuple[Trouble, ...] = ()
        self._looked_at_s = self._ticked_at_s = -math.inf
        self._has_news = True  # since the last look
        self._cluster_id: str | None = None  # on the disk; None: not known yet
        self._told_cluster_id: str | None = None  # what `admin` was told

    # The disk.

    def wants_disk(self, now_s: float) -> bool:
        """Return whether to open the journal now."""
        return self.member is None and now_s >= self._reopen_at_s

    def disk_hangs(self, now_s: float) -> None:
        """It cannot be asked yet: `wants_disk` again later."""
        self._reopen_at_s = now_s + HANGING_LOOK_S

    def begin(self, disk: RaftDisk, now_s: float) -> bool:
        """Serve, from what is on the disk; False if that contradicts itself, so it is refused."""
        try:
            table = LeaseTable.decode(disk.snapshot.data) if disk.snapshot else LeaseTable()
            self.member = RaftMember(
                node_name=self.node_name,
                policy=self._policy,
                disk=disk,
                random=self._random,
                now_s=now_s,
            )
        except (ValueError, WireError) as error:
            self._refuse(contradiction(error), now_s)
            return False
        self.table = table
        self.member.set_roster(self._roster)
        self._chronicle.begin_at(disk)
        # A disk that could be read but not written has proved nothing by being read again.
        if self.failed is not None and not self._failed_at_save:
            self._serve_again()
        if disk.torn_bytes:
            fields = {"bytes": disk.torn_bytes, "why": "a write had not ended at the last stop"}
            self._waiting.append(Note("torn_record_cut", fields, "warning"))
        self._cluster_id = disk.identity.cluster_id
        self._tell_identity()
        self._waiting.append(Publish(table.state))
        return True

    def open_failed(self, error: AdapterError, now_s: float) -> None:
        """Refuse, because the journal cannot be opened."""
        self._refuse(error, now_s)

    def saved(self, batch: Batch) -> Rest:
        """Take note that the saves of the batch are durable; return what is left to do."""
        rest = batch.rest
        if self._unsaved_table is not None:
            self.table, self._unsaved_table = self._unsaved_table, None
        if batch.saves and self.failed is not None:
            self._serve_again()
        for save in batch.saves:
            if isinstance(save, SaveIdentity):
                self._cluster_id = save.identity.cluster_id
        self._tell_identity()
        return rest

    def save_failed(self, error: AdapterError, now_s: float) -> None:
        """Refuse: the batch is void, and with it all that its entries would have changed."""
        self._failed_at_save = True
        self._refuse(error, now_s)

    def _refuse(self, error: AdapterError, now_s: float) -> None:
        if self.failed is None or str(self.failed) != str(error):
            fields = {"why": error.why, "fix": error.fix}
            self._waiting.append(Note("raft_refuses", fields, "error"))
        self.failed, self._has_news = error, True
        self._reopen_at_s = now_s + REOPEN_S
        self.member = self._unsaved_table = None
        self._inbox.clear()
        self._waiting.append(Publish(self.leading))

    def _serve_again(self) -> None:
        self.failed, self._failed_at_save, self._has_news = None, False, True
        self._waiting.append(Note("raft_serves_again"))

    # What arrives.

    def receive(self, message: MemberInput, asker: str) -> None:
        """Put a message into the inbox; while this node refuses, answer or drop it.

        `asker` is what the shell needs to send an answer.
        """
        self._has_news = True
        if self.member is not None:
            if len(self._inbox) < INBOX_MAX:
                self._inbox.append((message, asker))
            return
        match message:
            case RaftOrder(number=number):
                text = f"{self.node_name} takes no part now: {self.failed}"
                refusal = RaftOrderDone(number=number, is_done=False, text=text)
                self._waiting.append(Reply(asker, refusal))
            case LeasesRead(number=number):
                read = LeasesReadDone(number=number, state=self.table.state, is_confirmed=False)
                self._waiting.append(Reply(asker, read))
            case _:
                return

    def set_roster(self, roster: RaftRoster) -> None:
        """Take what gossip knows of the nodes."""
        before = self.leading
        self._roster, self._has_news = roster, True
        if self.member is not None:
            self.member.set_roster(roster)
        if self.leading != before:  # this cluster yields to another one, or no longer does
            self._waiting.append(Publish(self.leading))

    def admin_started(self) -> None:
        """The admin actor knows nothing: report identity and health to it again."""
        self.health = self._told_cluster_id = None
        self._has_news = True
        if self._troubles:
            report = TroublesReported(actor="raft", troubles=self._troubles[:TROUBLES_MAX])
            self._waiting.append(Send(ADMIN, report))
        self._tell_identity()

    def begin_to_yield(self, now_s: float) -> None:
        """This node stops: hand leadership over."""
        if self.member is not None:
            self.member.begin_to_yield(now_s)

    @property
    def has_yielded(self) -> bool:
        """Whether this node leads nobody who could do without it."""
        return self.member is None or not (self.member.is_leader and self.member.has_others)

    @property
    def next_due_s(self) -> float:
        """When `tick` must be called next."""
        if self._waiting:
            return -math.inf
        look_s = self._looked_at_s + LOOK_S if self._is_unsettled else math.inf
        if self.member is None:
            return min(look_s, self._reopen_at_s)
        if self.member.has_others:
            look_s = min(look_s, self._ticked_at_s + LATENESS_LOOK_S)
        return min(look_s, self.member.next_due_s)

    @property
    def _is_unsettled(self) -> bool:
        """Whether time alone may change the health of the member, or news were not looked at."""
        member = self.member
        if self._has_news or member is None or self.failed is not None:
            return True
        return not member.leader or bool(self._troubles)

    def tick(self, now_s: float, *, late_s: float = 0.0, patience: int = 1) -> None:
        """Do what is due.

        Args:
            now_s: monotonic seconds.
            late_s: by how much this call is late, because this process did not run.
            patience: the factor of timeouts that follows from how late it has been.
        """
        if self.member is not None:
            self.member.set_patience(patience)
            if late_s:
                self.member.was_late(now_s)
            self.member.tick(now_s)
        self._ticked_at_s = now_s
        self._look_if_due(now_s)

    def _look_if_due(self, now_s: float) -> None:
        if self._is_unsettled and now_s >= self._looked_at_s + LOOK_S:
            self._looked_at_s, self._has_news = now_s, False
            self._look(now_s)

    def _look(self, now_s: float) -> None:
        self._look_for_troubles(now_s)
        health = health_of(self.member, self.failed, now_s)
        if health == self.health:
            return
        self.health = health
        ill: PartState = "absent" if health.is_off else "lost"
        state: PartState = "present" if health.is_well else ill
        part = PartReported(
            part="raft",
            state=state,
            why=health.why[:TEXT_CHARACTERS_MAX],
            fix=health.fix[:TEXT_CHARACTERS_MAX],
        )
        self._waiting.append(Send(ADMIN, part))

    def _look_for_troubles(self, now_s: float) -> None:
        found = self.member.fallen_back.troubles(now_s) if self.member is not None else ()
        if found == self._troubles:
            return
        known = {one.subject for one in self._troubles or ()}
        self._troubles = found
        report = TroublesReported(actor="raft", troubles=found[:TROUBLES_MAX])
        self._waiting.append(Send(ADMIN, report))
        self._waiting += _reported(
            [
                ChangeReported(what="raft_fell_back", node=one.subject[:128], reason=one.why)
                for one in found
                if one.subject not in known
            ]
        )

    # What follows.

    def next_batch(self, now_s: float) -> Batch | None:
        """Step all that has arrived and return what follows from it; None: nothing.

        Call it again after each batch, until it returns None: a snapshot may be due.
        """
        self._look_if_due(now_s)
        if self._waiting:
            waiting, self._waiting = self._waiting, []
            return Batch(work_out=lambda: Rest(local=tuple(waiting)))
        member = self.member
        if member is None:
            return None
        inbox, self._inbox = self._inbox, []
        for message, asker in inbox:
            member.receive(message, asker, now_s)
        effects = member.take_effects(now_s)
        if not effects and member.shorten_log(self.table.encode):
            effects = member.take_effects(now_s)
        return self._batch_of(member, effects) if effects else None

    def _batch_of(self, member: RaftMember, effects: Sequence[MemberEffect]) -> Batch:
        early, saves, late = in_safe_order(effects)
        return Batch(
            early_sends=self._packed(member, early),
            saves=tuple(saves),
            sends=self._packed(member, [one for one in late if isinstance(one, SendTo)]),
            work_out=lambda: self._rest_of(member, late),
        )

    def _rest_of(self, member: RaftMember, late: Sequence[MemberEffect]) -> Rest:
        applied: list[RaftEntry] = []
        role_changes: list[RoleChanged] = []
        local: list[LocalEffect] = []
        for effect in late:
            match effect:
                case Apply(entries):
                    applied += entries
                    local += self._applied(member, entries)
                case Restore(snapshot):
                    self._unsaved_table = LeaseTable.decode(snapshot.data)
                    local.append(Publish(self._unsaved_table.state))
                case ReadDone(asker, number, is_confirmed):
                    state = (self._unsaved_table or self.table).state
                    read = LeasesReadDone(number=number, state=state, is_confirmed=is_confirmed)
                    local.append(Reply(asker, read))
                case ProofDone():
                    local.append(self._proved(effect))
                case RoleChanged():
                    role_changes.append(effect)
                    local.append(Publish(self.leading))
                    local += _reported(self._chronicle.role_changed(effect))
                case Reply() | Note():
                    local.append(effect)
                case _:
                    continue  # a message to another node: among `sends`
        return Rest(tuple(applied), tuple(role_changes), tuple(local))

    def _applied(self, member: RaftMember, entries: Sequence[RaftEntry]) -> list[LocalEffect]:
        if self._unsaved_table is None:
            self._unsaved_table = self.table.copy()
        commands = [(one.index, one.data) for one in entries if one.kind == "command"]
        changed = self._unsaved_table.apply(commands)
        known = member.raft.leader_commit_index if member.raft else 0
        reports = self._chronicle.applied(entries, changed, leader_commit_index=known)
        news: list[LocalEffect] = [Publish(changed)] if _is_news(changed) else []
        return [*news, *_reported(reports)]

    def _proved(self, done: ProofDone) -> Reply:
        table = self._unsaved_table or self.table
        tokens = table.tokens_of(done.question.session) if done.proved.renews else ()
        proved = LeadershipProved(
            number=done.question.number,
            term=done.proved.term,
            tokens=tokens,
            earlier_ago_s=done.proved.earlier_ago_s,
        )
        return Reply(done.asker, proved)

    def _packed(self, member: RaftMember, sends: Sequence[SendTo]) -> tuple[SendTo, ...]:
        if not sends:
            return ()
        return tuple(
            pack(
                sends,
                cluster_id=member.identity.cluster_id,
                source=self.node_name,
                adoptable=member.adoptable,
            )
        )

    def _tell_identity(self) -> None:
        if self._cluster_id is not None and self._cluster_id != self._told_cluster_id:
            self._told_cluster_id = self._cluster_id
            self._waiting.append(Send(ADMIN, ClusterJoined(cluster_id=self._cluster_id)))

    # What others ask.

    @property
    def leading(self) -> RaftLeading:
        """Whether this node leads, and which node does."""
        member = self.member
        return RaftLeading(
            is_leader=member is not None and member.is_leader and not member.yields,
            leader=member.leader if member else "",
            term=member.raft.state.term if member and member.raft else 0,
            yields=member is not None and member.yields,
        )

    def status(self, now_s: float, *, journal_bytes: int) -> RaftStatus:
        """Return what `constellation raft` shows of this node."""
        return status_of(
            self.node_name,
            self.member,
            health_of(self.member, self.failed, now_s),
            now_s=now_s,
            journal_bytes=journal_bytes,
        )


def _is_news(changed: LeasesChanged) -> bool:
    return bool(changed.held or changed.freed or changed.claimed)


def _reported(changes: Sequence[ChangeReported]) -> list[LocalEffect]:
    """Return each change as a log event, and as news for `admin`."""
    effects: list[LocalEffect] = []
    for change in changes:
        about = {"subject": change.subject} if change.subject else {}
        fields = {"about": change.node, **about, "reason": change.reason}
        effects += [Note(change.what, fields), Send(ADMIN, change)]
    return effects

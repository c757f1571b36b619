"""The Raft host: one batch for all that has arrived, its order, and when a node serves."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import TypeVar

import pytest
from msgspec.structs import replace

from constellation.effects import Note, Send
from constellation.errors import AdapterError
from constellation.leases.table import LeaseTable
from constellation.raft.asked import Reply
from constellation.raft.batch import Batch, Publish, Rest
from constellation.raft.configuration import Configuration
from constellation.raft.disk import RaftDisk
from constellation.raft.effects import SaveEntries, SaveSnapshot
from constellation.raft.host import INBOX_MAX, LOOK_S, REOPEN_S, RaftHost
from constellation.raft.member import MemberPolicy
from constellation.raft.node import FirstState
from constellation.raft.packets import unpack
from constellation.raft.policy import RaftPolicy
from constellation.raft.roster import RosterNode
from constellation.raft.steward import StewardPolicy
from constellation.wire import encode
from messages.admin import PartReported
from messages.base import Message
from messages.events import ChangeReported
from messages.leases import LeaseAcquire, LeasesChanged
from messages.raft import RaftAppendRequest, RaftEntry, RaftHardState, RaftIdentity
from messages.raft_member import (
    ClusterJoined,
    LeasesRead,
    LeasesReadDone,
    RaftCommitted,
    RaftLeading,
    RaftOffer,
    RaftOrder,
    RaftOrderDone,
    RaftPacket,
    RaftPropose,
)
from tests.raft.cores import snapshot
from tests.simulation.raft_disk import saved

T = TypeVar("T")
M = TypeVar("M", bound=Message)
FULL = AdapterError("the journal", why="No space left on device", fix="make room on that disk")
BROKEN = AdapterError("the journal", why="Input/output error", fix="see the kernel's log")
EMPTY = RaftDisk()
SMALL = RaftPolicy(snapshot_entries=8)


class Hosted:
    """A host, its disk, and what it asked for so far."""

    def __init__(self, disk: RaftDisk = EMPTY, *, expect: int = 1, utc_s: float = 1.0) -> None:
        self.host = RaftHost(
            node_name="a",
            policy=MemberPolicy(SMALL, StewardPolicy(), bootstrap_expect=expect),
            random=Random(1),
            utc_s=utc_s,
        )
        self.disk = disk
        self.now_s = 100.0
        self.batches: list[Batch] = []
        self.fails: AdapterError | None = None  # the next save

    def work(self) -> list[Batch]:
        """Perform all batches; return those that were not void."""
        done: list[Batch] = []
        while (batch := self.host.next_batch(self.now_s)) is not None:
            if batch.saves and self.fails is not None:
                self.host.save_failed(self.fails, self.now_s)
                continue
            done.append(batch)
            for save in batch.saves:
                self.disk = saved(self.disk, save)
            self.host.saved(batch)
        self.batches += done
        return done

    def tick(self, seconds: float = 0.0) -> list[Batch]:
        self.now_s += seconds
        self.host.tick(self.now_s)
        return self.work()

    def propose(self, name: str, number: int = 1) -> list[Batch]:
        self.host.receive(RaftPropose(commands=(acquire(name),), number=number), "asker")
        return self.work()

    def held(self) -> list[str]:
        return [lease.name for lease in self.host.table.state.leases]


def acquire(name: str) -> bytes:
    return encode(LeaseAcquire(name=name, holder="a", session="s", ttl_s=4.0, number=1))


def alone() -> Hosted:
    """Return a node that leads a cluster of its own."""
    hosted = Hosted()
    assert hosted.host.begin(hosted.disk, hosted.now_s)
    hosted.host.set_roster({"a": RosterNode(is_living=True)})
    hosted.tick()
    assert hosted.host.leading.is_leader
    return hosted


def of_kind(batches: Sequence[Batch], kind: type[T]) -> list[T]:
    return [one for batch in batches for one in batch.rest.local if isinstance(one, kind)]


def replies(batches: Sequence[Batch], kind: type[M]) -> list[M]:
    return [one.message for one in of_kind(batches, Reply) if isinstance(one.message, kind)]


def published(batches: Sequence[Batch], kind: type[M]) -> list[M]:
    return [one.message for one in of_kind(batches, Publish) if isinstance(one.message, kind)]


def to_admin(batches: Sequence[Batch], kind: type[M]) -> list[M]:
    return [one.message for one in of_kind(batches, Send) if isinstance(one.message, kind)]


def notes(batches: Sequence[Batch]) -> list[str]:
    return [one.event for one in of_kind(batches, Note)]


# One batch.


def test_all_that_has_arrived_makes_one_batch_with_its_answers() -> None:
    hosted = alone()
    for number in (1, 2, 3):
        message = RaftPropose(commands=(acquire(f"lease-{number}"),), number=number)
        hosted.host.receive(message, "asker")

    (batch,) = hosted.work()

    (entries,) = (one.entries for one in batch.saves if isinstance(one, SaveEntries))
    assert len(entries) == 3
    assert batch.rest.applied == entries
    assert [one.number for one in replies([batch], RaftCommitted)] == [1, 2, 3]
    (changed,) = published([batch], LeasesChanged)
    assert [lease.name for lease in changed.held] == ["lease-1", "lease-2", "lease-3"]
    assert hosted.host.next_batch(hosted.now_s) is None


def test_table_changes_only_once_the_batch_is_saved() -> None:
    hosted = alone()
    hosted.host.receive(RaftPropose(commands=(acquire("lb"),), number=1), "asker")

    batch = hosted.host.next_batch(hosted.now_s)
    assert batch is not None
    before = hosted.held()
    hosted.host.saved(batch)

    assert (before, hosted.held()) == ([], ["lb"])


def test_packet_with_entries_is_sent_early_and_names_none_of_them_as_committed() -> None:
    hosted = alone()
    hosted.host.receive(RaftOrder(action="add", node="b"), "asker")
    hosted.work()
    hosted.now_s += 1

    (batch,) = hosted.propose("lb")

    (entry,) = batch.rest.applied
    (send,) = batch.early_sends
    assert isinstance(send.message, RaftPacket)
    (append,), _ = unpack(send.message)
    assert isinstance(append, RaftAppendRequest)
    assert append.entries[-1] == entry
    assert append.commit_index < entry.index


def test_snapshot_is_a_batch_of_its_own_after_the_one_that_made_it_due() -> None:
    hosted = alone()

    batches: list[Batch] = []
    for number in range(2 * SMALL.snapshot_entries):
        batches += hosted.propose(f"{number}")

    with_snapshot = [
        one for one in batches if any(isinstance(save, SaveSnapshot) for save in one.saves)
    ]
    assert len(with_snapshot) == 2
    assert all(one == Batch(saves=one.saves) and one.rest == Rest() for one in with_snapshot)
    assert hosted.disk.snapshot
    kept = LeaseTable.decode(hosted.disk.snapshot.data).state
    assert len(kept.leases) >= SMALL.snapshot_entries
    assert kept.index <= hosted.disk.snapshot.last_index


def test_next_life_has_the_table_that_was_saved() -> None:
    hosted = alone()
    for number in range(SMALL.snapshot_entries + 3):
        hosted.propose(f"{number:02}")

    again = Hosted(hosted.disk)
    assert again.host.begin(again.disk, again.now_s)
    again.host.set_roster({"a": RosterNode(is_living=True)})
    again.tick(3)

    assert again.held() == hosted.held()


def test_inbox_is_limited() -> None:
    hosted = alone()
    for number in range(INBOX_MAX + 5):
        hosted.host.receive(LeasesRead(number=number + 1), "asker")

    assert len(hosted.host._inbox) == INBOX_MAX


# Refusing and serving again.


def test_batch_that_was_not_saved_is_void() -> None:
    hosted = alone()
    hosted.propose("kept")
    hosted.fails = BROKEN

    hosted.propose("lost")

    assert hosted.held() == ["kept"]
    assert hosted.host.member is None
    assert published(hosted.batches, RaftLeading)[-1].is_leader is False
    hosted.host.receive(LeasesRead(number=4), "asker")
    (read,) = replies(hosted.work(), LeasesReadDone)
    assert not read.is_confirmed
    assert [lease.name for lease in read.state.leases] == ["kept"]


def test_messages_that_arrive_while_it_refuses_are_answered_or_dropped() -> None:
    hosted = alone()
    hosted.fails = BROKEN
    hosted.propose("lost")
    hosted.fails = None

    hosted.host.receive(RaftOrder(action="remove", node="b", number=3), "operator")
    hosted.host.receive(RaftPropose(commands=(acquire("dropped"),), number=9), "asker")
    batches = hosted.work()

    (done,) = replies(batches, RaftOrderDone)
    assert (done.number, done.is_done) == (3, False)
    assert "takes no part now: the journal" in done.text
    assert hosted.host.begin(hosted.disk, hosted.now_s + 9)
    hosted.tick(9)
    assert "dropped" not in hosted.held()


def test_disk_is_tried_again_after_a_pause_and_a_repeated_failure_is_noted_once() -> None:
    hosted = Hosted()
    assert hosted.host.wants_disk(hosted.now_s)
    for _ in range(3):
        hosted.host.open_failed(FULL, hosted.now_s)
        assert not hosted.host.wants_disk(hosted.now_s + REOPEN_S - 0.1)
        hosted.now_s += REOPEN_S
        assert hosted.host.wants_disk(hosted.now_s)
    hosted.host.open_failed(BROKEN, hosted.now_s)

    assert notes(hosted.work()) == ["raft_refuses", "raft_refuses"]


def test_disk_that_could_not_be_opened_serves_again_as_soon_as_it_is() -> None:
    hosted = Hosted()
    hosted.host.open_failed(FULL, hosted.now_s)
    hosted.tick()

    assert hosted.host.begin(RaftDisk(), hosted.now_s)
    batches = hosted.tick(LOOK_S)

    assert notes(batches)[0] == "raft_serves_again"
    assert to_admin(batches, PartReported)[-1].state == "present"


def test_disk_that_could_not_be_written_serves_again_when_it_was_written() -> None:
    hosted = alone()
    hosted.fails = FULL
    hosted.propose("lost")
    assert to_admin(hosted.tick(LOOK_S), PartReported)[-1].state == "lost"

    assert hosted.host.begin(hosted.disk, hosted.now_s)  # it can be read, which proves nothing
    assert not to_admin(hosted.tick(LOOK_S), PartReported)
    assert "raft_serves_again" not in notes(hosted.batches)
    hosted.fails = None
    hosted.now_s += REOPEN_S
    hosted.host.begin(hosted.disk, hosted.now_s)
    hosted.tick(3)
    hosted.tick(LOOK_S)

    assert "raft_serves_again" in notes(hosted.batches)
    assert to_admin(hosted.batches, PartReported)[-1].state == "present"


def test_second_failure_after_a_recovery_is_reported_again() -> None:
    hosted = alone()
    for _ in range(2):
        hosted.fails = FULL
        hosted.propose("lost")
        hosted.fails = None
        hosted.now_s += REOPEN_S
        assert hosted.host.begin(hosted.disk, hosted.now_s)
        hosted.tick(3)
        hosted.propose("kept")

    assert notes(hosted.batches).count("raft_refuses") == 2
    assert notes(hosted.batches).count("raft_serves_again") == 2
    assert hosted.held() == ["kept"]


def test_second_life_of_a_member_reports_nothing_of_the_first_again() -> None:
    hosted = alone()
    hosted.propose("kept")
    hosted.fails = FULL
    hosted.propose("lost")
    hosted.fails = None

    hosted.now_s += REOPEN_S
    assert hosted.host.begin(hosted.disk, hosted.now_s)
    hosted.tick(3)
    hosted.propose("new")

    assert hosted.held() == ["kept", "new"]
    granted = [
        one.subject
        for one in to_admin(hosted.batches, ChangeReported)
        if one.what == "lease_granted"
    ]
    assert granted == ["kept", "new"]


def test_second_life_of_a_member_knows_the_nodes_and_none_of_the_waiting_messages() -> None:
    hosted = alone()
    roster = {"a": RosterNode(is_living=True), "b": RosterNode(is_living=False)}
    hosted.host.set_roster(roster)
    hosted.host.receive(RaftPropose(commands=(acquire("lost"),), number=1), "asker")
    hosted.host.save_failed(BROKEN, hosted.now_s)

    assert hosted.host.begin(hosted.disk, hosted.now_s)
    hosted.tick(3)

    assert hosted.host.member
    assert hosted.host.member.roster == roster
    assert hosted.held() == []


def test_journal_that_contradicts_itself_is_refused_with_what_to_do() -> None:
    hosted = Hosted()
    gap = RaftEntry(index=9, term=1, data=b"x")
    disk = RaftDisk(identity=RaftIdentity(cluster_id="c"), entries=(gap,))

    assert not hosted.host.begin(disk, hosted.now_s)

    assert hosted.host.failed is not None
    assert "joins as a new node" in hosted.host.failed.fix
    assert not hosted.host.wants_disk(hosted.now_s + 0.1)


def test_snapshot_on_the_disk_that_is_not_a_lease_table_is_refused() -> None:
    hosted = Hosted()
    disk = RaftDisk(
        identity=RaftIdentity(cluster_id="c"),
        hard_state=RaftHardState(term=1),
        snapshot=snapshot(5, 1, b"junk"),
    )

    assert not hosted.host.begin(disk, hosted.now_s)
    assert hosted.host.member is None


# What `admin` is told.


def test_identity_is_reported_once_and_again_when_admin_restarts() -> None:
    hosted = alone()
    hosted.tick(1)
    (before, joined) = to_admin(hosted.batches, ClusterJoined)
    assert (before.cluster_id, joined.cluster_id) == ("", hosted.disk.identity.cluster_id)

    hosted.host.admin_started()
    batches = hosted.tick(LOOK_S)

    assert to_admin(batches, ClusterJoined) == [joined]
    assert [one.state for one in to_admin(batches, PartReported)] == ["present"]


def test_identity_that_was_not_saved_is_not_reported() -> None:
    hosted = Hosted()
    assert hosted.host.begin(hosted.disk, hosted.now_s)
    hosted.host.set_roster({"a": RosterNode(is_living=True)})
    hosted.fails = BROKEN

    hosted.tick()

    assert [one.cluster_id for one in to_admin(hosted.batches, ClusterJoined)] == [""]


def test_subscribers_learn_that_this_cluster_yields_to_another() -> None:
    hosted = alone()
    own = RosterNode(is_living=True, cluster_id=hosted.disk.identity.cluster_id)

    hosted.host.set_roster({"a": own, "b": RosterNode(is_living=True, cluster_id="!lower")})
    (yields,) = published(hosted.work(), RaftLeading)
    hosted.host.set_roster({"a": own})
    (leads,) = published(hosted.work(), RaftLeading)

    assert (yields.is_leader, leads.is_leader) == (False, True)


# Where a cluster's log begins.


@pytest.mark.parametrize(
    ("utc_s", "index"), [(1_700_000_000.25, 1_700_000_000_250), (0.0, 1), (-7.0, 1)]
)
def test_log_of_a_new_cluster_begins_at_milliseconds_since_the_epoch(
    utc_s: float, index: int
) -> None:
    assert FirstState.begun_at(utc_s, b"table") == FirstState(index, b"table")
    hosted = Hosted(utc_s=utc_s)
    hosted.host.begin(hosted.disk, hosted.now_s)
    hosted.host.set_roster({"a": RosterNode(is_living=True)})

    hosted.tick()

    assert hosted.disk.snapshot
    assert hosted.disk.snapshot.last_index == index


def test_second_cluster_grants_higher_fencing_tokens_than_the_first() -> None:
    tokens = []
    for utc_s in (1000.0, 1001.0):  # each time with an empty disk
        hosted = Hosted(utc_s=utc_s)
        hosted.host.begin(hosted.disk, hosted.now_s)
        hosted.host.set_roster({"a": RosterNode(is_living=True)})
        hosted.tick()
        for number in range(50):
            hosted.propose(f"{number}")
        tokens.append([lease.fencing_token for lease in hosted.host.table.state.leases])

    assert max(tokens[0]) < min(tokens[1])


def test_promise_is_saved_in_the_batch_that_sends_it() -> None:
    hosted = Hosted(expect=3)
    hosted.host.begin(hosted.disk, hosted.now_s)
    roster = {name: RosterNode(is_living=True) for name in "abc"}
    hosted.host.set_roster(roster)
    hosted.host.receive(RaftOffer(cluster_id="c", initiator="b", voters=("b", "a", "c")), "b")

    batches = [one for one in hosted.work() if one.saves or one.sends]

    (batch,) = batches
    assert len(batch.saves) == len(batch.sends) == 1
    assert batch.early_sends == ()


def test_leader_with_another_voter_has_not_yielded_and_a_node_that_refuses_has() -> None:
    hosted = alone()
    before = hosted.host.has_yielded  # alone, there is no voter to hand over to
    assert hosted.host.member
    assert hosted.host.member.raft
    state = hosted.host.member.raft.state
    state._configurations.append((state.log.last_index, Configuration.of_voters("ab")))

    leading = hosted.host.has_yielded
    hosted.host.save_failed(BROKEN, hosted.now_s)

    assert (before, leading, hosted.host.has_yielded) == (True, False, True)


def test_condition_that_names_many_nodes_is_shortened_to_what_a_report_holds() -> None:
    hosted = alone()
    names = [f"server-{number:03}.example.org" for number in range(40)]
    others = {name: RosterNode(is_living=True, cluster_id="other") for name in names}
    hosted.host.set_roster({"a": RosterNode(is_living=True), **others})

    report = to_admin(hosted.tick(LOOK_S), PartReported)[-1]

    assert report.state == "lost"
    assert report.why.startswith("server-000.example.org, ")


def test_condition_is_looked_at_now_and_then() -> None:
    hosted = Hosted(replace(RaftDisk(), identity=RaftIdentity()), expect=0)
    hosted.host.begin(hosted.disk, hosted.now_s)
    hosted.tick()
    first = to_admin(hosted.batches, PartReported)

    hosted.tick(LOOK_S / 2)
    hosted.tick(LOOK_S / 2)

    assert [one.state for one in first] == ["absent"]
    assert to_admin(hosted.batches, PartReported) == first

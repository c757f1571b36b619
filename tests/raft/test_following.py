"""Raft §5.3 and §7: what a follower takes, and what it answers."""

from __future__ import annotations

from random import Random

import pytest

from constellation.raft.chronicle import Chronicle
from constellation.raft.configuration import Configuration
from constellation.raft.disk import RaftDisk
from constellation.raft.effects import Apply, Restore, SaveEntries, SaveHardState, SaveSnapshot
from constellation.raft.node import TERM_JUMP_MAX, RaftNode
from messages.leases import LeasesChanged
from messages.raft import (
    NODE_CHARACTERS_MAX,
    RaftAppendRequest,
    RaftAppendResponse,
    RaftEntry,
    RaftHardState,
    RaftSnapshotRequest,
    RaftSnapshotResponse,
)
from tests.raft.cores import (
    POLICY,
    append,
    configured,
    disk,
    entries,
    node,
    of_kind,
    sent,
    snapshot,
)

NOW_S = 10.0


def chunk(offset: int, data: bytes, *, term: int = 1, size: int = 8) -> RaftSnapshotRequest:
    whole = snapshot(9, 1)
    return RaftSnapshotRequest(
        term=term,
        leader="b",
        number=3,
        last_index=whole.last_index,
        last_term=whole.last_term,
        configuration=whole.configuration,
        size_bytes=size,
        offset_bytes=offset,
        data=data,
    )


def answer(
    *, accepted: bool, index: int, index_term: int = 0, number: int = 1, term: int = 1
) -> RaftAppendResponse:
    return RaftAppendResponse(
        term=term,
        follower="a",
        number=number,
        accepted=accepted,
        index=index,
        index_term=1 if accepted else index_term,
    )


def test_entries_are_kept_before_they_are_acknowledged() -> None:
    new = entries(1, 1, after=1)

    effects = node(disk(1)).step(append(1, *new, prev=(1, 1)), NOW_S)

    assert effects[-2] == SaveEntries(new)
    assert sent(effects[-1:], RaftAppendResponse) == [answer(accepted=True, index=3)]


def test_entries_that_do_not_follow_are_refused_with_a_hint() -> None:
    follower = node(disk(1, 1, 2, 2))

    beyond = follower.step(append(3, *entries(3, after=7), prev=(7, 3)), NOW_S)
    conflict = follower.step(append(3, *entries(3, after=4), prev=(4, 3)), NOW_S)

    assert sent(beyond, RaftAppendResponse) == [
        answer(accepted=False, index=4, index_term=2, term=3)
    ]
    assert sent(conflict, RaftAppendResponse) == [
        answer(accepted=False, index=2, index_term=1, term=3)
    ]
    assert of_kind(conflict, SaveEntries) == []


def test_conflicting_entries_are_replaced_and_all_that_follow_them() -> None:
    follower = node(disk(1, 1, 2, 2, 2))

    effects = follower.step(append(3, *entries(3, after=2), prev=(2, 1)), NOW_S)

    assert of_kind(effects, SaveEntries) == [SaveEntries(entries(3, after=2))]
    assert follower.state.log.last_index == 3


def test_request_that_comes_late_cuts_nothing() -> None:
    follower = node(disk(1, 1, 1, 1))

    effects = follower.step(append(1, *entries(1, after=1), prev=(1, 1)), NOW_S)

    assert of_kind(effects, SaveEntries) == []
    assert sent(effects, RaftAppendResponse) == [answer(accepted=True, index=2)]
    assert follower.state.log.last_index == 4


@pytest.mark.parametrize(
    ("commit", "committed"),
    [
        pytest.param(2, 2, id="as far as the leader"),
        pytest.param(9, 3, id="not beyond what is known to agree"),
    ],
)
def test_commit_follows_the_leader_as_far_as_the_logs_agree(commit: int, committed: int) -> None:
    follower = node(disk(1, 1, 1, 1))  # what is at 4 may be another leader's

    effects = follower.step(append(1, prev=(3, 1), commit=commit), NOW_S)

    assert [one.entries[-1].index for one in of_kind(effects, Apply)] == [committed]


def test_entries_are_applied_once() -> None:
    follower = node(disk(1, 1))
    follower.step(append(1, prev=(2, 1), commit=2), NOW_S)

    assert of_kind(follower.step(append(1, prev=(2, 1), commit=2), NOW_S), Apply) == []


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(append(3, *entries(3, 1001, after=1), prev=(1, 1)), id="entries"),
        pytest.param(
            chunk(0, b"data" * 2, term=3).model_copy(update={"last_term": 1001}), id="snapshot"
        ),
    ],
)
def test_what_is_of_a_later_term_than_its_leader_is_refused(
    request_: RaftAppendRequest | RaftSnapshotRequest,
) -> None:
    # A log that is ahead of its term would end every later leader of this node: it cannot append.
    follower = node(disk(1, term=3))

    with pytest.raises(ValueError, match="later term than its leader's"):
        follower.step(request_, NOW_S)

    assert follower.state.log.last_term == 1


LONG = "x" * (NODE_CHARACTERS_MAX + 1)


@pytest.mark.parametrize(
    "named",
    [
        Configuration(frozenset({"a", LONG})),
        Configuration(frozenset("a"), frozenset({LONG})),
        Configuration(frozenset("a"), removed=frozenset({LONG})),
        Configuration(frozenset("a"), demoted=frozenset({LONG})),
    ],
    ids=["voter", "learner", "removed", "demoted"],
)
def test_configuration_with_a_name_that_is_too_long_is_refused(named: Configuration) -> None:
    follower = node(disk(1))
    entry = RaftEntry(index=2, term=1, kind="configuration", data=named.encode())
    part = chunk(0, b"datadata").model_copy(update={"configuration": named.message()})

    for request in (append(1, entry, prev=(1, 1)), part):
        with pytest.raises(ValueError, match="name has 129 characters"):
            follower.step(request, NOW_S)

    assert follower.state.log.last_index == 1
    assert follower.state.snapshot is None


def test_name_that_is_too_long_and_already_on_the_disk_is_served_and_reported() -> None:
    named = Configuration(frozenset({"a", LONG}))
    entry = RaftEntry(index=1, term=1, kind="configuration", data=named.encode())
    kept = RaftDisk(hard_state=RaftHardState(term=1), entries=(entry,))

    follower = node(kept)
    follower.step(append(1, *entries(1, after=1), prev=(1, 1), commit=2), NOW_S)

    assert follower.state.applied_index == 2
    reports = Chronicle().applied([entry], LeasesChanged(index=1), leader_commit_index=2)
    assert {one.node for one in reports} == {"a", LONG[:-1]}


def test_leader_of_an_earlier_term_is_refused_without_echoing_its_number() -> None:
    # It may lead in this term by now: its requests are numbered anew then.
    follower = node(disk(1, 1, term=4))

    for late in (append(3, number=7), chunk(0, b"data", term=3)):
        effects = follower.step(late, NOW_S)
        assert sent(effects, RaftAppendResponse) == [
            answer(accepted=False, index=2, number=0, term=4)
        ]
    assert follower.state.leader == ""


def test_later_term_is_kept_before_the_answer() -> None:
    effects = node(disk(1)).step(append(5, prev=(1, 1)), NOW_S)

    assert effects[0] == SaveHardState(RaftHardState(term=5))


def test_configuration_is_in_force_from_when_it_is_in_the_log_until_it_is_cut() -> None:
    follower = node(disk(1))
    follower.step(append(1, configured(2, 1, "abcd"), prev=(1, 1)), NOW_S)
    assert follower.state.configuration.voters == frozenset("abcd")

    follower.step(append(2, *entries(2, after=1), prev=(1, 1)), NOW_S)

    assert follower.state.configuration.voters == frozenset("abc")


def test_committed_entry_is_never_replaced() -> None:
    follower = node(disk(1, 1, 1))
    follower.step(append(1, prev=(3, 1), commit=3), NOW_S)

    with pytest.raises(ValueError, match="committed"):
        follower.step(append(2, *entries(2, after=1), prev=(1, 1)), NOW_S)

    assert follower.state.log.last_term == 1


def test_entries_that_do_not_follow_one_another_change_nothing() -> None:
    follower = node(disk(1, 1, 1))

    with pytest.raises(ValueError, match="cannot follow"):
        follower.step(append(2, *entries(2, after=1), *entries(2, after=5), prev=(1, 1)), NOW_S)

    assert follower.state.log.last_index == 3


# Snapshots.


def test_snapshot_is_assembled_and_installed_once_complete() -> None:
    follower = node(disk(1, 1))

    first = follower.step(chunk(0, b"four"), NOW_S)
    again = follower.step(chunk(0, b"four"), NOW_S)
    last = follower.step(chunk(4, b"more"), NOW_S)

    more = RaftSnapshotResponse(term=1, follower="a", number=3, have_bytes=4)
    assert sent(first, RaftSnapshotResponse) == sent(again, RaftSnapshotResponse) == [more]
    whole = snapshot(9, 1, b"fourmore")
    assert of_kind(last, SaveSnapshot) == [SaveSnapshot(whole, ())]
    assert of_kind(last, Restore) == [Restore(whole)]
    assert sent(last[-1:], RaftAppendResponse) == [answer(accepted=True, index=9, number=3)]
    assert follower.state.configuration.voters == frozenset("abc")


def test_answer_to_an_unexpected_chunk_names_the_expected_offset() -> None:
    effects = node(disk(1)).step(chunk(4, b"more"), NOW_S)

    assert [one.have_bytes for one in sent(effects, RaftSnapshotResponse)] == [0]


def test_snapshot_of_another_leader_starts_over() -> None:
    follower = node(disk(1))
    follower.step(chunk(0, b"four"), NOW_S)

    effects = follower.step(chunk(4, b"more", term=2), NOW_S)

    assert [one.have_bytes for one in sent(effects, RaftSnapshotResponse)] == [0]


def test_snapshot_of_committed_entries_is_acknowledged_and_changes_nothing() -> None:
    follower = node(disk(*[1] * 10))
    follower.step(append(1, prev=(10, 1), commit=10), NOW_S)

    effects = follower.step(chunk(0, b"data", size=4), NOW_S)

    assert of_kind(effects, SaveSnapshot) == []
    assert sent(effects, RaftAppendResponse) == [answer(accepted=True, index=9, number=3)]


def test_entries_after_the_snapshot_are_kept_if_the_log_holds_its_last() -> None:
    follower = node(disk(*[1] * 11))

    effects = follower.step(chunk(0, b"data", size=4), NOW_S)

    assert of_kind(effects, SaveSnapshot) == [SaveSnapshot(snapshot(9, 1), entries(1, 1, after=9))]


def test_snapshot_that_is_none_of_the_state_machine_changes_nothing() -> None:
    def check(data: bytes) -> None:
        if data != b"good":
            raise ValueError("no table")

    follower = RaftNode(
        node_name="a",
        policy=POLICY,
        random=Random(1),
        disk=disk(1, 1),
        now_s=0.0,
        check_snapshot=check,
    )
    follower.step(append(1, prev=(2, 1)), NOW_S)

    with pytest.raises(ValueError, match="no table"):
        follower.step(chunk(0, b"junk", size=4), NOW_S)

    assert (follower.state.log.last_index, follower.state.snapshot) == (2, None)
    effects = follower.step(chunk(0, b"good", size=4), NOW_S)  # and it begins anew
    assert of_kind(effects, SaveSnapshot) == [SaveSnapshot(snapshot(9, 1, b"good"), ())]
    assert follower.state.log.last_index == 9


# What no leader can have sent.


def test_term_that_no_cluster_can_have_come_to_is_refused() -> None:
    follower = node(disk(1))

    with pytest.raises(ValueError, match="too far above"):
        follower.step(append(2 + TERM_JUMP_MAX), NOW_S)
    assert follower.state.term == 1

    follower.step(append(1 + TERM_JUMP_MAX), NOW_S)
    assert follower.state.term == 1 + TERM_JUMP_MAX

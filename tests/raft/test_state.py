"""Raft §5.1, §6 and §7: what a member knows, and that what changes is asked to be kept."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from constellation.raft.configuration import Configuration
from constellation.raft.disk import RaftDisk
from constellation.raft.effects import Apply, RoleChanged, SaveEntries, SaveHardState, SaveSnapshot
from constellation.raft.roles import RoleEvent
from constellation.raft.state import RaftState
from constellation.wire import encode
from messages.raft import RaftConfiguration, RaftHardState
from tests.raft.cores import configured, disk, entries, of_kind, snapshot

# An entry that should say who the members are, and says something else.
WRONG = {"kind": "configuration", "data": encode(RaftHardState(term=1))}


def test_disk_is_what_a_member_begins_with() -> None:
    kept = RaftDisk(
        hard_state=RaftHardState(term=4, voted_for="b"),
        snapshot=snapshot(5, 2, voters="ab"),
        entries=(*entries(2, after=5), configured(7, 3, "abc")),
    )

    state = RaftState("a", kept)

    assert (state.term, state.voted_for, state.role) == (4, "b", "follower")
    assert (state.commit_index, state.applied_index, state.log.last_index) == (5, 5, 7)
    assert state.configuration == Configuration.of_voters("abc")
    assert state.committed_configuration == Configuration.of_voters("ab")
    assert state.possible_voters == frozenset("abc")


def test_new_member_has_no_cluster() -> None:
    state = RaftState("a", RaftDisk())

    assert state.configuration == Configuration()
    assert (state.term, state.log.last_index) == (0, 0)


def test_term_and_vote_are_kept_once() -> None:
    state = RaftState("a", disk(1))

    state.enter_term(2, voted_for="b")
    state.enter_term(2, voted_for="b")

    assert state.take_effects() == [SaveHardState(RaftHardState(term=2, voted_for="b"))]


def test_role_change_is_emitted_once_per_change_of_role_or_leader() -> None:
    state = RaftState("a", disk(1))

    state.change_role(RoleEvent.LEADER_HEARD, leader="b")
    state.change_role(RoleEvent.LEADER_HEARD, leader="b")

    assert state.take_effects() == [RoleChanged("follower", 1, "b", "it leads")]


def test_committed_entries_are_applied_once_and_in_order() -> None:
    state = RaftState("a", disk(1, 1, 1))

    for index in (2, 1, 2, 9):
        state.commit(index)

    applied = [[one.index for one in each.entries] for each in of_kind(state.take_effects(), Apply)]
    assert applied == [[1, 2], [3]]
    assert state.commit_index == 3


def test_entries_that_conflict_take_their_configurations_with_them() -> None:
    state = RaftState("a", disk(1))
    state.append([configured(2, 1, "abcd"), configured(3, 1, "abcde")])
    assert state.configuration_index == 3

    state.append(entries(2, after=2))

    assert state.configuration == Configuration.of_voters("abcd")
    assert of_kind(state.take_effects(), SaveEntries)[-1] == SaveEntries(entries(2, after=2))


def test_entries_that_do_not_fit_change_nothing() -> None:
    state = RaftState("a", disk(1, 1, 1))

    with pytest.raises(ValueError, match="cannot follow"):
        state.append([*entries(2, after=1), *entries(2, after=7)])
    with pytest.raises(ValueError, match="in place of a configuration"):
        state.append([entries(2, after=1)[0].model_copy(update=WRONG)])

    assert state.log.last_index == 3
    assert state.take_effects() == []


def test_snapshot_has_the_configuration_of_its_index_not_the_latest() -> None:
    kept = disk(1, 1)
    state = RaftState("a", replace(kept, entries=(*kept.entries, configured(3, 1, "abcd"))))
    state.commit(2)

    state.take_snapshot(b"data")

    (saved,) = of_kind(state.take_effects(), SaveSnapshot)
    assert saved.snapshot == snapshot(2, 1, b"data", voters="abc")
    assert [one.index for one in saved.entries] == [3]
    assert state.configuration == Configuration.of_voters("abcd")


def test_snapshot_of_nothing_new_is_not_taken() -> None:
    state = RaftState("a", disk(1, 1))
    state.commit(2)
    state.take_snapshot(b"data")
    state.take_effects()

    state.take_snapshot(b"data")

    assert state.take_effects() == []


def test_former_voter_may_stand_until_its_demotion_is_known_to_be_committed() -> None:
    state = RaftState("a", disk(1, voters="ab"))
    state.append([configured(2, 1, "b")])
    assert state.possible_voters == frozenset("ab")

    state.commit(2)

    assert state.possible_voters == {"b"}


def test_snapshot_whose_configuration_contradicts_itself_changes_nothing() -> None:
    state = RaftState("a", disk(1, 1))
    both = RaftConfiguration(voters=("a", "b"), learners=("b",))
    wrong = snapshot(9, 1).model_copy(update={"configuration": both})

    with pytest.raises(ValueError, match="voter and learner at once"):
        state.install(wrong)

    assert (state.log.last_index, state.log.snapshot_index, state.snapshot) == (2, 0, None)
    assert state.commit_index == 0
    assert state.configuration == Configuration.of_voters("abc")
    assert state.take_effects() == []

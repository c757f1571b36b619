"""Raft §5, thesis §10.2.1: what may be said before the disk has it."""

from __future__ import annotations

from constellation.raft.batch import in_safe_order
from constellation.raft.effects import Apply, SaveEntries, SaveHardState, SaveSnapshot, SendTo
from messages.raft import RaftAppendResponse, RaftHardState, RaftVoteResponse
from tests.raft.cores import append, disk, entries, leader, snapshot

NEW = SaveEntries(entries(2, after=4))


def test_leader_sends_entries_while_it_writes_them() -> None:
    send = SendTo("c", append(2, *NEW.entries, prev=(4, 2), commit=4))

    assert in_safe_order([NEW, send]) == ([send], [NEW], [])


def test_answers_wait_for_the_disk() -> None:
    answer = RaftAppendResponse(term=2, follower="a", number=1, accepted=True, index=5)
    send = SendTo("b", answer)

    assert in_safe_order([NEW, send]) == ([], [NEW], [send])


def test_apply_waits_for_the_disk() -> None:
    apply = Apply(NEW.entries)

    assert in_safe_order([NEW, apply]) == ([], [NEW], [apply])


def test_append_that_marks_an_unwritten_entry_as_committed_waits() -> None:
    send = SendTo("c", append(2, prev=(5, 2), commit=5))

    assert in_safe_order([NEW, send]) == ([], [NEW], [send])


def test_nothing_is_sent_before_a_new_term_vote_or_snapshot_is_written() -> None:
    term, taken = SaveHardState(RaftHardState(term=3)), SaveSnapshot(snapshot(4, 2), ())
    vote = SendTo("b", RaftVoteResponse(term=3, voter="a", granted=True))
    send = SendTo("c", append(3, prev=(4, 2)))

    assert in_safe_order([term, vote, send]) == ([], [term], [vote, send])
    assert in_safe_order([taken, send, NEW]) == ([], [taken, NEW], [send])


def test_without_a_write_all_keeps_its_order() -> None:
    heartbeat = SendTo("c", append(2))
    vote = SendTo("b", RaftVoteResponse(term=2, voter="a", granted=False))

    assert in_safe_order([vote, heartbeat]) == ([], [], [vote, heartbeat])


def test_only_voter_sends_its_learner_no_commit_that_it_could_lose() -> None:
    alone = leader(disk(1, voters="a", learners="c"))

    _, effects = alone.propose([b"mine"], 10.1)
    early, saves, late = in_safe_order(effects)

    (written,) = (one for one in saves if isinstance(one, SaveEntries))
    assert all(one.message.commit_index < written.entries[0].index for one in early)  # type: ignore[attr-defined]
    assert any(isinstance(one, Apply) for one in late)

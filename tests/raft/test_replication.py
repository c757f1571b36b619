"""Raft §5.3 and §7: what a follower is sent."""

from __future__ import annotations

from constellation.raft.disk import RaftDisk
from constellation.raft.progress import Progress
from constellation.raft.replication import send_heartbeat, send_next
from constellation.raft.state import RaftState
from messages.raft import RaftAppendRequest, RaftHardState, RaftSnapshotRequest
from tests.raft.cores import POLICY, disk, entries, sent, snapshot

NOW_S = 10.0


def leading(*terms: int) -> RaftState:
    return RaftState("a", disk(*terms))


def test_missing_entries_are_sent_within_limits_and_not_repeated_at_once() -> None:
    state, follower = leading(*[1] * 9), Progress(next_index=3, match_index=2)

    assert send_next(state, POLICY, "b", follower, NOW_S)
    assert not send_next(state, POLICY, "b", follower, NOW_S + 0.4)

    (request,) = sent(state.take_effects(), RaftAppendRequest, "b")
    assert (request.prev_log_index, request.prev_log_term) == (2, 1)
    assert [entry.index for entry in request.entries] == [3, 4, 5, 6]


def test_unanswered_request_is_repeated_after_the_timeout() -> None:
    state, follower = leading(1, 1), Progress(next_index=2, match_index=1)
    send_next(state, POLICY, "b", follower, NOW_S)

    assert send_next(state, POLICY, "b", follower, NOW_S + POLICY.resend_s)

    first, again = sent(state.take_effects(), RaftAppendRequest, "b")
    assert first.entries == again.entries
    assert again.number > first.number


def test_follower_that_is_up_to_date_gets_only_heartbeats() -> None:
    state, follower = leading(1, 1), Progress(next_index=3, match_index=2)
    state.commit(2)

    assert not send_next(state, POLICY, "b", follower, NOW_S)
    send_heartbeat(state, POLICY, "b", follower, NOW_S)

    (request,) = sent(state.take_effects(), RaftAppendRequest, "b")
    assert (request.prev_log_index, request.entries, request.commit_index) == (2, (), 2)


def test_heartbeat_commits_nothing_beyond_what_is_known_to_match() -> None:
    state, follower = leading(1, 1, 1), Progress(next_index=4, match_index=1)
    state.commit(3)
    send_next(state, POLICY, "b", follower, NOW_S)

    send_heartbeat(state, POLICY, "b", follower, NOW_S)

    _, heartbeat = sent(state.take_effects(), RaftAppendRequest, "b")
    assert (heartbeat.prev_log_index, heartbeat.commit_index) == (1, 1)


def compacted() -> RaftState:
    kept = RaftDisk(
        hard_state=RaftHardState(term=1),
        snapshot=snapshot(5, 1, b"ninebytes"),
        entries=entries(1, after=5),
    )
    return RaftState("a", kept)


def test_snapshot_is_sent_in_chunks() -> None:
    state, follower = compacted(), Progress(next_index=5)

    chunks = []
    for number in range(3):
        send_next(state, POLICY, "b", follower, NOW_S)
        (chunk,) = sent(state.take_effects(), RaftSnapshotRequest, "b")
        chunks.append(chunk)
        follower.answered(chunk.number)
        follower.snapshot_offset_bytes = 4 * (number + 1)

    assert b"".join(one.data for one in chunks) == b"ninebytes"
    assert [one.offset_bytes for one in chunks] == [0, 4, 8]
    assert {(one.last_index, one.size_bytes) for one in chunks} == {(5, 9)}


def test_snapshot_in_progress_is_finished_before_a_newer_one() -> None:
    state, follower = compacted(), Progress(next_index=1)
    send_next(state, POLICY, "b", follower, NOW_S)
    state.commit(6)
    state.take_snapshot(b"newer")
    follower.snapshot_offset_bytes = 4

    send_next(state, POLICY, "b", follower, NOW_S + POLICY.resend_s)

    first, second = sent(state.take_effects(), RaftSnapshotRequest, "b")
    assert (first.data, second.data) == (b"nine", b"byte")


def test_follower_that_needs_a_snapshot_still_gets_heartbeats() -> None:
    state, follower = compacted(), Progress(next_index=1)
    send_next(state, POLICY, "b", follower, NOW_S)
    state.take_effects()

    send_heartbeat(state, POLICY, "b", follower, NOW_S + 0.2)

    (request,) = sent(state.take_effects(), RaftAppendRequest, "b")
    assert (request.prev_log_index, request.prev_log_term, request.commit_index) == (0, 0, 0)

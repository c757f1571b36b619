"""What the leader sends to a follower: entries, a snapshot chunk, a heartbeat (Raft §5.3, §7)."""

from __future__ import annotations

from constellation.raft.policy import RaftPolicy
from constellation.raft.progress import Progress
from constellation.raft.state import RaftState
from messages.raft import RaftAppendRequest, RaftSnapshot, RaftSnapshotRequest


def send_next(
    state: RaftState, policy: RaftPolicy, name: str, follower: Progress, now_s: float
) -> bool:
    """Send what the follower is missing, unless an append or chunk is unanswered.

    While it is unknown where the logs diverge, the append may hold no entry: it is a probe.
    """
    lacks = follower.match_index < state.log.last_index
    if not lacks or not follower.may_send(now_s, resend_s=policy.resend_s):
        return False
    if follower.snapshot or follower.next_index <= state.log.snapshot_index:
        _send_chunk(state, policy, name, follower, now_s)
    else:
        _send_entries(state, policy, name, follower, now_s)
    return True


def send_heartbeat(
    state: RaftState, policy: RaftPolicy, name: str, follower: Progress, now_s: float
) -> None:
    """Send what is next, or else an append without entries.

    Only a follower that has lost what it acknowledged refuses that.
    """
    if send_next(state, policy, name, follower, now_s):
        return
    is_known = follower.match_index >= state.log.snapshot_index
    previous = follower.match_index if is_known else 0
    request = RaftAppendRequest(
        term=state.term,
        leader=state.node_name,
        number=follower.sent(now_s, previous_index=previous, is_awaited=False),
        prev_log_index=previous,
        prev_log_term=state.log.term_at(previous) or 0,
        # Entries beyond may be another leader's: they must not be marked as committed.
        commit_index=min(state.commit_index, previous),
    )
    state.send(name, request)


def _send_entries(
    state: RaftState, policy: RaftPolicy, name: str, follower: Progress, now_s: float
) -> None:
    previous = follower.next_index - 1
    request = RaftAppendRequest(
        term=state.term,
        leader=state.node_name,
        number=follower.sent(now_s, previous_index=previous),
        prev_log_index=previous,
        prev_log_term=state.log.term_at(previous) or 0,
        entries=state.log.entries_from(
            follower.next_index,
            bytes_max=policy.append_bytes_max,
            count_max=policy.append_entries_max,
        ),
        commit_index=state.commit_index,
    )
    state.send(name, request)


def _send_chunk(
    state: RaftState, policy: RaftPolicy, name: str, follower: Progress, now_s: float
) -> None:
    # A newer snapshot may exist by now: the one in progress is finished first.
    snapshot = follower.snapshot or state.snapshot
    if snapshot is None:
        raise ValueError(f"the log begins at {state.log.snapshot_index} without a snapshot")
    if follower.snapshot is None:
        follower.snapshot, follower.snapshot_offset_bytes = snapshot, 0
        state.note("snapshot_sent", node=name, index=snapshot.last_index)
    state.send(name, _chunk(state, policy, snapshot, follower, now_s))


def _chunk(
    state: RaftState,
    policy: RaftPolicy,
    snapshot: RaftSnapshot,
    follower: Progress,
    now_s: float,
) -> RaftSnapshotRequest:
    start = min(follower.snapshot_offset_bytes, len(snapshot.data))
    return RaftSnapshotRequest(
        term=state.term,
        leader=state.node_name,
        number=follower.sent(now_s),
        last_index=snapshot.last_index,
        last_term=snapshot.last_term,
        configuration=snapshot.configuration,
        size_bytes=len(snapshot.data),
        offset_bytes=start,
        data=snapshot.data[start : start + policy.snapshot_chunk_bytes],
    )

"""How a follower accepts entries and chunks of a snapshot (Raft §5.3, §7)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from constellation.raft.configuration import Configuration
from constellation.raft.state import RaftState
from messages.raft import (
    RaftAppendRequest,
    RaftAppendResponse,
    RaftSnapshot,
    RaftSnapshotRequest,
    RaftSnapshotResponse,
)

CheckSnapshot = Callable[[bytes], object]  # raises if the data is not a snapshot


@dataclass
class _Incoming:
    """A snapshot that is not complete yet."""

    begun_by: tuple[int, int, int, int] = (0, 0, 0, 0)  # term, last index and term, size
    data: bytearray = field(default_factory=bytearray)


class Following:
    """The follower's side of replication.  The leader's term must have been entered before."""

    def __init__(self, state: RaftState, check_snapshot: CheckSnapshot) -> None:
        self._state = state
        self._check_snapshot = check_snapshot
        self._incoming = _Incoming()
        self.leader_commit_index = 0  # the highest commit index that a leader has sent

    def on_append(self, request: RaftAppendRequest) -> None:
        """Append entries that follow this log, and commit as far as the leader has."""
        state = self._state
        if request.term < state.term:
            self._refuse_earlier_term(request.leader)
            return
        if any(entry.term > request.term for entry in request.entries):
            raise ValueError(f"an entry is of a later term than its leader's, {request.term}")
        if not state.log.matches(request.prev_log_index, request.prev_log_term):
            index, term = state.log.back_off_hint(request.prev_log_index)
            self.answer(
                request.leader, request.number, accepted=False, index=index, index_term=term
            )
            return
        news = state.log.news_in(request.entries)
        if news:
            for entry in news:
                if entry.kind == "configuration":
                    Configuration.decode(entry.data).check_names()
            state.append(news)
        self.leader_commit_index = max(self.leader_commit_index, request.commit_index)
        agreed = request.prev_log_index + len(request.entries)
        state.commit(min(request.commit_index, agreed))
        self.answer(request.leader, request.number, accepted=True, index=agreed)

    def on_snapshot(self, request: RaftSnapshotRequest) -> None:
        """Accept a chunk; install the snapshot once it is complete."""
        state = self._state
        if request.term < state.term:
            self._refuse_earlier_term(request.leader)
            return
        if request.last_term > request.term:
            raise ValueError(
                f"a snapshot of term {request.last_term} is of a later term than its leader's, "
                f"{request.term}"
            )
        Configuration.of(request.configuration).check_names()
        incoming = self._incoming
        # Another leader may have encoded its snapshot of the same entry differently.
        key = (request.term, request.last_index, request.last_term, request.size_bytes)
        if incoming.begun_by != key:
            incoming = self._incoming = _Incoming(key)
        if request.offset_bytes == len(incoming.data):
            incoming.data += request.data[: request.size_bytes - request.offset_bytes]
        if len(incoming.data) < request.size_bytes:
            state.send(
                request.leader,
                RaftSnapshotResponse(
                    term=state.term,
                    follower=state.node_name,
                    number=request.number,
                    have_bytes=len(incoming.data),
                ),
            )
            return
        self._incoming = _Incoming()
        self._check_snapshot(bytes(incoming.data))  # before it replaces anything
        state.install(
            RaftSnapshot(
                last_index=request.last_index,
                last_term=request.last_term,
                configuration=request.configuration,
                data=bytes(incoming.data),
            )
        )
        self.answer(request.leader, request.number, accepted=True, index=request.last_index)

    def _refuse_earlier_term(self, leader: str) -> None:
        # If it leads again in this term, it numbers its requests from 1.  Echoing the old number
        # could confirm a new request, at a time when this node did not follow.
        self.answer(leader, 0, accepted=False, index=self._state.log.last_index)

    def answer(
        self, leader: str, number: int, *, accepted: bool, index: int, index_term: int = 0
    ) -> None:
        """Answer request `number` of the leader."""
        answer = RaftAppendResponse(
            term=self._state.term,
            follower=self._state.node_name,
            number=number,
            accepted=accepted,
            index=index,
            index_term=1 if accepted else index_term,  # 1: this version sends `RaftHeard`
        )
        self._state.send(leader, answer)

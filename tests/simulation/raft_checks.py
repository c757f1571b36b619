"""What must hold at every step of a simulated cluster, whatever fails.

Raft's five (Raft, figure 3): election safety, leader append-only, log matching, leader
completeness, state machine safety; no second vote in a term; no message promises what is not on
disk; snapshots are the same everywhere, with the configuration of their index.  Of leases: never
two acts at once, fencing tokens only grow.  Of the register: linearizable, with the log's order as
the witness.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from constellation.raft.configuration import Configuration
from constellation.raft.disk import RaftDisk
from constellation.raft.effects import Save, SaveEntries, SaveHardState, SaveIdentity, SaveSnapshot
from constellation.raft.log import RaftLog
from messages.base import Message
from messages.raft import (
    RaftAppendRequest,
    RaftAppendResponse,
    RaftEntry,
    RaftSnapshot,
    RaftSnapshotRequest,
    RaftVoteRequest,
    RaftVoteResponse,
)
from tests.simulation.raft_disk import last_index, term_on


@dataclass
class _Act:
    node: str
    token: int


@dataclass
class Checks:
    """Everything observed so far in one run; `counts` shows that the load is real."""

    counts: Counter[str] = field(default_factory=Counter)
    leaders: dict[int, str] = field(default_factory=dict)  # by term
    votes: dict[tuple[int, str], str] = field(default_factory=dict)
    applied: dict[int, RaftEntry] = field(default_factory=dict)  # by index, of the first to do it
    committed_by: dict[int, int] = field(default_factory=dict)  # by index: not after this term
    acts: dict[str, _Act] = field(default_factory=dict)  # the last that began, by lease
    _open_acts: dict[str, dict[str, _Act]] = field(default_factory=dict)  # by lease, by key
    floor: int = 0  # the highest log index that a completed operation on the register had
    _chains: dict[tuple[int, int], int] = field(default_factory=dict)
    _configurations: list[tuple[int, Configuration]] = field(default_factory=list)
    _snapshots: dict[int, bytes] = field(default_factory=dict)  # by last index

    def leads(self, name: str, term: int, log: RaftLog) -> None:
        assert self.leaders.setdefault(term, name) == name, f"two leaders in term {term}"
        self.counts["elections"] += 1
        for index in range(log.snapshot_index + 1, max(self.applied, default=0) + 1):
            # A leader that was elected long ago may learn of it late: it must not know what is new.
            is_owed = index in self.applied and term > self.committed_by[index]
            is_here = is_owed and log.term_at(index) == self.applied[index].term
            assert is_here or not is_owed, f"{name} leads in term {term} without entry {index}"

    def says(self, name: str, to: str, message: Message, disk: RaftDisk) -> None:
        """Check that a message relies only on what is on the sender's disk."""
        kept, what = disk.hard_state, type(message).__name__
        match message:
            case RaftVoteRequest(pre_vote=False, term=term):
                is_kept = (kept.term, kept.voted_for) == (term, name) or kept.term > term
            case RaftVoteResponse(pre_vote=False, term=term, granted=granted):
                if granted:
                    first = self.votes.setdefault((term, name), to)
                    assert first == to, f"{name} votes twice in term {term}"
                is_vote_kept = not granted or kept.term > term or kept.voted_for == to
                is_kept = kept.term >= term and is_vote_kept
            case RaftAppendRequest(term=term) | RaftSnapshotRequest(term=term):
                is_kept = kept.term >= term
            case RaftAppendResponse(term=term, accepted=accepted, index=index):
                is_kept = kept.term >= term and (not accepted or last_index(disk) >= index)
            case _:
                return
        assert is_kept, f"{name} says {what} of term {term} before it is on disk"

    def saves(self, save: Save, disk: RaftDisk) -> None:
        """Check that a write fits this disk and every other one."""
        match save:
            case SaveEntries(entries):
                self._appends(entries, term_on(disk, entries[0].index - 1))
            case SaveSnapshot(snapshot):
                self._keeps(snapshot)
            case SaveHardState(state):
                assert state.term >= disk.hard_state.term, f"term {state.term} is not later"
            case SaveIdentity(identity):
                assert disk.identity.cluster_id in ("", identity.cluster_id), "another cluster"

    def _appends(self, entries: tuple[RaftEntry, ...], previous_term: int) -> None:
        """Two logs with one entry in common are the same up to there."""
        chain = self._chains.get((entries[0].index - 1, previous_term), 0)
        for entry in entries:
            chain = hash((chain, entry.index, entry.term, entry.kind, entry.data))
            first = self._chains.setdefault((entry.index, entry.term), chain)
            assert first == chain, f"logs differ up to {entry.index} of term {entry.term}"

    def _keeps(self, snapshot: RaftSnapshot) -> None:
        """A snapshot is what the log up to there leads to."""
        index = snapshot.last_index
        first = self._snapshots.setdefault(index, snapshot.data)
        assert first == snapshot.data, f"snapshots differ at {index}"
        kept = Configuration.of(snapshot.configuration)
        if not self._configurations:  # what the cluster begins with
            self._configurations.append((index, kept))
        known = [one for at, one in self._configurations if at <= index][-1]
        assert kept == known, f"the snapshot at {index} has another configuration than the log"
        self.counts["snapshots"] += 1

    def applies(self, entries: tuple[RaftEntry, ...], term: int) -> None:
        for entry in entries:
            self.committed_by.setdefault(entry.index, term)
            is_first = entry.index not in self.applied
            first = self.applied.setdefault(entry.index, entry)
            assert first == entry, f"state machines differ at {entry.index}"
            if is_first and entry.kind == "configuration":
                self._changes(entry)

    def _changes(self, entry: RaftEntry) -> None:
        configuration = Configuration.decode(entry.data)
        if self._configurations:
            before = self._configurations[-1][1]
            self.counts["promotions"] += len(configuration.voters & before.learners)
            self.counts["changes"] += 1
        self._configurations.append((entry.index, configuration))

    def act_begins(self, key: str, lease: str, node: str, token: int) -> None:
        """A write under a lease begins: no other grant's is in progress, and tokens only grow."""
        last = self.acts.get(lease)
        if last is not None:
            assert token >= last.token, f"{lease}: {node} acts with {token} after {last.token}"
            is_same = token > last.token or node == last.node
            assert is_same, f"{lease}: {node} and {last.node} have token {token}"
            self.counts["successions"] += node != last.node
        going_on = self._open_acts.setdefault(lease, {})
        for other in going_on.values():
            assert other.token == token, f"{lease}: {node} acts while {other.node} still does"
        going_on[key] = self.acts[lease] = _Act(node, token)
        self.counts["acts"] += 1

    def act_ends(self, key: str) -> None:
        for going_on in self._open_acts.values():
            going_on.pop(key, None)

    def completes(self, index: int, *, floor: int, is_write: bool) -> None:
        """An operation is at `index`; `floor` is what had completed when it began."""
        is_later = index > floor if is_write else index >= floor
        what = "write" if is_write else "read"
        assert is_later, f"a {what} at {index} began after one at {floor} had ended"
        self.floor = max(self.floor, index)
        self.counts[f"{what}s"] += 1

"""What must hold in every step of a simulated cluster, whatever fails.

Raft's five (Raft, figure 3): election safety, leader append-only, log matching, leader completeness,
state machine safety; no second vote in a term.  Of leases: never two acts at once, fencing tokens
only grow.  Of the register: linearizable, with the log's order as the witness.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from constellation.raft.log import RaftLog
from messages.raft import RaftEntry, RaftVoteResponse


@dataclass
class _Act:
    node: str
    token: int
    ends_s: float


@dataclass
class Checks:
    """All that was seen so far in one run."""

    leaders: dict[int, str] = field(default_factory=dict)  # by term
    votes: dict[tuple[int, str], str] = field(default_factory=dict)
    applied: dict[int, RaftEntry] = field(default_factory=dict)  # by index, of the first to do it
    acts: dict[str, _Act] = field(default_factory=dict)  # the last one, by lease
    act_count: int = 0
    read_count: int = 0
    write_count: int = 0
    floor: int = 0  # the highest log index that a completed operation on the register had
    _chains: dict[tuple[int, int], int] = field(default_factory=dict)

    def leads(self, name: str, term: int, log: RaftLog) -> None:
        assert self.leaders.setdefault(term, name) == name, f"two leaders in term {term}"
        for index in range(log.snapshot_index + 1, len(self.applied) + 1):
            entry = self.applied.get(index)
            known = entry is None or log.term_at(index) == entry.term
            assert known, f"{name} leads in term {term} without the committed entry {index}"

    def votes_for(self, voter: str, candidate: str, vote: RaftVoteResponse) -> None:
        if vote.granted and not vote.pre_vote:
            first = self.votes.setdefault((vote.term, voter), candidate)
            assert first == candidate, f"{voter} votes twice in term {vote.term}"

    def saves(self, entries: tuple[RaftEntry, ...], log: RaftLog) -> None:
        """Two logs with one entry in common are the same up to there."""
        previous = entries[0].index - 1
        chain = self._chains.get((previous, log.term_at(previous) or 0), 0)
        for entry in entries:
            chain = hash((chain, entry.index, entry.term, entry.kind, entry.data))
            first = self._chains.setdefault((entry.index, entry.term), chain)
            assert first == chain, f"logs differ up to {entry.index} of term {entry.term}"

    def applies(self, entries: tuple[RaftEntry, ...]) -> None:
        for entry in entries:
            first = self.applied.setdefault(entry.index, entry)
            assert first == entry, f"state machines differ at {entry.index}"

    def acts_on(self, lease: str, node: str, token: int, now_s: float, ends_s: float) -> None:
        last = self.acts.get(lease)
        if last is not None:
            assert token >= last.token, f"{lease}: {node} acts with {token} after {last.token}"
            if token == last.token:
                assert node == last.node, f"{lease}: {node} and {last.node} have token {token}"
            else:
                assert now_s >= last.ends_s, f"{lease}: {node} acts while {last.node} still does"
            ends_s = max(ends_s, last.ends_s)
        self.acts[lease] = _Act(node, token, ends_s)
        self.act_count += 1

    def completes(self, index: int, *, floor: int, is_write: bool) -> None:
        """An operation is at `index`; `floor` is what had completed when it began."""
        is_later = index > floor if is_write else index >= floor
        what = "write" if is_write else "read"
        assert is_later, f"a {what} at {index} began after one at {floor} had ended"
        self.floor = max(self.floor, index)
        self.write_count += is_write
        self.read_count += not is_write

"""What must hold at every step of simulated members, whatever fails."""

from __future__ import annotations

from dataclasses import dataclass, field

from constellation.raft.disk import RaftDisk
from constellation.raft.log import RaftLog
from messages.raft import RaftAppendResponse, RaftEntry, RaftHardState, RaftVoteResponse
from tests.simulation.raft_disk import last_index


@dataclass
class MemberChecks:
    """Everything observed so far in one run.  An `owner` is a node with one disk."""

    leaders: dict[tuple[str, int], str] = field(default_factory=dict)  # by cluster and term
    votes: dict[tuple[str, int, str], str] = field(default_factory=dict)
    applied: dict[tuple[str, int], RaftEntry] = field(default_factory=dict)
    clusters: dict[str, str] = field(default_factory=dict)  # in which an owner acts
    leader_changes: list[tuple[float, str]] = field(default_factory=list)
    save_failures: int = 0

    @property
    def deciding_clusters(self) -> set[str]:
        """The clusters that have ever decided anything."""
        return {cluster_id for cluster_id, _ in self.applied}

    def leads(self, owner: str, cluster_id: str, term: int, log: RaftLog) -> None:
        first = self.leaders.setdefault((cluster_id, term), owner)
        assert first == owner, f"two leaders in term {term}"
        self.acts(owner, cluster_id)
        for (cluster, index), entry in self.applied.items():
            if cluster == cluster_id and index > log.snapshot_index:
                has_it = log.term_at(index) == entry.term
                assert has_it, f"{owner} leads in term {term} without the committed entry {index}"

    def says(
        self,
        owner: str,
        to: str,
        cluster_id: str,
        answer: RaftVoteResponse | RaftAppendResponse,
        disk: RaftDisk,
    ) -> None:
        """Check an answer that counts: on the disk, no second vote, and all for one cluster."""
        if isinstance(answer, RaftVoteResponse) and (not answer.granted or answer.pre_vote):
            return
        self.acts(owner, cluster_id)
        kept = disk.hard_state
        if isinstance(answer, RaftVoteResponse):
            first = self.votes.setdefault((cluster_id, answer.term, owner), to)
            assert first == to, f"{owner} votes twice in term {answer.term}"
            is_kept = kept.term > answer.term or kept == RaftHardState(
                term=answer.term, voted_for=to
            )
        else:
            has_entries = not answer.accepted or last_index(disk) >= answer.index
            is_kept = kept.term >= answer.term and has_entries
        assert is_kept, f"{owner} says {type(answer).__name__} before it is on its disk"

    def acts(self, owner: str, cluster_id: str) -> None:
        first = self.clusters.setdefault(owner, cluster_id)
        assert first == cluster_id, f"{owner} acts in {first} and in {cluster_id}"

    def applies(self, cluster_id: str, entries: tuple[RaftEntry, ...]) -> None:
        for entry in entries:
            first = self.applied.setdefault((cluster_id, entry.index), entry)
            assert first == entry, f"state machines differ at {entry.index}"

    def changes_leader(self, now_s: float, leader: str) -> None:
        """Record the leader each time it changes."""
        if not self.leader_changes or self.leader_changes[-1][1] != leader:
            self.leader_changes.append((now_s, leader))

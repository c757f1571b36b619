"""Prometheus metrics of this node's Raft member."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from constellation.raft.batch import Batch
from constellation.raft.health import MemberHealth
from constellation.raft.member import RaftMember

_BUCKETS = (0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)


class RaftMetrics:
    """The counters of one Raft actor."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def gauge(name: str, text: str) -> Gauge:
            return Gauge(name, text, registry=registry)

        def counter(name: str, text: str) -> Counter:
            return Counter(name, text, registry=registry)

        self._well = gauge(
            "constellation_raft_well",
            "1 while this node takes part and knows a leader, or Raft is not configured",
        )
        self._is_leader = gauge("constellation_raft_is_leader", "1 while this node leads")
        self._has_leader = gauge("constellation_raft_has_leader", "1 while a leader is known")
        self._term = gauge("constellation_raft_term", "Raft term")
        self._commit = gauge(
            "constellation_raft_commit_index", "Log index up to which entries are committed"
        )
        self._applied = gauge(
            "constellation_raft_applied_index", "Log index up to which entries are applied"
        )
        self._last = gauge("constellation_raft_last_index", "Log index of the last entry")
        self._voters = gauge("constellation_raft_voters", "Members that vote")
        self._learners = gauge(
            "constellation_raft_learners", "Members that get the log without a vote"
        )
        self._journal = gauge("constellation_raft_journal_bytes", "Size of the Raft log on disk")
        self._elections = counter(
            "constellation_raft_elections_won", "Terms in which this node was elected leader"
        )
        self._leaders = counter(
            "constellation_raft_leader_changes", "Changes of the role or of the known leader"
        )
        self._applied_commands = counter(
            "constellation_raft_commands_applied", "Commands that the lease table has applied"
        )
        self.refused = Counter(
            "constellation_raft_packets_refused",
            "Packets, and answers to reads, of other nodes that were refused",
            ["reason"],
            registry=registry,
        )
        self._saves = Histogram(
            "constellation_raft_save_seconds",
            "Time to make a batch durable, with one write and one sync",
            buckets=_BUCKETS,
            registry=registry,
        )

    def performed(self, batch: Batch, *, saved_in_s: float) -> None:
        """Count what a batch has changed, and how long its save took."""
        if batch.saves:
            self._saves.observe(saved_in_s)
        if batch.rest.applied:
            commands = sum(entry.kind == "command" for entry in batch.rest.applied)
            self._applied_commands.inc(commands)
        for change in batch.rest.role_changes:
            self._leaders.inc()
            if change.role == "leader":
                self._elections.inc()

    def look(
        self, member: RaftMember | None, condition: MemberHealth | None, *, journal_bytes: int
    ) -> None:
        """Set the gauges to how the member is now."""
        self._well.set(condition is not None and (condition.is_well or condition.is_off))
        self._journal.set(journal_bytes)
        self._is_leader.set(member is not None and member.is_leader)
        self._has_leader.set(member is not None and bool(member.leader))
        if member is None or member.raft is None:
            return
        state = member.raft.state
        self._term.set(state.term)
        self._commit.set(state.commit_index)
        self._applied.set(state.applied_index)
        self._last.set(state.log.last_index)
        self._voters.set(len(state.configuration.voters))
        self._learners.set(len(state.configuration.learners))

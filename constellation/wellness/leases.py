"""Leases that nobody holds, although there is a leader that could grant them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from constellation.leases.policy import DNS_WRITER, LB_LEADER
from constellation.wellness.facts import Facts
from constellation.wellness.problem import Problem
from constellation.wellness.raft import RaftCluster

UNHELD_S = 15.0
NAMED_MAX = 10  # nodes that cannot hold it


def problems(facts: Facts) -> Iterator[Problem]:
    """Yield the leases that are free for too long.  Without a leader, that is the problem."""
    leader = RaftCluster(facts).leader
    if not leader:
        return
    for name in facts.unheld:
        reasons = facts.no_candidates if name == LB_LEADER else {}
        why = "; ".join(f"{node}: {reason}" for node, reason in [*reasons.items()][:NAMED_MAX])
        see = "see `constellation events`, and the log of the node that held it last"
        if name == DNS_WRITER:
            see = f"no record in DNS is changed; is dns.writer true on a node? {see}"
        text = f"no node holds the lease {name}, although {leader} leads: {why or see}"
        yield Problem("lease", text)


class LeaseWatch:
    """How long the leases that a cluster needs have been free while there was a leader."""

    def __init__(self, wanted: Iterable[str]) -> None:
        """Take the names of the leases that somebody should hold."""
        self._wanted = tuple(wanted)
        self._free_since_s: dict[str, float] = {}

    def look(self, held: Collection[str], *, has_leader: bool, now_s: float) -> None:
        """Take note of what is held now."""
        for name in self._wanted:
            if name in held or not has_leader:
                self._free_since_s.pop(name, None)
            else:
                self._free_since_s.setdefault(name, now_s)

    def unheld(self, now_s: float) -> tuple[str, ...]:
        """Return the leases that have been free for longer than a change of holder takes."""
        return tuple(
            name for name, since_s in self._free_since_s.items() if now_s - since_s >= UNHELD_S
        )

"""The nodes of the cluster as Raft needs to know them, by gossip.  Gossip decides nothing here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from constellation.cluster_view import ClusterView

WITNESS_STRETCH = 1.0


@dataclass(frozen=True, slots=True)
class RosterNode:
    """One node that runs an agent."""

    is_living: bool
    cluster_id: str = ""  # empty: of no Raft cluster yet
    priority: int = 100  # lower is preferred as leader
    is_witness: bool = False  # it votes, and leads only if nobody else can

    @property
    def rank(self) -> tuple[bool, int]:
        """Lower is preferred as leader."""
        return (self.is_witness, self.priority)


Roster = Mapping[str, RosterNode]


def roster_of(view: ClusterView) -> dict[str, RosterNode]:
    """Return all nodes that have said what they are; other members of gossip run no agent."""
    return {
        name: RosterNode(view.is_living(name), state.cluster_id, state.priority, state.witness)
        for name, state in view.nodes.items()
    }


def timeout_factor(node: str, voters: frozenset[str], roster: Roster, *, step: float) -> float:
    """Return by how much a node's election timeouts are stretched: by `step` for each better one.

    It only makes it likely that the preferred node stands first; log completeness comes before.
    A witness waits for as long again as the longest of the preferred one: others are done by then.
    """
    unknown = RosterNode(is_living=False)
    own = roster.get(node, unknown)
    better = sum(roster.get(one, unknown).rank < own.rank for one in voters - {node})
    return 1.0 + step * better + (WITNESS_STRETCH if own.is_witness else 0.0)

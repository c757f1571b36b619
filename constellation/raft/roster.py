"""What Raft knows of the nodes from gossip.  Gossip decides nothing here."""

from __future__ import annotations

from collections.abc import Mapping

from constellation.cluster_view import ClusterView
from constellation.value import Value

WITNESS_STRETCH = 1.0


class RosterNode(Value):
    """One node that runs an agent, as gossip reports it."""

    is_living: bool
    cluster_id: str = ""  # empty: it belongs to no Raft cluster yet
    priority: int = 100  # lower is preferred as leader
    is_witness: bool = False  # it votes, and leads only if no other node can
    address: str = ""  # where it runs; empty: not known

    @property
    def rank(self) -> tuple[bool, int]:
        """Lower is preferred as leader."""
        return (self.is_witness, self.priority)


RaftRoster = Mapping[str, RosterNode]


def roster_of(view: ClusterView) -> dict[str, RosterNode]:
    """Return all nodes that have published their state; other gossip members run no agent."""
    return {
        name: RosterNode(
            view.is_living(name), state.cluster_id, state.priority, state.witness, state.address
        )
        for name, state in view.nodes.items()
    }


def timeout_factor(node: str, voters: frozenset[str], roster: RaftRoster, *, step: float) -> float:
    """Return the factor of a node's election timeouts: `step` more for each preferred voter.

    This only makes it likely that the preferred node stands first; a complete log still comes
    first.  A witness waits longer than the longest timeout of the most preferred node, so that
    another node is elected before it stands.
    """
    unknown = RosterNode(is_living=False)
    own = roster.get(node, unknown)
    better = sum(roster.get(one, unknown).rank < own.rank for one in voters - {node})
    return 1.0 + step * better + (WITNESS_STRETCH if own.is_witness else 0.0)

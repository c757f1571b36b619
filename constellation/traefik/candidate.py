"""Whether this node is a candidate for the lease `lb-leader`, and which nodes are known not to be.

Who holds the lease is who load balancing from outside points to: so a node wants it only while a
request that arrives here gets somewhere.
"""

from __future__ import annotations

from dataclasses import dataclass

from constellation.cluster_view import ClusterView
from messages.gossip import IngressState, NodeState
from messages.leases import UNABLE_MAX


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """What decides."""

    is_allowed: bool  # by the setting `leases.lb_leader`
    listens: bool  # Traefik reaches this agent
    has_routes: bool  # there is a configuration for it
    is_stopping: bool
    own: NodeState | None  # this node's own record, as all nodes see it; None: not published yet
    ingress: IngressState
    ingress_why: str = ""  # why it fails
    must_work: bool  # `traefik.probe` is set: what is not known is not good enough

    def why_not(self) -> str:
        """Return why this node must not hold `lb-leader`; empty: it may."""
        if not self.is_allowed:
            return "the setting leases.lb_leader is false"
        if self.is_stopping:
            return "its agent stops"
        if not self.listens:
            return "its HTTP listener has no port"
        if not self.has_routes:
            return "it has no routes for its Traefik yet"
        if self.own is None:
            return "its own record is not published yet"
        if self.own.cordoned:
            return "it is cordoned"
        if self.ingress == "fails":
            return f"its ingress fails: {self.ingress_why}"
        if self.must_work and self.ingress != "works":
            return "its entry points have not answered yet"
        return ""


def unable(view: ClusterView) -> tuple[str, ...]:
    """Return the nodes that say themselves that they will not take `lb-leader`, by name.

    They are few, or nobody could hold it: so the list is cut without harm.
    """
    names = sorted(name for name, state in view.nodes.items() if _is_unable(state))
    return tuple(names[:UNABLE_MAX])


def _is_unable(state: NodeState) -> bool:
    return state.cordoned or state.witness or state.ingress == "fails"

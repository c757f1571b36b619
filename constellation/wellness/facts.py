"""What one node knows when it judges."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

from constellation.cluster_view import ClusterView
from messages.admin import NodeStatus
from messages.raft_member import RaftStatus
from messages.routes import RoutesHealth


@dataclass(frozen=True)
class Facts:
    """Everything that the judgement rests on.

    Attributes:
        own_node: the node that judges.
        view: the cluster, from gossip.
        statuses: of this node and of those that answered.
        unanswered: nodes that live, and did not answer in time.
        cluster_problem: why `view` is out of date or not known; empty: it is known.
        unheld: leases that nobody has held for longer than a change of their holder takes.
        dns_mode: where domains point, as in `dns.mode`; empty: the own node does not use DNS.
        lb_leader: the node that holds the lease `lb-leader`; empty: none.
    """

    own_node: str
    view: ClusterView = field(default_factory=ClusterView)
    statuses: tuple[NodeStatus, ...] = ()
    unanswered: tuple[str, ...] = ()
    cluster_problem: str = ""
    unheld: tuple[str, ...] = ()
    dns_mode: str = ""
    lb_leader: str = ""

    @classmethod
    def of(
        cls,
        own_node: str,
        view: ClusterView,
        statuses: Iterable[NodeStatus],
        unanswered: Iterable[str] = (),
        *,
        cluster_problem: str = "",
        unheld: Iterable[str] = (),
    ) -> Facts:
        """Return the facts with everything sorted by node."""
        return cls(
            own_node,
            view,
            tuple(sorted(statuses, key=lambda status: status.node)),
            tuple(sorted(unanswered)),
            cluster_problem,
            tuple(sorted(unheld)),
        )

    @cached_property
    def by_node(self) -> dict[str, NodeStatus]:
        """The status of each node that answered."""
        return {status.node: status for status in self.statuses}

    @cached_property
    def raft(self) -> dict[str, RaftStatus]:
        """The status of each Raft actor that answered, by node."""
        return {one.node: one.raft for one in self.statuses if one.raft is not None}

    @cached_property
    def no_candidates(self) -> dict[str, str]:
        """Why nodes that answered do not want the lease `lb-leader`, by node."""
        asked = ((one.node, one.routes) for one in self.statuses if one.routes is not None)
        return {name: routes.no_candidate for name, routes in asked if routes.no_candidate}

    @property
    def routes(self) -> RoutesHealth | None:
        """How this node routes; None: its HTTP actor did not answer."""
        own = self.by_node.get(self.own_node)
        return own.routes if own is not None else None

    def renamed_to(self, node: str) -> str:
        """Return the present name of a living node that was called `node`; empty: none was."""
        if self.view.is_living(node):
            return ""
        states = self.view.nodes
        named = (one for one in sorted(states) if node in states[one].former_names)
        return next((one for one in named if self.view.is_living(one)), "")

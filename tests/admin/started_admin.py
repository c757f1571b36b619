"""A started admin actor, its neighbours, and the nodes it may ask."""

from __future__ import annotations

from typing import Any

from thespian.actors import ActorAddress

from actors.admin.actor import AdminActor
from actors.admin.leases import LeaseDesk
from constellation.settings.agent import Settings
from constellation.transport.address import ActorRef
from messages.admin import NodeStatus, NodeStatusRequest, StatusReport
from messages.gossip import ClusterChanged, NodeState, RecordPublish
from messages.lifecycle import ActorStarted, SupervisorStatus
from messages.raft_member import RaftLeading, RaftStatus
from tests.admin.builders import actor, members, said, service, status
from tests.harness import SENDER, Harness, messages_of
from tests.traefik.builders import snapshot

BETA, GAMMA = "10.0.0.2", "10.0.0.3"
OWN_ACTORS = (actor("gossip"), actor("http"))


class Admin:
    """A started admin actor of node alpha, on a clock of its own."""

    def __init__(self, *, neighbours: tuple[str, ...] = ("gossip",), **settings: Any) -> None:
        shell = AdminActor()
        self.now_s = 1000.0
        shell.now_s = lambda: self.now_s  # type: ignore[method-assign]
        fields: dict[str, Any] = {"node_name": "alpha", "data_dir": "/nonexistent", **settings}
        self.harness = Harness(shell, Settings(**fields), name="admin", neighbours=neighbours)

    def know(self, change: ClusterChanged) -> None:
        self.harness.deliver(change)

    def know_three_nodes(self) -> None:
        self.know(
            snapshot(
                service("web", "beta"),
                members=members(beta="alive", gamma="suspect"),
                nodes=(said("alpha"), said("beta", BETA), said("gamma", GAMMA)),
            )
        )

    def ask(self, request: Any, sender: ActorAddress = SENDER) -> None:
        self.harness.deliver(request, sender=sender)

    def pass_time(self, seconds: float) -> None:
        self.now_s += seconds
        self.harness.tick()

    def supervisor_answers(self) -> None:
        self.harness.deliver(SupervisorStatus(actors=OWN_ACTORS))

    def all_answer(self, **raft: RaftStatus) -> None:
        """Let this node and the two others report, each with the status of Raft that is given."""
        self.supervisor_answers()
        for node, host in (("beta", BETA), ("gamma", GAMMA)):
            self.node_answers(status(node, raft=raft.get(node)), host)

    def node_answers(self, answer: NodeStatus, host: str, port: int = 7947) -> None:
        self.harness.deliver(answer, sender=ActorAddress(ActorRef(host, port, "a1-4")))

    def told(self) -> list[Any]:
        return [one for one in self.harness.sent_to("sender") if not isinstance(one, ActorStarted)]

    def reports(self) -> list[StatusReport]:
        return messages_of(StatusReport, self.harness.sent)

    def asked(self) -> list[NodeStatusRequest]:
        return [one for one in self.harness.sent_to("@admin") if isinstance(one, NodeStatusRequest)]

    def published(self) -> list[NodeState | None]:
        return [one.node_state for one in messages_of(RecordPublish, self.harness.sent)]

    def metric(self, name: str, **labels: str) -> float:
        return self.harness.actor.registry.get_sample_value(name, labels) or 0.0

    def unheld_leases(self) -> set[str]:
        """Return the leases that are missed after a minute in which nobody held any."""
        (desk,) = [one for one in self.harness.actor.desks if isinstance(one, LeaseDesk)]
        self.harness.deliver(RaftLeading(is_leader=True, leader="alpha", term=1))
        self.pass_time(60.0)
        return set(desk.unheld)

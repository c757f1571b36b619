"""The status of the cluster: for operators, and all the time for `/health` and the metrics.

It is answered in any case: without a view of the cluster it is about this node alone.
"""

from __future__ import annotations

from typing import get_args

from prometheus_client import Gauge
from thespian.actors import ActorAddress

from actors.admin.desk import Desk
from actors.admin.gathering import GatheringDesk
from actors.admin.leases import LeaseDesk
from actors.admin.shell import AdminShell
from constellation.admin.reports import status_report
from constellation.wellness.facts import Facts
from constellation.wellness.judgement import judge
from constellation.wellness.problem import Area
from messages.admin import StatusRequest
from messages.wellness import PROBLEMS_MAX, ClusterJudged

LOOK_INTERVAL_S = 10.0
LOOK_INTERVAL_PER_NODE_S = 0.5  # each node asks all others: in a large cluster more seldom


class StatusDesk(Desk):
    """Judge the cluster when an operator asks, and in intervals."""

    def __init__(self, shell: AdminShell, gathering: GatheringDesk, leases: LeaseDesk) -> None:
        super().__init__(shell)
        self._gathering = gathering
        self._leases = leases
        self._look_at_s = shell.now_s() + LOOK_INTERVAL_S
        self._problems = Gauge(
            "constellation_problems",
            "What is wrong with the cluster as this node sees it, by area; see `constellation "
            "status`",
            ["area"],
            registry=shell.registry,
        )

    def receiveMsg_StatusRequest(self, message: StatusRequest, sender: ActorAddress) -> None:
        self.shell.count_request(message)
        asker = self.shell.address_text(sender)

        def report(facts: Facts) -> None:
            self.shell.answer(asker, status_report(facts, self._leases.leases))

        self._gathering.gather(asker, report)

    def next_due_s(self) -> float:
        return self._look_at_s

    def on_due(self, now_s: float) -> None:
        if now_s >= self._look_at_s:
            nodes = len(self.shell.view.members)
            self._look_at_s = now_s + max(LOOK_INTERVAL_S, nodes * LOOK_INTERVAL_PER_NODE_S)
            self._gathering.gather("", self._judge)

    def _judge(self, facts: Facts) -> None:
        verdict = judge(facts)
        for area in get_args(Area):
            self._problems.labels(area).set(len(verdict.degraded(area)))
        degraded = verdict.degraded()
        more = len(degraded) - PROBLEMS_MAX
        self.shell.post(
            "http", ClusterJudged(problems=degraded[:PROBLEMS_MAX], unlisted=max(0, more))
        )

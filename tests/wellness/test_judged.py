"""The verdict without a question: for the metrics, and for `/health` of every node."""

from __future__ import annotations

import pytest

from actors.admin.status import LOOK_INTERVAL_S
from actors.http.wellness import HttpWellness
from constellation.settings.agent import Settings
from constellation.traefik.provider import TraefikProvider
from messages.raft_member import RaftLeading, RaftStatus
from messages.wellness import ClusterJudged
from tests.admin.builders import part, status
from tests.admin.raft_builders import follows, heard, leads
from tests.admin.started_admin import BETA, GAMMA, Admin
from tests.harness import messages_of

HANGS = RaftStatus(
    node="gamma",
    condition="refuses",
    trouble="disk",
    why="journal: the disk has not answered for 5 s",
    fix="check the disk",
)


def judged(admin: Admin) -> ClusterJudged:
    return messages_of(ClusterJudged, admin.harness.sent)[-1]


def problems(admin: Admin, area: str) -> float:
    return admin.metric("constellation_problems", area=area)


@pytest.mark.case("S4", "O9")
def test_disk_that_hangs_elsewhere_is_in_the_metrics_and_in_health_of_this_node() -> None:
    admin = Admin(neighbours=("gossip", "http"))
    admin.know_three_nodes()

    admin.pass_time(LOOK_INTERVAL_S)
    admin.node_answers(
        status("beta", raft=leads("beta", heard("alpha"), heard("gamma", 9, 60.0))), BETA
    )
    admin.node_answers(status("gamma", raft=HANGS), GAMMA)
    admin.supervisor_answers()
    admin.pass_time(1.0)

    (line,) = [one for one in judged(admin).problems if "takes no part" in one]
    assert line.startswith("voter gamma does not answer the leader")
    assert problems(admin, "raft") == 1
    assert problems(admin, "lease") == 0
    health = HttpWellness(
        Settings(node_name="alpha", data_dir="/nonexistent"), settled_provider(), 0.0
    )
    health.judged = judged(admin)
    assert line in health.problems()


def settled_provider() -> TraefikProvider:
    settings = Settings(node_name="alpha", data_dir="/nonexistent")
    return TraefikProvider(
        settings=settings.traefik, domain="example.org", expects_others=False, last_good=None
    )


def test_nobody_is_asked_before_the_first_look() -> None:
    admin = Admin()
    admin.know_three_nodes()

    admin.pass_time(LOOK_INTERVAL_S - 1)

    assert admin.asked() == []


def test_lease_that_nobody_holds_is_a_problem_after_a_while() -> None:
    admin = Admin(neighbours=("gossip", "raft", "http"))
    admin.know_three_nodes()
    admin.harness.deliver(RaftLeading(is_leader=False, leader="beta", term=7))

    for _ in range(3):
        admin.pass_time(LOOK_INTERVAL_S)
        admin.harness.deliver(follows("alpha"))
        admin.all_answer(beta=leads("beta", heard("alpha"), heard("gamma")))
        admin.pass_time(1.0)

    assert problems(admin, "lease") == 1
    assert any("no node holds the lease lb-leader" in one for one in judged(admin).problems)


def test_part_that_is_lost_is_in_the_metrics() -> None:
    admin = Admin()

    admin.harness.deliver(part("traefik", "lost"))
    lost = admin.metric("constellation_part_lost", part="traefik")
    admin.harness.deliver(part("traefik", "present"))

    assert (lost, admin.metric("constellation_part_lost", part="traefik")) == (1, 0)

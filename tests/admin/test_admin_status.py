"""The admin actor's shell: asking this node's supervisor, and the admin actors of others."""

from __future__ import annotations

import pytest
from thespian.actors import ActorAddress

from constellation import __version__
from constellation.transport.address import ActorRef
from messages.admin import (
    NodeStatus,
    NodeStatusRequest,
    PartReported,
    StatusReport,
    StatusRequest,
)
from messages.lifecycle import SupervisorStatus, SupervisorStatusRequest
from messages.listings import NodesRequest, ServicesRequest
from messages.operator import RequestRefused
from tests.admin.builders import actor, members, part, said, status
from tests.admin.started_admin import BETA, GAMMA, OWN_ACTORS, Admin
from tests.harness import messages_of
from tests.traefik.builders import snapshot


@pytest.fixture
def admin() -> Admin:
    return Admin()


def test_request_of_another_node_is_answered_with_the_supervisors_status(admin: Admin) -> None:
    admin.ask(NodeStatusRequest())
    admin.harness.deliver(part("docker", "absent", "no socket", "start it"))
    admin.supervisor_answers()

    assert admin.harness.sent_to("supervisor") == [SupervisorStatusRequest()]
    (answer,) = admin.told()
    assert isinstance(answer, NodeStatus)
    assert (answer.node, answer.agent_version) == ("alpha", __version__)
    assert answer.actors == OWN_ACTORS
    assert [one.part for one in answer.parts] == ["dns", "docker", "tailscale"]


def test_part_that_is_present_is_not_reported(admin: Admin) -> None:
    admin.harness.deliver(part("docker", "present"))
    admin.ask(NodeStatusRequest())
    admin.supervisor_answers()

    assert "docker" not in {one.part for one in admin.told()[0].parts}


def test_status_joins_the_answers_of_all_living_nodes(
    admin: Admin,
) -> None:
    admin.know_three_nodes()

    admin.ask(StatusRequest())
    admin.node_answers(status("beta"), BETA)
    admin.supervisor_answers()
    assert admin.reports() == []
    admin.node_answers(status("gamma"), GAMMA)

    assert len(admin.asked()) == 2
    assert admin.harness.sent_to("supervisor") == [SupervisorStatusRequest()]
    (report,) = admin.told()
    assert [one.node for one in report.nodes] == ["alpha", "beta", "gamma"]
    assert report.unanswered == ()
    assert report.degraded == (
        "node gamma is suspected to be dead: it did not respond to the latest probes",
    )


def test_other_nodes_are_asked_at_the_address_in_their_record(admin: Admin) -> None:
    sent: list[str] = []

    def see_address(to: ActorAddress, message: object) -> None:
        sent.append(str(to.addressDetails))

    admin.harness.runtime.actor_send = see_address  # type: ignore[method-assign]
    admin.know_three_nodes()

    admin.ask(StatusRequest())

    assert f"{BETA}:7947/@admin" in sent
    assert f"{GAMMA}:7947/@admin" in sent


def test_silent_node_is_unanswered_after_one_second(admin: Admin) -> None:
    admin.know_three_nodes()
    admin.ask(StatusRequest())
    admin.supervisor_answers()
    admin.node_answers(status("gamma"), GAMMA)

    admin.pass_time(0.9)
    before = admin.reports()
    admin.pass_time(0.1)

    assert before == []
    (report,) = admin.reports()
    assert report.unanswered == ("beta",)
    assert "node beta is alive, but its agent did not report its status in time" in report.degraded
    assert admin.metric("constellation_admin_unanswered_total") == 1


# Without a view of the cluster.


DOWN = actor("gossip", "given_up", last_exit="killed", down_for_s=62.0, next_try_in_s=8.0)
DOWN_TEXT = (
    "actor gossip on alpha keeps failing and is restarted slowly: killed; down for 1 min 2 s, "
    "next try in 8 s; see its log"
)


def test_status_without_gossip_is_about_this_node_and_names_the_cause() -> None:
    admin = Admin(neighbours=())
    lost = part("docker", "lost", "connection refused", "start Docker")
    admin.harness.deliver(lost)

    admin.ask(StatusRequest())
    admin.harness.deliver(SupervisorStatus(actors=(DOWN, actor("http"))))

    (report,) = admin.told()
    assert isinstance(report, StatusReport)
    assert (report.self_node, report.is_cluster_known) == ("alpha", False)
    assert [one.node for one in report.nodes] == ["alpha"]
    assert report.degraded == (
        "alpha does not know the cluster: its gossip actor is not running",
        DOWN_TEXT,
        "docker on alpha does not work: connection refused; start Docker",
    )


def test_status_without_a_supervisor_either_names_the_silent_node() -> None:
    admin = Admin(neighbours=())

    admin.ask(StatusRequest())
    admin.pass_time(1.0)

    (report,) = admin.told()
    assert (report.nodes, report.unanswered) == ((), ("alpha",))


def test_status_after_gossip_went_down_keeps_the_last_known_cluster(admin: Admin) -> None:
    admin.know_three_nodes()
    admin.harness.neighbours()
    admin.pass_time(0.1)
    admin.pass_time(62.5)

    admin.ask(StatusRequest())
    admin.harness.deliver(SupervisorStatus(actors=(DOWN,)))
    admin.node_answers(status("beta"), BETA)
    admin.node_answers(status("gamma"), GAMMA)

    (report,) = admin.reports()
    assert report.is_cluster_known
    assert [one.node for one in report.nodes] == ["alpha", "beta", "gamma"]
    assert report.degraded[0] == (
        "alpha knows the cluster as it was 1 min 2 s ago: its gossip actor is not running"
    )
    assert DOWN_TEXT in report.degraded


# Limits and forgeries.


def test_silent_supervisor_does_not_delay_the_report(admin: Admin) -> None:
    admin.know(snapshot(members=members()))
    admin.ask(StatusRequest())

    admin.pass_time(1.0)

    assert [report.unanswered for report in admin.reports()] == [("alpha",)]


def test_concurrent_askers_share_one_question_to_each_node(admin: Admin) -> None:
    admin.know_three_nodes()

    admin.ask(StatusRequest())
    admin.ask(StatusRequest(), sender=ActorAddress(ActorRef("client-1", 0, "ext-2")))
    admin.pass_time(1.0)

    assert len(admin.asked()) == 2
    assert len(admin.reports()) == 2


@pytest.mark.parametrize(
    ("host", "port"),
    [(GAMMA, 7947), (BETA, 7000), ("client-1", 0), ("127.0.0.1", 7947)],
    ids=["another node", "another port", "a command", "this node"],
)
def test_answer_in_the_name_of_another_node_is_dropped_and_counted(
    admin: Admin, host: str, port: int
) -> None:
    admin.know_three_nodes()
    admin.ask(StatusRequest())

    admin.node_answers(status("beta", agent_version="forged"), host, port)
    admin.node_answers(status("beta", agent_version="true"), BETA)
    admin.pass_time(1.0)

    assert [one.agent_version for one in admin.reports()[0].nodes] == ["true"]
    assert admin.metric("constellation_admin_unexpected_answers_total") == 1


def test_answer_in_the_name_of_the_asked_node_is_dropped(admin: Admin) -> None:
    admin.know_three_nodes()
    admin.ask(StatusRequest())

    admin.node_answers(status("alpha", agent_version="forged"), BETA)
    admin.pass_time(1.0)

    assert admin.reports()[0].nodes == ()
    assert admin.metric("constellation_admin_unexpected_answers_total") == 1


def test_answer_that_was_not_asked_for_is_counted(admin: Admin) -> None:
    admin.know_three_nodes()

    admin.node_answers(status("beta"), BETA)

    assert admin.reports() == []
    assert admin.metric("constellation_admin_unexpected_answers_total") == 1


def test_node_with_an_invalid_address_is_unanswered(admin: Admin) -> None:
    admin.know(snapshot(members=members(beta="alive"), nodes=(said("alpha"), said("beta", "a\0b"))))

    admin.ask(StatusRequest())
    admin.supervisor_answers()

    (report,) = admin.reports()
    assert report.unanswered == ("beta",)
    assert admin.asked() == []


def test_askers_beyond_64_are_refused_until_others_are_answered(admin: Admin) -> None:
    admin.know_three_nodes()
    for _ in range(65):
        admin.ask(StatusRequest())

    (refusal,) = admin.told()
    assert isinstance(refusal, RequestRefused)
    assert "64" in refusal.why
    admin.pass_time(1.0)
    assert len(admin.reports()) == 64
    admin.ask(StatusRequest())
    assert len(messages_of(RequestRefused, admin.harness.sent)) == 1


def test_node_that_refuses_is_unanswered(admin: Admin) -> None:
    admin.know_three_nodes()
    admin.ask(StatusRequest())

    admin.ask(RequestRefused(what="no", why="64 others wait", fix="ask again"))
    admin.pass_time(1.0)

    assert admin.reports()[0].unanswered == ("alpha", "beta", "gamma")


def test_requests_are_counted_by_kind(admin: Admin) -> None:
    for request in (StatusRequest(), NodesRequest(), NodesRequest(), NodeStatusRequest()):
        admin.ask(request)

    def count(kind: str) -> float:
        return admin.metric("constellation_admin_requests_total", kind=kind)

    assert (count("status"), count("nodes"), count("node_status")) == (1, 2, 1)


def test_only_requests_and_answers_of_operators_cross_nodes() -> None:
    assert not PartReported.crosses_nodes
    assert not SupervisorStatus.crosses_nodes
    for kind in (StatusRequest, NodesRequest, ServicesRequest, NodeStatusRequest, NodeStatus):
        assert kind.crosses_nodes, kind

"""The admin actor's shell: asking this node's supervisor, and the admin actors of others."""

from __future__ import annotations

import pytest
from thespian.actors import ActorAddress

from constellation import __version__
from constellation.transport.address import ActorRef
from messages.admin import (
    NodesRequest,
    NodeStatus,
    NodeStatusRequest,
    PartReported,
    RequestRefused,
    ServicesRequest,
    StatusRequest,
)
from messages.lifecycle import SupervisorStatus, SupervisorStatusRequest
from tests.admin.builders import members, part, said, status
from tests.admin.started_admin import BETA, GAMMA, OWN_ACTORS, Admin
from tests.harness import messages_of
from tests.traefik.builders import snapshot


@pytest.fixture
def admin() -> Admin:
    return Admin()


def test_other_nodes_own_question_is_answered_by_the_supervisors_word(admin: Admin) -> None:
    admin.ask(NodeStatusRequest())
    admin.harness.deliver(part("docker", "absent", "no socket", "start it"))
    admin.supervisor_answers()

    assert admin.harness.sent_to("supervisor") == [SupervisorStatusRequest()]
    (answer,) = admin.told()
    assert isinstance(answer, NodeStatus)
    assert (answer.node, answer.agent_version) == ("alpha", __version__)
    assert answer.actors == OWN_ACTORS
    assert [one.part for one in answer.parts] == ["cloudflare", "docker", "tailscale"]


def test_part_that_is_present_is_not_told(admin: Admin) -> None:
    admin.harness.deliver(part("docker", "present"))
    admin.ask(NodeStatusRequest())
    admin.supervisor_answers()

    assert "docker" not in {one.part for one in admin.told()[0].parts}


def test_status_asks_this_and_every_other_living_node_and_joins_their_answers(
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
        "node gamma is suspected to be dead: it did not answer the last probes",
    )


def test_questions_go_to_the_admin_of_the_address_in_the_nodes_record(admin: Admin) -> None:
    sent: list[str] = []

    def see_address(to: ActorAddress, message: object) -> None:
        sent.append(str(to.addressDetails))

    admin.harness.runtime.actor_send = see_address  # type: ignore[method-assign]
    admin.know_three_nodes()

    admin.ask(StatusRequest())

    assert f"{BETA}:7947/@admin" in sent
    assert f"{GAMMA}:7947/@admin" in sent


def test_after_a_second_the_report_comes_without_who_did_not_answer(admin: Admin) -> None:
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
    assert "node beta is there, but its agent did not say how it is in time" in report.degraded
    assert admin.metric("constellation_admin_unanswered_total") == 1


def test_silent_supervisor_keeps_nobody_waiting(admin: Admin) -> None:
    admin.know(snapshot(members=members()))
    admin.ask(StatusRequest())

    admin.pass_time(1.0)

    assert [report.unanswered for report in admin.reports()] == [("alpha",)]


def test_two_askers_at_once_cost_each_node_one_question(admin: Admin) -> None:
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
def test_answer_in_another_nodes_name_is_dropped_and_counted(
    admin: Admin, host: str, port: int
) -> None:
    admin.know_three_nodes()
    admin.ask(StatusRequest())

    admin.node_answers(status("beta", agent_version="forged"), host, port)
    admin.node_answers(status("beta", agent_version="true"), BETA)
    admin.pass_time(1.0)

    assert [one.agent_version for one in admin.reports()[0].nodes] == ["true"]
    assert admin.metric("constellation_admin_unexpected_answers_total") == 1


def test_answer_in_this_nodes_own_name_is_not_taken_from_another(admin: Admin) -> None:
    admin.know_three_nodes()
    admin.ask(StatusRequest())

    admin.node_answers(status("alpha", agent_version="forged"), BETA)
    admin.pass_time(1.0)

    assert admin.reports()[0].nodes == ()
    assert admin.metric("constellation_admin_unexpected_answers_total") == 1


def test_answer_that_nobody_asked_for_is_counted(admin: Admin) -> None:
    admin.know_three_nodes()

    admin.node_answers(status("beta"), BETA)

    assert admin.reports() == []
    assert admin.metric("constellation_admin_unexpected_answers_total") == 1


def test_record_with_an_impossible_address_spoils_no_report(admin: Admin) -> None:
    admin.know(snapshot(members=members(beta="alive"), nodes=(said("alpha"), said("beta", "a\0b"))))

    admin.ask(StatusRequest())
    admin.supervisor_answers()

    (report,) = admin.reports()
    assert report.unanswered == ("beta",)
    assert admin.asked() == []


def test_more_than_64_askers_are_refused_and_served_again_later(admin: Admin) -> None:
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


def test_refusal_of_another_node_is_taken_as_silence(admin: Admin) -> None:
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

    assert (count("StatusRequest"), count("NodesRequest"), count("NodeStatusRequest")) == (1, 2, 1)


def test_only_questions_and_answers_of_the_operator_cross_nodes() -> None:
    assert not PartReported.crosses_nodes
    assert not SupervisorStatus.crosses_nodes
    for kind in (StatusRequest, NodesRequest, ServicesRequest, NodeStatusRequest, NodeStatus):
        assert kind.crosses_nodes, kind

"""The admin actor's shell: what it says of this node, and what it answers at once."""

from __future__ import annotations

from typing import Any

import pytest

from constellation import __version__
from messages.admin import IngressReported, NodeStatusRequest, PartState
from messages.events import ChangeReported, EventsRequest
from messages.gossip import ClusterChanged, ClusterSubscribe, IngressState, RecordPublish
from messages.listings import (
    NodesReport,
    NodesRequest,
    ServicesReport,
    ServicesRequest,
)
from messages.operator import RequestRefused
from tests.admin.builders import members, part
from tests.admin.started_admin import Admin
from tests.harness import messages_of


@pytest.fixture
def admin() -> Admin:
    return Admin()


# Gossip.


def test_record_is_published_whenever_gossip_starts(admin: Admin) -> None:
    first = admin.harness.sent_to("gossip")
    admin.harness.neighbours("gossip", generation=1)

    assert [type(one) for one in first] == [ClusterSubscribe, RecordPublish]
    assert admin.harness.sent_to("gossip")[2:] == first


def test_record_says_whether_requests_get_to_this_node(admin: Admin) -> None:
    def published() -> list[str]:
        states = (one.node_state for one in messages_of(RecordPublish, admin.harness.sent))
        return [state.ingress for state in states if state is not None]

    before = published()
    said: tuple[IngressState, ...] = ("works", "works", "fails")
    for ingress in said:
        admin.harness.deliver(IngressReported(ingress=ingress))

    assert (before[-1], published()[len(before) :]) == ("unknown", ["works", "fails"])


def test_gap_leads_to_one_new_subscription(admin: Admin) -> None:
    admin.know_three_nodes()
    for version in (5, 6):
        admin.know(ClusterChanged(version=version, snapshot=False, self_node="alpha"))

    assert admin.harness.sent_to("gossip").count(ClusterSubscribe()) == 2


def test_record_holds_the_settings() -> None:
    admin = Admin(
        bind_address="127.0.0.9",
        priority=7,
        gossip={"port": 1001},
        actors={"port": 1002},
        traefik={"ingress_port": 1003},
    )

    (state,) = admin.published()

    assert state is not None
    assert (state.address, state.gossip_port, state.actor_port) == ("127.0.0.9", 1001, 1002)
    assert (state.ingress_port, state.priority, state.cordoned) == (1003, 7, False)
    assert (state.capabilities, state.agent_version) == (("traefik",), __version__)
    assert state.started_at_utc_s > 0


def test_a_traefik_that_reaches_no_container_is_no_ingress() -> None:
    admin = Admin(traefik={"ingress_port": 1003, "reaches_containers": False})

    (state,) = admin.published()

    assert state is not None
    assert state.ingress_port == 0


def test_docker_is_a_capability_while_it_is_connected(admin: Admin) -> None:
    for state in ("absent", "present", "present", "lost"):
        admin.harness.deliver(part("docker", state))

    assert [state.capabilities for state in admin.published() if state] == [
        (), (), ("docker",), (),
    ]  # fmt: skip


@pytest.mark.case("O5")
def test_traefik_is_a_capability_only_while_it_works() -> None:
    configured = Admin(traefik={"ingress_port": 7948})
    for state in ("lost", "present"):
        configured.harness.deliver(part("traefik", state))

    assert [state.capabilities for state in configured.published() if state] == [
        ("traefik",), (), ("traefik",),
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["gossip", "raft", "leases"])
def test_actor_that_runs_on_every_node_is_no_capability(admin: Admin, name: str) -> None:
    admin.harness.deliver(part(name, "present"))

    assert {state.capabilities for state in admin.published() if state} == {()}


def test_file_that_cannot_be_saved_is_in_the_status_and_is_no_capability(admin: Admin) -> None:
    admin.know_three_nodes()
    states: tuple[PartState, ...] = ("lost", "present")
    for state in states:
        admin.harness.deliver(part("saving the routes", state))

        admin.ask(NodeStatusRequest())
        admin.supervisor_answers()
        parts = [one.part for one in admin.told()[-1].parts]
        assert ("saving the routes" in parts) is (state == "lost")

    assert {one.capabilities for one in admin.published() if one} == {()}


# What is answered at once.


@pytest.mark.parametrize(
    ("neighbours", "why"),
    [
        (("gossip",), "alpha does not know the cluster: its gossip actor is starting"),
        ((), "alpha does not know the cluster: its gossip actor is not running"),
    ],
    ids=["starting", "down"],
)
@pytest.mark.parametrize("request_", [NodesRequest(), ServicesRequest()], ids=str)
def test_requests_about_the_cluster_are_refused_until_it_is_known(
    request_: Any, neighbours: tuple[str, ...], why: str
) -> None:
    admin = Admin(neighbours=neighbours)

    admin.ask(request_)

    (refusal,) = admin.told()
    assert isinstance(refusal, RequestRefused)
    assert refusal.why == why


def test_events_are_answered_without_a_view_of_the_cluster() -> None:
    admin = Admin(neighbours=())
    admin.harness.deliver(ChangeReported(what="leader_lost", node="beta"))

    admin.ask(EventsRequest())

    (report,) = admin.told()
    assert [row.what for row in report.events] == ["leader_lost"]


@pytest.mark.parametrize("request_", [NodesRequest(), ServicesRequest()], ids=str)
def test_view_that_is_no_longer_updated_is_reported_with_its_age(
    admin: Admin, request_: Any
) -> None:
    admin.know_three_nodes()
    admin.harness.neighbours()
    admin.pass_time(0.1)
    admin.pass_time(75.5)
    admin.ask(request_)
    admin.all_answer()
    admin.harness.neighbours("gossip", generation=1)
    admin.pass_time(0.1)
    admin.ask(request_)
    admin.pass_time(1.0)

    old, new = admin.told()
    problem = "alpha knows the cluster as it was 1 min 15 s ago: its gossip actor is not running"
    assert old.degraded[0] == problem
    assert problem not in new.degraded


def test_nodes_and_services_are_answered_when_all_nodes_have_reported(admin: Admin) -> None:
    admin.know_three_nodes()
    admin.now_s += 8.0

    admin.ask(NodesRequest())
    admin.ask(ServicesRequest())
    assert admin.told() == []
    admin.all_answer()

    of_nodes, of_services = admin.told()
    assert isinstance(of_nodes, NodesReport)
    assert [(row.node, row.changed_ago_s) for row in of_nodes.nodes] == [
        ("gamma", 8.0), ("alpha", 8.0), ("beta", 8.0),
    ]  # fmt: skip
    assert isinstance(of_services, ServicesReport)
    assert [(row.service, row.node) for row in of_services.services] == [("web", "beta")]


def test_skipped_changes_do_not_reset_the_age_of_a_state(admin: Admin) -> None:
    admin.know_three_nodes()
    admin.now_s += 8.0
    old = ClusterChanged(version=1, snapshot=False, self_node="alpha", members=members(beta="dead"))

    admin.know(old)
    admin.ask(NodesRequest())
    admin.all_answer()

    assert {row.changed_ago_s for row in admin.told()[-1].nodes} == {8.0}

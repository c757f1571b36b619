"""From what a node knows of its cluster to the three reports."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from constellation.cluster_view import ClusterView, InstanceId
from messages.gossip import MemberState
from messages.monitor import Health
from tests.admin.builders import (
    AGES_S,
    cluster_in_trouble,
    member,
    members,
    nodes_report,
    said,
    service,
    services_report,
    status,
    status_report,
    statuses,
)
from tests.traefik.builders import view


def test_status_counts_the_nodes_and_services_that_should_run() -> None:
    report = status_report(cluster_in_trouble(), statuses(), ("delta",))

    assert (report.self_node, report.nodes_alive, report.nodes_total) == ("alpha", 2, 4)
    assert (report.services_healthy, report.services_total) == (2, 5)
    assert [one.node for one in report.nodes] == ["alpha", "beta"]
    assert report.unanswered == ("delta",)
    assert len(report.degraded) == 7
    assert (len(report.notes), len(report.absent)) == (1, 1)


def test_nodes_in_trouble_come_first_then_by_name() -> None:
    report = nodes_report(cluster_in_trouble(), AGES_S)

    assert [(row.node, row.state, row.changed_ago_s) for row in report.nodes] == [
        ("gamma", "dead", 42.0),
        ("delta", "suspect", 3.5),
        ("alpha", "alive", 11_530.4),
        ("beta", "alive", 11_500.0),
        ("epsilon", "left", 200_000.0),
    ]
    assert len(report.degraded) == 2


def test_row_of_a_node_holds_its_own_record() -> None:
    (row,) = nodes_report(
        view(service("web", "alpha"), members=members(), nodes=(said("alpha", priority=10),)), {}
    ).nodes

    assert row.is_self
    assert (row.address, row.priority, row.cordoned) == ("10.0.0.1", 10, False)
    assert (row.capabilities, row.agent_version) == (("docker", "traefik"), "0.1.0")
    assert (row.services_healthy, row.services_total, row.changed_ago_s) == (1, 1, 0.0)


def test_node_without_a_record_is_shown_with_its_gossip_address() -> None:
    beta = nodes_report(view(members=(member("beta"),)), {}).nodes[0]

    assert (beta.address, beta.agent_version, beta.capabilities) == ("10.9.9.9", "", ())


def test_services_of_a_dead_node_do_not_count_as_serving() -> None:
    (gamma, *_) = nodes_report(cluster_in_trouble(), {}).nodes

    assert (gamma.node, gamma.services_healthy, gamma.services_total) == ("gamma", 0, 2)


def test_services_in_trouble_come_first_and_instances_stay_together() -> None:
    report = services_report(cluster_in_trouble())

    assert [(row.service, row.node, row.routable, row.reason) for row in report.services] == [
        ("api", "alpha", True, ""),
        ("api", "beta", False, "GET /health answered 503"),
        ("db", "gamma", False, "its node is dead"),
        ("web", "alpha", True, ""),
        ("web", "gamma", False, "its node is dead"),
        ("old", "beta", False, "exited with 0"),
        ("wiki", "epsilon", False, "its node has left"),
    ]
    assert len(report.degraded) == 2


def test_draining_instance_is_shown_and_is_not_degraded() -> None:
    cluster = view(
        service("web", "alpha", reason="health check passing", draining=True),
        service("web", "beta"),
        members=members(beta="alive"),
    )

    report = services_report(cluster)

    assert [(row.node, row.routable, row.reason) for row in report.services] == [
        ("alpha", False, "draining"),
        ("beta", True, ""),
    ]
    assert report.degraded == ()


@st.composite
def clusters(draw: st.DrawFn) -> ClusterView:
    nodes = draw(st.lists(st.sampled_from(["beta", "gamma", "delta"]), unique=True))
    states: dict[str, MemberState] = {
        node: draw(st.sampled_from(["alive", "suspect", "dead", "left"])) for node in nodes
    }
    healths: list[Health] = ["healthy", "unhealthy", "starting", "stopped"]
    where = st.tuples(
        st.sampled_from(["web-1", "web-2", "db"]), st.sampled_from(["alpha", *nodes, "gone"])
    )
    services = [
        service(
            name.split("-")[0],
            node,
            draw(st.sampled_from(healths)),
            name=name,
            draining=draw(st.booleans()),
        )
        for name, node in draw(st.lists(where, unique=True))
    ]
    cordoned = draw(st.sets(st.sampled_from(["alpha", *nodes])))
    return view(
        *services,
        members=members(**states),
        nodes=tuple(said(node, cordoned=True) for node in sorted(cordoned)),
    )


@given(clusters())
def test_reports_agree_on_what_is_degraded(cluster: ClusterView) -> None:
    total = status_report(cluster, [status("alpha")], ())
    of_nodes, of_services = nodes_report(cluster, {}), services_report(cluster)

    assert sorted(total.degraded) == sorted((*of_nodes.degraded, *of_services.degraded))
    assert total.services_healthy == sum(row.services_healthy for row in of_nodes.nodes)
    assert total.services_healthy == sum(row.routable for row in of_services.services)
    assert total.services_healthy <= total.services_total


@given(clusters())
def test_nothing_is_degraded_exactly_when_each_wanted_service_is_served(
    cluster: ClusterView,
) -> None:
    rows = [
        row
        for row in services_report(cluster).services
        if not cluster.services[row.service][InstanceId(row.node, row.instance)].draining
    ]
    left = {name for name, one in cluster.members.items() if one.state == "left"}
    wanted = {r.service for r in rows if r.health != "stopped" and r.node not in left}
    served = {row.service for row in rows if row.routable}
    ailing = any(row.health == "unhealthy" and cluster.is_living(row.node) for row in rows)

    assert bool(services_report(cluster).degraded) == (ailing or not wanted <= served)

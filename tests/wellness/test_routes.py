"""Healthy is not served: what gets no requests is counted, named and explained."""

from __future__ import annotations

from typing import Any

import pytest

from constellation.admin.lease_view import leases_report
from constellation.admin.raft_tables import leases_text
from constellation.admin.reports import nodes_report, services_report, status_report
from constellation.admin.tables import render
from constellation.wellness.facts import Facts
from constellation.wellness.judgement import judge
from messages.routes import RoutesHealth, UnservedRow
from tests.admin.builders import members, part, said, service, status
from tests.admin.raft_builders import leads, read
from tests.traefik.builders import view

CLUSTER = view(
    service("blog", "alpha"),
    service("shop", "beta"),
    members=members(beta="alive"),
    nodes=(said("alpha"), said("beta")),
)


def routes(*unserved: UnservedRow, **fields: Any) -> RoutesHealth:
    known: dict[str, Any] = {
        "has_traefik": True, "has_body": True, "is_settled": True, "unserved_total": len(unserved),
        "rejected_count": 0, "rejected_services_count": 0, "warned_count": 0,
        "warned_services_count": 0,
    }  # fmt: skip
    return RoutesHealth(unserved=unserved, **{**known, **fields})


def row(name: str, node: str, why: str = "the rule cannot be parsed") -> UnservedRow:
    return UnservedRow(service=name, node=node, name=name, why=why)


def facts(alpha: RoutesHealth, beta: RoutesHealth | None = None) -> Facts:
    answered = [status("alpha", routes=alpha), status("beta", routes=beta)]
    return Facts.of("alpha", CLUSTER, answered)


def test_lease_that_nobody_holds_comes_with_the_reason_of_each_node() -> None:
    answered = [
        status("alpha", routes=routes(no_candidate="it is cordoned"), raft=leads("alpha")),
        status("beta", routes=routes(no_candidate="its ingress fails: refused")),
    ]

    known = Facts.of("alpha", CLUSTER, answered, unheld=["lb-leader", "dns-writer"])

    dns_writer, lb_leader = judge(known).degraded("lease")
    assert lb_leader == (
        "no node holds the lease lb-leader, although alpha leads: alpha: it is cordoned; "
        "beta: its ingress fails: refused"
    )
    assert "see `constellation events`" in dns_writer
    table = render(leases_text(leases_report(known, read())), width=100, color=False)
    assert "beta does not want lb-leader: its ingress fails: refused" in table


@pytest.mark.case("O5")
def test_instance_without_a_route_does_not_count_as_serving_anywhere() -> None:
    ill = facts(
        routes(row("blog", "alpha"), rejected_count=3, rejected_services_count=2),
        routes(row("blog", "alpha")),
    )

    report = status_report(ill)

    assert (report.services_healthy, report.services_total) == (1, 2)
    assert report.degraded == (
        "service blog on alpha gets no requests: the rule cannot be parsed",
        "3 labels rejected, affecting 2 services: see `constellation rejected`",
    )
    assert services_report(ill).degraded == report.degraded
    rows = services_report(ill).services
    assert [(one.service, one.routable, one.reason) for one in rows] == [
        ("blog", False, "the rule cannot be parsed"), ("shop", True, ""),
    ]  # fmt: skip
    nodes = nodes_report(ill, {}).nodes
    assert [(one.node, one.services_healthy) for one in nodes] == [("alpha", 0), ("beta", 1)]


def test_instance_that_only_some_nodes_reach_is_named_with_them() -> None:
    far = row("blog", "alpha", "it publishes no port")

    assert status_report(facts(routes(), routes(far))).degraded == (
        "service blog on alpha gets no requests through beta: it publishes no port",
    )


def test_nodes_without_a_traefik_are_not_asked_whom_they_reach() -> None:
    far = row("blog", "alpha", "it publishes no port")

    assert status_report(facts(routes(), routes(far, has_traefik=False))).degraded == ()


def test_labels_that_are_sent_but_will_not_work_are_counted_too() -> None:
    assert status_report(facts(routes(warned_count=1, warned_services_count=1))).degraded == (
        "1 label will not work, affecting 1 service: see `constellation rejected`",
    )


def test_many_unserved_instances_are_counted() -> None:
    many = [row(f"s{number:02}", "alpha") for number in range(30)]

    lines = status_report(facts(routes(*many, unserved_total=250))).degraded

    assert len(lines) == 11
    assert lines[-1].startswith("240 more service instances without requests")


@pytest.mark.case("O5")
def test_traefik_that_is_lost_everywhere_serves_nobody() -> None:
    lost = part("traefik", "lost", "it no longer polls this agent", "start it")
    answered = [status(node, parts=(lost,), routes=routes()) for node in ("alpha", "beta")]

    report = status_report(Facts.of("alpha", CLUSTER, answered))

    assert report.services_healthy == 0
    assert report.degraded == (
        "traefik on alpha, beta does not work: it no longer polls this agent; start it",
    )


def test_node_that_does_not_know_the_whole_cluster_yet_says_so() -> None:
    assert status_report(facts(routes(is_settled=False))).degraded == (
        "alpha does not know the whole cluster yet: its Traefik gets the last good routes",
    )

"""Healthy instances that get no requests are found, each with the reason; others are not."""

from __future__ import annotations

from typing import Any

import pytest

from constellation.cluster_view import ClusterView
from constellation.settings.traefik import TraefikSettings
from constellation.traefik.dynamic_configuration import ConfigurationBuilder
from constellation.traefik.unserved import unserved
from messages.gossip import NamedNodeState, NodeState
from messages.monitor import Label
from tests.traefik.builders import endpoint, member, node_state, on, state, view


def whys(seen: ClusterView, **settings: Any) -> dict[tuple[str, str], str]:
    builder = ConfigurationBuilder(settings=TraefikSettings(**settings), domain="example.org")
    made = builder.build(seen)
    rows = unserved(builder.composition, seen, made.rejected)
    return {(row.service, row.node): row.why for row in rows}


def ingress(node: str, *capabilities: str) -> NamedNodeState:
    said = NodeState(
        address="10.0.0.2",
        gossip_port=7946,
        actor_port=7947,
        ingress_port=7948,
        capabilities=capabilities,
    )
    return NamedNodeState(node=node, state=said)


BOTH = (member("alpha", is_self=True), member("beta"))


@pytest.mark.parametrize("settings", [{}, {"local_preference": "failover", "version": "3.7"}])
def test_instances_behind_any_kind_of_service_are_served(settings: dict[str, Any]) -> None:
    routed: dict[str, Any] = {"http__routers__r__rule": "Host(`a.example.net`)"}
    seen = view(on("alpha", state(**routed)), on("beta", state(**routed)), members=BOTH)

    assert whys(seen, **settings) == {}


@pytest.mark.case("O5")
def test_instance_whose_only_router_is_rejected_is_named_with_the_label() -> None:
    seen = view(on("alpha", state(http__routers__r__rule="Host(`a.example.net`")))

    (why,) = whys(seen).values()

    assert why.startswith("traefik.http.routers.r.rule: Traefik cannot parse this rule")


@pytest.mark.case("O5")
def test_instance_whose_router_leads_elsewhere_is_named() -> None:
    labels: dict[str, Any] = {
        "http__routers__r__rule": "Host(`a.example.net`)",
        "http__routers__r__service": "b@file",
    }

    assert whys(view(on("alpha", state(**labels)))) == {("web", "alpha"): "no router leads to it"}


def test_instance_that_asks_for_no_route_is_not_named() -> None:
    quiet = state().model_copy(
        update={"labels": (Label(name="constellation.http", value="false"),)}
    )

    assert whys(view(on("alpha", quiet))) == {}
    assert whys(view(on("alpha", state())), default_routes="none") == {}


def test_instance_on_a_node_that_is_cordoned_or_dead_has_a_reason_of_its_own() -> None:
    dead = view(on("beta", state()), members=(member("alpha"), member("beta", "dead")))

    assert whys(view(on("alpha", state()), nodes=(node_state("alpha", cordoned=True),))) == {}
    assert whys(dead) == {}


@pytest.mark.case("O5")
def test_instance_behind_another_nodes_ingress_needs_the_traefik_there() -> None:
    hidden = state(endpoints=(endpoint(port=0),), exposed_ports=(80,))
    inside = on("beta", hidden.model_copy(update={"container_host": "172.17.0.2"}))
    alive = view(inside, members=BOTH, nodes=(node_state("alpha"), ingress("beta", "traefik")))
    dead = view(inside, members=BOTH, nodes=(node_state("alpha"), ingress("beta")))

    assert whys(alive) == {}
    assert whys(dead) == {
        ("web", "beta"): "it publishes no port, and the Traefik of beta does not answer"
    }

"""Requests that another node passes on, for a container that publishes no port."""

from __future__ import annotations

import json
from typing import Any

import pytest

from constellation.cluster_view import ClusterView
from constellation.settings_traefik import TraefikSettings
from constellation.traefik.dynamic_configuration import ConfigurationBuilder
from messages.gossip import NamedNodeState, NodeState
from messages.monitor import ServiceState
from tests.traefik.builders import on, snapshot

INSIDE = "_from.web.example.org"


def of_others(*, cordoned: bool = False, **fields: Any) -> dict[str, Any]:
    """Return what alpha's Traefik has for requests to "web" that others pass on."""
    inside = {"exposed_ports": (80,), "container_host": "172.17.0.2", "health": "healthy"}
    web = ServiceState(service="web", source="docker", instance="c1", **{**inside, **fields})
    nodes = tuple(
        NamedNodeState(
            node=name,
            state=NodeState(
                address=address,
                gossip_port=7946,
                actor_port=7947,
                ingress_port=8082,
                cordoned=cordoned and name == "alpha",
            ),
        )
        for name, address in (("alpha", "100.64.0.1"), ("beta", "100.64.0.2"))
    )
    chosen = TraefikSettings(version="3.7", ingress_port=8082)
    builder = ConfigurationBuilder(settings=chosen, domain="example.org")
    made = builder.build(ClusterView().apply(snapshot(on("alpha", web), nodes=nodes)))
    http = json.loads(made.body)["http"]
    assert (INSIDE in http["routers"]) == (INSIDE in http["services"])
    own = http["services"]["web.example.org"]["loadBalancer"]["servers"]
    passed_on = http["services"].get(INSIDE, {}).get("loadBalancer", {}).get("servers")
    return {"own": len(own), "passed_on": None if passed_on is None else len(passed_on)}


def test_they_reach_it() -> None:
    assert of_others() == {"own": 1, "passed_on": 1}


@pytest.mark.parametrize("fields", [{"cordoned": True}, {"draining": True}])
def test_they_reach_it_still_while_others_may_not_have_heard(fields: dict[str, Any]) -> None:
    assert of_others(**fields) == {"own": 0, "passed_on": 1}


def test_they_are_answered_503_and_not_404_while_it_is_ill() -> None:
    assert of_others(health="unhealthy") == {"own": 0, "passed_on": 0}

"""Requests that another node passes on, for a container that publishes no port."""

from __future__ import annotations

import json
from typing import Any

import pytest

from constellation.cluster_view import ClusterView
from constellation.settings.traefik import TraefikSettings
from constellation.traefik.dynamic_configuration import ConfigurationBuilder
from messages.gossip import NamedNodeState, NodeServiceState, NodeState
from messages.monitor import Label, ServiceState
from tests.traefik.builders import on, snapshot

INSIDE = "_from.web.example.org"


def web(node: str = "alpha", **fields: Any) -> NodeServiceState:
    inside = {"exposed_ports": (80,), "container_host": "172.17.0.2", "health": "healthy"}
    state = ServiceState(service="web", source="docker", instance="c1", **{**inside, **fields})
    return on(node, state)


def http(*services: NodeServiceState, cordoned: bool = False) -> dict[str, Any]:
    """Return what alpha's Traefik gets of HTTP, with a node beta beside it."""
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
    made = builder.build(ClusterView().apply(snapshot(*services, nodes=nodes)))
    found: dict[str, Any] = json.loads(made.body)["http"]
    return found


def of_others(*, cordoned: bool = False, **fields: Any) -> dict[str, Any]:
    """Return how many servers "web" on alpha has, and has for requests that others pass on."""
    found = http(web(**fields), cordoned=cordoned)
    assert (INSIDE in found["routers"]) == (INSIDE in found["services"])
    own = found["services"]["web.example.org"]["loadBalancer"]["servers"]
    passed_on = found["services"].get(INSIDE, {}).get("loadBalancer", {}).get("servers")
    return {"own": len(own), "passed_on": None if passed_on is None else len(passed_on)}


def test_a_passed_on_request_reaches_the_container() -> None:
    assert of_others() == {"own": 1, "passed_on": 1}


@pytest.mark.parametrize("fields", [{"cordoned": True}, {"draining": True}])
def test_passed_on_requests_continue_until_peers_learn_of_the_cordon(
    fields: dict[str, Any],
) -> None:
    assert of_others(**fields) == {"own": 0, "passed_on": 1}


def test_passed_on_requests_to_an_unhealthy_container_fail_with_502() -> None:
    assert of_others(health="unhealthy") == {"own": 0, "passed_on": None}
    assert "_from." in http(web(health="unhealthy"))["routers"]


@pytest.mark.parametrize(
    ("check", "stays"),
    [
        ({"interval": "5s"}, True),
        ({"interval": "5s", "scheme": "https"}, False),
        ({"interval": "5s", "mode": "grpc"}, False),
        ({"interval": "5s", "port": "81"}, False),
    ],
)
def test_a_health_check_that_cannot_be_passed_on_is_left_out(
    check: dict[str, str], *, stays: bool
) -> None:
    start = "traefik.http.services.s.loadbalancer."
    labels = {f"{start}healthcheck.{name}": value for name, value in check.items()}
    there = web("beta", labels=tuple(Label(name=n, value=v) for n, v in labels.items()))
    (service,) = {
        name: one for name, one in http(there)["services"].items() if name == "s"
    }.values()
    assert service["loadBalancer"]["servers"] == [{"url": "http://100.64.0.2:8082"}]
    assert ("healthCheck" in service["loadBalancer"]) == stays

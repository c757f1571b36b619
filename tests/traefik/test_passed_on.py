"""Requests that other nodes pass on: the routers for them in the body of a node."""

from __future__ import annotations

import json
from typing import Any

import pytest

from constellation.cluster_view import ClusterView
from constellation.settings.traefik import TraefikSettings
from constellation.traefik.dynamic_configuration import ConfigurationBuilder
from messages.gossip import NamedNodeState, NodeServiceState, NodeState
from messages.monitor import Health, Label, ServiceState
from tests.traefik.builders import endpoint, on, snapshot, state, view

ADDRESSES = {"alpha": "100.64.0.1", "beta": "100.64.0.2"}
NODES = tuple(
    NamedNodeState(
        node=name,
        state=NodeState(address=address, gossip_port=7946, actor_port=7947, ingress_port=7948),
    )
    for name, address in ADDRESSES.items()
)
PEERS = "(ClientIP(`100.64.0.1`) || ClientIP(`100.64.0.2`))"


def unpublished(health: Health = "healthy") -> ServiceState:
    made = state("web", health, endpoints=(), exposed_ports=(80,))
    return made.model_copy(update={"container_host": "172.17.0.2" if health == "healthy" else ""})


def http_of(
    *services: Any, settings: TraefikSettings | None = None, **fields: Any
) -> dict[str, Any]:
    settings = settings or TraefikSettings(ingress_port=7948)
    builder = ConfigurationBuilder(settings=settings, domain="localhost")
    body = builder.build(view(*services, **{"nodes": NODES, **fields})).body
    return dict(json.loads(body)["http"])


def test_passed_on_requests_are_accepted_from_members_only() -> None:
    made = http_of(on("alpha", unpublished()))

    assert made["routers"]["_from.web.localhost"] == {
        "entryPoints": ["constellation"],
        "rule": f"Header(`X-Constellation-Service`, `web.localhost`) && {PEERS}",
        "service": "_from.web.localhost",
        "middlewares": ["constellation.from"],
    }
    servers = made["services"]["_from.web.localhost"]["loadBalancer"]["servers"]
    assert servers == [{"url": "http://172.17.0.2:80"}]


def test_a_passed_on_request_without_a_service_here_fails_with_502() -> None:
    # A 404 would be returned to the client while other nodes do not know yet that it stopped.
    for services in ([], [on("alpha", unpublished("stopped"))], [on("beta", unpublished())]):
        made = http_of(*services)

        assert "_from.web.localhost" not in made["routers"]
        assert made["routers"]["_from."] == {
            "entryPoints": ["constellation"],
            "rule": f"HeaderRegexp(`X-Constellation-Service`, `.`) && {PEERS}",
            "priority": 1,
            "service": "_from.",
        }
        servers = made["services"]["_from."]["loadBalancer"]["servers"]
        assert servers == [{"url": "http://127.0.0.1:0"}]


def test_a_node_without_an_ingress_port_has_no_router_for_passed_on_requests() -> None:
    made = http_of(on("alpha", unpublished()), settings=TraefikSettings())

    assert [name for name in made["routers"] if name.startswith("_from.")] == []
    assert [name for name in made["services"] if name.startswith("_from.")] == []


def test_no_passed_on_request_is_accepted_while_no_peer_is_known() -> None:
    made = http_of(on("alpha", unpublished()), nodes=())

    assert [name for name in made["routers"] if name.startswith("_from.")] == []


def test_the_sender_names_the_service_in_the_header_once() -> None:
    made = http_of(on("beta", unpublished()))

    middlewares = made["routers"]["web.localhost"]["middlewares"]
    assert middlewares.count("constellation.to.web.localhost") == 1
    servers = made["services"]["web.localhost"]["loadBalancer"]["servers"]
    assert servers == [{"url": "http://100.64.0.2:7948"}]


def test_passed_on_requests_have_their_own_retry_that_includes_504() -> None:
    there = state("published", endpoints=(endpoint(host=ADDRESSES["beta"]),))
    services = (on("beta", unpublished()), on("beta", there))
    made = http_of(*services, settings=TraefikSettings(version="3.7"))

    names = made["routers"]["web.localhost"]["middlewares"]
    assert names == ["constellation.retry-passed-on"]
    retry = made["middlewares"]["constellation.retry-passed-on"]["retry"]
    assert (retry["status"], retry["timeout"]) == (["502", "504"], "10s")
    assert made["routers"]["published.localhost"]["middlewares"] == ["constellation.retry"]


def test_an_older_traefik_retries_passed_on_requests_like_all_others() -> None:
    made = http_of(on("beta", unpublished()), settings=TraefikSettings(version="3.6"))

    names = made["routers"]["web.localhost"]["middlewares"]
    assert names == ["constellation.retry", "constellation.to.web.localhost"]
    assert made["middlewares"]["constellation.retry"]["retry"].keys() == {
        "attempts",
        "initialInterval",
    }


# A container on this node that publishes no port.
INSIDE = "_from.web.example.org"


def web(node: str = "alpha", **fields: Any) -> NodeServiceState:
    inside = {"exposed_ports": (80,), "container_host": "172.17.0.2", "health": "healthy"}
    state = ServiceState(service="web", source="docker", instance="c1", **{**inside, **fields})
    return on(node, state)


def http_of_alpha(*services: NodeServiceState, cordoned: bool = False) -> dict[str, Any]:
    """Return the HTTP part of the body of alpha, in a cluster with beta."""
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
    """Return the number of servers of "web" on alpha, and of those for passed-on requests."""
    found = http_of_alpha(web(**fields), cordoned=cordoned)
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
    assert "_from." in http_of_alpha(web(health="unhealthy"))["routers"]


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
        name: one for name, one in http_of_alpha(there)["services"].items() if name == "s"
    }.values()
    assert service["loadBalancer"]["servers"] == [{"url": "http://100.64.0.2:8082"}]
    assert ("healthCheck" in service["loadBalancer"]) == stays

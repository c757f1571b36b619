"""A service with its servers: local ones first, others through the Traefik of their node."""

from __future__ import annotations

import json
from typing import Any

import pytest

from constellation.settings.traefik import TraefikSettings
from constellation.traefik.dynamic_configuration import ConfigurationBuilder, DynamicConfiguration
from constellation.traefik.hop import SERVICE_HEADER
from messages.gossip import ClusterMember, NamedNodeState, NodeServiceState, NodeState
from messages.monitor import ServiceState
from tests.traefik.builders import endpoint, member, on, state, view

NAME = "web.example.org"


def node(name: str, address: str) -> NamedNodeState:
    said = NodeState(address=address, gossip_port=1, actor_port=2, ingress_port=9000)
    return NamedNodeState(node=name, state=said)


def configuration(
    *services: NodeServiceState,
    self_node: str = "alpha",
    members: tuple[ClusterMember, ...] | None = (member("alpha"), member("beta")),
    nodes: tuple[NamedNodeState, ...] = (node("alpha", "10.0.0.1"), node("beta", "10.0.0.2")),
    **fields: Any,
) -> DynamicConfiguration:
    builder = ConfigurationBuilder(settings=TraefikSettings(**fields), domain="example.org")
    return builder.build(view(*services, self_node=self_node, members=members, nodes=nodes))


def build(*services: NodeServiceState, **fields: Any) -> dict[str, Any]:
    return dict(json.loads(configuration(*services, **fields).body)["http"])


def published(host: str, **labels: Any) -> ServiceState:
    return state(endpoints=(endpoint(80, 8080, host),), **labels)


def hidden(**labels: Any) -> ServiceState:
    """Return an instance that publishes no port."""
    return state(endpoints=(), exposed_ports=(80,), **labels).model_copy(
        update={"container_host": "172.17.0.2"}
    )


def both(**labels: Any) -> tuple[NodeServiceState, NodeServiceState]:
    return on("alpha", published("10.0.0.1", **labels)), on("beta", published("10.0.0.2", **labels))


def weights(made: dict[str, Any]) -> dict[str, int | None]:
    servers = made["services"][NAME]["loadBalancer"]["servers"]
    return {server["url"]: server.get("weight") for server in servers}


def test_a_local_instance_has_the_local_weight() -> None:
    assert weights(build(*both(), local_weight=3)) == {
        "http://10.0.0.1:8080": 3,
        "http://10.0.0.2:8080": 1,
    }


@pytest.mark.parametrize(
    "fields", [{"local_preference": "none"}, {"local_weight": 1}], ids=["none", "weight 1"]
)
def test_servers_have_no_weights_if_local_instances_are_not_preferred(
    fields: dict[str, Any],
) -> None:
    assert set(weights(build(*both(), **fields)).values()) == {None}


def test_servers_have_no_weights_if_all_are_local_or_all_remote() -> None:
    near, far = both()

    assert set(weights(build(near)).values()) == set(weights(build(far)).values()) == {None}


def test_a_weight_from_labels_is_kept() -> None:
    made = build(*both(http__services__web__loadbalancer__server__weight="7"))

    servers = made["services"]["web"]["loadBalancer"]["servers"]
    assert [server["weight"] for server in servers] == [7, 7]


def test_failover_splits_a_router_by_method_and_keeps_the_priority_of_the_rule() -> None:
    made = build(*both(), version="3.7", local_preference="failover")

    rest, tried = made["routers"][NAME], made["routers"][f"{NAME}._failover"]
    assert rest["rule"].endswith(")")
    assert "!(Method(`GET`)" in rest["rule"]
    assert "&& (Method(`GET`)" in tried["rule"]
    assert rest["priority"] == tried["priority"] == len(f"Host(`{NAME}`)")
    assert (rest["service"], tried["service"]) == (NAME, f"{NAME}._failover")
    failover = made["services"][f"{NAME}._failover"]["failover"]
    urls = {
        role: [s["url"] for s in made["services"][failover[role]]["loadBalancer"]["servers"]]
        for role in ("service", "fallback")
    }
    assert urls == {"service": ["http://10.0.0.1:8080"], "fallback": ["http://10.0.0.2:8080"]}
    assert failover["errors"]["status"] == ["502", "503", "504"]


def test_a_sticky_service_has_no_failover() -> None:
    made = build(
        *both(http__services__web__loadbalancer__sticky__cookie="true"),
        version="3.7",
        local_preference="failover",
    )

    assert not [name for name in made["services"] if "_failover" in name]
    assert made["services"]["web"]["weighted"]["sticky"] == {"cookie": {}}


def test_a_service_reached_through_another_traefik_is_named_in_a_header() -> None:
    made = build(on("beta", hidden()))

    assert weights(made) == {"http://10.0.0.2:9000": None}
    assert made["middlewares"][f"constellation.to.{NAME}"] == {
        "headers": {"customRequestHeaders": {SERVICE_HEADER: NAME}}
    }
    assert made["routers"][NAME]["middlewares"][-1] == f"constellation.to.{NAME}"
    assert not [name for name in made["routers"] if name.startswith("_from.")]


def test_passed_on_requests_reach_only_containers_of_this_node() -> None:
    made = build(on("alpha", hidden()), on("beta", published("10.0.0.2")), ingress_port=9000)

    router = made["routers"][f"_from.{NAME}"]
    assert router["rule"] == (
        f"Header(`{SERVICE_HEADER}`, `{NAME}`) && (ClientIP(`10.0.0.1`) || ClientIP(`10.0.0.2`))"
    )
    assert router["entryPoints"] == ["constellation"]
    assert router["middlewares"] == ["constellation.from"]
    servers = made["services"][router["service"]]["loadBalancer"]["servers"]
    assert servers == [{"url": "http://172.17.0.2:80"}]


def test_a_passed_on_request_gets_no_second_sticky_cookie() -> None:
    labels: dict[str, Any] = {"http__services__web__loadbalancer__sticky__cookie__name": "held"}
    made = build(on("alpha", hidden(**labels)), ingress_port=9000)

    assert "sticky" in made["services"]["web"]["weighted"]
    assert "sticky" not in made["services"]["_from.web._of.web"]["loadBalancer"]


def test_a_node_without_ingress_accepts_no_passed_on_requests() -> None:
    assert not [n for n in build(on("alpha", hidden()))["routers"] if n.startswith("_from.")]


@pytest.mark.parametrize(
    ("label", "check"),
    [
        ("path", {"path": "/up", "headers": {SERVICE_HEADER: "web._of.web"}}),
        ("port", None),
    ],
)
def test_a_health_check_takes_the_same_path_as_requests(
    label: str, check: dict[str, Any] | None
) -> None:
    value = {"path": "/up", "port": "81"}[label]
    named: dict[str, Any] = {f"http__services__web__loadbalancer__healthcheck__{label}": value}

    made = build(on("beta", hidden(**named)))

    assert made["services"]["web"]["loadBalancer"].get("healthCheck") == check


def test_instances_with_the_same_address_are_one_server() -> None:
    made = build(on("alpha", published("10.0.0.9")), on("beta", published("10.0.0.9")))

    assert len(made["services"][NAME]["loadBalancer"]["servers"]) == 1

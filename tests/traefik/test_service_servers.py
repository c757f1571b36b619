"""Which instance of a TCP service gets connections: only the primary."""

from __future__ import annotations

import json
from typing import Any

import pytest

from constellation.settings.traefik import TraefikSettings
from constellation.traefik.dynamic_configuration import ConfigurationBuilder, DynamicConfiguration
from messages.gossip import NodeServiceState
from messages.monitor import Health, ReachNote, Role
from tests.traefik.builders import endpoint, on, state, view


def database(
    node: str, role: Role = "", health: Health = "healthy", **fields: Any
) -> NodeServiceState:
    host = {"alpha": "10.0.0.1", "beta": "10.0.0.2", "gamma": "10.0.0.3"}[node]
    instance = state("db", health, endpoints=(endpoint(5432, 5432, host),))
    return on(node, instance.model_copy(update={"image": "postgres", "role": role, **fields}))


def build(*databases: NodeServiceState, self_node: str = "gamma") -> DynamicConfiguration:
    settings = TraefikSettings(entry_points=("postgres",))
    builder = ConfigurationBuilder(settings=settings, domain="example.org")
    return builder.build(view(*databases, self_node=self_node))


def addresses(made: DynamicConfiguration) -> list[str]:
    balancer = json.loads(made.body)["tcp"]["services"]["db.example.org"]["loadBalancer"]
    return [server["address"].partition(":")[0] for server in balancer["servers"]]


@pytest.mark.parametrize(
    ("databases", "expected"),
    [
        pytest.param(
            (database("alpha"), database("beta")), ["10.0.0.1", "10.0.0.2"], id="no roles: all"
        ),
        pytest.param(
            (database("alpha", "replica"), database("beta", "primary")),
            ["10.0.0.2"],
            id="the primary",
        ),
        pytest.param(
            (database("alpha", "replica"), database("beta", "replica")), [], id="no primary: none"
        ),
        pytest.param(
            (database("alpha"), database("beta", "primary")),
            ["10.0.0.2"],
            id="one that does not say is not the primary",
        ),
        pytest.param(
            (database("alpha", "primary", "unhealthy"), database("beta", "replica")),
            [],
            id="a primary that is ill has no stand-in",
        ),
        pytest.param(
            (database("alpha", "primary", "unhealthy"), database("beta", "primary")),
            ["10.0.0.2"],
            id="a primary that is ill does not stand in the way of another",
        ),
        pytest.param(
            (database("alpha", "primary", draining=True), database("beta", "replica")),
            [],
            id="a primary that drains",
        ),
    ],
)
def test_tcp_connections_go_to_the_primary_only(
    databases: tuple[NodeServiceState, ...], expected: list[str]
) -> None:
    assert addresses(build(*databases)) == expected


@pytest.mark.parametrize("self_node", ["alpha", "beta", "gamma"])
def test_every_node_chooses_the_same_of_two_primaries(self_node: str) -> None:
    made = build(database("alpha", "primary"), database("beta", "primary"), self_node=self_node)

    assert addresses(made) == ["10.0.0.1"]
    (rejection,) = [item for item in made.rejected if "primary" in item.reason]
    assert rejection.node == "beta"
    assert "db/alpha" in rejection.reason


def test_without_roles_tcp_uses_local_instances_while_there_are_any() -> None:
    made = build(database("alpha"), database("beta"), self_node="beta")

    assert addresses(made) == ["10.0.0.2"]


NOTE = ReachNote(why="its address is in a macvlan", fix="publish the port")


def web(**fields: Any) -> NodeServiceState:
    unpublished = state("web", endpoints=(), exposed_ports=(80,))
    return on("alpha", unpublished.model_copy(update={"container_host": "172.17.0.2", **fields}))


def test_doubtful_address_is_sent_with_a_warning() -> None:
    doubtful = NOTE.model_copy(update={"is_doubtful": True})
    made = ConfigurationBuilder(settings=TraefikSettings(), domain="example.org").build(
        view(web(reach_notes=(doubtful,)), self_node="alpha")
    )

    (warning,) = made.rejected
    assert (warning.reason, warning.remedy, warning.is_sent) == (NOTE.why, NOTE.fix, True)
    assert b"http://172.17.0.2:80" in made.body


def test_what_its_own_node_knows_is_why_an_instance_is_not_reached() -> None:
    made = ConfigurationBuilder(settings=TraefikSettings(), domain="example.org").build(
        view(web(reach_notes=(NOTE,), container_host=""), self_node="alpha")
    )

    (rejection,) = made.rejected
    assert (rejection.reason, rejection.remedy, rejection.is_sent) == (NOTE.why, NOTE.fix, False)

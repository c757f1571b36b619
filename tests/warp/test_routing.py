"""Services that need WARP get requests only on nodes whose gateways are healthy."""

from __future__ import annotations

from typing import Any

import pytest

from constellation.cluster_view import ClusterView
from constellation.settings.traefik import TraefikSettings
from constellation.traefik.dynamic_configuration import ConfigurationBuilder
from constellation.traefik.explanation import explain
from constellation.wellness.services import is_down, why_not_routable
from messages.gossip import ClusterChanged, NodeWarpState, RecordName
from messages.monitor import Label, ServiceState
from tests.traefik.builders import on, state, view
from tests.warp.builders import gateway

NEEDS = Label(name="network.warp.enabled", value="true")


def needing(service: str = "web", value: str = "true") -> ServiceState:
    label = NEEDS._replace(value=value)
    return state(service).model_copy(update={"labels": (label,)})


def delta(version: int, **fields: Any) -> ClusterChanged:
    return ClusterChanged(version=version, snapshot=False, self_node="alpha", **fields)


def cluster(*warps: NodeWarpState, value: str = "true") -> ClusterView:
    """Return a cluster in which `web` needs WARP on two nodes, and `api` does not."""
    seen = view(
        *(on(node, needing(value=value)) for node in ("alpha", "beta")), on("alpha", state("api"))
    )
    return seen.apply(delta(2, warps=warps))


def serving(seen: ClusterView, service: str = "web") -> list[str]:
    return [node for node, _ in seen.routable(service)]


@pytest.mark.parametrize(
    ("warps", "value", "nodes"),
    [
        pytest.param((), "true", ["alpha", "beta"], id="nobody probes"),
        pytest.param((gateway("alpha", "healthy"),), "true", ["alpha"], id="one has no gateway"),
        pytest.param((gateway("alpha", "unhealthy"),), "true", [], id="unhealthy"),
        pytest.param((gateway("alpha", "unknown"),), "true", [], id="unknown"),
        pytest.param((gateway("alpha", "unhealthy"),), "false", ["alpha", "beta"], id="no need"),
        pytest.param(
            (gateway("beta", "healthy"), gateway("beta", "unhealthy", "second")),
            "true",
            [],
            id="one of two gateways",
        ),
    ],
)
def test_which_nodes_serve_what_needs_warp(
    warps: tuple[NodeWarpState, ...], value: str, nodes: list[str]
) -> None:
    seen = cluster(*warps, value=value)

    assert serving(seen) == nodes
    assert is_down(seen, "web") is not bool(nodes)
    assert serving(seen, "api") == ["alpha"]


def test_explain_and_status_say_why_a_node_does_not_serve() -> None:
    seen = cluster(gateway("alpha", "healthy"), gateway("beta", "unhealthy"))
    builder = ConfigurationBuilder(settings=TraefikSettings(), domain="example.org")
    made = builder.build(seen)

    told = explain("web", builder.composition, seen, made.rejected, lambda _: 0.0)

    why = "it needs WARP, and gate of its node is unhealthy: www.cloudflare.com says warp=off"
    assert {one.node: one.why for route in told.routes for one in route.backends} == {
        "alpha": "",
        "beta": why,
    }
    assert why_not_routable(seen, "beta", needing()) == why
    assert why_not_routable(seen, "alpha", needing()) == ""


def test_routes_follow_each_change_of_a_gateway_as_if_built_anew() -> None:
    seen = cluster()
    builder = ConfigurationBuilder(settings=TraefikSettings(), domain="example.org")
    builder.build(seen)
    gone = RecordName(kind="warp", node="alpha", key="gate")
    steps: list[dict[str, Any]] = [
        {"warps": (gateway("alpha", "unhealthy"),)},
        {"warps": (gateway("beta", "healthy"),)},
        {"warps": (gateway("alpha", "healthy"),)},
        {"removed": (gone,)},
        {"warps": (gateway("beta", "unhealthy"),)},
    ]
    served = []
    for version, fields in enumerate(steps, 3):
        before, seen = seen, seen.apply(delta(version, **fields))
        served.append(serving(seen))
        assert builder.moves_services(seen) or serving(seen) == serving(before)
        fresh = ConfigurationBuilder(settings=TraefikSettings(), domain="example.org")
        assert builder.build(seen).body == fresh.build(seen).body

    assert served == [[], ["beta"], ["alpha", "beta"], ["beta"], []]

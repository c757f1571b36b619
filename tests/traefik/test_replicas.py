"""Several instances of one service on one node are servers of one service."""

from __future__ import annotations

import json
from typing import Any

import pytest

from constellation.cluster_view import ClusterView
from constellation.settings.traefik import TraefikSettings
from constellation.traefik.document import Body
from constellation.traefik.dynamic_configuration import ConfigurationBuilder
from constellation.traefik.last_good import LastGood
from messages.gossip import ClusterChanged, RecordName
from messages.monitor import ServiceState
from tests.traefik.builders import endpoint, on, state, view

ROUTED: dict[str, Any] = {"http__routers__shop__rule": "Host(`shop.example.net`)"}


def replica(number: int, port: int = 0, **fields: Any) -> ServiceState:
    """Return an instance; without a port it is reached at the container's own address."""
    published = (endpoint(host="10.0.0.1", port=port),) if port else ()
    made = state("web-proj", endpoints=published, exposed_ports=(80,), **ROUTED)
    own = {"name": f"proj-web-{number}", "container_host": f"172.17.0.{number}"}
    return made.model_copy(update={**own, **fields})


def change(version: int, **fields: Any) -> ClusterChanged:
    return ClusterChanged(version=version, snapshot=False, self_node="alpha", **fields)


def http_of(seen: ClusterView) -> dict[str, Any]:
    settings = TraefikSettings(reaches_containers=True)
    built = ConfigurationBuilder(settings=settings, domain="example.org").build(seen)
    assert built.rejected == ()
    http: dict[str, Any] = json.loads(built.body)["http"]
    return http


def urls(seen: ClusterView) -> list[str]:
    """Return the servers of the only router."""
    http = http_of(seen)
    (router,) = http["routers"].values()
    return [one["url"] for one in http["services"][router["service"]]["loadBalancer"]["servers"]]


@pytest.mark.case("R2")
def test_replicas_on_a_node_are_the_servers_of_one_router() -> None:
    seen = view(*(on("alpha", replica(number)) for number in (1, 2, 3)))

    assert list(http_of(seen)["routers"]) == ["shop"]
    assert urls(seen) == [f"http://172.17.0.{number}:80" for number in (1, 2, 3)]
    one_ill = view(on("alpha", replica(1, health="unhealthy")), on("alpha", replica(2)))
    assert urls(one_ill) == ["http://172.17.0.2:80"]


@pytest.mark.case("R3")
def test_green_keeps_the_requests_while_blue_drains_and_after_it_is_gone() -> None:
    both = view(on("alpha", replica(1)), on("alpha", replica(2)), version=1)
    drains = both.apply(change(2, services=(on("alpha", replica(1, draining=True)),)))
    gone = RecordName(kind="service", node="alpha", key="proj-web-1")

    assert urls(both) == ["http://172.17.0.1:80", "http://172.17.0.2:80"]
    assert urls(drains) == ["http://172.17.0.2:80"]
    assert urls(drains.apply(change(3, removed=(gone,)))) == ["http://172.17.0.2:80"]


def test_an_instance_that_changes_its_service_leaves_the_former_one() -> None:
    both = view(on("alpha", replica(1)), on("alpha", replica(2)), version=1)

    moved = both.apply(change(2, services=(on("alpha", replica(1, service="api")),)))

    assert {name: len(found) for name, found in moved.services.items()} == {"web-proj": 1, "api": 1}


def test_last_good_of_a_version_without_names_is_read() -> None:
    saved = LastGood(Body.of(b"{}"), frozenset(), 1.0).encode()
    old = LastGood(Body.of(b"{}"), frozenset({("web", "alpha")}), 1.0)  # type: ignore[arg-type]

    (known,) = LastGood.decode(old.encode()).routed

    assert (known.service, known.node, known.name) == ("web", "alpha", "web")
    assert LastGood.decode(saved).routed == frozenset()

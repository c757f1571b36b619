"""Requests that other nodes pass on: the routers for them in a node's body."""

from __future__ import annotations

import json
from typing import Any

from constellation.settings.traefik import TraefikSettings
from constellation.traefik.dynamic_configuration import ConfigurationBuilder
from messages.gossip import NamedNodeState, NodeState
from messages.monitor import Health, ServiceState
from tests.traefik.builders import on, state, view

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
    }
    servers = made["services"]["_from.web.localhost"]["loadBalancer"]["servers"]
    assert servers == [{"url": "http://172.17.0.2:80"}]


def test_a_passed_on_request_without_a_service_here_fails_with_502() -> None:
    # 404 would be handed to the client while the others do not know yet that it stopped.
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
    services = (on("beta", unpublished()), on("beta", state("published")))
    made = http_of(*services, settings=TraefikSettings(version="3.7"))

    names = made["routers"]["web.localhost"]["middlewares"]
    assert names == ["constellation.retry-passed-on", "constellation.to.web.localhost"]
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

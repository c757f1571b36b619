"""One container's labels against all others: nothing they say may cost more than itself."""

from __future__ import annotations

import json
from typing import Any

import pytest

from constellation.cluster_view import ClusterView
from constellation.settings_traefik import TraefikSettings
from constellation.traefik.dynamic_configuration import ConfigurationBuilder, DynamicConfiguration
from messages.gossip import NodeServiceState
from messages.monitor import Label, ServiceState
from tests.traefik.builders import endpoint, on, snapshot

ROUTER = "traefik.http.routers.x."
MIDDLEWARE = "traefik.http.middlewares.m."


def container(service: str, labels: dict[str, str], **fields: Any) -> ServiceState:
    return ServiceState(
        service=service,
        health="healthy",
        source="docker",
        instance="c1",
        labels=tuple(Label(name=name, value=value) for name, value in labels.items()),
        **{"endpoints": (endpoint(),), **fields},
    )


def made(*found: NodeServiceState, **fields: Any) -> DynamicConfiguration:
    chosen = TraefikSettings(**{"version": "3.7", **fields})
    builder = ConfigurationBuilder(settings=chosen, domain="example.org")
    return builder.build(ClusterView().apply(snapshot(*found)))


def section(configuration: DynamicConfiguration, protocol: str, name: str) -> dict[str, Any]:
    found = json.loads(configuration.body).get(protocol, {}).get(name, {})
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize(
    "text", ["99999999h", "9223372037s", "9999999999999999999ns", "1\u0663s", "200000h200000h"]
)
def test_a_duration_that_go_cannot_hold_is_left_out(text: str) -> None:
    labels = {MIDDLEWARE + "retry.attempts": "2", MIDDLEWARE + "retry.initialinterval": text}
    configuration = made(on("alpha", container("web", labels)))
    assert "m" not in section(configuration, "http", "middlewares")
    assert configuration.rejected_count == 1


@pytest.mark.parametrize("text", ["5\u00b5s", "1m30s", "1.5h", ".5s", "+10s", "999999999"])
def test_a_duration_of_go_stays(text: str) -> None:
    labels = {MIDDLEWARE + "retry.attempts": "2", MIDDLEWARE + "retry.initialinterval": text}
    configuration = made(on("alpha", container("web", labels)))
    assert "m" in section(configuration, "http", "middlewares")


def test_chains_that_multiply_are_left_out_at_once() -> None:
    labels = {
        f"traefik.http.middlewares.m{i}.chain.middlewares": ",".join([f"m{i + 1}"] * 32)
        for i in range(12)
    }
    labels["traefik.http.middlewares.m12.addprefix.prefix"] = "/x"
    configuration = made(on("alpha", container("web", labels)))
    kept = set(section(configuration, "http", "middlewares"))
    assert {"m12", "m11"} <= kept
    assert "m0" not in kept
    assert any("more than 256" in item.reason for item in configuration.rejected)

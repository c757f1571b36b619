"""Databases are recognised by image or label, never by name."""

from __future__ import annotations

import json

import pytest

from constellation.settings.traefik import TraefikSettings
from constellation.traefik.dynamic_configuration import ConfigurationBuilder, DynamicConfiguration
from constellation.traefik.known_protocols import (
    PROTOCOLS,
    KnownProtocol,
    known_protocol,
    protocol_of_image,
)
from constellation.traefik.rejection import Complaint
from messages.gossip import NodeServiceState
from messages.monitor import Label, ServiceState
from tests.traefik.builders import endpoint, on, state, view


@pytest.mark.parametrize(
    ("image", "label", "name"),
    [
        ("redis", "", "redis"),
        ("docker.io/library/redis:7@sha256:00", "", "redis"),
        ("registry:5000/bitnami/PostgreSQL:16", "", "postgres"),
        ("mongo:6", "", "mongodb"),
        ("mariadb", "", "mysql"),
        ("mine/cache", "redis", "redis"),
        ("mongo", "redis", "redis"),
    ],
)
def test_a_protocol_is_recognised_by_image_or_label(image: str, label: str, name: str) -> None:
    found = known_protocol(protocol_of_image(image), label)

    assert isinstance(found, KnownProtocol)
    assert found.name == name


@pytest.mark.parametrize(
    ("image", "label"), [("redis", "none"), ("redis-exporter", ""), ("", ""), ("redis/web", "")]
)
def test_an_unknown_image_has_no_protocol(image: str, label: str) -> None:
    assert known_protocol(protocol_of_image(image), label) is None


def test_a_label_with_an_unknown_protocol_is_reported() -> None:
    assert isinstance(known_protocol(protocol_of_image("redis"), "http"), Complaint)


@pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda protocol: protocol.name)
def test_a_known_protocol_has_a_default_route_only_at_the_entry_point_of_its_name(
    protocol: KnownProtocol,
) -> None:
    image = min(protocol.images)
    instance = state("db", endpoints=(endpoint(protocol.port, 7000),)).model_copy(
        update={"image": image}
    )
    bodies = []
    for entry_points in ((protocol.name,), ("other",)):
        builder = ConfigurationBuilder(
            settings=TraefikSettings(entry_points=entry_points), domain="example.org"
        )
        bodies.append(json.loads(builder.build(view(on("alpha", instance))).body))

    assert bodies[0]["tcp"] == {
        "routers": {
            f"_default.{protocol.name}": {
                "entryPoints": [protocol.name],
                "rule": "HostSNI(`*`)",
                "service": "db.example.org",
            }
        },
        "services": {
            "db.example.org": {"loadBalancer": {"servers": [{"address": "127.0.0.1:7000"}]}}
        },
    }
    assert "tcp" not in bodies[1]


UNREADABLE = (
    "traefik.tcp.routerz.x.rule",
    "traefik.tcp.routers.x.rool",
    "traefik.tcp.routers.x y.rule",
    "traefik.tcp..x.rule",
    "traefik.tcp.routers",
    "traefik.tcp",
    "traefik.tcp[0].routers.x.rule",
    "TRAEFIK.TCP.middleware.x.ipallowlist.sourcerange",
)
ENTRY_POINTS = TraefikSettings(entry_points=("redis",))


def database(*labels: str) -> ServiceState:
    return state("db", endpoints=(endpoint(6379, 7000),)).model_copy(
        update={
            "image": "redis",
            "labels": tuple(Label(name=name, value="HostSNI(`*`)") for name in labels),
        }
    )


def made(*services: NodeServiceState) -> DynamicConfiguration:
    return ConfigurationBuilder(settings=ENTRY_POINTS, domain="example.org").build(view(*services))


@pytest.mark.parametrize("label", UNREADABLE)
def test_a_tcp_label_that_cannot_be_read_gives_no_default_tcp_router(label: str) -> None:
    configuration = made(on("alpha", database(label)))

    assert "routers" not in json.loads(configuration.body).get("tcp", {})
    (rejection,) = configuration.rejected
    assert rejection.label.startswith(label[:11])
    assert "default" not in rejection.reason


@pytest.mark.parametrize("label", UNREADABLE)
def test_a_default_tcp_router_never_leads_to_an_instance_with_an_unreadable_tcp_label(
    label: str,
) -> None:
    instances = on("alpha", database()), on("beta", database(label))

    configuration = made(*instances)

    assert "routers" not in json.loads(configuration.body).get("tcp", {})
    (of_alpha,) = (item for item in configuration.rejected if item.node == "alpha")
    assert of_alpha.reason == (
        "the labels of db on beta are about TCP routing, so the service has no default TCP router"
    )


@pytest.mark.parametrize("label", ["traefik.tcpx.routers.x.rule", "traefik.http.middlewares.x.y"])
def test_a_label_that_is_not_about_tcp_leaves_the_default_tcp_router(label: str) -> None:
    configuration = made(on("alpha", database(label)))

    assert list(json.loads(configuration.body)["tcp"]["routers"]) == ["_default.redis"]

"""A wrong label only invalidates the element that it is about."""

from __future__ import annotations

import pytest

from constellation.traefik.labels import NAMED_MAX, TraefikLabels, read_labels
from messages.monitor import Label

RULE = {"traefik.http.routers.x.rule": "Host(`a`)"}


def read(labels: dict[str, str], version: str = "3.7") -> TraefikLabels:
    return read_labels([Label(name=name, value=text) for name, text in labels.items()], version)


@pytest.mark.parametrize(
    ("labels", "enabled"),
    [
        ({}, True),
        ({"traefik.enable": "true"}, True),
        ({"Traefik.Enable": "FALSE"}, False),
        ({"traefik.enable": "perhaps"}, False),
        ({"constellation.http": "false"}, False),
        ({"traefik.enable": "true", "constellation.http": "0"}, False),
    ],
)
def test_a_switch_that_is_off_or_unreadable_keeps_a_container_private(
    labels: dict[str, str], enabled: bool
) -> None:
    assert read(labels).enabled is enabled


@pytest.mark.parametrize(
    "label",
    [
        "traefik.http",
        "traefik.http.routers",
        "traefik.http.routes.x.rule",
        "traefik.udp.middlewares.m.x",
        "traefik.http.routers.x.rle",
        "traefik.http.routers.a`b.rule",
        "traefik.http.services.s.weighted.services",
        "traefik.docker.netwrk",
        "traefik.htp.routers.x.rule",
    ],
)
def test_an_unknown_label_is_reported(label: str) -> None:
    assert label in {complaint.label for complaint in read({label: "x"}).complaints}


@pytest.mark.parametrize("label", ["traefik.docker.network", "traefik.docker.lbswarm"])
def test_labels_of_the_whole_container_are_known(label: str) -> None:
    assert read({label: "x"}).complaints == ()


def test_a_wrong_element_does_not_affect_others() -> None:
    found = read({**RULE, "traefik.http.routers.y.priority": "high"}).of("http", "routers")

    assert found["x"].config == {"rule": "Host(`a`)"}
    assert found["y"].config is None


def test_a_later_key_invalidates_routers_and_middlewares_but_not_services() -> None:
    found = read(
        {
            "traefik.http.routers.x.observability.tracing": "false",
            "traefik.http.services.s.loadbalancer.strategy": "wrr",
            "traefik.http.services.s.loadbalancer.passhostheader": "false",
            "traefik.http.middlewares.m.encodedcharacters.allowencodedslash": "true",
        },
        "3.2",
    )

    assert found.of("http", "routers")["x"].config is None
    assert found.of("http", "middlewares")["m"].config is None
    assert found.of("http", "services")["s"].config == {"loadBalancer": {"passHostHeader": False}}
    assert len(found.complaints) == 3


def test_a_service_with_later_keys_only_still_exists() -> None:
    found = read({"traefik.http.services.s.loadbalancer.strategy": "wrr"}, "3.2")

    assert found.of("http", "services")["s"].config == {}
    assert len(found.complaints) == 1


def test_a_container_defines_a_limited_number_of_elements() -> None:
    found = read({f"traefik.http.routers.r{n}.rule": "Host(`a`)" for n in range(NAMED_MAX + 1)})

    assert len(found.of("http", "routers")) == NAMED_MAX
    assert len(found.complaints) == 1


@pytest.mark.parametrize("switch", ["compress", "contenttype"])
def test_a_middleware_that_is_switched_off_is_refused(switch: str) -> None:
    found = read({f"traefik.http.middlewares.m.{switch}": "false"})

    assert found.of("http", "middlewares")["m"].config is None
    assert "switched off" in found.complaints[0].reason


def test_a_rejection_names_the_label_of_the_option() -> None:
    asked = read(RULE | {"traefik.http.routers.x.EntryPoints": "web"}).of("http", "routers")["x"]

    assert asked.label_of("entryPoints") == "traefik.http.routers.x.EntryPoints"
    assert asked.label_of("tls") == asked.node.label

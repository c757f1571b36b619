"""Traefik's Docker provider and the agent make the same routes for the same containers."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from rigs.docker_engine import PrivateDocker
from tests.traefik.compatibility.normal import KINDS, DefaultNames, Routes, differences, normal
from tests.traefik.compatibility.rig import Sides, both_sides
from tests.traefik.compatibility.setups import Setup, owner
from tests.traefik.compatibility.table import SETUPS

pytestmark = [
    pytest.mark.xdist_group("docker engine"),
    pytest.mark.integration,
    pytest.mark.slow,
    pytest.mark.needs("docker", "traefik"),
    pytest.mark.timeout(300),
]

each_setup = pytest.mark.parametrize("setup", SETUPS.values(), ids=lambda setup: setup.name)


@pytest.fixture(scope="module")
def sides(private_engine: PrivateDocker, tmp_path_factory: pytest.TempPathFactory) -> Sides:
    private_engine.remove_all()
    return both_sides(private_engine, tmp_path_factory.mktemp("labels"))


def part(routes: Routes, name: str) -> Routes:
    """Return what belongs to one set-up; of an empty name, what belongs to none."""
    owned = {
        kind: {called: one for called, one in found.items() if owner(called, SETUPS) == name}
        for kind, found in routes.items()
    }
    return {kind: found for kind, found in owned.items() if found}


@pytest.mark.scenario(27)
@each_setup
def test_the_agent_makes_the_same_routes_as_traefik(sides: Sides, setup: Setup) -> None:
    diff = differences(part(sides.theirs, setup.name), part(sides.ours, setup.name))

    names = {container.name for container in setup.containers}
    rejected = [
        f"{found['label'] or found['service']}: {found['reason']}; {found['remedy']}"
        for found in sides.rejected
        if found["service"] in names
    ]
    if diff:
        pytest.fail("\n".join((f"{setup.name} differs:", diff, *rejected)), pytrace=False)


@pytest.mark.scenario(27)
def test_traefik_accepts_the_whole_body_without_an_error(sides: Sides) -> None:
    assert [line for line in sides.our_complaints if line] == []


def test_every_server_has_an_address(sides: Sides) -> None:
    assert sides.our_empty_servers == []


def test_every_route_belongs_to_a_setup(sides: Sides) -> None:
    assert (part(sides.theirs, ""), part(sides.ours, "")) == ({}, {})


@each_setup
def test_traefik_accepts_the_setup(sides: Sides, setup: Setup) -> None:
    found = part(sides.theirs, setup.name)
    routers = {
        f"{kind} {name}": router
        for kind in ("routers", "tcpRouters", "udpRouters")
        for name, router in found.get(kind, {}).items()
    }

    assert bool(routers) == setup.is_routed
    assert {name: router for name, router in routers.items() if router["status"] != "enabled"} == {}


def test_traefik_accepts_all_setups_without_an_error(sides: Sides) -> None:
    assert [line for line in sides.their_complaints if line] == []


def drop(kind: str, name: str) -> Callable[[dict[str, Any]], object]:
    return lambda raw: raw[kind].pop(f"{name}@docker")


def change(kind: str, name: str, *path: str | int, to: Any) -> Callable[[dict[str, Any]], object]:
    def apply(raw: dict[str, Any]) -> None:
        holder = raw[kind][f"{name}@docker"]
        for step in path[:-1]:
            holder = holder[step]
        holder[path[-1]] = to

    return apply


PLANTED = {
    "another priority": (
        "router-options",
        change("routers", "router-options-priority", "priority", to=43),
    ),
    "a dropped middleware": (
        "paths",
        change("routers", "paths", "middlewares", to=[]),
    ),
    "a missing middleware": ("content", drop("middlewares", "content-1")),
    "another order of middlewares": (
        "empty-forms",
        change(
            "routers",
            "empty-forms",
            "middlewares",
            to=["empty-forms-2", "empty-forms-1", "empty-forms-3"],
        ),
    ),
    "a missing server": (
        "replicas",
        lambda raw: raw["services"]["replicas@docker"]["loadBalancer"]["servers"].pop(),
    ),
    "a server's other port": (
        "tcp",
        lambda raw: change(
            "tcpServices",
            "tcp",
            *("loadBalancer", "servers", 0, "address"),
            to=raw["tcpServices"]["tcp@docker"]["loadBalancer"]["servers"][0]["address"] + "1",
        )(raw),
    ),
    "another server's address": (
        "plain",
        lambda raw: change(
            "services",
            "plain",
            *("loadBalancer", "servers"),
            to=raw["services"]["unpublished@docker"]["loadBalancer"]["servers"],
        )(raw),
    ),
    "no TLS": ("tls", lambda raw: raw["routers"]["tls@docker"].pop("tls")),
    "a missing UDP router": ("udp", drop("udpRouters", "udp")),
    "a router that is disabled": ("rules", change("routers", "rules", "status", to="disabled")),
    "a reference to another provider": (
        "shared",
        change("routers", "shared-user", "middlewares", to=["shared-strip@http"]),
    ),
    "another entry point": (
        "router-options",
        change("routers", "router-options-entry-points", "entryPoints", to=["web"]),
    ),
}


@pytest.mark.parametrize("planted", PLANTED)
def test_a_planted_difference_is_reported_for_its_setup_only(sides: Sides, planted: str) -> None:
    setup, plant = PLANTED[planted]
    raw = copy.deepcopy(sides.raw)
    plant(raw)

    changed = normal(raw, "docker", sides.places, DefaultNames())

    assert {
        name: differences(part(sides.theirs, name), part(changed, name)) != "" for name in SETUPS
    } == {name: name == setup for name in SETUPS}


def test_the_comparison_covers_every_kind_of_element(sides: Sides) -> None:
    assert {kind for kind, found in sides.theirs.items() if found} == set(KINDS)

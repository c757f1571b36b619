"""Traefik's Docker provider and the agent make the same routes for the same containers."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from rigs.docker_engine import PrivateDocker
from tests.traefik.compatibility.comparison import details, found_differences, part, rejected_of
from tests.traefik.compatibility.expected import AS_TRAEFIK, EXPECTED, NOT_LISTED
from tests.traefik.compatibility.normal import KINDS, DefaultNames, differences, normal
from tests.traefik.compatibility.rig import Sides, both_sides
from tests.traefik.compatibility.setups import Setup, owner
from tests.traefik.compatibility.table import FIRST, SETUPS, batches

pytestmark = [
    pytest.mark.xdist_group("docker engine"),
    pytest.mark.integration,
    pytest.mark.slow,
    pytest.mark.needs("docker", "traefik"),
    pytest.mark.timeout(300),
]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "setup" in metafunc.fixturenames:
        chosen = batches(everything=metafunc.config.getoption("--all-setups"))
        setups = [setup for batch in chosen for setup in batch]
        metafunc.parametrize("setup", setups, ids=lambda setup: setup.name)


@pytest.fixture(scope="module")
def sides(
    private_engine: PrivateDocker,
    tmp_path_factory: pytest.TempPathFactory,
    pytestconfig: pytest.Config,
) -> Sides:
    private_engine.remove_all()
    chosen = batches(everything=pytestconfig.getoption("--all-setups"))
    return both_sides(private_engine, tmp_path_factory.mktemp("labels"), chosen)


@pytest.mark.scenario(27)
def test_the_agent_routes_as_traefik_does(sides: Sides, setup: Setup) -> None:
    expected = EXPECTED.get(setup.name, AS_TRAEFIK)

    found = found_differences(sides, setup)

    if found != list(expected.lines):
        lines = [*expected.lines] or ["none"]
        pytest.fail(
            "\n".join(("found:", *found, "expected:", *lines, *details(sides, setup))),
            pytrace=False,
        )


def test_what_traefik_refuses_is_listed(sides: Sides, setup: Setup) -> None:
    if not setup.is_accepted and setup.name not in NOT_LISTED:
        assert rejected_of(sides, setup)


@pytest.mark.scenario(27)
def test_traefik_has_no_error_of_which_the_agent_does_not_warn(sides: Sides) -> None:
    warned = {owner(found["service"], SETUPS) for found in sides.rejected if found.get("is_sent")}

    logged = filter(None, sides.our_complaints)
    assert [line for line in logged if not any(map(line.count, warned))] == []


def test_every_server_has_an_address(sides: Sides) -> None:
    assert sides.our_empty_servers == []


def test_every_route_belongs_to_a_setup(sides: Sides) -> None:
    assert (part(sides.theirs, ""), part(sides.ours, "")) == ({}, {})


def test_traefik_accepts_the_setup(sides: Sides, setup: Setup) -> None:
    found = part(sides.theirs, setup.name)
    routers = {
        f"{kind} {name}": router
        for kind in ("routers", "tcpRouters", "udpRouters")
        for name, router in found.get(kind, {}).items()
    }

    if setup.is_accepted:
        assert bool(routers) == setup.is_routed


def test_traefik_reports_errors_of_the_wrong_setups_only(sides: Sides) -> None:
    wrong = [setup.name for setup in SETUPS.values() if not setup.is_accepted]

    assert [
        line for line in filter(None, sides.their_complaints) if not any(map(line.count, wrong))
    ] == []


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
        one.name: differences(part(sides.theirs, one.name), part(changed, one.name)) != ""
        for one in FIRST
    } == {one.name: one.name == setup for one in FIRST}


def test_the_comparison_covers_every_kind_of_element(sides: Sides) -> None:
    assert {kind for kind, found in sides.theirs.items() if found} == set(KINDS)

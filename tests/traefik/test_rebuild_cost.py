"""A change costs what it affects: labels are read once, and nothing is done for other services."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from bench.provider_programs import cluster
from constellation.cluster_view import ClusterView
from constellation.traefik import plans as plans_module
from constellation.traefik.dynamic_configuration import ConfigurationBuilder
from constellation.traefik.instance_plan import InstancePlan, Planned, plan_instance
from constellation.traefik.plans import Plans
from messages.gossip import ClusterChanged, NodeServiceState

ROUTED = 6  # the number of a service with labels, on one node
CALLS_GROWTH_MAX = 1.3  # chunks of the body differ in size


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch) -> list[Planned]:
    """What was planned, not found."""
    seen: list[Planned] = []

    def plan(of: Planned, settings: Any) -> InstancePlan:
        seen.append(of)
        return plan_instance(of, settings)

    monkeypatch.setattr(plans_module, "plan_instance", plan)
    return seen


def instances(numbers: Iterable[int]) -> list[NodeServiceState]:
    return [
        cluster.instance(number, node) for number in numbers for node in cluster.nodes_of(number)
    ]


def test_instances_with_the_same_labels_share_one_plan(planned: list[Planned]) -> None:
    """All without labels, and those of one service on two nodes."""
    made = Plans(cluster.SETTINGS)
    several = [made.of(one.state) for one in instances(range(10))]

    assert len(several) == 15
    assert len({*map(id, several)}) == len(made) == len(planned) == 1 + 4


def test_a_plan_that_no_instance_has_any_more_is_forgotten() -> None:
    made = Plans(cluster.SETTINGS)
    kept = made.of(cluster.instance(0, "alpha").state)
    for version in range(5):
        made.of(cluster.instance(ROUTED, "beta", path=f"/{version}").state)

    assert made.of(cluster.instance(1, "alpha").state) is kept
    assert len(made) == 1


def built(services: int) -> tuple[ConfigurationBuilder, ClusterView]:
    view = ClusterView().apply(cluster.snapshot(services))
    builder = ConfigurationBuilder(settings=cluster.SETTINGS, domain="localhost")
    builder.build(view)
    return builder, view


def test_a_change_of_health_reads_no_labels(planned: list[Planned]) -> None:
    builder, view = built(10)
    planned.clear()
    before = builder.build(view).body

    after = builder.build(view.apply(cluster.flipped(2, ROUTED))).body

    assert (before != after, planned) == (True, [])


def calls_of(services: int, changes: list[ClusterChanged]) -> int:
    """Return how many functions are called for a rebuild after each of `changes`."""
    builder, view = built(services)
    count = 0

    def note(frame: object, event: str, argument: object) -> None:
        nonlocal count
        count += event in {"call", "c_call"}

    sys.setprofile(note)
    try:
        for change in changes:
            view = view.apply(change)
            builder.build(view)
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(cluster.flipped, id="health"),
        pytest.param(
            lambda n, number: cluster.changed(n, *instances([number])), id="the same again"
        ),
    ],
)
def test_a_change_costs_about_the_same_whatever_the_number_of_services(
    change: Callable[[int, int], ClusterChanged],
) -> None:
    changes = [change(version, 7 * version) for version in range(2, 12)]
    few, many = (calls_of(services, changes) for services in (100, 400))

    assert many <= CALLS_GROWTH_MAX * few

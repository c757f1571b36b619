"""Properties of every body, for any cluster and any labels."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from constellation.cluster_view import ClusterView
from constellation.settings.traefik import TraefikSettings
from constellation.traefik.dynamic_configuration import ConfigurationBuilder, DynamicConfiguration
from messages.gossip import ClusterChanged, NodeServiceState, RecordName
from messages.monitor import Label, ServiceState
from tests.traefik.builders import endpoint, member, on, snapshot, state
from tests.traefik.strategies import good_states, placed, provider_settings, snapshots
from tests.traefik.traefik_model import check_body


def build(told: ClusterChanged, given_settings: TraefikSettings) -> DynamicConfiguration:
    builder = ConfigurationBuilder(settings=given_settings, domain="example.org")
    return builder.build(ClusterView().apply(told))


@pytest.mark.scenario(23)
@settings(max_examples=300, deadline=None)
@given(snapshots(), provider_settings, st.randoms(use_true_random=False))
def test_traefik_accepts_every_body_and_equal_states_give_equal_bytes(
    told: ClusterChanged, given_settings: TraefikSettings, random: Random
) -> None:
    made = build(told, given_settings)

    check_body(made.body, given_settings.version)
    shuffled = told.model_copy(
        update={
            name: tuple(random.sample(items, len(items)))
            for name, items in (
                ("services", told.services),
                ("members", told.members),
                ("nodes", told.nodes),
            )
        }
    )
    assert build(shuffled, given_settings) == made


@st.composite
def deltas(draw: st.DrawFn) -> ClusterChanged:
    """Return a change: services that came, changed or went, and at times nodes."""
    other = draw(snapshots())
    gone = draw(placed(most=3))
    removed = tuple(RecordName(kind="service", node=item.node, key=item.state.key) for item in gone)
    told_nodes: dict[str, Any] = {"members": (), "nodes": ()} if draw(st.booleans()) else {}
    return other.model_copy(update={"snapshot": False, "removed": removed, **told_nodes})


@settings(max_examples=80, deadline=None)
@given(snapshots(), st.lists(deltas(), min_size=1, max_size=3), provider_settings)
def test_a_body_depends_on_the_state_and_not_on_earlier_builds(
    first: ClusterChanged, changes: list[ClusterChanged], given_settings: TraefikSettings
) -> None:
    builder = ConfigurationBuilder(settings=given_settings, domain="example.org")
    seen = ClusterView().apply(first)
    builder.build(seen)
    for version, change in enumerate(changes, first.version + 1):
        seen = seen.apply(change.model_copy(update={"version": version}))
        assert not seen.gap
        made = builder.build(seen)

        anew = ConfigurationBuilder(settings=given_settings, domain="example.org").build(seen)
        assert made == anew


BROKEN = (
    {"http.routers.broken.rule": "Host("},
    {"http.routers.broken.rule": "Host(`b`)", "http.routers.broken.middlewares": "nowhere"},
    {"http.middlewares.broken.addprefix": ""},
    {"http.middlewares.broken.plugin[0]": "x"},
    {"http.middlewares.broken.chain.middlewares": "broken"},
    {"http.services.broken.loadbalancer.server.port": "http"},
    {"http.services.broken.loadbalancer.method": "drr"},
    {"tcp.routers.broken.rule": "Host(`a`)"},
    {"udp.routers.broken.rule": "x"},
    {"http": "x"},
    {"http.routers": "x"},
    {"http.routers.a`b.rule": "Host(`a`)"},
    {"enable": "perhaps"},
)


@pytest.mark.scenario(25)
@settings(max_examples=100, deadline=None)
@given(placed(good_states), st.sampled_from(BROKEN), provider_settings)
def test_a_broken_fragment_changes_nothing_for_other_services(
    found: list[NodeServiceState], fragment: dict[str, str], given_settings: TraefikSettings
) -> None:
    broken = state("broken", endpoints=(endpoint(host="10.9.9.9"),)).model_copy(
        update={
            "labels": tuple(Label(name=f"traefik.{name}", value=v) for name, v in fragment.items())
        }
    )
    others = snapshot_of(*found)

    without = elements(build(others, given_settings))
    made = build(snapshot_of(*found, on("alpha", broken)), given_settings)

    assert elements(made) == without
    assert "broken" in {item.service for item in made.rejected}


def snapshot_of(*services: NodeServiceState) -> ClusterChanged:
    return snapshot(*services, members=(member("alpha"), member("beta"), member("gamma")))


def elements(made: DynamicConfiguration) -> dict[tuple[str, str, str], Any]:
    """Return all elements of the body but for those that the broken service may have, and ours."""
    return {
        (protocol, section, name): config
        for protocol, sections in json.loads(made.body).items()
        for section, configs in sections.items()
        for name, config in configs.items()
        if not name.removeprefix("_from.").removeprefix("constellation.to.").startswith("broken")
        and not name.startswith("constellation.")
    }


def test_the_drawn_states_cover_every_feature() -> None:
    seen: list[ServiceState] = []

    @settings(max_examples=300, deadline=None, database=None, derandomize=True)
    @given(snapshots())
    def collect(told: ClusterChanged) -> None:
        seen.extend(item.state for item in told.services)

    collect()
    names = {label.name.lower() for item in seen for label in item.labels}
    assert {item.role for item in seen} == {"", "primary", "replica"}
    assert {item.draining for item in seen} == {True, False}
    assert any(endpoint.protocol == "udp" for item in seen for endpoint in item.endpoints)
    assert any("chain.middlewares" in name for name in names)
    assert any(name.startswith("traefik.udp.routers") for name in names)
    assert len(names) > 60

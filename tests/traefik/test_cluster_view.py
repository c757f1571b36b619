"""The view of a reader: snapshots, deltas, gaps, and which instances get requests."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from constellation.cluster_view import CHANGES_KEPT, ClusterView
from messages.gossip import (
    ClusterChanged,
    MemberState,
    NodeWarpState,
    RecordKind,
    RecordName,
)
from messages.monitor import Health
from messages.warp import WarpState
from tests.traefik.builders import member, node_state, on, snapshot, state, view
from tests.traefik.changing_cluster import ChangingCluster


def delta(version: int, **fields: Any) -> ClusterChanged:
    return ClusterChanged(version=version, snapshot=False, self_node="alpha", **fields)


@pytest.mark.parametrize(
    ("health", "living", "cordoned", "routable"),
    [
        pytest.param("healthy", "alive", False, True, id="healthy on a living node"),
        pytest.param("healthy", "suspect", False, True, id="a suspect is not dead"),
        pytest.param("healthy", "dead", False, False, id="dead node"),
        pytest.param("healthy", "left", False, False, id="departed node"),
        pytest.param("healthy", "alive", True, False, id="cordoned node"),
        pytest.param("unhealthy", "alive", False, False, id="unhealthy"),
        pytest.param("starting", "alive", False, False, id="not healthy yet"),
        pytest.param("stopped", "alive", False, False, id="stopped"),
    ],
)
def test_which_instances_get_requests(
    health: Health, living: MemberState, cordoned: bool, routable: bool
) -> None:
    seen = view(
        on("alpha", state(health=health)),
        members=(member("alpha", living),),
        nodes=(node_state("alpha", cordoned=cordoned),),
    )

    assert [node for node, _ in seen.routable("web")] == (["alpha"] if routable else [])


def test_a_view_knows_what_changed_since_an_earlier_one(sim_seed: int) -> None:
    """Every service with other instances is named, or it is not known which there are."""
    cluster = ChangingCluster(Random(sim_seed))
    views = [ClusterView().apply(cluster.snapshot())]
    known = 0
    for change in (change for _ in range(2 * CHANGES_KEPT) for change in cluster.step()):
        now = views[-1].apply(change)
        for earlier in views[-CHANGES_KEPT - 2 :: 7]:
            named = now.services_changed_since(earlier)
            if named is None:
                continue
            known += 1
            for service in {*now.services, *earlier.services} - named:
                assert now.services.get(service) is earlier.services.get(service)
        views.append(now)

    assert known > CHANGES_KEPT
    assert views[-1].services_changed_since(views[0]) is None
    assert views[-1].services_changed_since(views[-1]) == frozenset()


def test_a_draining_instance_gets_no_requests() -> None:
    drains = state().model_copy(update={"draining": True})
    seen = view(on("alpha", drains), on("beta", state()))

    assert [node for node, _ in seen.routable("web")] == ["beta"]


def test_a_service_on_a_node_that_is_not_a_member_is_not_routable() -> None:
    assert view(on("beta", state()), members=(member("alpha"),)).routable("web") == ()


def test_nothing_is_known_before_the_first_snapshot() -> None:
    seen = ClusterView().apply(delta(1, services=(on("alpha", state()),)))

    assert (seen.known, seen.gap, dict(seen.services)) == (False, True, {})


def test_a_gap_keeps_what_is_known_until_the_next_snapshot() -> None:
    seen = view(on("alpha", state()))

    behind = seen.apply(delta(3, services=(on("alpha", state("lost")),)))
    still = behind.apply(delta(4, services=(on("alpha", state("late")),)))
    again = still.apply(snapshot(on("alpha", state("new")), version=4))

    assert (behind.gap, list(behind.services)) == (True, ["web"])
    assert (still.gap, list(still.services)) == (True, ["web"])
    assert (again.gap, list(again.services)) == (False, ["new"])


def test_an_old_delta_changes_nothing() -> None:
    seen = view(on("alpha", state()), version=5)

    assert seen.apply(delta(5, departed_members=("alpha",))) is seen


def test_a_view_is_not_changed_by_later_deltas() -> None:
    first = view(on("alpha", state()))

    first.apply(delta(2, services=(on("beta", state()),), departed_members=("alpha",)))

    assert list(first.services["web"]) == [("alpha", "web")]
    assert first.is_living("alpha")


NODES = st.sampled_from(["alpha", "beta", "gamma"])
NAMES = st.sampled_from(["web", "api", "db"])
STATES = st.builds(
    lambda name, service, health: state(service, health).model_copy(update={"name": name}),
    NAMES,
    NAMES,
    st.sampled_from(["healthy", "unhealthy"]),
)
SERVICES = st.builds(on, NODES, STATES)
WARPS = st.builds(
    lambda node, gateway: NodeWarpState(
        node=node, state=WarpState(gateway=gateway, health="healthy")
    ),
    NODES,
    NAMES,
)
KINDS: st.SearchStrategy[RecordKind] = st.sampled_from(["service", "warp", "node"])
CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "services": st.lists(SERVICES, max_size=3).map(tuple),
        "warps": st.lists(WARPS, max_size=2).map(tuple),
        "members": st.lists(st.builds(member, NODES), max_size=2).map(tuple),
        "departed_members": st.lists(NODES, max_size=1).map(tuple),
        "nodes": st.lists(st.builds(node_state, NODES), max_size=2).map(tuple),
        "removed": st.lists(
            st.builds(
                lambda kind, node, key: RecordName(
                    kind=kind, node=node, key="" if kind == "node" else key
                ),
                KINDS,
                NODES,
                NAMES,
            ),
            max_size=2,
        ).map(tuple),
    },
)


def as_snapshot(seen: ClusterView) -> ClusterChanged:
    return ClusterChanged(
        version=seen.version,
        snapshot=True,
        self_node=seen.self_node,
        members=tuple(seen.members.values()),
        nodes=tuple(node_state(node, cordoned=said.cordoned) for node, said in seen.nodes.items()),
        services=tuple(on(node, said) for _, node, said in seen.instances()),
        warps=tuple(
            NodeWarpState(node=node, state=said)
            for by_node in seen.warps.values()
            for node, said in by_node.items()
        ),
    )


@given(st.lists(CHANGES, max_size=12))
def test_deltas_give_the_same_view_as_a_snapshot(changes: list[dict[str, Any]]) -> None:
    seen = ClusterView().apply(snapshot(members=(), version=0))
    for number, change in enumerate(changes, start=1):
        seen = seen.apply(delta(number, **change))

    assert ClusterView().apply(as_snapshot(seen)) == seen
    assert all(seen.services.values())

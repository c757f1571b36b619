"""The place of each node: how its containers are reached, and why it gets no requests."""

from __future__ import annotations

import pytest

from constellation.cluster_view import ClusterView
from constellation.settings.traefik import TraefikSettings
from constellation.traefik.places import Places, places
from constellation.traefik.reach import Place
from constellation.traefik.trust import Trust
from messages.gossip import ClusterMember, MemberState, NamedNodeState, NodeState
from tests.traefik.builders import member, node_state, snapshot, view


def said(
    node: str, address: str, ingress_port: int = 9000, *, cordoned: bool = False
) -> NamedNodeState:
    state = NodeState(
        address=address,
        gossip_port=1,
        actor_port=2,
        ingress_port=ingress_port,
        cordoned=cordoned,
    )
    return NamedNodeState(node=node, state=state)


def seen(
    *nodes: NamedNodeState, members: tuple[ClusterMember, ...] = (member("alpha"), member("beta"))
) -> ClusterView:
    return ClusterView().apply(snapshot(members=members, nodes=nodes))


@pytest.mark.parametrize(
    ("address", "port", "ingress"),
    [
        ("10.0.0.2", 9000, "10.0.0.2:9000"),
        ("fd00::0:2", 9000, "[fd00::2]:9000"),
        ("10.0.0.2", 0, ""),
        ("beta.lan", 9000, ""),
    ],
)
def test_another_node_is_reached_at_its_ingress(address: str, port: int, ingress: str) -> None:
    found = places(seen(said("beta", address, port)), TraefikSettings())

    assert found.of("beta").place == Place(ingress=ingress)


@pytest.mark.parametrize("reaches", [True, False])
def test_this_node_reaches_its_containers_if_configured(reaches: bool) -> None:
    view = seen(said("alpha", "10.0.0.1"))

    found = places(view, TraefikSettings(reaches_containers=reaches))

    assert found.of("alpha").place == Place(reaches_containers=reaches)


@pytest.mark.parametrize(
    ("state", "cordoned", "why"),
    [
        ("alive", False, ""),
        ("suspect", False, ""),
        ("dead", False, "its node is dead"),
        ("left", False, "its node has left"),
        ("alive", True, "its node is cordoned"),
    ],
)
def test_a_node_that_gets_no_requests_has_a_reason(
    state: MemberState, cordoned: bool, why: str
) -> None:
    view = seen(
        said("beta", "10.0.0.2", cordoned=cordoned),
        members=(member("alpha"), member("beta", state)),
    )

    assert places(view, TraefikSettings()).of("beta").left_out == why


def test_a_node_that_is_not_a_member_is_left_out() -> None:
    found = places(seen(said("gamma", "10.0.0.3")), TraefikSettings())

    assert "not a member" in found.of("gamma").left_out


def test_peers_are_the_addresses_of_all_nodes() -> None:
    view = seen(said("alpha", "127.0.0.1"), said("beta", "10.0.0.2"), said("gamma", "nonsense"))

    assert places(view, TraefikSettings()).peers == ("10.0.0.2", "127.0.0.0/8")


def places_of(*, cordoned: bool = False, living: bool = True, nodes: str = "ab") -> Places:
    names = {"a": "alpha", "b": "beta", "c": "gamma"}
    made = view(
        members=tuple(
            member(names[n], "alive" if n == "a" or living else "dead", is_self=n == "a")
            for n in nodes
        ),
        nodes=tuple(node_state(names[n], cordoned=cordoned and n == "b") for n in nodes),
    )
    return places(made, TraefikSettings())


def test_equal_places_have_no_changed_nodes() -> None:
    assert places_of().changed(places_of()) == frozenset()


def test_only_the_node_that_is_cordoned_or_dies_has_changed() -> None:
    assert places_of().changed(places_of(cordoned=True)) == frozenset({"beta"})
    assert places_of().changed(places_of(living=False)) == frozenset({"beta"})
    assert places_of(nodes="ab").changed(places_of(nodes="a")) == frozenset({"beta"})


def test_a_change_of_peers_affects_all_nodes() -> None:
    trust = Trust({}, is_one_host=True)
    one = Places("alpha", {}, ("10.0.0.1",), trust)

    assert one.changed(Places("alpha", {}, ("10.0.0.1", "10.0.0.2"), trust)) is None
    assert one.changed(Places("beta", {}, ("10.0.0.1",), trust)) is None
    assert one.changed(Places("alpha", {}, ("10.0.0.1",), Trust({}, is_one_host=False))) is None

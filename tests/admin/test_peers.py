"""Whom this node asks, and since when each member is as it is."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from constellation.peers import actor_systems, find_peers, states_since_s
from messages.gossip import ClusterChanged, ClusterMember, MemberState
from tests.admin.builders import member, members, said
from tests.traefik.builders import view


@pytest.mark.parametrize(
    ("state", "is_asked"),
    [("alive", True), ("suspect", True), ("dead", False), ("left", False)],
)
def test_peers_are_the_other_living_nodes(state: MemberState, *, is_asked: bool) -> None:
    cluster = view(members=members(beta=state), nodes=(said("alpha"), said("beta", "10.0.0.2")))

    found = find_peers(cluster)

    assert found.addresses == ({"beta": ("10.0.0.2", 7947)} if is_asked else {})
    assert found.unreachable == ()


def test_node_without_a_record_is_unreachable() -> None:
    assert find_peers(view(members=members(beta="alive"))).unreachable == ("beta",)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "beta.example",
        "a\0b",
        "x" * 64,
        "10.0.0.2:1",
        "[::1]",
        "fe80::1%eth0",
        "fe80::1%" + "x" * 56,
    ],
)
def test_invalid_address_is_never_dialled(address: str) -> None:
    cluster = view(members=members(beta="alive"), nodes=(said("beta", address),))

    found = find_peers(cluster)

    assert (found.addresses, found.unreachable) == ({}, ("beta",))
    assert actor_systems(cluster) == {}


def test_ipv6_address_of_any_node_is_dialled() -> None:
    cluster = view(members=members(beta="alive"), nodes=(said("beta", "fd7a:115c:a1e0::2"),))

    assert actor_systems(cluster) == {"beta": ("fd7a:115c:a1e0::2", 7947)}


def test_address_that_is_too_long_for_any_ip_address_is_invalid() -> None:
    with pytest.raises(ValidationError, match="at most 64 characters"):
        said("beta", "fe80::1%" + "x" * 300)


def test_record_of_a_node_that_is_not_a_member_is_ignored() -> None:
    found = find_peers(view(members=members(), nodes=(said("beta"),)))

    assert (found.addresses, found.unreachable) == ({}, ())


def change(
    *changed: ClusterMember, snapshot: bool = False, gone: tuple[str, ...] = ()
) -> ClusterChanged:
    return ClusterChanged(
        version=1, snapshot=snapshot, self_node="alpha", members=changed, departed_members=gone
    )


def aged(node: str, age_s: float) -> ClusterMember:
    return member(node).model_copy(update={"changed_ago_s": age_s})


def test_age_of_a_state_is_the_one_that_gossip_reports() -> None:
    before = {"alpha": 10.0, "beta": 20.0, "gamma": 30.0}

    since_s = states_since_s(before, change(aged("beta", 1.5), gone=("gamma",)), 100.0)

    assert since_s == {"alpha": 10.0, "beta": 98.5}


def test_snapshot_forgets_members_it_does_not_contain() -> None:
    since_s = states_since_s({"gamma": 30.0}, change(aged("beta", 2.0), snapshot=True), 100.0)

    assert since_s == {"beta": 98.0}

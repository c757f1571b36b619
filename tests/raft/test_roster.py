"""The nodes as Raft knows them by gossip."""

from __future__ import annotations

import pytest

from constellation.cluster_view import ClusterView
from constellation.raft.roster import RosterNode, roster_of, timeout_factor
from messages.gossip import ClusterChanged, ClusterMember, MemberState, NamedNodeState, NodeState


def test_roster_has_all_nodes_that_have_published_their_state() -> None:
    states: dict[str, MemberState] = {"a": "alive", "b": "suspect", "c": "dead", "serf": "alive"}
    members = [
        ClusterMember(node=name, state=state, address="10.0.0.1", port=7946, incarnation=1)
        for name, state in states.items()
    ]
    said = NodeState(
        address="10.0.0.1",
        gossip_port=7946,
        actor_port=7947,
        priority=7,
        cluster_id="x",
        witness=True,
    )
    view = ClusterView().apply(
        ClusterChanged(
            version=1,
            snapshot=True,
            self_node="a",
            members=tuple(members),
            nodes=tuple(NamedNodeState(node=name, state=said) for name in "abc"),
        )
    )

    roster = roster_of(view)

    assert roster["a"] == RosterNode(True, "x", 7, True, "10.0.0.1")
    assert {name: one.is_living for name, one in roster.items()} == {
        "a": True,
        "b": True,
        "c": False,
    }


ROSTER = {
    "a": RosterNode(is_living=True, priority=10),
    "b": RosterNode(is_living=False, priority=20),
    "c": RosterNode(is_living=True, priority=20),
    "w": RosterNode(is_living=True, priority=1, is_witness=True),
}


@pytest.mark.parametrize(
    ("node", "factor"), [("a", 1.0), ("b", 1.2), ("c", 1.2), ("unknown", 1.6), ("w", 2.6)]
)
def test_timeouts_are_longer_by_a_step_for_each_better_voter(node: str, factor: float) -> None:
    voters = frozenset({"a", "b", "c", node})

    assert timeout_factor(node, voters, ROSTER, step=0.2) == pytest.approx(factor)


def test_only_voters_count() -> None:
    assert timeout_factor("c", frozenset("bc"), ROSTER, step=0.2) == 1.0


def test_witness_waits_longer_than_the_most_preferred_ever_does() -> None:
    voters = frozenset(ROSTER)
    shortest = {name: timeout_factor(name, voters, ROSTER, step=0.2) for name in voters}

    assert shortest["w"] >= 2 * shortest["a"]
    assert min(shortest, key=lambda name: shortest[name]) == "a"

"""To whom a leader hands over, and when."""

from __future__ import annotations

from constellation.raft.configuration import Configuration
from constellation.raft.roster import RosterNode
from constellation.raft.steward import (
    SHARED_LEADERSHIP_S,
    WITNESS_LEADS_S,
    Change,
    Followers,
    HandOver,
    Steward,
)
from tests.raft.steward_leader import OURS, POLICY, Leader

# Preference.


def preferring(*, lagging: str = "", others: str = "") -> Leader:
    priorities = {"a": 20, "b": 10, "c": 30}
    return Leader(voters="abc", priorities=priorities, lagging=lagging, others=others)


def test_preferred_node_gets_leadership_once_it_is_reachable_for_a_while() -> None:
    leader = preferring()
    assert leader.step() is None
    assert leader.step(POLICY.preferred_stable_s - 1) is None

    assert leader.step(1) == HandOver("b")


def test_less_preferred_node_is_not() -> None:
    leader = Leader(voters="abc", priorities={"a": 10, "b": 20, "c": 20})
    leader.step()

    assert leader.step(POLICY.preferred_stable_s * 9) is None


def test_preferred_node_that_lags_is_waited_for() -> None:
    leader = preferring(lagging="b")
    leader.step()

    assert leader.step(POLICY.preferred_stable_s) is None


def test_preferred_node_that_comes_and_goes_is_waited_for_from_its_return() -> None:
    leader = preferring()
    leader.step()
    leader.dead = "b"
    leader.step(20)
    leader.dead = ""
    leader.step(1)

    assert leader.step(POLICY.preferred_stable_s - 1) is None
    assert leader.step(1) == HandOver("b")


def test_handing_over_that_did_not_work_is_not_tried_again_at_once() -> None:
    leader = preferring()
    leader.step()
    assert leader.step(POLICY.preferred_stable_s) == HandOver("b")

    assert leader.step(1) is None
    assert leader.step(POLICY.preferred_stable_s - 1) == HandOver("b")


def test_wait_doubles_each_time_a_node_loses_leadership_soon() -> None:
    leader = preferring()
    waits = []
    for _ in range(8):
        began_s = leader.now_s
        while leader.step(1) is None:
            pass
        waits.append(round(leader.now_s - began_s))
        leader.steward.follows()
        leader.now_s += 60  # b led for a minute

    assert waits == [31, 61, 121, 241, 481, 961, 1801, 1801]


def test_wait_is_reset_for_a_node_that_kept_leadership_for_long() -> None:
    leader = preferring()
    for led_s in (60, SHARED_LEADERSHIP_S):
        while leader.step(1) is None:
            pass
        leader.steward.follows()
        leader.now_s += led_s
    leader.step()

    assert leader.step(POLICY.preferred_stable_s) == HandOver("b")


def test_witness_hands_over_at_once_to_a_node_that_can_lead() -> None:
    leader = Leader(voters="abc", witnesses="a", lagging="bc", priorities={"a": 1, "c": 50})
    leader.step()
    assert leader.step(60) is None

    leader.lagging = "b"
    assert leader.step(WITNESS_LEADS_S) == HandOver("c")


def test_wait_of_a_witness_does_not_double() -> None:
    leader = Leader(voters="ab", witnesses="a")
    for _ in range(4):
        leader.step()
        assert leader.step(WITNESS_LEADS_S) == HandOver("b")
        leader.steward.follows()
        leader.now_s += 5


def test_members_come_before_preference() -> None:
    leader = preferring(others="d")
    leader.step()

    assert leader.step(POLICY.preferred_stable_s) == Change("add_learner", "d")


def test_leader_unknown_to_gossip_prefers_no_other_node() -> None:
    steward = Steward("a", POLICY)
    both = frozenset("b")
    for now_s in (0.0, 1000.0):
        roster = {"b": RosterNode(is_living=True, cluster_id=OURS, priority=1)}
        step = steward.step(
            Configuration(frozenset("ab")), OURS, roster, Followers(both, both), now_s
        )
        assert step is None

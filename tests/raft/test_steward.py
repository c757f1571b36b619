"""What a leader does about members, rule by rule."""

from __future__ import annotations

import pytest

from constellation.raft.configuration import MEMBERS_MAX, Configuration
from constellation.raft.roster import RosterNode
from constellation.raft.steward import (
    BLANK_S,
    Change,
    Followers,
    HandOver,
    Steward,
    StewardPolicy,
)
from tests.raft.steward_leader import OURS, POLICY, Leader

# Newcomers.


def test_newcomer_becomes_a_learner() -> None:
    assert Leader(others="cb").step() == Change("add_learner", "b")


def test_node_of_this_cluster_that_is_not_a_member_is_added_again() -> None:
    assert Leader(others="b", others_of=OURS).step() == Change("add_learner", "b")


@pytest.mark.parametrize(
    "leader",
    [Leader(others="b", dead="b"), Leader(others="b", removed="b")],
    ids=["dead", "removed by an operator"],
)
def test_nodes_that_are_not_added(leader: Leader) -> None:
    assert leader.step() is None


def test_node_of_another_cluster_is_not_taken_in() -> None:
    assert Leader(others="b", others_of="x").step() is None


def test_more_nodes_than_may_be_members_hold_up_nothing_else() -> None:
    steward = Steward("a", POLICY)
    learners = [f"n{number}" for number in range(MEMBERS_MAX - 1)]
    roster = {name: RosterNode(is_living=True) for name in ["a", "one-more", *learners]}
    there = frozenset(learners)

    step = steward.step(
        Configuration(frozenset("a"), there), OURS, roster, Followers(there, there), 0.0
    )

    assert step == Change("promote", "n0")


# How many vote.


def test_second_node_stays_a_learner_because_two_voters_tolerate_no_failure() -> None:
    assert Leader(learners="b").step() is None


@pytest.mark.parametrize(
    ("voters", "learners", "promoted"),
    [
        ("a", "bc", "b"),
        ("ab", "c", "c"),
        ("abc", "d", None),
        ("abc", "de", "d"),
        ("abcd", "e", "e"),
        ("abcde", "fg", None),
    ],
)
def test_voters_come_to_an_odd_number(voters: str, learners: str, promoted: str | None) -> None:
    step = Leader(voters=voters, learners=learners).step()

    assert step == (Change("promote", promoted) if promoted else None)


def test_learner_votes_only_when_it_has_caught_up() -> None:
    leader = Leader(learners="bc", lagging="bc")
    assert leader.step() is None

    leader.lagging = "b"
    assert leader.step() == Change("promote", "c")


def test_most_preferred_learner_votes_first_and_a_witness_last() -> None:
    leader = Leader(learners="bcd", priorities={"b": 1, "c": 30, "d": 20}, witnesses="b")

    assert leader.step() == Change("promote", "d")


def test_learners_that_do_not_answer_make_no_voter() -> None:
    assert Leader(learners="bc", dead="c").step() is None


def test_too_many_voters_become_fewer_the_least_preferred_first() -> None:
    leader = Leader(voters="abcd", priorities={"d": 1}, policy=StewardPolicy(voters_max=3))

    assert leader.step() == Change("relieve", "c")


def test_leader_demotes_itself_never() -> None:
    leader = Leader(voters="ab", priorities={"b": 1}, policy=StewardPolicy(voters_max=1))

    assert leader.step() == Change("relieve", "b")


def test_more_preferred_learner_takes_the_place_of_the_least_preferred_voter() -> None:
    leader = Leader(voters="abc", learners="d", priorities={"b": 50, "c": 40, "d": 10})
    assert leader.step() is None
    assert leader.step(POLICY.preferred_stable_s) == Change("promote", "d")

    leader.voters, leader.learners = "abcd", ""
    assert leader.step() == Change("relieve", "b")
    leader.voters, leader.learners = "acd", "b"
    assert leader.step() == HandOver("d")


def test_leadership_is_not_handed_to_a_voter_shortly_before_the_preferred_one_is_stable() -> None:
    leader = Leader(voters="abc", dead="c", priorities={"a": 100, "b": 50, "c": 10})
    leader.step()
    leader.step(1.0)
    leader.dead = ""
    assert leader.step() is None

    assert leader.step(POLICY.preferred_stable_s - 0.5) is None  # b is stable, c soon is
    assert leader.step(0.5) == HandOver("c")


def test_preferred_voter_that_comes_and_goes_delays_a_handover_to_another_only_once() -> None:
    leader = Leader(voters="abc", dead="c", priorities={"a": 100, "b": 50, "c": 10})
    steps = []
    for second in range(int(2 * POLICY.preferred_stable_s) + 2):
        leader.dead = "c" if second % 20 < 10 else ""
        steps.append(leader.step(1.0))

    assert [step for step in steps if step is not None] == [HandOver("b")]


def test_with_the_most_voters_the_least_preferred_makes_room_first() -> None:
    leader = Leader(voters="abcde", learners="f", priorities={"a": 1, "f": 10})
    leader.step()

    assert leader.step(POLICY.preferred_stable_s) == Change("relieve", "e")
    leader.voters, leader.learners = "abcd", "ef"
    assert leader.step() == Change("promote", "f")


def test_learner_of_equal_rank_replaces_no_voter() -> None:
    leader = Leader(voters="abc", learners="d")
    leader.step()

    assert leader.step(POLICY.preferred_stable_s * 9) is None


def test_four_voters_become_three_only_while_all_are_reachable() -> None:
    assert Leader(voters="abcd").step() == Change("relieve", "d")
    assert Leader(voters="abcd", dead="b").step() is None
    assert Leader(voters="ab").step() is None  # two that were told to begin so


# Who is away.


def test_unreachable_voter_is_replaced_by_a_learner() -> None:
    leader = Leader(voters="abc", learners="d", dead="c")
    assert leader.step() is None
    assert leader.step(POLICY.replace_after_s - 1) is None

    assert leader.step(1) == Change("promote", "d")
    leader.voters, leader.learners = "abcd", ""
    assert leader.step() == Change("relieve", "c")
    leader.voters, leader.learners = "abd", "c"
    assert leader.step() is None


def test_unreachable_voter_is_relieved_first_when_voters_are_at_the_maximum() -> None:
    leader = Leader(voters="abcde", learners="f", dead="e")
    leader.step()

    assert leader.step(POLICY.replace_after_s) == Change("relieve", "e")
    leader.voters, leader.learners = "abcd", "ef"
    assert leader.step() == Change("promote", "f")


def test_unreachable_one_of_three_voters_keeps_its_vote_without_a_spare() -> None:
    leader = Leader(voters="abc", dead="c")
    leader.step()

    assert leader.step(POLICY.replace_after_s * 9) is None


def test_absence_counts_from_the_latest_time_a_node_was_reachable() -> None:
    leader = Leader(voters="abc", learners="d", dead="c")
    leader.step()
    leader.dead = ""
    leader.step(POLICY.replace_after_s - 1)
    leader.dead = "c"

    assert leader.step(2) is None


def test_absence_counts_from_the_start_of_a_new_leadership() -> None:
    leader = Leader(voters="abc", learners="d", dead="c")
    leader.step()
    leader.steward.follows()

    assert leader.step(POLICY.replace_after_s) is None


def test_learner_that_is_unreachable_for_days_is_removed() -> None:
    leader = Leader(voters="abc", learners="d", dead="d")
    leader.step()
    assert leader.step(POLICY.forget_after_s - 1) is None

    assert leader.step(1) == Change("forget", "d")


# Lost disks.


def test_voter_without_state_is_removed_so_that_it_joins_as_a_learner() -> None:
    leader = Leader(voters="abc", blank="b")
    assert leader.step() is None
    assert leader.step(BLANK_S - 1) is None

    assert leader.step(1) == Change("forget", "b")


def test_time_without_state_counts_from_the_start_of_a_second_leadership() -> None:
    leader = Leader("abc", blank="b")
    assert leader.step() is None
    leader.step(BLANK_S - 1)

    leader.steward.follows()

    assert leader.step(BLANK_S - 1) is None
    assert leader.step(BLANK_S) == Change("forget", "b")


def test_voter_that_answers_has_state_whatever_gossip_reports() -> None:
    leader = Leader(voters="abc", stale="b")
    leader.step()

    assert leader.step(BLANK_S * 2) is None


def test_dead_voter_without_a_known_cluster_does_not_count_as_blank() -> None:
    leader = Leader(voters="abc", blank="b", dead="b")
    leader.step()

    assert leader.step(BLANK_S * 2) is None


def test_voter_that_has_fallen_back_keeps_its_vote_until_the_others_have_a_majority() -> None:
    leader = Leader(voters="abc", fallen_back="b", dead="c")
    assert leader.step() is None

    leader.dead = ""

    assert leader.step() == Change("forget", "b")


def test_learner_that_an_operator_demoted_is_not_promoted() -> None:
    assert Leader(voters="ab", learners="c").step() == Change("promote", "c")
    assert Leader(voters="ab", learners="c", demoted="c").step() is None


def test_unreachable_voter_is_the_first_of_too_many_to_lose_its_vote() -> None:
    policy = StewardPolicy(voters_max=3)

    leader = Leader(voters="abcd", dead="b", priorities={"b": 1, "d": 200}, policy=policy)

    assert leader.step() == Change("relieve", "b")


def test_unreachable_voter_is_the_first_to_be_replaced_by_a_preferred_learner() -> None:
    leader = Leader(voters="abcde", learners="f", dead="d", priorities={"e": 200, "f": 10})
    leader.step()

    assert leader.step(POLICY.preferred_stable_s) == Change("relieve", "d")


def test_voter_that_begins_again_is_not_taken_for_one_without_state() -> None:
    leader = Leader(voters="abc")
    leader.step()
    leader.step(60)
    leader.dead = "b"
    leader.step(5)
    leader.dead, leader.blank = "", "b"  # gossip does not know of which cluster it is yet
    assert leader.step(1) is None
    leader.blank = ""
    assert leader.step(1) is None

    leader.blank = "b"
    assert leader.step(4) is None
    assert leader.step(BLANK_S - 1) is None
    assert leader.step(1) == Change("forget", "b")

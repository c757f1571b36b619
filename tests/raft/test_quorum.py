"""Majorities, against a naive count."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from constellation.raft.quorum import committed_index, has_quorum, majority, vote_result

NODES = ("a", "b", "c", "d", "e", "f", "g")
voters_of = st.sets(st.sampled_from(NODES), min_size=1)


@pytest.mark.parametrize(("voters", "needed"), [(1, 1), (2, 2), (3, 2), (4, 3), (5, 3), (7, 4)])
def test_majority_is_more_than_half(voters: int, needed: int) -> None:
    assert majority(voters) == needed


def test_no_voters_decide_nothing() -> None:
    with pytest.raises(ValueError, match="without voters"):
        majority(0)


@given(voters_of, st.dictionaries(st.sampled_from(NODES), st.integers(0, 9)))
def test_commit_index_is_the_highest_index_that_a_majority_holds(
    voters: set[str], held: dict[str, int]
) -> None:
    index = committed_index(held, voters)

    def holders(of: int) -> int:
        return sum(held.get(voter, 0) >= of for voter in voters)

    assert holders(index) * 2 > len(voters)
    assert holders(index + 1) * 2 <= len(voters)


@given(voters_of, st.dictionaries(st.sampled_from(NODES), st.booleans()))
def test_vote_is_decided_when_no_further_vote_can_change_it(
    voters: set[str], votes: dict[str, bool]
) -> None:
    open_voters = [voter for voter in voters if voter not in votes]
    results = set()
    for count in range(len(open_voters) + 1):
        for granting in combinations(open_voters, count):
            final = votes | {voter: voter in granting for voter in open_voters}
            results.add(sum(final[voter] for voter in voters) * 2 > len(voters))

    expected = "pending" if len(results) == 2 else ("won" if results == {True} else "lost")
    assert vote_result(votes, voters) == expected


@given(voters_of, st.sets(st.sampled_from(NODES)))
def test_two_quorums_always_overlap(voters: set[str], heard: set[str]) -> None:
    others = voters - heard

    assert not (has_quorum(heard, voters) and has_quorum(others, voters))

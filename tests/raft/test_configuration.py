"""Raft thesis §4: one change at a time, learners first, and never without a voter."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from constellation.raft.configuration import (
    MEMBERS_MAX,
    REMOVED_MAX,
    ChangeKind,
    Configuration,
    ConfigurationRefusedError,
)
from constellation.raft.quorum import majority

NODES = ("a", "b", "c", "d", "e", "f")
KINDS: tuple[ChangeKind, ...] = ("add_learner", "promote", "demote", "remove")
THREE = Configuration(frozenset("abc"), frozenset("d"))


@pytest.mark.parametrize(
    ("kind", "node", "voters", "learners"),
    [
        ("add_learner", "e", "abc", "de"),
        ("promote", "d", "abcd", ""),
        ("relieve", "a", "bc", "ad"),
        ("forget", "a", "bc", "d"),
        ("forget", "d", "abc", ""),
    ],
)
def test_change_results_in_the_expected_configuration(
    kind: ChangeKind, node: str, voters: str, learners: str
) -> None:
    assert THREE.changed(kind, node) == Configuration(frozenset(voters), frozenset(learners))


@pytest.mark.parametrize(
    ("of", "kind", "node", "why"),
    [
        (THREE, "add_learner", "a", "already"),
        (THREE, "promote", "e", "not a learner"),
        (THREE, "promote", "a", "not a learner"),
        (THREE, "demote", "d", "not a voter"),
        (THREE, "remove", "e", "not a member"),
        (Configuration(frozenset("a")), "remove", "a", "promote another"),
        (Configuration(frozenset("a")), "demote", "a", "promote another"),
        (Configuration(frozenset("abcde"), frozenset("f")), "promote", "f", "demote one first"),
    ],
)
def test_change_that_must_not_be_is_refused(
    of: Configuration, kind: ChangeKind, node: str, why: str
) -> None:
    with pytest.raises(ConfigurationRefusedError, match=why):
        of.changed(kind, node)


def test_members_are_limited() -> None:
    full = Configuration(frozenset("a"), frozenset(str(n) for n in range(MEMBERS_MAX - 1)))

    with pytest.raises(ConfigurationRefusedError, match="members already"):
        full.changed("add_learner", "b")


def test_no_node_is_both_voter_and_learner() -> None:
    with pytest.raises(ValueError, match="at once"):
        Configuration(frozenset("a"), frozenset("a"))


@given(st.lists(st.tuples(st.sampled_from(KINDS), st.sampled_from(NODES)), max_size=20))
def test_majorities_before_and_after_any_change_overlap(
    changes: list[tuple[ChangeKind, str]],
) -> None:
    now = Configuration(frozenset("a"))
    for kind, node in changes:
        try:
            then = now.changed(kind, node)
        except ConfigurationRefusedError:
            continue
        for one in combinations(sorted(now.voters), majority(len(now.voters))):
            for other in combinations(sorted(then.voters), majority(len(then.voters))):
                assert set(one) & set(other)
        now = then
    assert now.voters


def test_demotion_lasts_until_promotion_or_removal() -> None:
    demoted = THREE.changed("demote", "a")

    assert demoted.demoted == {"a"}
    assert demoted.changed("promote", "a") == THREE
    assert not demoted.changed("forget", "a").demoted
    assert not THREE.changed("relieve", "a").demoted


def test_latest_removal_is_remembered_whatever_the_name() -> None:
    removed = frozenset(f"n{number:02}" for number in range(REMOVED_MAX))
    full = Configuration(frozenset("ab"), removed=removed)

    after = full.changed("remove", "b")

    assert "b" in after.removed
    assert len(after.removed) == REMOVED_MAX

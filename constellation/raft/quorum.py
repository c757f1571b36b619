"""Majorities, and nothing else of Raft."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Literal

VoteResult = Literal["won", "lost", "pending"]


def majority(voters: int) -> int:
    """Return how many votes make a majority of `voters`.

    Raises:
        ValueError: there are no voters, so nothing can be decided.
    """
    if voters < 1:
        raise ValueError("a configuration without voters is impossible")
    return voters // 2 + 1


def committed_index(match_indexes: Mapping[str, int], voters: Collection[str]) -> int:
    """Return the highest log index that a majority of `voters` holds (Raft §5.3).

    Args:
        match_indexes: the highest index that each node is known to hold; missing: 0.  The
            leader's own index is among them, as far as it is on its disk.
        voters: whose copies count.
    """
    held = sorted((match_indexes.get(voter, 0) for voter in voters), reverse=True)
    return held[majority(len(held)) - 1]


def followed_since_s(followed_at_s: Mapping[str, float], voters: Collection[str]) -> float:
    """Return the latest time such that a majority of `voters` followed at or after it.

    Args:
        followed_at_s: when each node followed the leader at the earliest, by the leader's clock;
            missing: never.  The leader itself is among them, with the present time.
        voters: whose following counts.
    """
    times = sorted((followed_at_s.get(one, float("-inf")) for one in voters), reverse=True)
    return times[majority(len(times)) - 1]


def vote_result(votes: Mapping[str, bool], voters: Collection[str]) -> VoteResult:
    """Return the result of the votes so far; only votes of `voters` count (Raft §5.2)."""
    needed = majority(len(voters))
    granted = sum(votes.get(voter) is True for voter in voters)
    refused = sum(votes.get(voter) is False for voter in voters)
    if granted >= needed:
        return "won"
    # Lost: the voters that have not refused are too few for a majority.
    return "lost" if len(voters) - refused < needed else "pending"


def has_quorum(heard: Collection[str], voters: Collection[str]) -> bool:
    """Return whether `heard` holds a majority of `voters` (check-quorum, thesis §6.2)."""
    return sum(voter in heard for voter in voters) >= majority(len(voters))

"""Raft §5.2 and §5.4.1, thesis §4.2.2, §4.2.3, §9.6: who stands, and who gets a vote."""

from __future__ import annotations

from random import Random

import pytest
from msgspec.structs import replace

from constellation.raft.effects import RoleChanged, SaveHardState, SendTo
from constellation.raft.election import Election
from constellation.raft.policy import RaftPolicy
from constellation.raft.state import RaftState
from messages.raft import (
    RaftAppendRequest,
    RaftHardState,
    RaftTimeoutNow,
    RaftVoteRequest,
    RaftVoteResponse,
)
from tests.raft.cores import POLICY, append, configured, disk, leader, node, of_kind, sent

NOW_S = 10.0


def asked(
    term: int, candidate: str = "b", *, log: tuple[int, int] = (9, 9), **flags: bool
) -> RaftVoteRequest:
    index, of_term = log
    return RaftVoteRequest(
        term=term, candidate=candidate, last_log_index=index, last_log_term=of_term, **flags
    )


def vote(
    term: int, voter: str, *, granted: bool = True, pre_vote: bool = False
) -> RaftVoteResponse:
    return RaftVoteResponse(term=term, voter=voter, granted=granted, pre_vote=pre_vote)


@pytest.mark.parametrize("factor", [1.0, 2.5])
def test_timeouts_are_random_between_one_and_two_times_stretched(factor: float) -> None:
    policy = RaftPolicy()
    election = Election(RaftState("a", disk(1)), policy, Random(1), timeout_factor=factor)

    waits_s = []
    for _ in range(500):
        election.arm(NOW_S)
        waits_s.append((election.due_s - NOW_S) / factor / policy.election_timeout_s)

    assert 1.0 <= min(waits_s) < 1.02
    assert 1.98 < max(waits_s) <= 2.0


def test_node_without_a_leader_asks_for_pre_votes_and_keeps_its_term() -> None:
    effects = node(disk(1, 1)).tick(NOW_S)

    assert of_kind(effects, SaveHardState) == []
    request = asked(2, "a", log=(2, 1), pre_vote=True)
    assert [one for one in effects if isinstance(one, SendTo)] == [
        SendTo("b", request),
        SendTo("c", request),
    ]


def test_pre_vote_needs_a_later_term_and_a_complete_log_and_is_not_binding() -> None:
    voter = node(disk(1, 1))

    for candidate in ("b", "c"):
        effects = voter.step(asked(2, candidate, log=(2, 1), pre_vote=True), NOW_S)
        assert sent(effects, RaftVoteResponse) == [vote(2, "a", pre_vote=True)]
        assert of_kind(effects, SaveHardState) == []

    late = voter.step(asked(1, pre_vote=True), NOW_S)
    assert sent(late, RaftVoteResponse) == [vote(1, "a", granted=False, pre_vote=True)]


def test_majority_of_pre_votes_begins_a_term_with_a_vote_for_itself() -> None:
    candidate = node(disk(1))
    candidate.tick(NOW_S)

    effects = candidate.step(vote(2, "b", pre_vote=True), NOW_S)

    assert effects[0] == SaveHardState(RaftHardState(term=2, voted_for="a"))
    assert len(sent(effects, RaftVoteRequest)) == 2


def test_majority_of_votes_makes_the_leader_of_the_term() -> None:
    candidate = node(disk(1))
    candidate.tick(NOW_S)
    candidate.step(vote(2, "b", pre_vote=True), NOW_S)

    effects = candidate.step(vote(2, "c"), NOW_S)

    assert [(one.role, one.term) for one in of_kind(effects, RoleChanged)] == [("leader", 2)]
    assert {one.term for one in sent(effects, RaftAppendRequest)} == {2}


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(vote(1, "b"), id="of an earlier term"),
        pytest.param(vote(2, "b", pre_vote=True), id="a pre-vote that comes late"),
        pytest.param(vote(2, "a"), id="its own again"),
        pytest.param(vote(2, "z"), id="of who does not vote"),
        pytest.param(vote(2, "b", granted=False), id="a refusal"),
    ],
)
def test_answers_that_are_not_votes_do_not_count(answer: RaftVoteResponse) -> None:
    candidate = node(disk(1))
    candidate.tick(NOW_S)
    candidate.step(vote(2, "b", pre_vote=True), NOW_S)

    candidate.step(answer, NOW_S)

    assert candidate.leadership is None


def test_one_vote_per_term_goes_to_the_first_candidate() -> None:
    voter = node(disk(1))

    first = voter.step(asked(2, "b"), NOW_S)
    again = voter.step(asked(2, "b"), NOW_S)
    other = voter.step(asked(2, "c"), NOW_S)

    assert sent(first, RaftVoteResponse) == sent(again, RaftVoteResponse) == [vote(2, "a")]
    assert sent(other, RaftVoteResponse) == [vote(2, "a", granted=False)]


def test_vote_is_saved_before_it_is_sent_and_survives_a_restart() -> None:
    effects = node(disk(1)).step(asked(2, "b"), NOW_S)

    *saves, _, answer = [one for one in effects if not isinstance(one, RoleChanged)]
    assert saves[-1] == SaveHardState(RaftHardState(term=2, voted_for="b"))
    assert answer == SendTo("b", vote(2, "a"))
    restarted = node(disk(1, term=2, voted_for="b"))
    assert sent(restarted.step(asked(2, "c"), NOW_S), RaftVoteResponse, "c") == [
        vote(2, "a", granted=False)
    ]


@pytest.mark.parametrize(
    ("log", "granted"),
    [
        pytest.param((3, 2), True, id="the same"),
        pytest.param((2, 3), True, id="shorter, of a later term"),
        pytest.param((2, 2), False, id="shorter"),
        pytest.param((9, 1), False, id="longer, of an earlier term"),
    ],
)
def test_only_a_log_as_complete_gets_the_vote(log: tuple[int, int], granted: bool) -> None:
    voter = node(disk(1, 2, 2))

    effects = voter.step(asked(5, log=log), NOW_S)

    assert sent(effects, RaftVoteResponse) == [vote(5, "a", granted=granted)]


def test_follower_of_a_live_leader_answers_only_a_candidate_sent_by_that_leader() -> None:
    follower = node(disk(1))
    follower.step(append(1), NOW_S)

    assert follower.step(asked(2, "c"), NOW_S + 0.9) == []
    assert follower.step(asked(2, "c", pre_vote=True), NOW_S + 0.9) == []
    assert leader(disk(1)).step(asked(9, "c"), NOW_S) == []

    effects = follower.step(asked(2, "c", transferred=True), NOW_S + 0.9)
    assert sent(effects, RaftVoteResponse) == [vote(2, "a")]


def test_later_term_in_a_refusal_makes_a_candidate_follow() -> None:
    candidate = node(disk(1))
    candidate.tick(NOW_S)

    effects = candidate.step(vote(7, "b", granted=False, pre_vote=True), NOW_S)

    assert effects[0] == SaveHardState(RaftHardState(term=7))
    assert candidate.state.role == "follower"


def test_candidate_follows_the_leader_of_its_term() -> None:
    candidate = node(disk(1))
    candidate.tick(NOW_S)
    candidate.step(vote(2, "b", pre_vote=True), NOW_S)

    candidate.step(append(2), NOW_S)

    assert (candidate.state.role, candidate.state.leader) == ("follower", "b")


def test_learner_never_stands_but_votes_if_asked() -> None:
    # A voter may know of a promotion that the learner has not heard of yet.
    learner = node(disk(1, voters="bc", learners="a"))

    assert learner.tick(NOW_S) == []
    assert learner.step(RaftTimeoutNow(term=1, leader="b"), NOW_S) == []
    assert sent(learner.step(asked(2), NOW_S), RaftVoteResponse) == [vote(2, "a")]


def test_demoted_voter_stands_until_that_is_committed_and_does_not_count_itself() -> None:
    kept = disk(1, voters="ab")
    kept = replace(kept, entries=(*kept.entries, configured(2, 1, "b", learners="a")))
    demoted = node(kept)

    assert sent(demoted.tick(NOW_S), RaftVoteRequest, "b")
    demoted.step(vote(2, "b", pre_vote=True), NOW_S)
    effects = demoted.step(vote(2, "b"), NOW_S)
    assert [one.role for one in of_kind(effects, RoleChanged)] == ["leader"]

    demoted.state.commit(2)
    assert "a" not in demoted.state.possible_voters


def test_only_voter_elects_itself_at_once() -> None:
    effects = node(disk(1, voters="a")).tick(NOW_S)

    roles = [one.role for one in of_kind(effects, RoleChanged)]
    assert roles == ["pre_candidate", "candidate", "leader"]


def test_successor_stands_without_asking_first() -> None:
    follower = node(disk(1))
    follower.step(append(1), NOW_S)

    effects = follower.step(RaftTimeoutNow(term=1, leader="b"), NOW_S)

    assert sent(effects, RaftVoteRequest, "c") == [asked(2, "a", log=(1, 1), transferred=True)]
    assert follower.step(RaftTimeoutNow(term=1, leader="b"), NOW_S) == []  # comes twice


def test_candidate_that_is_refused_stands_again_soon() -> None:
    # One of three is dead, and two have voted for themselves: nobody can win this term.
    candidate = node(disk(1))
    candidate.tick(NOW_S)
    candidate.step(vote(2, "b", pre_vote=True), NOW_S)
    assert candidate.next_due_s >= NOW_S + POLICY.election_timeout_s

    candidate.step(vote(2, "b", granted=False), NOW_S)

    assert candidate.state.role == "candidate"
    assert NOW_S < candidate.next_due_s < NOW_S + 0.6 * POLICY.election_timeout_s

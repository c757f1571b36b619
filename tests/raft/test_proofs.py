"""Proofs that a node leads, and the votes that say when their voters followed an earlier leader."""

from __future__ import annotations

import pytest

from constellation.raft.effects import LeaderProved
from constellation.raft.node import RaftNode
from constellation.raft.proofs import QUESTIONS_MAX, LeaderProofs
from messages.raft import (
    RaftAppendRequest,
    RaftHeard,
    RaftTimeoutNow,
    RaftVoteRequest,
    RaftVoteResponse,
)
from tests.raft.cores import (
    accepted,
    answers,
    append,
    disk,
    heartbeat_to,
    leader,
    node,
    of_kind,
    sent,
)

NOW_S = 10.0  # of the election in `leader`
LATER_S = NOW_S + 0.5


def asked(term: int, candidate: str = "b") -> RaftVoteRequest:
    return RaftVoteRequest(term=term, candidate=candidate, last_log_index=9, last_log_term=term - 1)


def ago_s(voter: RaftNode, now_s: float, term: int = 5) -> float:
    """Return how long ago a voter followed a leader, as it says with its vote."""
    (heard,) = sent(voter.step(asked(term), now_s), RaftHeard, "b")
    return heard.ago_s


# What voters say.


def test_vote_says_when_a_leader_was_heard() -> None:
    voter = node(disk(1), now_s=0.0)
    voter.step(append(1, prev=(1, 1)), 7.0)

    assert ago_s(voter, NOW_S) == 3.0


def test_refused_request_counts_as_following() -> None:
    voter = node(disk(1), now_s=0.0)
    voter.step(append(1, prev=(7, 1)), 7.0)

    assert ago_s(voter, NOW_S) == 3.0


def test_leader_of_an_earlier_term_is_not_followed() -> None:
    voter = node(disk(3), now_s=0.0)
    voter.step(append(1, prev=(1, 1)), 7.0)

    assert ago_s(voter, NOW_S) == 10.0


def test_member_that_has_just_started_may_have_followed_until_then() -> None:
    assert ago_s(node(disk(1), now_s=9.5), NOW_S) == 0.5


def test_leader_follows_itself_until_it_steps_down() -> None:
    made = leader(disk(1))
    made.step(RaftVoteResponse(term=3, voter="b", granted=False), LATER_S)

    assert made.leadership is None
    assert ago_s(made, LATER_S + 4.0, term=4) == 4.0


def test_vote_by_transfer_says_that_the_leader_was_heard_just_now() -> None:
    voter = node(disk(1), now_s=0.0)
    voter.step(append(1, prev=(1, 1)), 9.9)

    effects = voter.step(asked(2).model_copy(update={"transferred": True}), NOW_S)

    (heard,) = sent(effects, RaftHeard)
    assert heard.ago_s == pytest.approx(0.1)


def test_candidate_says_it_too() -> None:
    candidate = node(disk(1), now_s=0.0)
    candidate.step(append(1, prev=(1, 1)), 7.0)

    effects = candidate.step(RaftTimeoutNow(term=1, leader="b"), 7.5)

    assert [one.ago_s for one in sent(effects, RaftHeard)] == [0.5, 0.5]


# What a new leader knows from that.


def proved(made: RaftNode, now_s: float) -> list[LeaderProved]:
    """Ask at a time, and have b follow; return the proofs."""
    effects = made.prove(1, now_s)
    return of_kind([*effects, *answers(made, "b", now_s=now_s)], LeaderProved)


def elected(*reports: RaftHeard) -> RaftNode:
    """Return node a, elected by b at `NOW_S`, with reports that came before the vote."""
    made = node(disk(1), now_s=0.0)
    made.step(append(1, prev=(1, 1)), 6.0)
    made.tick(NOW_S)
    made.step(RaftVoteResponse(term=2, voter="b", granted=True, pre_vote=True), NOW_S)
    for report in reports:
        made.step(report, NOW_S)
    made.step(RaftVoteResponse(term=2, voter="b", granted=True), NOW_S)
    assert made.leadership
    answers(made, "b", now_s=NOW_S)
    return made


@pytest.mark.parametrize(
    ("reports", "ago_s"),
    [
        pytest.param([RaftHeard(term=2, voter="b", ago_s=3.0)], 3.0, id="the voter, more lately"),
        pytest.param([RaftHeard(term=2, voter="b", ago_s=9.0)], 4.0, id="the candidate itself"),
        pytest.param([], 0.0, id="a voter that does not say"),
        pytest.param([RaftHeard(term=1, voter="b", ago_s=9.0)], 0.0, id="of an earlier vote"),
        pytest.param([RaftHeard(term=2, voter="c", ago_s=9.0)], 0.0, id="of another voter"),
    ],
)
def test_earlier_leaders_were_proved_until_the_latest_of_the_voters_followed_one(
    reports: list[RaftHeard], ago_s: float
) -> None:
    (proof,) = proved(elected(*reports), NOW_S)

    assert proof.earlier_ago_s == ago_s


# What is a proof.


def test_proof_needs_a_majority_that_followed_after_the_question() -> None:
    made = leader(disk(1))
    answers(made, "b", "c", now_s=NOW_S)
    before = heartbeat_to(made, "b", LATER_S)
    assert before
    made.prove(7, LATER_S + 0.1)

    early = made.step(accepted("b", before), LATER_S + 0.2)
    after = answers(made, "b", now_s=LATER_S + 0.3)

    assert of_kind(early, LeaderProved) == []
    assert [one.number for one in of_kind(after, LeaderProved)] == [7]


def test_answer_of_an_earlier_term_proves_nothing() -> None:
    made = leader(disk(1))
    answers(made, "b", now_s=NOW_S)
    made.prove(7, LATER_S)
    request = heartbeat_to(made, "b", LATER_S)
    assert request

    effects = made.step(accepted("b", request, term=1), LATER_S)

    assert of_kind(effects, LeaderProved) == []


def test_nothing_is_proved_before_the_first_commit_of_the_term() -> None:
    made = leader(disk(1, 1, 1))
    made.prove(7, NOW_S)
    request = heartbeat_to(made, "b", NOW_S)
    assert isinstance(request, RaftAppendRequest)

    # It follows, but lacks the leader's first entry.
    behind = accepted("b", request).model_copy(update={"index": 1})
    assert of_kind(made.step(behind, NOW_S), LeaderProved) == []
    assert of_kind(answers(made, "b"), LeaderProved) != []


def test_single_voter_proves_it_at_once() -> None:
    made = leader(disk(1, voters="a"))

    assert [one.number for one in of_kind(made.prove(3, LATER_S), LeaderProved)] == [3]


def test_learner_that_follows_proves_nothing() -> None:
    made = leader(disk(1, voters="abc", learners="d"))
    answers(made, "b", now_s=NOW_S)
    made.prove(7, LATER_S)

    assert of_kind(answers(made, "d", now_s=LATER_S), LeaderProved) == []


def test_node_that_does_not_lead_proves_nothing() -> None:
    assert node(disk(1)).prove(1, NOW_S) == []


def test_proof_renews_only_if_all_voters_say_when_they_followed() -> None:
    made = leader(disk(1))
    (first,) = proved(made, NOW_S)
    answers(made, "c", now_s=NOW_S)
    (second,) = proved(made, LATER_S)
    request = heartbeat_to(made, "c", LATER_S)
    assert request
    old_version = accepted("c", request).model_copy(update={"index_term": 0})
    made.step(old_version, LATER_S)
    (third,) = proved(made, LATER_S + 1)

    assert [one.renews for one in (first, second, third)] == [False, True, False]


def test_candidate_is_known_to_say_when_it_followed_before_it_does() -> None:
    made = node(disk(1))
    made.step(RaftHeard(term=2, voter="c", ago_s=1.0), 1.0)
    made.tick(NOW_S)
    for pre_vote in (True, False):
        granted = RaftVoteResponse(term=2, voter="b", granted=True, pre_vote=pre_vote)
        made.step(granted, NOW_S)
    (proof,) = proved(made, NOW_S)

    assert proof.renews


def test_questions_beyond_the_limit_replace_the_oldest() -> None:
    proofs = LeaderProofs(1, earlier_until_s=0.0, reporters=())
    for number in range(QUESTIONS_MAX + 3):
        proofs.ask(number, 1.0)

    numbers = [one.number for one in proofs.answer(1.0, (), 2.0)]

    assert numbers == list(range(3, QUESTIONS_MAX + 3))


def test_commands_for_one_term_are_refused_in_another() -> None:
    made = leader(disk(1))

    assert made.propose([b"x"], NOW_S, term=1) == ([], [])
    assert made.propose([b"x"], NOW_S, term=made.state.term)[0] != []

"""Raft §5.3, §5.4.2 and §8, thesis §3.10, §4, §6.4: what a leader does in its term."""

from __future__ import annotations

import pytest

from constellation.raft.configuration import ChangeKind, ConfigurationRefusedError
from constellation.raft.effects import ReadReady, RoleChanged, SaveEntries
from constellation.raft.node import FirstState
from messages.raft import RaftAppendRequest, RaftAppendResponse, RaftEntry, RaftTimeoutNow
from tests.raft.cores import (
    POLICY,
    accepted,
    answers,
    committed,
    disk,
    entries,
    heartbeat_to,
    leader,
    node,
    of_kind,
    sent,
)

NOW_S = 10.0


def test_first_entry_of_a_leader_is_of_its_own_term_and_goes_to_all() -> None:
    made = leader(disk(1, 1))

    assert made.state.log.all_entries()[-1] == RaftEntry(index=3, term=2, kind="noop")
    effects = made.tick(NOW_S + POLICY.heartbeat_interval_s)
    assert {one.term for one in sent(effects, RaftAppendRequest)} == {2}


def test_entry_is_committed_when_a_majority_has_it_and_others_learn_of_it_next() -> None:
    made = leader(disk(1, voters="abcde"))

    assert committed(answers(made, "b")) == []
    assert committed(answers(made, "c")) == [1, 2]

    _, effects = made.propose([b"x"], NOW_S)
    assert [one.commit_index for one in sent(effects, RaftAppendRequest, "b")] == [2]


def test_leader_never_commits_an_entry_of_an_earlier_term_by_counting() -> None:
    made = leader(disk(1, 2, 2))
    first = heartbeat_to(made, "b", NOW_S)
    assert first
    # b has all but the entry of the leader's own term.
    answer = RaftAppendResponse(term=3, follower="b", number=first.number, accepted=True, index=3)

    assert committed(made.step(answer, NOW_S)) == []

    assert committed(answers(made, "b")) == [1, 2, 3, 4]


def test_leader_only_appends_to_its_own_log() -> None:
    made = leader(disk(1, 1))

    _, effects = made.propose([b"x", b"y"], NOW_S)

    assert of_kind(effects, SaveEntries) == [
        SaveEntries((RaftEntry(index=4, term=2, data=b"x"), RaftEntry(index=5, term=2, data=b"y")))
    ]


def test_proposals_are_refused_by_followers_and_beyond_the_limit() -> None:
    made = leader(disk(1))
    assert node(disk(1)).propose([b"x"], NOW_S) == ([], [])

    accepted_indexes, _ = made.propose([b"x"] * 6, NOW_S)
    refused, _ = made.propose([b"x"], NOW_S)

    assert accepted_indexes == [3, 4, 5, 6, 7, 8]
    assert refused == []  # eight are open: that of the term, and one of the term before


def test_leader_without_a_majority_gives_up_after_an_election_timeout() -> None:
    made = leader(disk(1, voters="abcde"))
    answers(made, "b", "c", now_s=NOW_S)

    assert of_kind(made.tick(NOW_S + 0.9), RoleChanged) == []
    effects = made.tick(NOW_S + 1.5)

    assert [(one.role, one.leader) for one in of_kind(effects, RoleChanged)] == [("follower", "")]
    assert made.next_due_s >= NOW_S + 1.5 + POLICY.election_timeout_s


def test_leader_steps_down_when_it_hears_of_a_later_term() -> None:
    made = leader(disk(1))

    made.step(RaftAppendResponse(term=9, follower="b", number=0, accepted=False, index=1), NOW_S)

    assert (made.state.role, made.state.term, made.leadership) == ("follower", 9, None)


# Reads (§8, thesis §6.4).


def test_read_waits_until_a_majority_answers_what_was_sent_after_it() -> None:
    made = leader(disk(1))
    answers(made, "b")
    before = heartbeat_to(made, "b", NOW_S + 0.1)
    assert before

    effects = made.read(1, NOW_S + 0.2)
    late = made.step(accepted("b", before), NOW_S + 0.3)
    (asked,) = sent(effects, RaftAppendRequest, "b")

    assert of_kind([*effects, *late], ReadReady) == []
    confirmed = made.step(accepted("b", asked), NOW_S + 0.3)
    assert of_kind(confirmed, ReadReady) == [ReadReady(1, is_confirmed=True)]


def test_read_waits_for_the_first_commit_of_the_term() -> None:
    made = leader(disk(1))
    (asked,) = sent(made.read(1, NOW_S), RaftAppendRequest, "b")  # a heartbeat: no entries
    assert of_kind(made.step(accepted("b", asked), NOW_S), ReadReady) == []

    assert of_kind(answers(made, "b"), ReadReady) == [ReadReady(1, is_confirmed=True)]


def test_answer_to_a_request_of_an_earlier_term_confirms_no_read() -> None:
    made = leader(disk(1))
    answers(made, "b")
    made.read(1, NOW_S + 0.1)

    late = RaftAppendResponse(term=2, follower="b", number=0, accepted=False, index=2)

    assert of_kind(made.step(late, NOW_S + 0.2), ReadReady) == []


def test_read_is_not_confirmed_after_leadership_is_lost() -> None:
    made = leader(disk(1))
    made.read(1, NOW_S)
    later = RaftAppendResponse(term=9, follower="b", number=0, accepted=False, index=1)

    assert of_kind(made.step(later, NOW_S), ReadReady) == [ReadReady(1, is_confirmed=False)]
    assert of_kind(made.read(2, NOW_S), ReadReady) == [ReadReady(2, is_confirmed=False)]


def test_only_voter_confirms_reads_alone() -> None:
    made = leader(disk(1, voters="a"))

    assert of_kind(made.read(1, NOW_S), ReadReady) == [ReadReady(1, is_confirmed=True)]


# Membership (§6, thesis §4).


def test_configuration_is_not_changed_before_the_first_commit_of_the_term() -> None:
    made = leader(disk(1))

    with pytest.raises(ConfigurationRefusedError, match="not committed yet"):
        made.change("add_learner", "d", NOW_S)

    answers(made, "b")
    made.change("add_learner", "d", NOW_S)
    assert made.state.configuration.learners == {"d"}


def test_configuration_is_changed_by_one_at_a_time() -> None:
    made = leader(disk(1))
    answers(made, "b")
    made.change("add_learner", "d", NOW_S)

    with pytest.raises(ConfigurationRefusedError, match="not committed yet"):
        made.change("demote", "b", NOW_S)


def test_learner_votes_only_when_it_has_caught_up() -> None:
    made = leader(disk(*[1] * 9, learners="d"))
    answers(made, "b")

    with pytest.raises(ConfigurationRefusedError, match="not caught up"):
        made.change("promote", "d", NOW_S)

    request = heartbeat_to(made, "d", NOW_S)
    assert request
    refusal = RaftAppendResponse(
        term=2, follower="d", number=request.number, accepted=False, index=0
    )
    made.step(refusal, NOW_S)
    answers(made, "d")
    made.change("promote", "d", NOW_S)
    assert made.state.configuration.voters == frozenset("abcd")


def test_removed_member_gets_the_log_until_its_removal_is_committed() -> None:
    made = leader(disk(1))
    answers(made, "b", "c")

    effects = made.change("remove", "c", NOW_S)
    assert sent(effects, RaftAppendRequest, "c")
    answers(made, "b")

    assert made.leadership
    assert made.leadership.followers.keys() == {"b"}


def test_leader_that_removes_itself_leads_until_that_is_committed_and_is_not_counted() -> None:
    made = leader(disk(1))
    answers(made, "b", "c")
    made.change("remove", "a", NOW_S)

    assert committed(answers(made, "b")) == []
    effects = answers(made, "c")

    assert committed(effects) == [3]
    assert sent(effects, RaftTimeoutNow)
    assert made.leadership is None


# Transfer (thesis §3.10).


def test_leadership_goes_to_a_voter_as_soon_as_it_has_all() -> None:
    made = leader(disk(1))
    answers(made, "b")
    made.propose([b"x"], NOW_S)

    assert sent(made.transfer("b", NOW_S), RaftTimeoutNow) == []
    assert made.propose([b"y"], NOW_S)[0] == []

    assert sent(answers(made, "b"), RaftTimeoutNow) == [RaftTimeoutNow(term=2, leader="a")]


def test_transfer_that_does_not_work_is_given_up() -> None:
    made = leader(disk(1))
    answers(made, "b", "c")
    assert sent(made.transfer("b", NOW_S), RaftTimeoutNow)

    answers(made, "c", now_s=NOW_S + 0.9)
    made.tick(NOW_S + 1.2)

    assert made.propose([b"x"], NOW_S + 1.2)[0]


def test_leadership_is_transferred_only_to_another_voter() -> None:
    made = leader(disk(1, learners="d"))

    for name in ("a", "d", "z"):
        with pytest.raises(ConfigurationRefusedError, match="not another voter"):
            made.transfer(name, NOW_S)
    with pytest.raises(ConfigurationRefusedError, match="does not lead"):
        node(disk(1)).transfer("b", NOW_S)


def test_cluster_begins_once() -> None:
    first = node(disk())
    first.bootstrap(["a"], 0.0, first_state=FirstState())
    assert first.state.configuration.voters == {"a"}

    with pytest.raises(ConfigurationRefusedError, match="belongs to a cluster already"):
        first.bootstrap(["a"], 0.0, first_state=FirstState())
    with pytest.raises(ConfigurationRefusedError, match="belongs to a cluster already"):
        node(disk(1)).bootstrap(["a"], 0.0, first_state=FirstState())


def test_message_outside_the_protocol_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="not a Raft message"):
        node(disk(1)).step(entries(1)[0], NOW_S)


# Changes that would leave nobody to decide.


@pytest.mark.parametrize("kind", ["demote", "relieve", "remove", "forget"])
def test_change_that_leaves_no_quorum_is_refused_and_names_the_silent_voters(
    kind: ChangeKind,
) -> None:
    made = leader(disk(1))
    answers(made, "b")

    with pytest.raises(ConfigurationRefusedError, match=f"{kind} b .* c does not answer"):
        made.change(kind, "b", NOW_S)

    assert made.state.configuration.voters == frozenset("abc")


def test_promotion_is_refused_when_voters_have_ceased_to_answer() -> None:
    made = leader(disk(1, learners="d"))
    answers(made, "b")
    answers(made, "d", now_s=NOW_S + 0.9)

    with pytest.raises(ConfigurationRefusedError, match=r"promote d .* b, c does not answer"):
        made.change("promote", "d", NOW_S + 1.1)


@pytest.mark.parametrize("kind", ["demote", "relieve", "remove", "forget"])
def test_change_that_takes_the_vote_of_a_silent_voter_is_allowed(
    kind: ChangeKind,
) -> None:
    made = leader(disk(1))
    answers(made, "b")

    made.change(kind, "c", NOW_S)

    assert made.state.configuration.voters == frozenset("ab")

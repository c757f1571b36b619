"""What happens a second time: nothing of the first time may be left that misleads the second."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

import pytest

from constellation.raft.asked import Orders, Proposals
from constellation.raft.bootstrap import OFFER_INTERVAL_S, SETTLE_S, Begin, Bootstrap
from constellation.raft.chronicle import Chronicle
from constellation.raft.configuration import Configuration, ConfigurationRefusedError
from constellation.raft.effects import (
    Apply,
    Effect,
    ReadReady,
    Restore,
    RoleChanged,
    SaveEntries,
    SaveSnapshot,
    SendTo,
)
from constellation.raft.node import RaftNode
from constellation.raft.roster import RosterNode
from messages.raft import (
    RaftAppendRequest,
    RaftAppendResponse,
    RaftEntry,
    RaftIdentity,
    RaftSnapshot,
    RaftSnapshotRequest,
    RaftSnapshotResponse,
    RaftTimeoutNow,
    RaftVoteRequest,
    RaftVoteResponse,
)
from messages.raft_member import RaftCommitted, RaftOffer, RaftOrder, RaftPromise
from tests.raft.cores import (
    POLICY,
    accepted,
    answers,
    append,
    configured,
    disk,
    entries,
    heartbeat_to,
    leader,
    node,
    of_kind,
    sent,
    snapshot,
)
from tests.raft.members import led

NOW_S = 10.0
FREE = RosterNode(is_living=True)


def vote(term: int, voter: str, *, pre_vote: bool = False) -> RaftVoteResponse:
    return RaftVoteResponse(term=term, voter=voter, granted=True, pre_vote=pre_vote)


def applied_by(effects: Iterable[Effect]) -> list[int]:
    return [entry.index for one in of_kind(effects, Apply) for entry in one.entries]


# A second snapshot.


def chunks(whole: RaftSnapshot, *, number: int) -> list[RaftSnapshotRequest]:
    """Return a snapshot in chunks of four bytes, as node b sends it in term 1."""
    return [
        RaftSnapshotRequest(
            term=1,
            leader="b",
            number=number,
            last_index=whole.last_index,
            last_term=whole.last_term,
            configuration=whole.configuration,
            size_bytes=len(whole.data),
            offset_bytes=start,
            data=whole.data[start : start + 4],
        )
        for start in range(0, len(whole.data), 4)
    ]


def test_second_snapshot_of_the_same_size_takes_nothing_from_one_that_was_broken_off() -> None:
    follower = node(disk(1))
    older, newer = snapshot(9, 1, b"aaaabbbb"), snapshot(12, 1, b"ccccdddd", voters="abd")
    follower.step(chunks(older, number=1)[0], NOW_S)

    for request in chunks(newer, number=2):
        effects = follower.step(request, NOW_S)

    assert of_kind(effects, SaveSnapshot) == [SaveSnapshot(newer, ())]
    assert of_kind(effects, Restore) == [Restore(newer)]


def test_second_snapshot_replaces_the_first_with_its_configuration() -> None:
    follower = node(disk(1))
    restored = []
    for whole in (snapshot(9, 1, b"aaaabbbb"), snapshot(12, 1, b"ccccdddd", voters="abd")):
        for request in chunks(whole, number=1):
            restored += of_kind(follower.step(request, NOW_S), Restore)
        after = entries(1, after=whole.last_index)
        follower.step(append(1, *after, prev=(whole.last_index, 1)), NOW_S)

    state = follower.state
    assert [one.snapshot.data for one in restored] == [b"aaaabbbb", b"ccccdddd"]
    assert (state.log.snapshot_index, state.applied_index, state.log.last_index) == (12, 12, 13)
    assert state.configuration == state.committed_configuration == Configuration.of_voters("abd")


def test_follower_that_falls_behind_twice_is_sent_the_newer_snapshot_from_its_start() -> None:
    made = leader(disk(1, voters="ab"))
    answers(made, "b")
    assert made.leadership
    offsets = []
    for round_ in range(2):
        follower = made.leadership.followers["b"]
        made.propose([b"x"] * 4, NOW_S)
        answers(made, "b")
        data = b"%d-and-more" % round_
        made.take_snapshot(data)
        follower.next_index = 1  # it has lost its entries: it needs the snapshot
        follower.match_index = 0
        follower._awaited = 0
        made.leadership.heartbeat_due_s = NOW_S
        (request,) = sent(made.tick(NOW_S), RaftSnapshotRequest, "b")
        gathered = b""
        while True:
            offsets.append(request.offset_bytes)
            gathered += request.data
            if len(gathered) == request.size_bytes:
                break
            taken = RaftSnapshotResponse(
                term=2, follower="b", number=request.number, have_bytes=len(gathered)
            )
            (request,) = sent(made.step(taken, NOW_S), RaftSnapshotRequest, "b")
        assert gathered == data
        whole = RaftAppendResponse(
            term=2, follower="b", number=request.number, accepted=True, index=request.last_index
        )
        made.step(whole, NOW_S)

    assert offsets == [0, 4, 8, 0, 4, 8]


# A second candidacy, and a second leadership.


def test_votes_of_a_first_candidacy_do_not_count_in_the_second() -> None:
    candidate = node(disk(1, voters="abcde"))
    now_s = NOW_S
    for term in (2, 3):
        candidate.tick(now_s)
        for voter in "bc":
            candidate.step(vote(term, voter, pre_vote=True), now_s)
        candidate.step(vote(term, "b" if term == 2 else "c"), now_s)
        now_s += 2 * POLICY.election_timeout_s

    assert (candidate.state.role, candidate.state.term) == ("candidate", 3)
    candidate.step(vote(3, "d"), now_s)
    assert candidate.leadership


def test_pre_votes_of_a_first_attempt_do_not_count_in_the_second() -> None:
    candidate = node(disk(1, voters="abcde"))
    candidate.tick(NOW_S)
    candidate.step(vote(2, "b", pre_vote=True), NOW_S)
    later_s = NOW_S + 2 * POLICY.election_timeout_s

    candidate.tick(later_s)
    candidate.step(vote(2, "c", pre_vote=True), later_s)

    assert (candidate.state.role, candidate.state.term) == ("pre_candidate", 1)


def deposed(made: RaftNode, term: int) -> list[Effect]:
    """Let a leader learn that another node is in a later term."""
    refusal = RaftAppendResponse(term=term, follower="b", number=0, accepted=False, index=1)
    return made.step(refusal, NOW_S)


def led_again(made: RaftNode) -> float:
    """Elect the node again, by the votes of b; return the time."""
    now_s = NOW_S + 2 * POLICY.election_timeout_s
    made.tick(now_s)
    made.step(vote(made.state.term + 1, "b", pre_vote=True), now_s)
    made.step(vote(made.state.term, "b"), now_s)
    assert made.leadership
    return now_s


def test_second_leadership_knows_nothing_of_what_followers_answered_in_the_first() -> None:
    made = leader(disk(1))
    answers(made, "b", "c")
    made.propose([b"x"], NOW_S)
    assert made.leadership
    first = made.leadership
    deposed(made, 5)

    now_s = led_again(made)

    assert made.leadership is not first
    assert {one.match_index for one in made.leadership.followers.values()} == {0}
    assert not made.leadership.has_committed
    assert made.leadership.answering(now_s) == frozenset()
    with pytest.raises(ConfigurationRefusedError, match="not committed yet"):
        made.change("add_learner", "d", now_s)


def test_answer_to_a_request_of_the_first_leadership_counts_for_nothing_in_the_second() -> None:
    made = leader(disk(1))
    answers(made, "b", "c")
    _, effects = made.propose([b"x"], NOW_S)
    (request,) = sent(effects, RaftAppendRequest, "c")
    deposed(made, 5)
    now_s = led_again(made)

    late = made.step(accepted("c", request), now_s)

    assert applied_by(late) == []
    assert made.leadership
    assert made.leadership.followers["c"].match_index == 0
    assert made.leadership.answering(now_s) == frozenset()


def test_read_of_the_first_leadership_is_answered_once() -> None:
    made = leader(disk(1))
    answers(made, "b")
    waiting = made.read(7, NOW_S + 0.1)
    ended = deposed(made, 5)
    now_s = led_again(made)
    after = [*made.read(8, now_s + 0.1), *answers(made, "b", now_s=now_s + 0.2)]

    assert of_kind(waiting, ReadReady) == []
    assert of_kind(ended, ReadReady) == [ReadReady(7, is_confirmed=False)]
    assert of_kind(after, ReadReady) == [ReadReady(8, is_confirmed=True)]


def test_proposal_of_the_first_leadership_is_not_answered_for_an_entry_of_the_second() -> None:
    proposals = Proposals()
    proposals.add_proposal(5, 2, "first", 1)
    assert len(proposals.give_up("")) == 1
    proposals.add_proposal(5, 4, "second", 2)

    replies = proposals.applied([RaftEntry(index=5, term=4)])

    assert [(one.asker, one.message) for one in replies] == [
        ("second", RaftCommitted(number=2, index=5))
    ]
    assert proposals.applied([RaftEntry(index=5, term=4)]) == []


def test_second_transfer_to_the_same_node_asks_it_again() -> None:
    made = leader(disk(1))
    answers(made, "b", "c")
    assert sent(made.transfer("b", NOW_S), RaftTimeoutNow)
    answers(made, "c", now_s=NOW_S + 0.9)
    made.tick(NOW_S + 1.2)  # given up

    answers(made, "b", now_s=NOW_S + 1.3)

    assert sent(made.transfer("b", NOW_S + 1.3), RaftTimeoutNow)


def test_successor_is_asked_again_with_the_next_heartbeat() -> None:
    made = leader(disk(1))
    answers(made, "b", "c")
    assert sent(made.transfer("b", NOW_S), RaftTimeoutNow)  # and it is lost

    again = made.tick(NOW_S + POLICY.heartbeat_interval_s)

    assert sent(again, RaftTimeoutNow) == [RaftTimeoutNow(term=2, leader="a")]


def test_successor_is_asked_once_between_two_heartbeats() -> None:
    made = leader(disk(1))
    answers(made, "b", "c")
    assert sent(made.transfer("b", NOW_S), RaftTimeoutNow)

    assert sent(answers(made, "b"), RaftTimeoutNow) == []


def test_second_order_of_the_same_kind_is_answered_on_its_own() -> None:
    orders = Orders()
    order = RaftOrder(action="transfer", node="b", number=1)
    orders.add_order(order, "asker", NOW_S)
    orders.leads("b")
    orders.add_order(order.model_copy(update={"number": 2}), "asker", NOW_S)

    replies = orders.leads("b")

    assert [one.message.number for one in replies] == [2]  # type: ignore[attr-defined]


def test_time_without_a_leader_counts_from_the_second_loss() -> None:
    group = led("abc")
    follower = next(one for name, one in group.members.items() if name != group.leader)
    others = "".join(set("abc") - {follower.node_name})
    for _ in range(2):
        lost_s = group.now_s
        group.run(5, without=others)
        assert not follower.leader
        assert lost_s <= follower.leaderless_since_s <= group.now_s
        group.run(10)
        assert group.leader


def test_second_loss_and_election_of_the_same_leader_are_reported() -> None:
    chronicle = Chronicle()
    reports = [
        (one.what, one.node)
        for _ in range(2)
        for change in (
            RoleChanged("follower", 1, "b", "it leads"),
            RoleChanged("pre_candidate", 1, "", "heard no leader"),
        )
        for one in chronicle.role_changed(change)
    ]

    assert reports == [("leader_elected", "b"), ("leader_lost", "b")] * 2


# A member that is added again.


def with_c_added_again() -> tuple[RaftNode, RaftAppendRequest]:
    """Return a leader that removed c and added it again, and a request to the former c."""
    made = leader(disk(1, voters="abc"))
    answers(made, "b", "c")
    effects = made.change("remove", "c", NOW_S)
    (former,) = sent(effects, RaftAppendRequest, "c")
    answers(made, "b")
    made.change("add_learner", "c", NOW_S)
    answers(made, "b")
    return made, former


def test_member_that_is_added_again_starts_without_what_it_had_acknowledged() -> None:
    made, _ = with_c_added_again()

    assert made.leadership
    follower = made.leadership.followers["c"]
    assert (follower.match_index, follower.confirmed_at_s) == (0, float("-inf"))
    assert "c" not in made.state.configuration.removed
    with pytest.raises(ConfigurationRefusedError, match="c has not caught up"):
        made.change("promote", "c", NOW_S)


def test_late_answer_of_the_former_member_does_not_show_that_the_new_one_answers() -> None:
    made, former = with_c_added_again()
    for _ in range(former.number):  # the new one is sent as many requests as the former was
        assert heartbeat_to(made, "c", NOW_S)

    made.step(accepted("c", former), NOW_S)

    assert made.leadership
    assert "c" not in made.leadership.answering(NOW_S)
    with pytest.raises(ConfigurationRefusedError, match="c has not caught up"):
        made.change("promote", "c", NOW_S)


def test_demotion_ends_with_membership() -> None:
    before = Configuration.of_voters("abc")

    again = before.changed("demote", "c").changed("remove", "c").changed("add_learner", "c")

    assert again == Configuration(frozenset("ab"), frozenset("c"))


# A second change of the configuration.


def test_second_change_waits_for_the_first_and_then_for_itself() -> None:
    made = leader(disk(1))
    answers(made, "b", "c")
    for name in ("d", "e"):
        made.change("add_learner", name, NOW_S)
        with pytest.raises(ConfigurationRefusedError, match="not committed yet"):
            made.change("add_learner", "f", NOW_S)
        answers(made, "b")

    assert made.state.committed_configuration.learners == frozenset("de")


def test_configuration_that_is_taken_back_twice_returns_to_the_committed_one_each_time() -> None:
    follower = node(disk(1))
    for term in (1, 3):
        follower.step(append(term, configured(2, term, "abcd"), prev=(1, 1)), NOW_S)
        assert follower.state.configuration == Configuration.of_voters("abcd")
        follower.step(append(term + 1, *entries(term + 1, after=1), prev=(1, 1)), NOW_S)

        assert follower.state.configuration == Configuration.of_voters("abc")
        assert follower.state.configuration_index == 1


# An append that is sent again, also after a truncation.


def test_append_that_is_sent_again_is_acknowledged_without_a_second_write() -> None:
    follower = node(disk(1))
    request = append(1, *entries(1, 1, after=1), prev=(1, 1), commit=2)

    first = follower.step(request, NOW_S)
    second = follower.step(request, NOW_S)

    assert (len(of_kind(first, SaveEntries)), applied_by(first)) == (1, [1, 2])
    assert (of_kind(second, SaveEntries), applied_by(second)) == ([], [])
    assert sent(first, RaftAppendResponse) == sent(second, RaftAppendResponse)


def test_old_append_that_arrives_again_after_a_truncation_changes_nothing() -> None:
    follower = node(disk(1))
    old = append(1, *entries(1, 1, 1, after=1), prev=(1, 1))
    new = append(2, *entries(2, after=2, data=b"new"), prev=(2, 1))
    follower.step(old, NOW_S)
    follower.step(new, NOW_S)
    kept = follower.state.log.all_entries()
    assert [one.term for one in kept] == [1, 1, 2]

    again = follower.step(old, NOW_S)
    follower.step(new, NOW_S)

    assert of_kind(again, SaveEntries) == []
    (answer,) = sent(again, RaftAppendResponse)
    assert (answer.accepted, answer.number, answer.term) == (False, 0, 2)
    assert follower.state.log.all_entries() == kept


def test_second_truncation_leaves_only_the_latest_leaders_entries() -> None:
    follower = node(disk(1))
    for term in (1, 2, 3):
        data = b"%d" % term
        request = append(term, *entries(term, term, after=1, data=data), prev=(1, 1))
        effects = follower.step(request, NOW_S)
        (save,) = of_kind(effects, SaveEntries)
        assert save.entries == request.entries

    assert [one.data for one in follower.state.log.all_entries()][1:] == [b"3", b"3"]


# A second offer to begin a cluster.


def test_promises_to_a_first_offer_do_not_count_for_the_second() -> None:
    first = Bootstrap(
        node_name="a",
        expect=3,
        settle_s=SETTLE_S,
        identity=RaftIdentity(),
        random=Random(1),
        now_s=0.0,
    )
    roster = dict.fromkeys("abc", FREE)
    first.tick(roster, 0.0)
    first.tick(roster, SETTLE_S)
    first.on_promise(RaftPromise(cluster_id=first.identity.promised_to, node="b"), SETTLE_S)
    other = dict.fromkeys("abd", FREE)
    first.tick(other, SETTLE_S)
    now_s = 2 * SETTLE_S + OFFER_INTERVAL_S

    effects = first.tick(other, now_s)

    offers = [one for one in effects if isinstance(one, SendTo)]
    assert [one.node for one in offers if isinstance(one.message, RaftOffer)] == ["b", "d"]
    first.on_promise(RaftPromise(cluster_id=first.identity.promised_to, node="d"), now_s)
    assert not [one for one in first.tick(other, now_s) if isinstance(one, Begin)]


def test_vote_request_that_is_repeated_gets_the_same_vote_and_no_second_write() -> None:
    voter = node(disk(1))
    request = RaftVoteRequest(term=2, candidate="b", last_log_index=1, last_log_term=1)

    first = voter.step(request, NOW_S)
    second = voter.step(request, NOW_S)

    assert sent(first, RaftVoteResponse) == sent(second, RaftVoteResponse)
    assert len(first) > len(second) == 2  # it says again when it followed a leader

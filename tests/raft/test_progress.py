"""One request at a time to each follower, and back to where its log agrees."""

from __future__ import annotations

from constellation.raft.log import RaftLog
from constellation.raft.progress import Progress
from messages.raft import RaftEntry

RESEND_S = 1.0


def log(*terms: int) -> RaftLog:
    return RaftLog([RaftEntry(index=n, term=term) for n, term in enumerate(terms, 1)])


def test_one_request_is_under_way_until_it_is_answered_or_too_old() -> None:
    follower = Progress(next_index=1)
    assert follower.may_send(0.0, resend_s=RESEND_S)

    number = follower.sent(0.0)

    assert not follower.may_send(0.9, resend_s=RESEND_S)
    assert follower.may_send(1.0, resend_s=RESEND_S)
    assert follower.answered(number, 0.5)
    assert follower.may_send(0.5, resend_s=RESEND_S)
    assert follower.heard_at_s == 0.5


def test_answer_to_an_earlier_request_frees_nothing_but_is_a_sign_of_life() -> None:
    follower = Progress(next_index=1)
    first = follower.sent(0.0)
    follower.sent(2.0)

    assert not follower.answered(first, 2.1)

    assert follower.heard_at_s == 2.1
    assert not follower.may_send(2.2, resend_s=RESEND_S)


def test_late_answer_takes_nothing_back() -> None:
    follower = Progress(next_index=9)
    assert follower.accepted(8)

    assert not follower.accepted(3)

    assert (follower.match_index, follower.next_index) == (8, 9)


def test_refusal_goes_back_by_terms_and_never_below_what_is_known_to_match() -> None:
    follower = Progress(next_index=7, match_index=1)

    follower.refused(5, 2, log(1, 1, 2, 4, 4, 4))
    assert follower.next_index == 4  # after the last entry of term 2

    follower.refused(0, 0, log(1, 1, 2, 4, 4, 4))
    assert follower.next_index == 2


def test_refusals_end_at_the_beginning() -> None:
    follower = Progress(next_index=4)

    for _ in range(4):
        follower.refused(3, 9, log(1, 1, 1))

    assert follower.next_index == 1

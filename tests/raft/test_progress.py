"""One request at a time to each follower, and back to where its log agrees."""

from __future__ import annotations

from itertools import count

from constellation.raft.log import RaftLog
from constellation.raft.progress import Progress
from tests.raft.cores import entries, snapshot

RESEND_S = 1.0


def log(*terms: int) -> RaftLog:
    return RaftLog(entries(*terms))


def test_one_request_is_under_way_until_it_is_answered_or_too_old() -> None:
    follower = Progress(next_index=1)
    assert follower.may_send(0.0, resend_s=RESEND_S)

    number = follower.sent(0.0, previous_index=0)

    assert not follower.may_send(0.9, resend_s=RESEND_S)
    assert follower.may_send(1.0, resend_s=RESEND_S)
    assert follower.answered(number) == 0
    assert follower.may_send(0.5, resend_s=RESEND_S)


def test_heartbeats_do_not_wait_and_nothing_waits_for_them() -> None:
    follower = Progress(next_index=1)
    awaited = follower.sent(0.0, previous_index=3)

    heartbeat = follower.sent(0.2, is_awaited=False)

    assert follower.answered(heartbeat) == -1
    assert not follower.may_send(0.3, resend_s=RESEND_S)
    assert follower.answered(awaited) == 3
    assert follower.may_send(0.3, resend_s=RESEND_S)


def test_answer_confirms_the_time_its_request_was_sent_and_never_takes_that_back() -> None:
    follower = Progress(next_index=1)
    first, second = follower.sent(1.0), follower.sent(2.0)

    follower.answered(second)
    follower.answered(first)

    assert follower.confirmed_at_s == 2.0


def test_answer_to_what_was_never_asked_confirms_nothing() -> None:
    follower = Progress(next_index=1)
    follower.sent(1.0)

    assert follower.answered(0) == -1
    assert follower.answered(7) == -1

    assert follower.confirmed_at_s == float("-inf")
    assert not follower.may_send(1.1, resend_s=RESEND_S)


def test_member_that_is_added_again_gets_no_request_number_twice() -> None:
    numbers = count(1)
    before = Progress(next_index=1, numbers=numbers).sent(1.0)
    anew = Progress(next_index=1, numbers=numbers)
    anew.sent(9.0)

    anew.answered(before)

    assert anew.confirmed_at_s == float("-inf")


def test_late_answer_takes_nothing_back() -> None:
    follower = Progress(next_index=9)
    assert follower.accepted(8)

    assert not follower.accepted(3)

    assert (follower.match_index, follower.next_index) == (8, 9)


def test_snapshot_is_done_when_the_follower_has_as_much() -> None:
    follower = Progress(next_index=1, snapshot=snapshot(5, 1), snapshot_offset_bytes=3)

    kept = []
    for match_index in (4, 5):
        follower.accepted(match_index)
        kept.append((follower.snapshot is not None, follower.snapshot_offset_bytes))

    assert kept == [(True, 3), (False, 0)]


def test_back_off_goes_by_terms_and_never_below_the_match_index() -> None:
    follower = Progress(next_index=7, match_index=1)

    follower.refused(6, 5, 2, log(1, 1, 2, 4, 4, 4))
    assert follower.next_index == 4  # after the last entry of term 2

    follower.refused(3, 0, 0, log(1, 1, 2, 4, 4, 4))
    assert follower.next_index == 2


def test_stale_refusal_is_ignored() -> None:
    follower = Progress(next_index=4)

    follower.refused(6, 0, 0, log(1, 1, 1, 1, 1, 1))

    assert follower.next_index == 4


def test_refusals_end_at_the_beginning() -> None:
    follower = Progress(next_index=4)

    for previous in (3, 2, 1, 0):
        follower.refused(previous, 9, 1, log(1, 1, 1))

    assert follower.next_index == 1

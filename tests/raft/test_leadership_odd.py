"""What a leader does about followers that forget, lie, or are asked too much."""

from __future__ import annotations

from collections import deque

import pytest

from constellation.effects import Note
from constellation.raft.effects import Effect, ReadReady, RoleChanged
from messages.raft import RaftAppendRequest, RaftAppendResponse
from tests.raft.cores import (
    POLICY,
    accepted,
    answers,
    disk,
    heartbeat_to,
    leader,
    node,
    of_kind,
    sent,
)

NOW_S = 10.0


# Followers that have lost what they held.


def test_follower_that_lost_entries_is_reported_once_and_gets_them_again() -> None:
    made = leader(disk(1, 1, 1, 1))
    answers(made, "b", "c")
    lost = node(disk(1, term=2), "b")
    _, effects = made.propose([b"x"], NOW_S)

    messages, notes = 0, 0
    waiting = sent(effects, RaftAppendRequest, "b")
    while waiting and messages < 50:
        messages += 1
        (answer,) = sent(lost.step(waiting.pop(0), NOW_S), RaftAppendResponse)
        effects = made.step(answer, NOW_S)
        waiting += sent(effects, RaftAppendRequest, "b")
        notes += [one.event for one in of_kind(effects, Note)].count("follower_lost_entries")

    assert notes == 1
    assert messages <= 6
    assert lost.state.log.all_entries() == made.state.log.all_entries()
    assert answers(made, "b") == []  # there is nothing more to say


def test_refusal_that_comes_late_is_not_taken_for_lost_entries() -> None:
    made = leader(disk(*[1] * 6))
    first = heartbeat_to(made, "b", NOW_S)
    again = heartbeat_to(made, "b", NOW_S + 0.6)
    assert first
    assert again
    refusal = RaftAppendResponse(
        term=2, follower="b", number=first.number, accepted=False, index=3, index_term=1
    )
    made.step(refusal, NOW_S + 0.7)
    request = heartbeat_to(made, "b", NOW_S + 0.7)
    assert request
    made.step(accepted("b", request), NOW_S + 0.7)
    assert made.leadership
    held = made.leadership.followers["b"].match_index
    assert held > 3

    late = made.step(refusal.model_copy(update={"number": again.number}), NOW_S + 0.8)

    assert of_kind(late, Note) == []
    assert made.leadership.followers["b"].match_index == held


def test_follower_that_accepts_what_was_never_sent_is_refused() -> None:
    made = leader(disk(1))
    request = heartbeat_to(made, "b", NOW_S)
    assert request
    beyond = accepted("b", request).model_copy(update={"index": 3})

    with pytest.raises(ValueError, match="b accepts 3, which was not sent"):
        made.step(beyond, NOW_S)

    assert made.leadership
    follower = made.leadership.followers["b"]
    assert (follower.match_index, follower.confirmed_at_s) == (0, float("-inf"))
    assert made.state.commit_index == 0


# Many reads at once.


def test_endless_reads_depose_no_leader_and_share_heartbeats() -> None:
    made = leader(disk(1))
    answers(made, "b", "c")
    on_the_way: deque[tuple[float, RaftAppendResponse]] = deque()
    effects: list[Effect] = []
    requests = 0

    reads, seconds, round_trip_s = 5000, 2.0, 0.04
    for number in range(1, reads + 501):  # and a while in which nobody asks
        now_s = NOW_S + number * seconds / reads
        news: list[Effect] = []
        while on_the_way and on_the_way[0][0] <= now_s:
            news += made.step(on_the_way.popleft()[1], now_s)
        if number <= reads:
            news += made.read(number, now_s)
        if now_s >= made.next_due_s:
            news += made.tick(now_s)
        for name in "bc":
            asked = sent(news, RaftAppendRequest, name)
            requests += len(asked)
            on_the_way.extend((now_s + round_trip_s, accepted(name, one)) for one in asked)
        effects += news

    assert of_kind(effects, RoleChanged) == []
    confirmed = [one.number for one in of_kind(effects, ReadReady) if one.is_confirmed]
    assert confirmed == list(range(1, reads + 1))
    assert requests <= 2 * (seconds + 0.2) * (1 / round_trip_s + 1 / POLICY.heartbeat_interval_s)

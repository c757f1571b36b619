"""The formulas of Lifeguard and SWIM, with expected values worked out from the papers."""

from __future__ import annotations

from random import Random

import pytest

from constellation.gossip.awareness import Awareness
from constellation.gossip.dissemination import BroadcastQueue, transmits_max
from constellation.gossip.suspicion import Suspicion, suspicion_timeout_s
from constellation.gossip.timers import (
    STALE_MAX,
    Alarm,
    RelayEnds,
    RelayNack,
    RemindSuspect,
    SuspicionEnds,
    Timer,
    Timers,
)

# Suspicion: max - log(C + 1) / log(K + 1) * (max - min), not below min (Lifeguard §IV-B).


def test_table_of_suspicion_timeouts() -> None:
    table = {  # (confirmations C, expected K, min, max): seconds
        (0, 2, 5, 65): 65.0,
        (1, 2, 5, 65): 65 - 60 * 0.630930,  # ln 2 / ln 3
        (2, 2, 5, 65): 5.0,
        (3, 2, 5, 65): 5.0,  # not below the floor
        (0, 4, 10, 30): 30.0,
        (1, 4, 10, 30): 30 - 20 * 0.430677,  # ln 2 / ln 5
        (2, 4, 10, 30): 30 - 20 * 0.682606,  # ln 3 / ln 5
        (3, 4, 10, 30): 30 - 20 * 0.861353,  # ln 4 / ln 5
        (4, 4, 10, 30): 10.0,
        (9, 4, 10, 30): 10.0,
        (1, 1, 7, 70): 7.0,
        (0, 1, 7, 70): 70.0,
        (0, 0, 7, 70): 7.0,  # nobody can confirm: the minimum at once
        (5, 0, 7, 70): 7.0,
        (1, 3, 6, 6): 6.0,  # minimum and maximum are equal
    }
    wrong = {
        row: found
        for row, expected in table.items()
        if (found := suspicion_timeout_s(*row)) != pytest.approx(expected, abs=2e-4)
    }

    assert wrong == {}


def test_impossible_suspicions_are_refused() -> None:
    for row in ((-1, 2, 5, 65), (0, -1, 5, 65), (0, 2, 5, 4.9)):
        with pytest.raises(ValueError, match="impossible suspicion"):
            suspicion_timeout_s(*row)


def suspicion(members: int, *, multiplier: int = 4, probe_interval_s: float = 1.0) -> Suspicion:
    return Suspicion.start(
        "n1",
        100.0,
        members=members,
        multiplier=multiplier,
        probe_interval_s=probe_interval_s,
        max_multiplier=6,
    )


def test_table_of_suspicions_by_size_of_the_cluster() -> None:
    """K is the multiplier less two if others can confirm; min grows with log10 of the members."""
    table = {  # (members, multiplier, probe interval): (K, min, max)
        (1, 4, 1.0): (0, 4.0, 24.0),
        (2, 4, 1.0): (0, 4.0, 24.0),
        (3, 4, 1.0): (0, 4.0, 24.0),  # one other member at most, and two are expected
        (4, 4, 1.0): (2, 4.0, 24.0),
        (10, 4, 1.0): (2, 4.0, 24.0),
        (11, 4, 1.0): (2, 4 * 1.041, 24 * 1.041),  # log10 11, rounded down to thousandths
        (50, 4, 1.0): (2, 4 * 1.698, 24 * 1.698),
        (100, 4, 1.0): (2, 8.0, 48.0),
        (1000, 4, 1.0): (2, 12.0, 72.0),
        (100, 4, 0.5): (2, 4.0, 24.0),
        (100, 5, 1.0): (3, 10.0, 60.0),
        (4, 5, 1.0): (0, 5.0, 30.0),
        (5, 5, 1.0): (3, 5.0, 30.0),
        (100, 2, 1.0): (0, 4.0, 24.0),
        (100, 1, 1.0): (0, 2.0, 12.0),
    }
    wrong = {}
    for (members, multiplier, interval_s), expected in table.items():
        one = suspicion(members, multiplier=multiplier, probe_interval_s=interval_s)
        found = (one.expected, one.min_s, one.max_s)
        if found != pytest.approx(expected):
            wrong[(members, multiplier, interval_s)] = found

    assert wrong == {}


def test_only_the_expected_number_of_confirmations_shortens_a_suspicion() -> None:
    first = suspicion(100)
    assert first.ends_at_s == pytest.approx(148.0)
    assert first.confirm("n1") is None  # the first accuser again

    second = first.confirm("n2")
    assert second is not None
    assert second.ends_at_s == pytest.approx(100 + 48 - 40 * 0.630930, abs=1e-3)
    assert second.confirm("n2") is None
    third = second.confirm("n3")
    assert third is not None
    assert third.ends_at_s == pytest.approx(108.0)
    assert third.confirm("n4") is None  # K others have confirmed already


def test_suspicion_in_a_small_cluster_lasts_the_minimum() -> None:
    one = suspicion(3)

    assert one.ends_at_s == 104.0
    assert one.confirm("n2") is None


# Local health: 0 to max - 1, a factor of the probe interval (Lifeguard §IV-A).


def test_table_of_local_health() -> None:
    table = {  # (score, points): (score, multiplier) for at most 8
        (0, 0): (0, 1),
        (0, -1): (0, 1),
        (0, -5): (0, 1),
        (0, 1): (1, 2),
        (1, -1): (0, 1),
        (3, 2): (5, 6),
        (5, -3): (2, 3),
        (6, 1): (7, 8),
        (7, 0): (7, 8),
        (7, 1): (7, 8),
        (2, 99): (7, 8),
        (7, -99): (0, 1),
    }
    wrong = {}
    for (score, points), expected in table.items():
        health = Awareness(score, 8).adjusted_by(points)
        if (health.score, health.local_health_multiplier) != expected:
            wrong[(score, points)] = health

    assert wrong == {}
    assert Awareness(multiplier_max=1).adjusted_by(5).local_health_multiplier == 1


# Broadcasts: each is sent multiplier * ceil(log10(n + 1)) times (SWIM §4.1).


def test_table_of_transmissions() -> None:
    table = {
        (4, 1): 4,
        (4, 9): 4,
        (4, 10): 8,
        (4, 99): 8,
        (4, 100): 12,
        (4, 999): 12,
        (4, 1000): 16,
        (3, 1): 3,
        (3, 50): 6,
        (1, 100_000): 6,
    }

    assert {row: transmits_max(*row) for row in table} == table


def queue(*bodies: bytes, items_max: int = 8) -> BroadcastQueue:
    made = BroadcastQueue(items_max=items_max)
    for body in bodies:
        made.put(body[:1], body)
    return made


def test_least_sent_broadcast_goes_first_then_the_longest_then_the_newest() -> None:
    news = queue(b"a1", b"b1", b"c123")

    assert news.take_parts(100, limit=9) == [b"c123", b"b1", b"a1"]
    news.put(b"d", b"d1")
    assert news.take_parts(4, limit=9) == [b"d1"]
    assert news.take_parts(100, limit=9) == [b"c123", b"d1", b"b1", b"a1"]


def test_packet_is_filled_to_the_byte_and_a_long_broadcast_blocks_no_short_one() -> None:
    news = queue(b"a12345678", b"b1", b"c1")
    part = 2 + 2  # the bytes, and their length

    assert news.take_parts(2 * part, limit=9) == [b"c1", b"b1"]
    assert news.take_parts(part - 1, limit=9) == []
    assert news.take_parts(part, limit=9, parts_max=0) == []
    assert news.take_parts(100, limit=9, parts_max=1) == [b"a12345678"]


def test_broadcast_is_removed_once_it_was_sent_limit_times() -> None:
    for limit in (1, 2, 4):
        news = queue(b"a1")
        sent = [news.take_parts(100, limit=limit) for _ in range(6)]
        assert sent == [[b"a1"]] * limit + [[]] * (6 - limit)
        assert b"a" not in news


def test_newer_broadcast_of_a_subject_replaces_the_older_and_counts_anew() -> None:
    news = queue(b"a1")
    assert [news.take_parts(100, limit=3) for _ in range(2)] == [[b"a1"]] * 2

    news.put(b"a", b"a2")

    assert [news.take_parts(100, limit=3) for _ in range(4)] == [[b"a2"]] * 3 + [[]]


def test_full_queue_drops_the_most_sent_broadcast() -> None:
    news = queue(b"a1", b"b1", b"c1", items_max=3)
    assert news.take_parts(4, limit=9) == [b"c1"]

    news.put(b"d", b"d1")
    news.put(b"b", b"b2")  # replaces its subject

    assert len(news) == 3
    assert sorted(news.take_parts(100, limit=9)) == [b"a1", b"b2", b"d1"]


def test_fresh_is_set_by_a_new_broadcast_until_it_is_cleared() -> None:
    news = queue()
    seen = [news.fresh]
    news.put(b"a", b"a1")
    seen.append(news.fresh)
    news.fresh = False
    news.take_parts(100, limit=9)
    seen.append(news.fresh)

    assert seen == [False, True, False]


# Timers.

KINDS: tuple[Timer, ...] = (
    Alarm.PROBE,
    Alarm.GOSSIP,
    SuspicionEnds("a"),
    SuspicionEnds("b"),
    RemindSuspect("a"),
    RelayNack(1),
    RelayEnds(1),
    RelayEnds(2),
)


def test_timers_differ_by_kind_and_by_subject() -> None:
    timers = Timers()
    for number, timer in enumerate(KINDS):
        timers.set(timer, float(number))

    assert len(timers) == len(KINDS)
    assert [timers.due_s(timer) for timer in KINDS] == [float(n) for n in range(len(KINDS))]
    assert list(timers.take_due(99.0)) == list(KINDS)


def test_timer_is_due_at_its_time_and_once() -> None:
    timers = Timers()
    assert timers.next_due_s is None
    timers.set(Alarm.PROBE, 5.0)

    assert list(timers.take_due(4.999)) == []
    assert list(timers.take_due(5.0)) == [Alarm.PROBE]
    assert list(timers.take_due(5.0)) == []
    assert (timers.next_due_s, timers.due_s(Alarm.PROBE)) == (None, None)


def test_timer_that_is_set_again_moves_either_way() -> None:
    timers = Timers()
    timers.set(Alarm.PROBE, 5.0)
    timers.set(Alarm.PROBE, 9.0)
    assert list(timers.take_due(6.0)) == []
    timers.set(Alarm.PROBE, 7.0)
    assert timers.next_due_s == 7.0
    assert list(timers.take_due(7.0)) == [Alarm.PROBE]
    assert list(timers.take_due(99.0)) == []


def test_timers_of_one_time_come_in_the_order_in_which_they_were_set() -> None:
    timers = Timers()
    for timer in reversed(KINDS):
        timers.set(timer, 1.0)

    assert list(timers.take_due(1.0)) == list(reversed(KINDS))


def test_timer_that_is_set_for_now_while_others_are_taken_is_taken_too() -> None:
    timers = Timers()
    timers.set(Alarm.PROBE, 1.0)
    taken = []
    for timer in timers.take_due(2.0):
        taken.append(timer)
        if timer is Alarm.PROBE:
            timers.set(Alarm.GOSSIP, 2.0)
            timers.set(Alarm.REJOIN, 2.1)

    assert taken == [Alarm.PROBE, Alarm.GOSSIP]


def test_timers_match_a_naive_table_of_deadlines() -> None:
    for seed in range(50):
        random, timers = Random(seed), Timers()
        table: dict[Timer, float] = {}
        now_s = 0.0
        for _ in range(200):
            timer = random.choice(KINDS)
            match random.randrange(3):
                case 0:
                    table[timer] = now_s + random.randrange(10)
                    timers.set(timer, table[timer])
                case 1:
                    table.pop(timer, None)
                    timers.cancel(timer)
                case _:
                    now_s += random.randrange(3)
                    due = sorted(due_s for due_s in table.values() if due_s <= now_s)
                    taken = list(timers.take_due(now_s))
                    assert [table.pop(one) for one in taken] == due, f"seed {seed}"
            assert timers.next_due_s == min(table.values(), default=None), f"seed {seed}"


def test_timer_that_moves_forever_does_not_grow_the_heap() -> None:
    timers = Timers()
    timers.set(Alarm.PROBE, 0.5)
    for number in range(10 * STALE_MAX):
        timers.set(Alarm.GOSSIP, 1.0 + number)

    assert len(timers) == 2
    assert len(timers._heap) <= STALE_MAX + 2 * len(timers) + 1
    assert list(timers.take_due(1e9)) == [Alarm.PROBE, Alarm.GOSSIP]

"""The incarnation of a new life: no two lives use the same, whatever was saved."""

from __future__ import annotations

from itertools import pairwise
from random import Random

from constellation.gossip.fields import U32_MAX
from constellation.gossip.incarnation import (
    FIRST_MAX,
    FOLLOWED_MAX,
    LIFE_STEP,
    UNSAVED_PAUSE_S,
    UNSAVED_PER_S,
    above_earlier_life,
    saved_life,
    unsaved_life,
)

RATE = UNSAVED_PER_S  # how many incarnations a life uses per second at most


def test_saved_life_begins_above_what_the_previous_one_used_after_its_last_save() -> None:
    assert saved_life(0) == LIFE_STEP
    assert saved_life(5000) == 5000 + LIFE_STEP


def test_unsaved_life_begins_higher_the_older_the_saved_incarnation_is() -> None:
    assert [unsaved_life(5000, age_s) - 5000 - LIFE_STEP for age_s in (0, 0.1, 1, 1.1, 3600)] == [
        0,
        16,
        16,
        32,
        57600,
    ]


def test_clock_that_was_set_back_adds_nothing() -> None:
    assert unsaved_life(5000, -3.0) == saved_life(5000)


def test_every_life_has_incarnations_left() -> None:
    assert saved_life(U32_MAX) == saved_life(FIRST_MAX)
    assert unsaved_life(FIRST_MAX, 1e9) == saved_life(FIRST_MAX)
    assert U32_MAX - saved_life(FIRST_MAX) > 1 << 29


def test_incarnation_of_an_earlier_life_is_raised_by_a_step_within_the_limit() -> None:
    assert above_earlier_life(7) == 7 + LIFE_STEP
    assert above_earlier_life(FOLLOWED_MAX - 3) == FOLLOWED_MAX
    assert above_earlier_life(FOLLOWED_MAX) == FOLLOWED_MAX + 1
    assert above_earlier_life(FOLLOWED_MAX + 9) == FOLLOWED_MAX + 10


def lives_of(random: Random) -> list[tuple[int, int]]:
    """Return the first and last incarnation of many lives of one node, on a disk that fails.

    A life saves the incarnations that it uses, and retries while the disk fails.
    """
    now_s, saved, saved_at_s, works = 0.0, 0, 0.0, True
    lives: list[tuple[int, int]] = []
    for _ in range(60):
        now_s += random.uniform(0.01, 5.0)
        if works:
            first = saved_life(saved)
            saved, saved_at_s = first, now_s
        else:
            first = unsaved_life(saved, now_s - saved_at_s)
            now_s += UNSAVED_PAUSE_S
        lived_s = random.choice([0.01, 0.5, random.uniform(0, 100)])
        last = first + min(int(RATE * lived_s), LIFE_STEP - 1)
        # The disk may fail, or work again, during a life, but not between two lives.
        works = random.random() < 0.5
        now_s += lived_s
        if works:
            saved, saved_at_s = last, now_s
        lives.append((first, last))
    return lives


def test_no_two_lives_use_one_incarnation_however_often_the_disk_fails() -> None:
    for seed in range(300):
        lives = lives_of(Random(seed))
        assert all(last < first for (_, last), (first, _) in pairwise(lives)), (
            f"seed {seed}: {lives}"
        )

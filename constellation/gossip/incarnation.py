"""The incarnation with which a new life of this node begins.

No two lives may use one incarnation: peers would hold different claims and records for equal, and
some would believe the old life, some the new.  So a life begins above everything that the lives
before it can have used:

- A life saves each incarnation that it uses, within a second or so.  `LIFE_STEP` covers what it
  used after the last save that worked.
- A life that cannot save its incarnation must not look like the next one, which will find the same
  saved number.  It counts in the age of that number, which grows from life to life.
- Where neither helps (a restored backup, a clock that was set back), peers still hold claims and
  records of the earlier life.  They are refuted, by `LIFE_STEP` more than the highest one seen.
"""

from __future__ import annotations

from math import ceil

LIFE_STEP = 1024
UNSAVED_PER_S = 16  # more than a life uses per second
UNSAVED_PAUSE_S = 1.0  # between two lives that cannot save: each is a second older than the last
FIRST_MAX = 3 << 30  # of 32 bits: the rest is for the life that begins there
FOLLOWED_MAX = 1 << 31  # a peer that accuses us above this could use up our incarnations


def saved_life(last: int) -> int:
    """Return the incarnation of a life that saves it, after `last` was saved."""
    return min(last, FIRST_MAX) + LIFE_STEP


def unsaved_life(last: int, age_s: float) -> int:
    """Return the incarnation of a life that cannot save it, `age_s` after `last` was saved.

    The caller pauses for `UNSAVED_PAUSE_S` before it uses the number.
    """
    return saved_life(last + UNSAVED_PER_S * ceil(max(0.0, age_s)))


def above_earlier_life(seen: int) -> int:
    """Return an incarnation above all that the earlier life used of which `seen` is known."""
    return max(seen + 1, min(seen + LIFE_STEP, FOLLOWED_MAX))

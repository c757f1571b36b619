"""How long a member stays suspect before it is declared dead (Lifeguard §IV-B)."""

from __future__ import annotations

from math import floor, log, log10

from msgspec.structs import replace

from constellation.value import Value


def suspicion_timeout_s(confirmations: int, expected: int, min_s: float, max_s: float) -> float:
    """Return the timeout after `confirmations` accusations by others than the first accuser.

    It falls from `max_s` to `min_s` on a log scale, and reaches `min_s` at `expected` confirmations
    (K in the paper): a single observer waits long, several that agree wait less.  If `expected` is
    0, the cluster is too small for confirmations, and the timeout is `min_s`.

    Raises:
        ValueError: a count is negative, or `max_s` is below `min_s`.
    """
    if confirmations < 0 or expected < 0 or max_s < min_s:
        raise ValueError(f"impossible suspicion: {confirmations=} {expected=} {min_s=} {max_s=}")
    if expected == 0:
        return min_s
    confirmed_share = log(confirmations + 1) / log(expected + 1)
    return max(min_s, max_s - confirmed_share * (max_s - min_s))


class Suspicion(Value):
    """The suspicion of one member: its accusers, and how long it may refute."""

    started_at_s: float
    min_s: float
    max_s: float
    expected: int
    accusers: frozenset[str]

    @classmethod
    def start(
        cls,
        accuser: str,
        now_s: float,
        *,
        members: int,
        multiplier: int,
        probe_interval_s: float,
        max_multiplier: int,
    ) -> Suspicion:
        """Return a new suspicion in a cluster of `members` living members."""
        expected = max(0, multiplier - 2)
        if members - 2 < expected:
            expected = 0
        scale = floor(1000 * max(1.0, log10(max(1, members)))) / 1000
        min_s = multiplier * scale * probe_interval_s
        accusers = frozenset({accuser})
        return cls(now_s, min_s, max_multiplier * min_s, expected, accusers)

    def confirm(self, accuser: str) -> Suspicion | None:
        """Return the suspicion with another accuser; None if that changes nothing."""
        if accuser in self.accusers or len(self.accusers) > self.expected:
            return None
        return replace(self, accusers=self.accusers | {accuser})

    @property
    def is_confirmed(self) -> bool:
        """As many others as expected agree with the first accuser."""
        return len(self.accusers) > self.expected

    @property
    def ends_at_s(self) -> float:
        """When the member is declared dead unless it refutes."""
        confirmations = len(self.accusers) - 1
        return self.started_at_s + suspicion_timeout_s(
            confirmations, self.expected, self.min_s, self.max_s
        )

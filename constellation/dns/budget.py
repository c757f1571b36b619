"""How often the provider may be called: no call gets around this.

Cloudflare refuses everything for five minutes after 1,200 requests in five minutes, and counts
those of the dashboard and of other programs with the same account.  So there are three limits: a
rate with a burst, a number in a window that is far below the provider's, and what the provider
itself says is left.  All zones share them.
"""

from __future__ import annotations

from collections import deque

from constellation.value import Value
from messages.dns_calls import DnsBudgetSeen


class BudgetPolicy(Value):
    """The limits.  Seconds."""

    rate_per_s: float = 4.0
    burst: int = 10
    window_s: float = 300.0
    window_calls: int = 300  # a quarter of what Cloudflare allows one account
    reserve: int = 20  # of what the provider has left; it is for others
    limited_s: float = 60.0  # wait after a refusal that does not say how long


class CallBudget:
    """When the next call may be made.  `now_s` is monotonic seconds."""

    def __init__(self, policy: BudgetPolicy, now_s: float) -> None:
        self.policy = policy
        self._tokens = float(policy.burst)
        self._counted_at_s = now_s
        self._calls_at_s: deque[float] = deque(maxlen=policy.window_calls)
        self._not_before_s = now_s

    def next_at_s(self, now_s: float) -> float:
        """Return when the next call may be made; `now_s` or earlier: now."""
        policy = self.policy
        missing = 1.0 - self._tokens_at(now_s)
        at_s = now_s + max(0.0, missing / policy.rate_per_s)
        if len(self._calls_at_s) == policy.window_calls:
            at_s = max(at_s, self._calls_at_s[0] + policy.window_s)
        return max(at_s, self._not_before_s)

    def take(self, now_s: float) -> bool:
        """Count a call; False: it must not be made yet."""
        if self.next_at_s(now_s) > now_s:
            return False
        self._tokens = self._tokens_at(now_s) - 1.0
        self._counted_at_s = now_s
        self._calls_at_s.append(now_s)
        return True

    def left(self, now_s: float) -> int:
        """Return how many calls of the window are left."""
        since_s = now_s - self.policy.window_s
        return self.policy.window_calls - sum(at_s > since_s for at_s in self._calls_at_s)

    def blocked_s(self, now_s: float) -> float:
        """Return for how long the provider wants no call; 0: it does not say so."""
        return max(0.0, self._not_before_s - now_s)

    def seen(self, seen: DnsBudgetSeen | None, now_s: float) -> None:
        """Note what the provider says is left; below the reserve, wait until it is whole again."""
        if seen is not None and seen.remaining <= self.policy.reserve:
            self._wait(seen.reset_s, now_s)

    def limited(self, retry_after_s: float | None, now_s: float) -> None:
        """Note that the provider refused a call, and for how long it wants no other."""
        self._wait(self.policy.limited_s if retry_after_s is None else retry_after_s, now_s)

    def _wait(self, wait_s: float, now_s: float) -> None:
        self._not_before_s = max(self._not_before_s, now_s + wait_s)

    def _tokens_at(self, now_s: float) -> float:
        gained = max(0.0, now_s - self._counted_at_s) * self.policy.rate_per_s
        return min(float(self.policy.burst), self._tokens + gained)

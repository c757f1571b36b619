"""When to restart one actor: exponential back-off, and an intensity limit against restart storms.

The limit is that of Erlang/OTP supervisors: with more than `count_max` exits within `period_s`,
restarting at once cannot be the cure.  Unlike there, reaching the limit does not end the
supervisor, and is not for ever: the actor is tried again, slowly, in case the cause has gone.

    quick  waits backoff_min_s, doubling up to backoff_max_s
    slow   more than count_max exits within period_s: waits retry_min_s, doubling up to retry_max_s

A run of `period_s` without an exit leads from slow back to quick.
"""

from __future__ import annotations

from constellation.value import Value

_EXPONENT_MAX = 32  # 2.0 ** 2000 would raise


class RestartPolicy(Value):
    """How fast and how often.  Seconds; `count_max` exits in `period_s` still restart quickly."""

    backoff_min_s: float = 0.2
    backoff_max_s: float = 4.0
    count_max: int = 10
    period_s: float = 60.0
    retry_min_s: float = 5.0
    retry_max_s: float = 60.0


class RestartHistory(Value):
    """Recent exits of one actor, as monotonic seconds, oldest first; at most `count_max + 1`."""

    exits_at_s: tuple[float, ...] = ()
    slow_count: int = 0  # slow restarts in a row
    restart_at_s: float = float("-inf")  # when the last restart was due

    def exited(self, policy: RestartPolicy, now_s: float) -> tuple[RestartHistory, Restart]:
        """Return the history with one more exit, and when to restart the actor."""
        recent = tuple(at_s for at_s in self.exits_at_s if at_s > now_s - policy.period_s)
        exits = (*recent, now_s)[-(policy.count_max + 1) :]
        was_stable = now_s - self.restart_at_s >= policy.period_s
        slow_count = 0 if was_stable else self.slow_count
        given_up = slow_count > 0 or len(exits) > policy.count_max
        if given_up:
            wait_s = _doubled(policy.retry_min_s, slow_count, policy.retry_max_s)
            slow_count += 1
        else:
            wait_s = _doubled(policy.backoff_min_s, len(exits) - 1, policy.backoff_max_s)
        at_s = now_s + wait_s
        return RestartHistory(exits, slow_count, at_s), Restart(at_s, given_up=given_up)


class Restart(Value):
    """Restart the actor at `at_s`; `given_up` says that the intensity limit was reached."""

    at_s: float
    given_up: bool


def _doubled(first_s: float, times: int, longest_s: float) -> float:
    return float(min(longest_s, first_s * 2.0 ** min(times, _EXPONENT_MAX)))

"""Restart of one actor: exponential back-off, and an intensity limit against a restart storm.

The limit is that of Erlang/OTP supervisors: more than `count_max` exits within `period_s` and
restarting cannot be the cure.  Unlike there, giving up ends only this actor, and only until the
period has passed without it: a node whose one part is broken keeps serving with the others.
"""

from __future__ import annotations

from dataclasses import dataclass

from constellation.settings.agent import SupervisorSettings


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """How fast and how often.  Seconds; `count_max` exits in `period_s` are still restarted."""

    backoff_min_s: float = 0.2
    backoff_max_s: float = 4.0
    count_max: int = 10
    period_s: float = 60.0

    @classmethod
    def of(cls, settings: SupervisorSettings) -> RestartPolicy:
        """Return the policy that the operator set."""
        return cls(
            backoff_min_s=settings.backoff_min_s,
            backoff_max_s=settings.backoff_max_s,
            count_max=settings.intensity_count_max,
            period_s=settings.intensity_period_s,
        )


@dataclass(frozen=True, slots=True)
class RestartHistory:
    """Recent exits of one actor, as monotonic seconds, oldest first; at most `count_max + 1`."""

    exits_at_s: tuple[float, ...] = ()

    def exited(self, policy: RestartPolicy, now_s: float) -> tuple[RestartHistory, Restart]:
        """Return the history with one exit more, and when to start the actor again.

        The first exit in a period is answered after `backoff_min_s`, each further one after
        twice as long, up to `backoff_max_s`.  Past the limit the wait is a whole period.
        """
        recent = tuple(at_s for at_s in self.exits_at_s if at_s > now_s - policy.period_s)
        exits = (*recent, now_s)[-(policy.count_max + 1) :]
        if len(exits) > policy.count_max:
            return RestartHistory(exits), Restart(now_s + policy.period_s, given_up=True)
        # The exponent is bounded because 2.0 ** 2000 would raise.
        backoff_s = policy.backoff_min_s * 2.0 ** min(len(exits) - 1, 32)
        wait_s = min(policy.backoff_max_s, backoff_s)
        return RestartHistory(exits), Restart(now_s + wait_s, given_up=False)


@dataclass(frozen=True, slots=True)
class Restart:
    """Start the actor again at `at_s`; `given_up` says that the intensity limit was reached."""

    at_s: float
    given_up: bool

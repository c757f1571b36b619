"""Whether the Traefik of this node works: it polls this agent, and its entry point answers.

A Traefik is expected once it has polled twice, or if `ingress_port` is configured.  Polls are
missed after four of the intervals in which they came; a Traefik that got an error polls less often.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from messages.admin import PartReported

PART = "traefik"
POLLS_EXPECTED = 2
INTERVALS_MISSED = 4
SILENT_MIN_S = 20.0
SILENT_AFTER_ERROR_S = 120.0  # Traefik's back-off grows to a minute
FAILURES_MAX = 2  # one may be a restart of Traefik
_FIX = "start Traefik on this node, or see its log; its HTTP provider must poll `/api/dynamic` here"


@dataclass(slots=True)
class OwnTraefik:
    """What is known of this node's Traefik.  `now_s` is monotonic seconds."""

    ingress: str  # address of its entry point for other nodes; empty: none
    began_at_s: float
    polls: int = 0
    polled_at_s: float | None = None  # None: never
    _interval_s: float = field(default=5.0, repr=False)
    _had_error: bool = field(default=True, repr=False)
    _failures: int = field(default=0, repr=False)
    _failed_why: str = field(default="", repr=False)

    @property
    def is_expected(self) -> bool:
        """There is a Traefik here, or there should be."""
        return bool(self.ingress) or self.polls >= POLLS_EXPECTED

    def polled(self, now_s: float, *, was_served: bool) -> None:
        """A Traefik has polled; `was_served`: it got a configuration."""
        if self.polled_at_s is not None and was_served and not self._had_error:
            self._interval_s = max(1.0, now_s - self.polled_at_s)
        self.polls += 1
        self.polled_at_s, self._had_error = now_s, not was_served

    def asked(self, why_not: str) -> None:
        """The entry point was asked; `why_not`: why it gave no answer, empty if it did."""
        self._failures = self._failures + 1 if why_not else 0
        self._failed_why = why_not

    def part(self, now_s: float) -> PartReported:
        """Return the Traefik as a part of this host."""
        if not self.is_expected:
            why = "no Traefik polls this agent"
            return PartReported(part=PART, state="absent", why=why, fix="")
        why = self._why_lost(now_s)
        if not why:
            return PartReported(part=PART, state="present")
        return PartReported(part=PART, state="lost", why=why, fix=_FIX)

    def _why_lost(self, now_s: float) -> str:
        if self._failures >= FAILURES_MAX:
            return f"its entry point at {self.ingress} does not answer: {self._failed_why}"
        last_s = self.began_at_s if self.polled_at_s is None else self.polled_at_s
        silent_s = now_s - last_s
        if silent_s <= self._patience_s:
            return ""
        if self.polled_at_s is None:
            return "it has never polled this agent"
        return "it no longer polls this agent"

    @property
    def _patience_s(self) -> float:
        if self._had_error:
            return SILENT_AFTER_ERROR_S
        return max(SILENT_MIN_S, INTERVALS_MISSED * self._interval_s)

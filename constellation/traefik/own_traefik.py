"""Whether the Traefik of this node works: it polls this agent, and its entry points answer.

A Traefik is expected once it has polled twice, or if an entry point is configured.  Polls are
missed after four of the intervals in which they came; a Traefik that got an error polls less often.

Two things follow from the same facts:

- The part `traefik` of this host is lost if polls are missed, if the entry point for other nodes
  does not answer, or if none of the entry points does.
- The ingress works if all entry points answer, and fails if one does not: a Traefik that no longer
  polls still serves its last routes.  If none is configured, only polls that are missed say that it
  fails, and nothing says that it works.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from constellation.admin.words import listed
from constellation.traefik.entry_points import EntryPoint, entry_point
from messages.admin import PartReported
from messages.gossip import IngressState
from messages.wellness import Trouble

PART = "traefik"
POLLS_EXPECTED = 2
INTERVALS_MISSED = 4
SILENT_MIN_S = 20.0
SILENT_AFTER_ERROR_S = 120.0  # Traefik's back-off grows to a minute
_FIX = "start Traefik on this node, or see its log; its HTTP provider must poll `/api/dynamic` here"
_FIX_PROBE = "open this entry point in Traefik, or correct the setting traefik.probe"


@dataclass(slots=True)
class OwnTraefik:
    """What is known of this node's Traefik.  `now_s` is monotonic seconds."""

    began_at_s: float
    ingress: EntryPoint | None = None  # for other nodes
    probed: tuple[EntryPoint, ...] = ()  # for the outside
    polls: int = 0
    polled_at_s: float | None = None  # None: never
    _interval_s: float = field(default=5.0, repr=False)
    _had_error: bool = field(default=True, repr=False)

    @classmethod
    def at(cls, began_at_s: float, ingress: str = "", probe: Iterable[str] = ()) -> OwnTraefik:
        """Return a Traefik of which nothing is known yet, with addresses as `host:port`."""
        points = tuple(entry_point(one) for one in dict.fromkeys(probe) if one != ingress)
        return cls(began_at_s, entry_point(ingress) if ingress else None, points)

    @property
    def entry_points(self) -> tuple[EntryPoint, ...]:
        """Those that are to be asked."""
        return (self.ingress, *self.probed) if self.ingress is not None else self.probed

    @property
    def is_expected(self) -> bool:
        """There is a Traefik here, or there should be."""
        return bool(self.entry_points) or self.polls >= POLLS_EXPECTED

    def polled(self, now_s: float, *, was_served: bool) -> None:
        """A Traefik has polled; `was_served`: it got a configuration."""
        if self.polled_at_s is not None and was_served and not self._had_error:
            self._interval_s = max(1.0, now_s - self.polled_at_s)
        self.polls += 1
        self.polled_at_s, self._had_error = now_s, not was_served

    def part(self, now_s: float) -> PartReported:
        """Return the Traefik as a part of this host."""
        if not self.is_expected:
            why = "no Traefik polls this agent"
            return PartReported(part=PART, state="absent", why=why, fix="")
        why = self._why_lost(now_s)
        if not why:
            return PartReported(part=PART, state="present")
        return PartReported(part=PART, state="lost", why=why[:512], fix=_FIX)

    def ingress_state(self, now_s: float) -> IngressState:
        """Return whether requests get to this Traefik."""
        if self.why_ingress_fails(now_s):
            return "fails"
        points = self.entry_points
        is_known = points and all(one.state == "works" for one in points)
        return "works" if is_known else "unknown"

    def why_ingress_fails(self, now_s: float) -> str:
        """Return why requests do not get to it; empty: they do, or it is not known."""
        if self.entry_points:
            return _silent(self._failing) if self._failing else ""
        return self._why_lost(now_s) if self.is_expected else ""

    def troubles(self, now_s: float) -> tuple[Trouble, ...]:
        """Return what fails although the part `traefik` works."""
        if not self._failing or self._why_lost(now_s):
            return ()
        return tuple(
            Trouble(
                kind="ingress",
                subject=one.address,
                what=f"entry point {one.address} of Traefik does not answer"[:256],
                why=one.why[:512],
                fix=_FIX_PROBE,
            )
            for one in self._failing
        )

    @property
    def _failing(self) -> list[EntryPoint]:
        return [one for one in self.entry_points if one.state == "fails"]

    def _why_lost(self, now_s: float) -> str:
        failing = self._failing
        if self.ingress is not None and self.ingress.state == "fails":
            return _silent([self.ingress])
        if failing and len(failing) == len(self.entry_points):
            return _silent(failing)
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


def _silent(points: list[EntryPoint]) -> str:
    first = points[0]
    if len(points) == 1:
        return f"its entry point at {first.address} does not answer: {first.why}"
    return f"its entry points at {listed(one.address for one in points)} do not answer: {first.why}"

"""Which body to serve while this node does not know everything yet, as a pure state machine.

Traefik drops every route that a body does not have, so a body made too early is an outage.  A
start (of the agent, or of its gossip alone) begins a settling; until its end the last good
body is served, or none (503), and Traefik keeps what it has.

    WAITING   gossip has not said anything.
    SETTLING  it has, but perhaps not everything.
    SETTLED   for good: what gossip says is what is served.

SETTLING ends with the first of these:

- All that the last good body sends requests to is known again, and nothing of it is still
  starting: nothing can be lost by going over to what is known now.
- There is no last good body to lose, something can be routed, nothing has changed for
  `QUIET_S`, and another node was heard if one is expected.
- `settle_s` have passed since another node was heard, or, where none is expected, since the
  first snapshot.  So a route that is really gone does not live on for ever.
- `alone_s` have passed since the first snapshot, whoever was heard.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from enum import Enum

from constellation.cluster_view import ClusterView

Phase = Enum("Phase", "WAITING SETTLING SETTLED")

QUIET_S = 0.5

Routed = AbstractSet[tuple[str, str]]  # (service, node) of instances that get requests


@dataclass(frozen=True, slots=True)
class SettlingPolicy:
    """How long to wait.  `expects_others`: this node is, or may be, to meet others."""

    settle_s: float = 5.0
    alone_s: float = 60.0
    expects_others: bool = False


@dataclass(frozen=True, slots=True)
class Settling:
    """One settling.  All times are monotonic seconds, passed in by the caller.

    `last_good` is what the last good body routes to; empty if there is none, or nothing to lose.
    """

    policy: SettlingPolicy
    last_good: Routed = frozenset()
    phase: Phase = Phase.WAITING
    snapshot_at_s: float | None = None  # None: not stepped since the snapshot came
    heard_at_s: float | None = None
    changed_at_s: float = 0.0
    routed: Routed = frozenset()

    def begin(self) -> Settling:
        """Return the state after the first snapshot."""
        return replace(self, phase=Phase.SETTLING)

    def step(self, view: ClusterView, routed: Routed, now_s: float) -> Settling:
        """Return the state at `now_s`, when `view` is known and would be routed to `routed`."""
        if self.phase is not Phase.SETTLING:
            return self
        new = self
        if self.snapshot_at_s is None:
            new = replace(new, snapshot_at_s=now_s, changed_at_s=now_s)
        if new.routed != routed:
            new = replace(new, routed=routed, changed_at_s=now_s)
        if new.heard_at_s is None and _hears_another(view):
            new = replace(new, heard_at_s=now_s)
        if new.is_over(view, now_s):
            new = replace(new, phase=Phase.SETTLED)
        return new

    def due_at_s(self) -> float | None:
        """Return when to step again though nothing has changed; None: never."""
        if self.phase is not Phase.SETTLING or self.snapshot_at_s is None:
            return None
        if not self.last_good and self._is_met() and self.routed:
            return min(self._deadline_s(), self.changed_at_s + QUIET_S)
        return self._deadline_s()

    def is_over(self, view: ClusterView, now_s: float) -> bool:
        """What `view` knows may be served; see the module for when."""
        return self._knows_enough(view, now_s) or now_s >= self._deadline_s()

    def _knows_enough(self, view: ClusterView, now_s: float) -> bool:
        if self.last_good:
            return all(_has_verdict(view, *instance) for instance in self.last_good)
        is_quiet = now_s >= self.changed_at_s + QUIET_S
        return is_quiet and self._is_met() and bool(self.routed)

    def _deadline_s(self) -> float:
        assert self.snapshot_at_s is not None
        alone_at_s = self.snapshot_at_s + self.policy.alone_s
        if not self._expects_others():
            return self.snapshot_at_s + self.policy.settle_s
        if self.heard_at_s is None:
            return alone_at_s
        return min(alone_at_s, self.heard_at_s + self.policy.settle_s)

    def _expects_others(self) -> bool:
        nodes = {node for _, node in self.last_good}
        return self.policy.expects_others or len(nodes) > 1

    def _is_met(self) -> bool:
        return self.heard_at_s is not None or not self._expects_others()


def _hears_another(view: ClusterView) -> bool:
    return any(node != view.self_node and view.is_living(node) for node in view.members)


def _has_verdict(view: ClusterView, service: str, node: str) -> bool:
    state = view.services.get(service, {}).get(node)
    return state is not None and state.health != "starting" and node in view.members

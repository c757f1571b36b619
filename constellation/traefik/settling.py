"""Decides which body to serve while this node does not know the whole cluster yet.

Traefik drops every route that is missing in a body, so a body that is built too early is an outage.
A start of the agent, or of gossip alone, begins a settling.  Until its end the node serves the last
good body, or none (503), and then Traefik keeps its routes.

    WAITING   no snapshot from gossip yet
    SETTLING  there is a snapshot, but it may be incomplete
    SETTLED   the current configuration is served from now on

SETTLING ends as soon as one of these holds:

- Every instance to which the last good body sends requests is known again on a member, and none
  of them is starting, so the new body loses nothing.
- There is no last good body, something can be routed, nothing has changed for `QUIET_S`, and
  another node is known if one is expected.
- `settle_s` have passed since another node was known or, if none is expected, since the first
  snapshot.  So a route that no longer exists does not stay forever.
- `alone_s` have passed since the first snapshot.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from enum import Enum

from msgspec.structs import replace

from constellation.cluster_view import ClusterView
from constellation.traefik.elements import Instance
from constellation.value import Value

Phase = Enum("Phase", "WAITING SETTLING SETTLED")

QUIET_S = 0.5

Routed = AbstractSet[Instance]  # instances that get requests


class SettlingPolicy(Value):
    """How long to wait.  `expects_others`: other nodes exist, or may exist."""

    settle_s: float = 5.0
    alone_s: float = 60.0
    expects_others: bool = False


class Settling(Value):
    """One settling.  All times are monotonic seconds, passed in by the caller.

    `last_good` is what the last good body routes to; empty if there is no such body.
    """

    policy: SettlingPolicy
    last_good: Routed = frozenset()
    phase: Phase = Phase.WAITING
    snapshot_at_s: float | None = None  # None: no step since the snapshot arrived
    met_at_s: float | None = None
    changed_at_s: float = 0.0
    routed: Routed = frozenset()

    def begin(self) -> Settling:
        """Return the state after the first snapshot."""
        return replace(self, phase=Phase.SETTLING)

    def step(self, view: ClusterView, routed: Routed, now_s: float) -> Settling:
        """Return the state at `now_s`, if a body built from `view` would route to `routed`."""
        if self.phase is not Phase.SETTLING:
            return self
        new = self
        if self.snapshot_at_s is None:
            new = replace(new, snapshot_at_s=now_s, changed_at_s=now_s)
        if new.routed != routed:
            new = replace(new, routed=routed, changed_at_s=now_s)
        if new.met_at_s is None and _knows_another(view):
            new = replace(new, met_at_s=now_s)
        if new.is_over(view, now_s):
            new = replace(new, phase=Phase.SETTLED)
        return new

    def due_at_s(self) -> float | None:
        """Return when to step again even if nothing changes; None: never."""
        if self.phase is not Phase.SETTLING or self.snapshot_at_s is None:
            return None
        if not self.last_good and self._is_met() and self.routed:
            return min(self._deadline_s(), self.changed_at_s + QUIET_S)
        return self._deadline_s()

    def is_over(self, view: ClusterView, now_s: float) -> bool:
        """Return whether settling ends; see the module for the conditions."""
        return self._knows_enough(view, now_s) or now_s >= self._deadline_s()

    def _knows_enough(self, view: ClusterView, now_s: float) -> bool:
        if self.last_good:
            return all(_has_verdict(view, instance) for instance in self.last_good)
        is_quiet = now_s >= self.changed_at_s + QUIET_S
        return is_quiet and self._is_met() and bool(self.routed)

    def _deadline_s(self) -> float:
        assert self.snapshot_at_s is not None
        alone_at_s = self.snapshot_at_s + self.policy.alone_s
        if not self._expects_others():
            return self.snapshot_at_s + self.policy.settle_s
        if self.met_at_s is None:
            return alone_at_s
        return min(alone_at_s, self.met_at_s + self.policy.settle_s)

    def _expects_others(self) -> bool:
        nodes = {instance.node for instance in self.last_good}
        return self.policy.expects_others or len(nodes) > 1

    def _is_met(self) -> bool:
        return self.met_at_s is not None or not self._expects_others()


def _knows_another(view: ClusterView) -> bool:
    return any(node != view.self_node and view.is_living(node) for node in view.members)


def _has_verdict(view: ClusterView, instance: Instance) -> bool:
    state = view.services.get(instance.service, {}).get(instance.id)
    return state is not None and state.health != "starting" and instance.node in view.members

"""Which instances of this node have a monitor.

Each instance has one entry, by its name, in one of these phases:

    waiting -> running    its monitor is created, many per tick
    running -> waiting    the monitor ended by itself: created again after a back-off
    running -> retiring   the instance vanished: the monitor withdraws its record
    retiring -> ending    the record is withdrawn, or a timeout passed: the monitor must end
    ending -> (removed)   or back to waiting, if the instance has reappeared

Monitors live in the process of their parent, so none hangs or dies without it: none is pinged.

A monitor goes on from what the last one published.  So none is created before the records of this
node in gossip are known; without gossip the wait ends at `records_due_s`.

A record of this node in gossip without an entry here is left over from an earlier run of the agent.
It is withdrawn as soon as its source has reported all its instances.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from constellation.effects import Note, Send
from constellation.monitor.claims import winning_claim
from constellation.supervision.process_effects import Create, End, Tell
from constellation.supervision.restart import RestartHistory, RestartPolicy
from messages.gossip import ClusterChanged, RecordWithdraw
from messages.monitor import MonitorStop, ServiceObservation, ServicesObserved, ServiceState

MONITORS_MAX = 512
CREATED_PER_TICK_MAX = 64  # each takes about 0.2 ms, in which no message is handled
RETIRE_TIMEOUT_S = 2.0
WITHDRAW_AGAIN_S = 10.0

Phase = Literal["waiting", "running", "retiring", "ending"]


# Monitors are named after their instances.
Effect = Create | Tell | End | Send | Note


@dataclass(slots=True)
class MonitoredInstance:
    """One instance.  `claims` are by source; empty once the instance has vanished."""

    claims: dict[str, ServiceObservation] = field(default_factory=dict)
    sent: ServiceObservation | None = None  # the winning claim, as sent to the monitor
    state: ServiceState | None = None  # the monitor's last conclusion
    phase: Phase = "waiting"
    due_at_s: float = 0.0  # waiting: when to create it; retiring, ending: when the timeout passes
    history: RestartHistory = field(default_factory=RestartHistory)
    rivals: frozenset[str] = frozenset()  # sources with a losing claim, already reported


class MonitorRoster:
    """All monitors of one node.  `now_s` is monotonic seconds."""

    def __init__(
        self,
        restart: RestartPolicy,
        *,
        monitors_max: int = MONITORS_MAX,
        records_due_s: float = -math.inf,
    ) -> None:
        self.restart = restart
        self.monitors_max = monitors_max
        self._create_from_s = records_due_s
        self.entries: dict[str, MonitoredInstance] = {}
        self.complete_sources: set[str] = set()
        self._published: dict[str, ServiceState] = {}  # this node's records in gossip
        self._withdrawn_at_s: dict[str, float] = {}
        self._refused: set[str] = set()

    def health_counts(self) -> Counter[str]:
        """Return how many instances have which health, as their monitors concluded."""
        states = (entry.state for entry in self.entries.values())
        return Counter(state.health for state in states if state is not None)

    # Observations of the sources.

    def observed(self, message: ServicesObserved, now_s: float) -> list[Effect]:
        """Handle the observations of a source.  Monitors are created by `tick`."""
        effects: list[Effect] = []
        for observation in message.observations:
            entry = self._entry(observation.key, now_s, effects)
            if entry is not None:
                entry.claims[message.source] = observation
                effects += self._decide(observation.key, entry)
        gone = set(message.vanished)
        if message.complete:
            self.complete_sources.add(message.source)
            seen = {observation.key for observation in message.observations}
            gone |= {
                name
                for name, entry in self.entries.items()
                if message.source in entry.claims and name not in seen
            }
        for name in sorted(gone):
            effects += self._lost(name, message.source, now_s)
        return effects

    def _entry(self, name: str, now_s: float, effects: list[Effect]) -> MonitoredInstance | None:
        entry = self.entries.get(name)
        if entry is not None:
            return entry
        if len(self.entries) >= self.monitors_max:
            if name not in self._refused and len(self._refused) < self.monitors_max:
                self._refused.add(name)
                fields = {
                    "instance": name,
                    "limit": self.monitors_max,
                    "fix": "watch fewer containers, see docker.watch",
                }
                effects.append(Note("monitor_refused", fields, "error"))
            return None
        entry = self.entries[name] = MonitoredInstance(due_at_s=now_s)
        return entry

    def _decide(self, name: str, entry: MonitoredInstance) -> list[Effect]:
        """Send the winning claim to the monitor, and report the losing ones."""
        winner = winning_claim(entry.claims, entry.sent.instance if entry.sent else None)
        if winner is None:
            return []
        effects: list[Effect] = []
        rivals = frozenset(entry.claims) - {winner.source}
        for rival in sorted(rivals - entry.rivals):
            fields = {
                "instance": name,
                "kept": winner.instance,
                "ignored": entry.claims[rival].instance,
                "fix": "give one of them another name",
            }
            effects.append(Note("instance_claim_ignored", fields, "warning"))
        entry.rivals = rivals
        is_new = winner != entry.sent
        entry.sent = winner
        if is_new and entry.phase == "running":
            effects.append(Tell(name, winner))
        return effects

    def _lost(self, name: str, source: str, now_s: float) -> list[Effect]:
        entry = self.entries.get(name)
        if entry is None or entry.claims.pop(source, None) is None:
            return []
        if entry.claims:
            return self._decide(name, entry)
        entry.sent, entry.rivals = None, frozenset()
        if entry.phase == "waiting":
            del self.entries[name]
            return [_withdraw(name)]
        if entry.phase == "running":
            entry.phase, entry.due_at_s = "retiring", now_s + RETIRE_TIMEOUT_S
            return [Tell(name, MonitorStop(name=name))]
        return []

    # Messages of the monitors.

    def concluded(self, state: ServiceState) -> None:
        """Store the state that a monitor concluded, for its successor."""
        entry = self.entries.get(state.key)
        if entry is not None:
            entry.state = state

    def done(self, name: str, now_s: float) -> list[Effect]:
        """Handle the message of a monitor that it has withdrawn its record."""
        entry = self.entries.get(name)
        if entry is None or entry.phase != "retiring":
            return []
        entry.phase, entry.due_at_s = "ending", now_s + RETIRE_TIMEOUT_S
        return [End(name)]

    def exited(self, name: str, now_s: float) -> list[Effect]:
        """Handle the end of the monitor of `name`, requested or not."""
        entry = self.entries.get(name)
        if entry is None or entry.phase == "waiting":
            return []
        if entry.phase == "running":
            entry.history, again = entry.history.exited(self.restart, now_s)
            entry.phase, entry.due_at_s = "waiting", again.at_s
            fields = {"instance": name, "again_in_s": round(again.at_s - now_s, 3)}
            event = "monitor_given_up" if again.given_up else "monitor_exited"
            return [Note(event, fields, "error" if again.given_up else "warning")]
        withdraw = [_withdraw(name)] if entry.phase == "retiring" else []
        if entry.claims:
            entry.phase, entry.due_at_s, entry.state = "waiting", now_s, None
            return [*withdraw]
        del self.entries[name]
        return [*withdraw]

    # Time.

    @property
    def next_due_s(self) -> float:
        """When `tick` must be called next."""
        withdrawals = (self._withdrawn_at_s.get(name, -math.inf) for name in self._left_over())
        waiting = (self._due_of(one) for one in self.entries.values() if one.phase != "running")
        return min(
            min(waiting, default=math.inf),
            min(withdrawals, default=math.inf) + WITHDRAW_AGAIN_S,
        )

    def _due_of(self, entry: MonitoredInstance) -> float:
        if entry.phase == "waiting":
            return max(entry.due_at_s, self._create_from_s)
        return entry.due_at_s

    def tick(self, now_s: float) -> list[Effect]:
        """Create monitors that are due, end those that are late, withdraw left-over records."""
        effects: list[Effect] = []
        due = [
            (name, entry)
            for name, entry in self.entries.items()
            if entry.phase == "waiting" and self._due_of(entry) <= now_s
        ]
        for name, entry in due[:CREATED_PER_TICK_MAX]:
            effects += self._create(name, entry, now_s)
        for name, entry in self.entries.items():
            effects += self._check_timeouts(name, entry, now_s)
        return [*effects, *self._withdraw_left_over(now_s)]

    def _create(self, name: str, entry: MonitoredInstance, now_s: float) -> Iterable[Effect]:
        entry.phase = "running"
        yield Create(name)
        before = entry.state or self._published.get(name)
        if before is not None:  # of the previous monitor, maybe of an earlier run of this actor
            yield Tell(name, before)
        if entry.sent is not None:
            yield Tell(name, entry.sent)

    def _check_timeouts(self, name: str, entry: MonitoredInstance, now_s: float) -> list[Effect]:
        if entry.phase == "retiring" and now_s >= entry.due_at_s:
            entry.phase, entry.due_at_s = "ending", now_s + RETIRE_TIMEOUT_S
            return [_withdraw(name), End(name)]
        if entry.phase == "ending" and now_s >= entry.due_at_s:
            entry.due_at_s = now_s + RETIRE_TIMEOUT_S
            return [End(name)]  # again: the first message may be lost
        return []

    # Records in gossip.

    def cluster_changed(self, change: ClusterChanged) -> None:
        """Follow this node's instance records in gossip; the changes must have no gaps."""
        self._create_from_s = -math.inf
        if change.snapshot:
            self._published.clear()
        for item in change.services:
            if item.node == change.self_node:
                self._published[item.state.key] = item.state
        for removed in change.removed:
            if removed.kind == "service" and removed.node == change.self_node:
                self._published.pop(removed.key, None)
        for name in self._withdrawn_at_s.keys() - self._published.keys():
            del self._withdrawn_at_s[name]

    def _left_over(self) -> list[str]:
        """Return the records of instances that this node does not have."""
        return [
            name
            for name in self._published.keys() - self.entries.keys()
            if self._published[name].source in self.complete_sources
        ]

    def _withdraw_left_over(self, now_s: float) -> Iterable[Effect]:
        left_over = sorted(self._left_over())
        for name in self._withdrawn_at_s.keys() - set(left_over):
            del self._withdrawn_at_s[name]
        for name in left_over:
            if now_s >= self._withdrawn_at_s.get(name, -math.inf) + WITHDRAW_AGAIN_S:
                self._withdrawn_at_s[name] = now_s
                yield Note("instance_left_over", {"instance": name})
                yield _withdraw(name)


def _withdraw(name: str) -> Send:
    return Send("gossip", RecordWithdraw(kind="service", key=name))

"""Which services of this node have a monitor process.

Each service name has one entry, in one of these phases:

    waiting -> running    its monitor process is created, a few per tick
    running -> waiting    the process ended by itself: created again after a back-off
    running -> retiring   the service vanished: the monitor withdraws its record
    retiring -> ending    the record is withdrawn, or a timeout passed: the process must end
    ending -> (removed)   or back to waiting, if the service has reappeared

A record of this node in gossip without an entry here is left over from an earlier run of the agent.
It is withdrawn as soon as its source has reported all its services.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from constellation.effects import Note, Send
from constellation.monitor.claims import winning_claim
from constellation.supervision.process_effects import Create, End, Tell
from constellation.supervision.restart import RestartHistory, RestartPolicy
from messages.gossip import ClusterChanged, RecordWithdraw
from messages.lifecycle import ActorPing
from messages.monitor import MonitorStop, ServiceObservation, ServicesObserved, ServiceState

MONITORS_MAX = 512
CREATED_PER_TICK_MAX = 8  # each takes about 6 ms, in which no message is handled
RETIRE_TIMEOUT_S = 2.0
WITHDRAW_AGAIN_S = 10.0
PING_INTERVAL_S = 5.0

Phase = Literal["waiting", "running", "retiring", "ending"]


# Processes are named after their services.
Effect = Create | Tell | End | Send | Note


@dataclass(slots=True)
class MonitoredService:
    """One service.  `claims` are by source; empty once the service has vanished."""

    claims: dict[str, ServiceObservation] = field(default_factory=dict)
    sent: ServiceObservation | None = None  # the winning claim, as sent to the monitor
    state: ServiceState | None = None  # the monitor's last conclusion
    phase: Phase = "waiting"
    due_at_s: float = 0.0  # waiting: when to create it; retiring, ending: when the timeout passes
    answered_at_s: float = 0.0
    pinged_at_s: float = 0.0
    history: RestartHistory = field(default_factory=RestartHistory)
    rivals: frozenset[str] = frozenset()  # sources with a losing claim, already reported


class MonitorRoster:
    """All monitors of one node.  `now_s` is monotonic seconds."""

    def __init__(
        self, *, restart: RestartPolicy, ping_timeout_s: float, monitors_max: int = MONITORS_MAX
    ) -> None:
        self.restart = restart
        self.ping_timeout_s = ping_timeout_s
        self.monitors_max = monitors_max
        self.entries: dict[str, MonitoredService] = {}
        self.complete_sources: set[str] = set()
        self._published: dict[str, ServiceState] = {}  # this node's records in gossip
        self._withdrawn_at_s: dict[str, float] = {}
        self._refused: set[str] = set()

    def health_counts(self) -> Counter[str]:
        """Return how many services have which health, as their monitors concluded."""
        states = (entry.state for entry in self.entries.values())
        return Counter(state.health for state in states if state is not None)

    # Observations of the sources.

    def observed(self, message: ServicesObserved, now_s: float) -> list[Effect]:
        """Handle the observations of a source.  Monitors are created by `tick`."""
        effects: list[Effect] = []
        for observation in message.observations:
            entry = self._entry(observation.service, now_s, effects)
            if entry is not None:
                entry.claims[message.source] = observation
                effects += self._decide(observation.service, entry, message.source)
        gone = set(message.vanished)
        if message.complete:
            self.complete_sources.add(message.source)
            seen = {observation.service for observation in message.observations}
            gone |= {
                service
                for service, entry in self.entries.items()
                if message.source in entry.claims and service not in seen
            }
        for service in sorted(gone):
            effects += self._lost(service, message.source, now_s)
        return effects

    def _entry(self, service: str, now_s: float, effects: list[Effect]) -> MonitoredService | None:
        entry = self.entries.get(service)
        if entry is not None:
            return entry
        if len(self.entries) >= self.monitors_max:
            if service not in self._refused and len(self._refused) < self.monitors_max:
                self._refused.add(service)
                fields = {
                    "service": service,
                    "limit": self.monitors_max,
                    "fix": "watch fewer containers, see docker.watch",
                }
                effects.append(Note("monitor_refused", fields, "error"))
            return None
        entry = self.entries[service] = MonitoredService(due_at_s=now_s)
        return entry

    def _decide(self, service: str, entry: MonitoredService, source: str) -> list[Effect]:
        """Send the winning claim to the monitor, and report the losing ones."""
        winner = winning_claim(entry.claims, entry.sent.instance if entry.sent else None)
        if winner is None:
            return []
        effects: list[Effect] = []
        rivals = frozenset(entry.claims) - {winner.source}
        for rival in sorted(rivals - entry.rivals):
            fields = {
                "service": service,
                "kept": winner.instance,
                "ignored": entry.claims[rival].instance,
                "fix": "give one of them another name",
            }
            effects.append(Note("service_claim_ignored", fields, "warning"))
        entry.rivals = rivals
        # A repeated check result counts for the hysteresis; an unchanged container does not matter.
        is_new = winner != entry.sent or (winner.source == source == "static")
        entry.sent = winner
        if is_new and entry.phase == "running":
            effects.append(Tell(service, winner))
        return effects

    def _lost(self, service: str, source: str, now_s: float) -> list[Effect]:
        entry = self.entries.get(service)
        if entry is None or entry.claims.pop(source, None) is None:
            return []
        if entry.claims:
            return self._decide(service, entry, source)
        entry.sent, entry.rivals = None, frozenset()
        if entry.phase == "waiting":
            del self.entries[service]
            return [_withdraw(service)]
        if entry.phase == "running":
            entry.phase, entry.due_at_s = "retiring", now_s + RETIRE_TIMEOUT_S
            return [Tell(service, MonitorStop(service=service))]
        return []

    # Messages of the monitors.

    def concluded(self, state: ServiceState) -> None:
        """Store the state that a monitor concluded, for its successor."""
        entry = self.entries.get(state.service)
        if entry is not None:
            entry.state = state

    def answered(self, service: str, now_s: float) -> None:
        """Record that the monitor of `service` answers."""
        entry = self.entries.get(service)
        if entry is not None:
            entry.answered_at_s = now_s

    def done(self, service: str, now_s: float) -> list[Effect]:
        """Handle the message of a monitor that it has withdrawn its record."""
        entry = self.entries.get(service)
        if entry is None or entry.phase != "retiring":
            return []
        entry.phase, entry.due_at_s = "ending", now_s + RETIRE_TIMEOUT_S
        return [End(service)]

    def exited(self, service: str, now_s: float) -> list[Effect]:
        """Handle the end of the monitor process of `service`, requested or not."""
        entry = self.entries.get(service)
        if entry is None:
            return []
        if entry.phase == "running":
            entry.history, again = entry.history.exited(self.restart, now_s)
            entry.phase, entry.due_at_s = "waiting", again.at_s
            fields = {"service": service, "again_in_s": round(again.at_s - now_s, 3)}
            event = "monitor_given_up" if again.given_up else "monitor_exited"
            return [Note(event, fields, "error" if again.given_up else "warning")]
        withdraw = [_withdraw(service)] if entry.phase == "retiring" else []
        if entry.claims:
            entry.phase, entry.due_at_s, entry.state = "waiting", now_s, None
            return [*withdraw]
        del self.entries[service]
        return [*withdraw]

    # Time.

    def tick(self, now_s: float) -> list[Effect]:
        """Create monitors that are due, kill those that hang, withdraw left-over records."""
        effects: list[Effect] = []
        due = [
            (service, entry)
            for service, entry in self.entries.items()
            if entry.phase == "waiting" and entry.due_at_s <= now_s
        ]
        for service, entry in due[:CREATED_PER_TICK_MAX]:
            effects += self._create(service, entry, now_s)
        for service, entry in self.entries.items():
            effects += self._check_timeouts(service, entry, now_s)
        return [*effects, *self._withdraw_left_over(now_s)]

    def _create(self, service: str, entry: MonitoredService, now_s: float) -> Iterable[Effect]:
        entry.phase = "running"
        entry.answered_at_s = entry.pinged_at_s = now_s
        yield Create(service)
        before = entry.state or self._published.get(service)
        if before is not None:  # of the previous monitor, maybe of an earlier run of this actor
            yield Tell(service, before)
        if entry.sent is not None:
            yield Tell(service, entry.sent)

    def _check_timeouts(self, service: str, entry: MonitoredService, now_s: float) -> list[Effect]:
        if entry.phase == "running":
            if now_s - entry.answered_at_s > PING_INTERVAL_S + self.ping_timeout_s:
                entry.answered_at_s = now_s
                note = Note("monitor_hung", {"service": service}, "warning")
                return [note, End(service, by_force=True)]
            if now_s - entry.pinged_at_s >= PING_INTERVAL_S:
                entry.pinged_at_s = now_s
                return [Tell(service, ActorPing(seq_no=0))]
        if entry.phase == "retiring" and now_s >= entry.due_at_s:
            entry.phase, entry.due_at_s = "ending", now_s + RETIRE_TIMEOUT_S
            return [_withdraw(service), End(service)]
        if entry.phase == "ending" and now_s >= entry.due_at_s:
            entry.due_at_s = now_s + RETIRE_TIMEOUT_S
            return [End(service, by_force=True)]
        return []

    # Records in gossip.

    def cluster_changed(self, change: ClusterChanged) -> None:
        """Follow this node's service records in gossip; the changes must have no gaps."""
        if change.snapshot:
            self._published.clear()
        for item in change.services:
            if item.node == change.self_node:
                self._published[item.state.service] = item.state
        for name in change.removed:
            if name.kind == "service" and name.node == change.self_node:
                self._published.pop(name.key, None)

    def _withdraw_left_over(self, now_s: float) -> Iterable[Effect]:
        for service, state in self._published.items():
            if service in self.entries or state.source not in self.complete_sources:
                self._withdrawn_at_s.pop(service, None)
                continue
            if now_s - self._withdrawn_at_s.get(service, -WITHDRAW_AGAIN_S) >= WITHDRAW_AGAIN_S:
                self._withdrawn_at_s[service] = now_s
                yield Note("service_left_over", {"service": service})
                yield _withdraw(service)
        for service in [*self._withdrawn_at_s]:
            if service not in self._published:
                del self._withdrawn_at_s[service]


def _withdraw(service: str) -> Send:
    return Send("gossip", RecordWithdraw(kind="service", key=service))

"""Which services of this node have a monitor: created, told, restarted, retired.

One entry a service name, in one of these phases:

    waiting -> running    its monitor process is created, politely, a few a tick
    running -> waiting    the process ended unasked: created again after a back-off
    running -> retiring   the service vanished: the monitor withdraws its record
    retiring -> ending    it said so, or took too long: the process is told to end
    ending -> (gone)      or back to waiting, if the service came back meanwhile

A record that gossip holds for this node without an entry here is left over from a life before
this one, and is withdrawn as soon as its source has said what there is.
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
CREATED_PER_TICK_MAX = 8  # about 6 ms each, during which nothing else is handled
RETIRE_TIMEOUT_S = 2.0
WITHDRAW_AGAIN_S = 10.0
PING_INTERVAL_S = 5.0

Phase = Literal["waiting", "running", "retiring", "ending"]


# Processes are named after their services.
Effect = Create | Tell | End | Send | Note


@dataclass(slots=True)
class MonitoredService:
    """One service.  `claims` are by source; none are left once it has vanished."""

    claims: dict[str, ServiceObservation] = field(default_factory=dict)
    told: ServiceObservation | None = None  # the last observation that counted
    state: ServiceState | None = None  # the monitor's last conclusion
    phase: Phase = "waiting"
    due_at_s: float = 0.0  # waiting: create then; retiring, ending: lose patience then
    heard_at_s: float = 0.0
    pinged_at_s: float = 0.0
    history: RestartHistory = field(default_factory=RestartHistory)
    rivals: frozenset[str] = frozenset()  # sources whose claim lost, already reported


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
        self._published: dict[str, ServiceState] = {}  # what gossip holds for this node
        self._withdrawn_at_s: dict[str, float] = {}
        self._refused: set[str] = set()

    def health_counts(self) -> Counter[str]:
        """Return how many services have which health, as their monitors concluded."""
        states = (entry.state for entry in self.entries.values())
        return Counter(state.health for state in states if state is not None)

    # What the sources say.

    def observed(self, message: ServicesObserved, now_s: float) -> list[Effect]:
        """Take in what a source saw; create nothing yet, `tick` does."""
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
        """Tell the monitor the claim that counts, and report those that do not."""
        winner = winning_claim(entry.claims, entry.told.instance if entry.told else None)
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
        # A check that says the same again still counts; a container that did not change is no news.
        news = winner != entry.told or (winner.source == source == "static")
        entry.told = winner
        if news and entry.phase == "running":
            effects.append(Tell(service, winner))
        return effects

    def _lost(self, service: str, source: str, now_s: float) -> list[Effect]:
        entry = self.entries.get(service)
        if entry is None or entry.claims.pop(source, None) is None:
            return []
        if entry.claims:
            return self._decide(service, entry, source)
        entry.told, entry.rivals = None, frozenset()
        if entry.phase == "waiting":
            del self.entries[service]
            return [_withdraw(service)]
        if entry.phase == "running":
            entry.phase, entry.due_at_s = "retiring", now_s + RETIRE_TIMEOUT_S
            return [Tell(service, MonitorStop(service=service))]
        return []

    # What the monitors do.

    def concluded(self, state: ServiceState) -> None:
        """Keep what a monitor concluded: it is given to its successor, and to who asks."""
        entry = self.entries.get(state.service)
        if entry is not None:
            entry.state = state

    def heard(self, service: str, now_s: float) -> None:
        """Note that the monitor of `service` still takes messages."""
        entry = self.entries.get(service)
        if entry is not None:
            entry.heard_at_s = now_s

    def done(self, service: str, now_s: float) -> list[Effect]:
        """The monitor has withdrawn its record."""
        entry = self.entries.get(service)
        if entry is None or entry.phase != "retiring":
            return []
        entry.phase, entry.due_at_s = "ending", now_s + RETIRE_TIMEOUT_S
        return [End(service)]

    def exited(self, service: str, now_s: float) -> list[Effect]:
        """The monitor process of `service` has ended, asked or not."""
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

    # The passing of time.

    def tick(self, now_s: float) -> list[Effect]:
        """Create what is due, lose patience with what hangs, withdraw what is left over."""
        effects: list[Effect] = []
        due = [
            (service, entry)
            for service, entry in self.entries.items()
            if entry.phase == "waiting" and entry.due_at_s <= now_s
        ]
        for service, entry in due[:CREATED_PER_TICK_MAX]:
            effects += self._create(service, entry, now_s)
        for service, entry in self.entries.items():
            effects += self._patience(service, entry, now_s)
        return [*effects, *self._sweep(now_s)]

    def _create(self, service: str, entry: MonitoredService, now_s: float) -> Iterable[Effect]:
        entry.phase = "running"
        entry.heard_at_s = entry.pinged_at_s = now_s
        yield Create(service)
        before = entry.state or self._published.get(service)
        if before is not None:  # the monitor before it, perhaps of a parent before this one
            yield Tell(service, before)
        if entry.told is not None:
            yield Tell(service, entry.told)

    def _patience(self, service: str, entry: MonitoredService, now_s: float) -> list[Effect]:
        if entry.phase == "running":
            if now_s - entry.heard_at_s > PING_INTERVAL_S + self.ping_timeout_s:
                entry.heard_at_s = now_s
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

    # What gossip holds.

    def cluster_changed(self, change: ClusterChanged) -> None:
        """Follow which service records of this node gossip holds; changes come without gaps."""
        if change.snapshot:
            self._published.clear()
        for item in change.services:
            if item.node == change.self_node:
                self._published[item.state.service] = item.state
        for name in change.removed:
            if name.kind == "service" and name.node == change.self_node:
                self._published.pop(name.key, None)

    def _sweep(self, now_s: float) -> Iterable[Effect]:
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

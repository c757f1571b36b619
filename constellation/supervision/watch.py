"""All actors of one node: created in order, pinged, restarted, and ended in order.

    waiting -> starting    its process is created, in the order of the registry
    starting -> running    it said that it works
    starting, running -> waiting     its process ended, or did not answer and was killed:
                                     created again after a back-off (`restart`)

An essential actor that stays down for `essential_down_timeout_s` ends the whole agent: a fresh
start of everything may help where restarts of one process did not.  An actor that runs for less
than RECOVERED_S between two exits counts as down all the time.

Actors that share a host are pinged together, by one ping of the host.  If it does not answer, the
whole process is killed, and all its actors are created again.

A supervisor that is late itself is patient with everyone (see `silence`).

At the stop nothing is created again, and the stages follow one another:

    facing   what faces the outside ends, and actors hand over what other nodes can do, the last
             started first
    leaving  the node leaves the cluster
    ending   all others end

The order matters.  The HTTP actor ends first, because once this node has left the cluster it would
make this host's Traefik route past it; without an answer Traefik keeps its routes.  Leases are
handed over before Raft leadership, because they are released through a leader.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from constellation.effects import Note
from constellation.registry import ActorSpec, AtStop
from constellation.supervision.policy import WatchPolicy
from constellation.supervision.process_effects import Create, End, EndHost, PingHost, Tell
from constellation.supervision.restart import RestartHistory
from constellation.supervision.silence import Silence, WaitedSeconds
from constellation.value import Value
from messages.gossip import GossipLeave
from messages.lifecycle import (
    ActorPing,
    ActorState,
    ActorStatus,
    ActorYield,
    SupervisorFailed,
    SupervisorStopped,
)

RECOVERED_S = 10.0
FACING_TIMEOUT_S = 1.0
LEAVE_TIMEOUT_S = 2.2  # gossip itself waits up to 2 s for its leave to spread
END_TIMEOUT_S = 1.0

Phase = Literal["waiting", "starting", "running", "ended"]
Stage = Literal["up", "facing", "leaving", "ending", "stopped"]


class Announce(Value):
    """Effect: send every actor the directory of running actors."""


class Report(Value):
    """Effect: tell the guardian, once, that all actors work, that none runs, or of a failure."""

    message: SupervisorStopped | SupervisorFailed | None  # None: all work


Effect = Create | Tell | End | PingHost | EndHost | Announce | Report | Note


@dataclass(slots=True)
class _Supervised:
    """One actor."""

    is_essential: bool
    purpose: str
    host: str  # empty: it has a process of its own

    phase: Phase = "waiting"
    due_at_s: float = 0.0  # waiting: create then
    running_since_s: float = 0.0
    down_since_s: float | None = None  # None: it runs, and has for RECOVERED_S
    silence: Silence = field(default_factory=Silence)
    pinged_at_s: float = 0.0
    process_id: int = 0
    restart_count: int = 0
    given_up: bool = False
    last_exit: str = ""
    killed_because: str = ""
    history: RestartHistory = field(default_factory=RestartHistory)


class Watch:
    """All actors of one node.  `now_s` is monotonic seconds.

    `waited_s` says for how long a process has waited for the processor.
    """

    def __init__(
        self,
        actors: Sequence[ActorSpec],
        policy: WatchPolicy,
        waited_s: WaitedSeconds = lambda _: 0.0,
    ) -> None:
        self.policy = policy
        self._waited_s = waited_s
        self._patience_factor = 1
        self.entries = {
            one.name: _Supervised(one.is_essential, one.purpose, one.host) for one in actors
        }
        self._at_stop: dict[AtStop, list[str]] = {}
        for one in actors:
            self._at_stop.setdefault(one.at_stop, []).append(one.name)
        self.stage: Stage = "up"
        self._due_at_s = 0.0  # of the stage, once stopping
        self._yielding: list[str] = []  # still to hand over; the first was asked
        self._has_reported = False
        self._has_failed = False

    def running(self) -> tuple[str, ...]:
        """Return the actors whose process exists."""
        return tuple(
            name for name, entry in self.entries.items() if entry.phase in {"starting", "running"}
        )

    def status(self, now_s: float) -> tuple[ActorStatus, ...]:
        """Return how each actor is, in the order of their creation."""
        return tuple(_status(name, entry, now_s) for name, entry in self.entries.items())

    # What the actors do.

    def started(self, name: str, process_id: int, now_s: float) -> list[Effect]:
        """`name` runs, and accepts messages."""
        entry = self.entries[name]
        entry.phase, entry.process_id = "running", process_id
        entry.running_since_s = now_s
        entry.silence.end(now_s)
        if self._has_reported or any(one.phase != "running" for one in self.entries.values()):
            return []
        self._has_reported = True
        return [Report(None)]

    def heard(self, name: str, now_s: float) -> None:
        """`name` answered a ping."""
        self.entries[name].silence.end(now_s)

    def host_heard(self, host: str, now_s: float) -> None:
        """The host `host` answered a ping: so do all in it that run."""
        for entry in self._in_host(host):
            if entry.phase == "running":
                entry.silence.end(now_s)

    def _in_host(self, host: str) -> list[_Supervised]:
        return [entry for entry in self.entries.values() if entry.host == host]

    def left(self, now_s: float) -> list[Effect]:
        """This node has left the cluster."""
        return self._end_rest(now_s) if self.stage == "leaving" else []

    def yielded(self, name: str, now_s: float) -> list[Effect]:
        """`name` has handed over."""
        if self.stage != "facing" or self._yielding[:1] != [name]:
            return []
        del self._yielding[0]
        return [*self._tell_next_to_yield(), *self._advance(now_s)]

    def _tell_next_to_yield(self) -> list[Effect]:
        running = self.running()
        self._yielding = [name for name in self._yielding if name in running]
        return [Tell(name, ActorYield()) for name in self._yielding[:1]]

    def exited(self, name: str, now_s: float) -> list[Effect]:
        """The process of `name` has ended, whether it was asked to or not."""
        entry = self.entries[name]
        entry.process_id = 0
        if self.stage != "up":
            entry.phase = "ended"
            return [
                Announce(),
                *self._end_empty_host(entry.host),
                *self.yielded(name, now_s),
                *self._advance(now_s),
            ]
        if entry.down_since_s is None or _has_recovered(entry, now_s):
            entry.down_since_s = now_s
        entry.phase = "waiting"
        entry.last_exit = entry.killed_because or "its process ended"
        entry.killed_because = ""
        entry.history, again = entry.history.exited(self.policy.restart, now_s)
        entry.due_at_s, entry.given_up = again.at_s, again.given_up
        entry.restart_count += 1
        fields = {"name": name, "why": entry.last_exit, "again_in_s": round(again.at_s - now_s, 3)}
        if again.given_up:
            fields |= {"purpose": entry.purpose, "fix": "see what it logged before it ended"}
            return [Announce(), Note("actor_given_up", fields, "error")]
        return [Announce(), Note("actor_exited", fields, "warning")]

    # The passing of time.

    @property
    def next_due_s(self) -> float:
        """When `tick` must be called next."""
        if self.stage != "up":
            return math.inf if self.stage == "stopped" else self._due_at_s
        return min(map(self._due_of, self.entries.values()), default=math.inf)

    def _due_of(self, entry: _Supervised) -> float:
        due_s = self._essential_due_of(entry)
        match entry.phase:
            case "waiting":
                return min(due_s, entry.due_at_s)
            case "running":
                ping_s = entry.pinged_at_s + self.policy.ping_interval_s
                return min(due_s, ping_s, entry.silence.next_look_s(self._timeout_s(entry)))
            case "starting":
                return min(due_s, entry.silence.next_look_s(self._timeout_s(entry)))
            case "ended":
                return math.inf

    def _essential_due_of(self, entry: _Supervised) -> float:
        if not entry.is_essential or entry.down_since_s is None or self._has_failed:
            return math.inf
        down_until_s = entry.down_since_s + self.policy.essential_down_timeout_s
        if entry.phase == "running":
            return min(down_until_s, entry.running_since_s + RECOVERED_S)
        return down_until_s

    def tick(self, now_s: float, *, late_s: float = 0.0, patience: int = 1) -> list[Effect]:
        """Create the actors that are due, ping the others, and kill those that do not answer.

        Args:
            now_s: monotonic seconds.
            late_s: by how much this call is late, because this process did not run.
            patience: the factor of timeouts that follows from how late it has been.
        """
        if self.stage != "up":
            return self._advance(now_s)
        self._patience_factor = patience
        # One that is due soon is pinged with the others: their answers come together too.
        share = 0.5 if any(self._wants_ping(one, now_s) for one in self.entries.values()) else 1.0
        effects: list[Effect] = []
        for name, entry in self.entries.items():
            if entry.phase == "waiting" and entry.due_at_s <= now_s:
                entry.phase = "starting"
                entry.pinged_at_s = now_s
                entry.silence.end(now_s)
                effects.append(Create(name, entry.host))
            else:
                entry.silence.excuse(late_s)
                effects += self._patience(name, entry, now_s, ping_share=share)
            effects += self._essential(name, entry, now_s)
        if any(isinstance(effect, Create) for effect in effects):
            effects.append(Announce())
        return effects

    def _essential(self, name: str, entry: _Supervised, now_s: float) -> list[Effect]:
        """Note whether `name` is down; fail if it is essential and has been down for too long."""
        if _has_recovered(entry, now_s):
            entry.down_since_s = None
        elif entry.down_since_s is None and entry.phase != "running":
            entry.down_since_s = now_s
        if not entry.is_essential or entry.down_since_s is None or self._has_failed:
            return []
        if now_s < entry.down_since_s + self.policy.essential_down_timeout_s:
            return []
        self._has_failed = True
        down_for_s = now_s - entry.down_since_s
        why = f"{name} has been down for {down_for_s:.0f} s"
        if entry.last_exit:
            why += f": {entry.last_exit}"
        return [Report(SupervisorFailed(actor=name, why=why))]

    def _patience(
        self, name: str, entry: _Supervised, now_s: float, *, ping_share: float
    ) -> list[Effect]:
        if entry.phase not in {"starting", "running"}:
            return []
        timeout_s = self._timeout_s(entry)
        if entry.silence.is_hang(timeout_s, entry.process_id, self._waited_s, now_s):
            entry.killed_because = f"it did not answer for {now_s - entry.silence.since_s:.0f} s"
            entry.silence.end(now_s)  # it is killed again if its exit is not reported by then
            return [Note("actor_hung", {"name": name}, "warning"), End(name, by_force=True)]
        if self._wants_ping(entry, now_s, ping_share):
            return [self._ping(name, entry, now_s)]
        return []

    def _ping(self, name: str, entry: _Supervised, now_s: float) -> Effect:
        if not entry.host:
            entry.pinged_at_s = now_s
            return Tell(name, ActorPing(seq_no=0))
        for neighbour in self._in_host(entry.host):
            neighbour.pinged_at_s = now_s
        return PingHost(entry.host)

    def _wants_ping(self, entry: _Supervised, now_s: float, share: float = 1.0) -> bool:
        """Return whether its last ping is this share of the interval ago."""
        interval_s = share * self.policy.ping_interval_s
        return entry.phase == "running" and now_s >= entry.pinged_at_s + interval_s

    def _timeout_s(self, entry: _Supervised) -> float:
        if entry.phase == "starting":
            return self.policy.start_timeout_s * self._patience_factor
        timeout_s = self.policy.ping_interval_s + self.policy.ping_timeout_s
        return timeout_s * self._patience_factor

    # The end.

    def stop(self, now_s: float) -> list[Effect]:
        """Begin to stop; repeated calls do nothing."""
        if self.stage != "up":
            return []
        for entry in self.entries.values():
            if entry.phase == "waiting":
                entry.phase = "ended"
        self.stage, self._due_at_s = "facing", now_s + FACING_TIMEOUT_S
        facing = [End(name) for name in self._running_that("ends_first")]
        self._yielding = [*reversed(self._at_stop.get("yields", []))]
        return [*facing, *self._tell_next_to_yield(), *self._advance(now_s)]

    def _advance(self, now_s: float) -> list[Effect]:
        """Enter the next stage if this one is done or has timed out."""
        running = self.running()
        is_late = now_s >= self._due_at_s
        is_done = not self._running_that("ends_first") and not set(self._yielding) & set(running)
        if self.stage == "facing" and (is_late or is_done):
            self.stage, self._due_at_s = "leaving", now_s + LEAVE_TIMEOUT_S
            if leaving := self._running_that("leaves"):
                return [Tell(name, GossipLeave()) for name in leaving]
        if self.stage == "leaving" and (is_late or not self._running_that("leaves")):
            return self._end_rest(now_s)
        if self.stage == "ending" and (is_late or not running):
            self.stage = "stopped"
            return [Report(SupervisorStopped(unended=running))]
        return []

    def _end_empty_host(self, host: str) -> list[Effect]:
        if not host or any(entry.phase != "ended" for entry in self._in_host(host)):
            return []
        return [EndHost(host)]

    def _running_that(self, at_stop: AtStop) -> list[str]:
        running = self.running()
        return [name for name in self._at_stop.get(at_stop, ()) if name in running]

    def _end_rest(self, now_s: float) -> list[Effect]:
        self.stage, self._due_at_s = "ending", now_s + END_TIMEOUT_S
        running = self.running()
        if not running:
            return self._advance(now_s)
        return [End(name) for name in reversed(running)]


def _has_recovered(entry: _Supervised, now_s: float) -> bool:
    return entry.phase == "running" and now_s >= entry.running_since_s + RECOVERED_S


def _status(name: str, entry: _Supervised, now_s: float) -> ActorStatus:
    state = _state(entry)
    is_down = state != "running" and entry.down_since_s is not None
    return ActorStatus(
        name=name,
        state=state,
        process_id=entry.process_id,
        restart_count=entry.restart_count,
        last_exit=entry.last_exit,
        down_for_s=max(0.0, now_s - (entry.down_since_s or 0.0)) if is_down else 0.0,
        next_try_in_s=max(0.0, entry.due_at_s - now_s) if entry.phase == "waiting" else 0.0,
    )


def _state(entry: _Supervised) -> ActorState:
    match entry.phase:
        case "starting" | "running":
            return entry.phase
        case "ended":
            return "stopped"
        case "waiting" if entry.given_up:
            return "given_up"
        case "waiting" if entry.restart_count:
            return "backing_off"
        case _:
            return "starting"

"""In which process each monitor lives, and whether that process answers.

A monitor holds a few hundred bytes and a process several million, so up to `monitors_per_host`
share one.  Each process is pinged, not each monitor: they have no thread of their own, so they all
answer or none does.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count

from constellation.supervision.policy import WatchPolicy
from constellation.supervision.process_effects import EndHost, PingHost
from constellation.supervision.silence import Silence, WaitedSeconds

MONITORS_PER_HOST = 256


@dataclass(slots=True)
class MonitorHost:
    """One process of monitors."""

    monitors: set[str] = field(default_factory=set)
    process_id: int = 0
    silence: Silence = field(default_factory=Silence)
    pinged_at_s: float = 0.0


class MonitorHosts:
    """All processes of monitors of one node.  `now_s` is monotonic seconds."""

    def __init__(
        self,
        policy: WatchPolicy,
        monitors_per_host: int = MONITORS_PER_HOST,
        waited_s: WaitedSeconds = lambda _: 0.0,
    ) -> None:
        self._ping_interval_s = policy.ping_interval_s
        self._timeout_s = policy.ping_interval_s + policy.ping_timeout_s
        self._per_host = monitors_per_host
        self._waited_s = waited_s
        self.hosts: dict[str, MonitorHost] = {}

    def place(self, monitor: str, now_s: float) -> str:
        """Return the host for a new monitor: the first with room, or a new one."""
        for name, host in self.hosts.items():
            if len(host.monitors) < self._per_host:
                host.monitors.add(monitor)
                return name
        name = next(free for n in count(1) if (free := f"monitors-{n}") not in self.hosts)
        self.hosts[name] = MonitorHost(monitors={monitor}, pinged_at_s=now_s)
        self.hosts[name].silence.end(now_s)
        return name

    def remove(self, monitor: str) -> list[EndHost]:
        """Forget a monitor that has ended.  A host without any ends, if it is not the last."""
        for name, host in self.hosts.items():
            if monitor in host.monitors:
                host.monitors.discard(monitor)
                if not host.monitors and len(self.hosts) > 1:
                    del self.hosts[name]
                    return [EndHost(name)]
                return []
        return []

    def started(self, name: str, process_id: int, now_s: float) -> None:
        """The process of a host runs."""
        if name in self.hosts:
            self.hosts[name].process_id = process_id
        self.answered(name, now_s)

    def answered(self, name: str, now_s: float) -> None:
        """The host `name` answers."""
        if name in self.hosts:
            self.hosts[name].silence.end(now_s)

    def ended(self, name: str) -> set[str]:
        """Forget a host whose process has ended; return the monitors that were in it."""
        host = self.hosts.pop(name, None)
        return host.monitors if host is not None else set()

    def tick(self, now_s: float, *, late_s: float, patience: int) -> list[PingHost | EndHost]:
        """Ping the hosts that are due, and kill those that do not answer.

        Args:
            now_s: monotonic seconds.
            late_s: by how much this tick is late, because this process did not run.
            patience: the factor of timeouts that follows from how late it has been.
        """
        effects: list[PingHost | EndHost] = []
        for name, host in self.hosts.items():
            host.silence.excuse(late_s)
            timeout_s = patience * self._timeout_s
            if host.silence.is_hang(timeout_s, host.process_id, self._waited_s, now_s):
                host.silence.end(now_s)
                effects.append(EndHost(name, by_force=True))
            elif now_s - host.pinged_at_s >= self._ping_interval_s:
                host.pinged_at_s = now_s
                effects.append(PingHost(name))
        return effects

"""What every process counts: itself, its transport, and the messages and events of its actors.

The actors of a host share one set of these.  Metrics of one actor's own are in its `registry`.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, ProcessCollector

from actors.transport import stats


class ShellCounters:
    """The counters of one process, in the registry of its main actor."""

    def __init__(self, registry: CollectorRegistry) -> None:
        ProcessCollector(registry=registry)
        registry.register(stats.TransportCollector())
        self.unroutable = Counter(
            "constellation_actor_unroutable",
            "Messages to an actor of this node that was not running",
            ["to"],
            registry=registry,
        )
        self.unsent = Counter(
            "constellation_actor_unsent",
            "Messages to an actor of a node whose address is not known",
            ["to"],
            registry=registry,
        )
        self.unsaved = Gauge(
            "constellation_file_unsaved",
            "1 while a file of the data directory is older than what its actor knows",
            ["file"],
            registry=registry,
        )
        self.events = Counter(
            "constellation_events",
            "Logged events of cores, by name",
            ["event"],
            registry=registry,
        )

"""Build the body of so many services, and again after one change; answers a line of ms.

    python -m bench.provider_programs.build_times SERVICES CHANGES

A time counts from the message of gossip to the body with its tag, as the HTTP actor does it.
Answers: all from nothing, then the times after each change, as many as there are `KINDS` of them
times CHANGES, kind after kind.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from prometheus_client import CollectorRegistry

from actors.http_metrics import HttpMetrics
from actors.http_pages import HttpPages
from bench.provider_programs import cluster
from constellation.metrics.exposition import ReportBook
from constellation.traefik.provider import TraefikProvider
from messages.gossip import ClusterChanged
from messages.metrics import MetricsReport

# A step of the settling after the first build, and its end.
SETTLED_AT_S = 10.0


class Built:
    """A provider with its pages."""

    def __init__(self) -> None:
        self.provider = TraefikProvider(
            settings=cluster.SETTINGS, domain="localhost", expects_others=False, last_good=None
        )
        registry = CollectorRegistry()
        own = MetricsReport(actor="http", process_id=1, families=())
        metrics = HttpMetrics(registry)
        self.pages = HttpPages("alpha", self.provider, ReportBook(10.0), metrics, lambda: own)

    def take(self, change: ClusterChanged, now_s: float = SETTLED_AT_S) -> float:
        """Return how many ms it took to serve what has changed."""
        began_s = time.perf_counter()
        self.provider.apply(change)
        if self.provider.step(now_s):
            self.pages.body_changed(now_s)
        return (time.perf_counter() - began_s) * 1000


def label_change(version: int, number: int) -> ClusterChanged:
    """Return the change number `version`: a service with labels has another rule."""
    number -= number % 10
    number += cluster.DEFAULT_ROUTED_OF_TEN
    node = cluster.NODES[number % 5]
    return cluster.changed(version, cluster.instance(number, node, path=f"/{version}"))


def cordon(version: int, _: int) -> ClusterChanged:
    """Return the change number `version`: a node is cordoned, or no more if odd."""
    node = cluster.node_state(cluster.NODES[1], cordoned=version % 2 == 0)
    return ClusterChanged(
        version=version, snapshot=False, self_node=cluster.NODES[0], nodes=(node,)
    )


KINDS: dict[str, Callable[[int, int], ClusterChanged]] = {
    "health": cluster.flipped,
    "label": label_change,
    "cordon": cordon,
}


def measure(services: int, changes: int) -> list[float]:
    """Return all times."""
    everything = cluster.snapshot(services)
    built = Built()
    times_ms = [built.take(everything, 0.0)]
    assert built.provider.step(SETTLED_AT_S), "settled: there is a body"
    version = 1
    for make in KINDS.values():
        for number in range(changes):
            # The same service twice, so that each is well again; and all over the list.
            of = (number // 2) * 7919 % services
            version += 1
            change = make(version, of)
            body = built.provider.body
            times_ms.append(built.take(change))
            assert built.provider.body != body, f"{change} changes the body"
    return times_ms


def main() -> None:
    """Measure what the command line says."""
    print(*measure(int(sys.argv[1]), int(sys.argv[2])), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()

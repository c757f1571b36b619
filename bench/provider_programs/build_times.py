"""Build the body of so many services, and again after one change; prints JSON.

    python -m bench.provider_programs.build_times SERVICES CHANGES

A time counts from the message of gossip to the body with its tag, as the HTTP actor does it.
For "full", everything from nothing, and for each of `KINDS` of changes: a list of [ms, ms of the
processor].
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable

from prometheus_client import CollectorRegistry

from actors.http.large_build import build_large
from actors.http.metrics import HttpMetrics
from actors.http.pages import HttpPages
from bench.provider_programs import cluster
from constellation.cluster_view import ClusterView
from constellation.metrics.exposition import ReportBook
from constellation.traefik.provider import TraefikProvider
from messages.gossip import ClusterChanged
from messages.metrics import MetricsReport

SETTLED_AT_S = 10.0  # long after the first build
CORDONS_SHARE = 0.1  # of the changes: each touches hundreds of services
CHANGES_MIN = 4

Took = tuple[float, float]  # ms, and ms of the processor


class Built:
    """A provider with its pages."""

    def __init__(self) -> None:
        self.provider = TraefikProvider(
            settings=cluster.SETTINGS, domain="localhost", expects_others=False, last_good=None
        )
        registry = CollectorRegistry()
        own = MetricsReport(actor="http", process_id=1, families=())
        metrics = HttpMetrics(registry)
        self.view = ClusterView()
        self.pages = HttpPages(
            "alpha",
            self.provider,
            ReportBook(10.0),
            metrics,
            own_report=lambda: own,
            is_behind=lambda: self.view.gap,
        )

    def take(self, change: ClusterChanged, now_s: float = SETTLED_AT_S) -> Took:
        """Serve what has changed."""
        began_s, worked_s = time.perf_counter(), time.thread_time()
        self.view = self.view.apply(change)
        self.provider.cluster_changed(self.view, is_snapshot=change.snapshot)
        if self.provider.builds_long:
            build_large(self.provider)
        if self.provider.step(now_s):
            self.pages.body_changed(now_s)
        took_s, work_s = time.perf_counter() - began_s, time.thread_time() - worked_s
        return took_s * 1000, work_s * 1000


def label_change(version: int, number: int) -> ClusterChanged:
    """Return the change number `version`: a service with labels has another rule."""
    number += cluster.DEFAULT_ROUTED_OF_TEN - number % 10
    node = cluster.nodes_of(number)[0]
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


def measure(services: int, changes: int) -> dict[str, list[Took]]:
    """Return all times."""
    everything = cluster.snapshot(services)
    built = Built()
    times = {"full": [built.take(everything, 0.0)]}
    assert built.provider.step(SETTLED_AT_S), "settled: there is a body"
    version = 1
    for kind, make in KINDS.items():
        count = changes if kind != "cordon" else max(CHANGES_MIN, round(changes * CORDONS_SHARE))
        times[kind] = []
        for number in range(count):
            # The same service twice, so that each is well again; and all over the list.
            version += 1
            change = make(version, number // 2 * cluster.STRIDE % services)
            body = built.provider.body
            times[kind].append(built.take(change))
            assert built.provider.body != body, f"{change} changes the body"
    return times


if __name__ == "__main__":
    json.dump(measure(int(sys.argv[1]), int(sys.argv[2])), sys.stdout)

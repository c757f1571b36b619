"""Builds the body of a number of services, and rebuilds it after single changes; prints JSON.

    python -m bench.provider_programs.build_times SERVICES CHANGES

A time is that from a message of gossip to the body with its ETag, with the steps of the HTTP actor.
The result has a list of [ms, CPU ms] for "full", the first build, and for each kind of change in
`KINDS`.
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
from actors.http.wellness import HttpWellness
from bench.provider_programs import cluster
from constellation.cluster_view import ClusterView
from constellation.metrics.exposition import ReportBook
from constellation.settings.agent import Settings
from constellation.traefik.provider import TraefikProvider
from messages.gossip import ClusterChanged
from messages.metrics import MetricsReport

SETTLED_AT_S = 10.0  # long after the first build
CORDONS_SHARE = 0.1  # fewer than of other changes: each affects hundreds of services
CHANGES_MIN = 4

Took = tuple[float, float]  # ms, and CPU ms


class Built:
    """A provider with the pages that serve its body."""

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
            ReportBook(),
            metrics,
            HttpWellness(Settings(node_name="alpha", data_dir="/nonexistent"), self.provider, 0.0),
            own_report=lambda: own,
        )

    def apply(self, change: ClusterChanged, now_s: float = SETTLED_AT_S) -> Took:
        """Build and serve what `change` leads to; return how long it took."""
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
    """Return change number `version`: a service with labels gets another rule."""
    number += cluster.DEFAULT_ROUTED_OF_TEN - number % 10
    node = cluster.nodes_of(number)[0]
    return cluster.changed(version, cluster.instance(number, node, path=f"/{version}"))


def cordon(version: int, _: int) -> ClusterChanged:
    """Return change number `version`: a node is cordoned if it is even, else uncordoned."""
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
    """Return the times of the first build and of each kind of change."""
    everything = cluster.snapshot(services)
    built = Built()
    times = {"full": [built.apply(everything, 0.0)]}
    assert built.provider.step(SETTLED_AT_S), "settled: there is a body"
    version = 1
    for kind, make in KINDS.items():
        count = changes if kind != "cordon" else max(CHANGES_MIN, round(changes * CORDONS_SHARE))
        times[kind] = []
        for number in range(count):
            # Each service twice, so that it is healthy again; services from the whole list.
            version += 1
            change = make(version, number // 2 * cluster.STRIDE % services)
            body = built.provider.body
            times[kind].append(built.apply(change))
            assert built.provider.body != body, f"{change} changes the body"
    return times


if __name__ == "__main__":
    json.dump(measure(int(sys.argv[1]), int(sys.argv[2])), sys.stdout)

"""The metrics of gossip, read from the node and its sockets for each report."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from actors.adapters.gossip_transport import GossipTransport
from constellation.gossip.member import MemberState

STATES: tuple[MemberState, ...] = ("alive", "suspect", "dead", "left")
ROUND_TRIP_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
COUNTS = {
    "received_packets": "UDP packets received",
    "sent_packets": "UDP packets sent",
    "received_bytes": "Bytes in UDP packets received",
    "sent_bytes": "Bytes in UDP packets sent",
    "stream_received_bytes": "Bytes received over TCP",
    "stream_sent_bytes": "Bytes sent over TCP",
    "push_pulls": "Push/pull exchanges begun by this node that were answered",
    "exchanges_failed": "TCP exchanges that failed or timed out",
    "exchanges_unanswered": "TCP exchanges that the peer ended without an answer",
    "exchanges_refused": "TCP exchanges not begun because too many were running",
    "exchanges_evicted": "Incoming TCP streams closed to make room for newer or smaller ones",
    "saves_failed": "Attempts to save the gossip memory or the key ring that failed",
    "send_errors": "UDP packets that the network refused",
}


class GossipMetrics(Collector):
    """Collects the metrics of one transport; the caller observes probes in `round_trip`."""

    def __init__(self, transport: GossipTransport, registry: CollectorRegistry) -> None:
        self._transport = transport
        self.round_trip = Histogram(
            "constellation_gossip_probe_round_trip_seconds",
            "Time from a probe's ping to its ack, direct or indirect",
            buckets=ROUND_TRIP_BUCKETS_S,
            registry=registry,
        )
        registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """Yield every family."""
        # Reports are made in the actor's thread while the loop runs: copy in one step.
        figures, counts = self._transport.node.figures(), self._transport.counts.copy()
        for name, text in COUNTS.items():
            yield CounterMetricFamily(f"constellation_gossip_{name}", text, value=counts[name])
        drops = CounterMetricFamily(
            "constellation_gossip_dropped",
            "Received packets and messages that were dropped",
            labels=["reason"],
        )
        for reason, count in self._transport.drops.copy().items():
            drops.add_metric([reason], count)
        yield drops
        refused = CounterMetricFamily(
            "constellation_gossip_records_refused",
            "Records refused: wrong author, bad signature, invalid, no room, or too many waiting",
            labels=["reason"],
        )
        for reason, count in figures.records_refused.items():
            refused.add_metric([reason], count)
        yield refused
        yield CounterMetricFamily(
            "constellation_gossip_exchanges_spared",
            "Regular push/pull exchanges skipped because both sides had the same state",
            value=figures.exchanges_spared,
        )
        yield CounterMetricFamily(
            "constellation_gossip_records_repeated",
            "Records received that were known already or outdated, including replays",
            value=figures.records_repeated,
        )
        members = GaugeMetricFamily(
            "constellation_gossip_members", "Members by state", labels=["state"]
        )
        for state in STATES:
            members.add_metric([state], figures.members.get(state, 0))
        yield members
        yield GaugeMetricFamily(
            "constellation_gossip_local_health_multiplier",
            "Factor by which this node's own health stretches its probe interval; 1 is healthy",
            value=figures.local_health_multiplier,
        )
        yield CounterMetricFamily(
            "constellation_gossip_refutes",
            "Accusations against this node that it refuted",
            value=figures.refutations,
        )
        yield GaugeMetricFamily(
            "constellation_gossip_paths_lost",
            "Members to which UDP does not pass: news goes to them over TCP",
            value=figures.paths_lost,
        )
        yield GaugeMetricFamily(
            "constellation_gossip_members_unheard",
            "Members that others tell of and that this node has not heard yet",
            value=figures.unheard,
        )
        yield CounterMetricFamily(
            "constellation_gossip_members_unheard_forgotten",
            "Members that others told of and that this node never heard",
            value=figures.unheard_forgotten,
        )
        yield GaugeMetricFamily(
            "constellation_gossip_records",
            "Known records, including tombstones",
            value=figures.records,
        )

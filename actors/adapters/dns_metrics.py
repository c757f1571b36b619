"""The metrics of the writer of DNS records."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge

from constellation.dns.plan import CHANGES
from constellation.dns.writer import DnsWriter
from constellation.dns.zone_writer import RoundDone
from messages.dns_calls import DnsAnswer, DnsCall, DnsCallFailed


class DnsMetrics:
    """Counted and set by the actor as it goes."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._plans = Counter(
            "constellation_dns_plans", "Comparisons of a zone", ["zone"], registry=registry
        )
        self._changes = Counter(
            "constellation_dns_changes",
            "Records that were created, updated or deleted",
            ["zone", "action"],
            registry=registry,
        )
        self._drift = Counter(
            "constellation_dns_drift",
            "Comparisons that found what was in step changed by somebody else",
            ["zone"],
            registry=registry,
        )
        self._calls = Counter(
            "constellation_dns_calls",
            "Requests to the provider of DNS; `result` is 'ok' or the kind of failure",
            ["call", "result"],
            registry=registry,
        )
        self._call_s = Counter(
            "constellation_dns_call_seconds", "Time spent waiting for answers", registry=registry
        )
        self._is_writer = Gauge(
            "constellation_dns_writer", "1 while this node writes DNS records", registry=registry
        )
        self._left = Gauge(
            "constellation_dns_budget_left",
            "Requests to the provider that are left of the budget of five minutes",
            registry=registry,
        )
        self._in_step = Gauge(
            "constellation_dns_in_step_timestamp_seconds",
            "When the zone was last seen as wanted, in Unix seconds; 0: not by this node",
            ["zone"],
            registry=registry,
        )
        self._is_failing = Gauge(
            "constellation_dns_failing",
            "1 while the zone cannot be kept in step; 0 on nodes that do not write",
            ["zone"],
            registry=registry,
        )
        self._records = Gauge(
            "constellation_dns_records",
            "Records at the last comparison: 'ours' and 'foreign' ones at names of ours",
            ["zone", "owner"],
            registry=registry,
        )

    def called(self, call: DnsCall, answer: DnsAnswer, took_s: float) -> None:
        """Count a request and its result."""
        result = answer.failure if isinstance(answer, DnsCallFailed) else "ok"
        self._calls.labels(type(call).__name__.removeprefix("Dns").lower(), result).inc()
        self._call_s.inc(took_s)

    def planned(self, done: RoundDone) -> None:
        """Count a round, and what it changed."""
        self._plans.labels(done.zone).inc()
        if done.is_drift:
            self._drift.labels(done.zone).inc()
        if done.is_done:
            for action in CHANGES:
                self._changes.labels(done.zone, action).inc(done.plan.counts[action])

    def report(self, writer: DnsWriter, now_s: float, now_utc_s: float) -> None:
        """Set the gauges.  `now_utc_s` is the same time in Unix seconds."""
        is_writer = writer.token is not None
        self._is_writer.set(is_writer)
        self._left.set(writer.budget.left(now_s))
        for name, zone in writer.zones.items():
            at_s = zone.in_step_at_s if is_writer else None
            self._in_step.labels(name).set(0.0 if at_s is None else now_utc_s - (now_s - at_s))
            self._is_failing.labels(name).set(is_writer and zone.problem is not None)
            if zone.plan is not None:
                self._records.labels(name, "ours").set(zone.plan.ours_count)
                self._records.labels(name, "foreign").set(len(zone.plan.foreign))

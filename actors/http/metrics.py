"""Metrics of the HTTP listener."""

from __future__ import annotations

import platform

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info

from constellation import __version__
from constellation.metrics.exposition import ReportBook
from constellation.traefik.dynamic_configuration import DynamicConfiguration

BUILD_BUCKETS_S = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)


class HttpMetrics:
    """Metrics of the listener and of the body it serves."""

    def __init__(self, registry: CollectorRegistry) -> None:
        Info(
            "constellation_build", "Version of the agent and of its Python", registry=registry
        ).info({"version": __version__, "python_version": platform.python_version()})
        self.requests = Counter(
            "constellation_http_requests",
            "Requests answered, by path and status",
            ["path", "status"],
            registry=registry,
        )
        self.client_faults = Counter(
            "constellation_http_client_faults",
            "What clients of the listener did wrong, or were denied at the limit of connections",
            ["fault"],
            registry=registry,
        )
        self.body_bytes = Gauge(
            "constellation_traefik_body_bytes", "Size of the served body", registry=registry
        )
        self.body_age_s = Gauge(
            "constellation_traefik_body_age_seconds",
            "Seconds since the served body last changed",
            registry=registry,
        )
        self.settled = Gauge(
            "constellation_traefik_settled",
            "1 if the served body is built from the current state of the cluster",
            registry=registry,
        )
        self.routers = Gauge(
            "constellation_traefik_routers", "Routers in the configuration", registry=registry
        )
        self.services = Gauge(
            "constellation_traefik_services", "Services in the configuration", registry=registry
        )
        self.ingress_fails = Gauge(
            "constellation_ingress_fails",
            "1 while requests from outside do not get to this node's Traefik",
            registry=registry,
        )
        self.rejected = Gauge(
            "constellation_traefik_rejected",
            "Labels and instances left out of the configuration; listed at /api/rejected",
            registry=registry,
        )
        self.warned = Gauge(
            "constellation_traefik_warned",
            "Labels that are sent but will not work; listed at /api/rejected",
            registry=registry,
        )
        self.build_s = Histogram(
            "constellation_traefik_build_seconds",
            "Time to build the configuration",
            buckets=BUILD_BUCKETS_S,
            registry=registry,
        )
        self.saves_failed = Counter(
            "constellation_traefik_saves_failed",
            "Attempts to save the last good body that failed",
            registry=registry,
        )
        self.reports_refused = Counter(
            "constellation_metrics_reports_refused",
            "Reports of actors that were left out of this page: there are too many actors",
            registry=registry,
        )
        self.actors = Gauge(
            "constellation_metrics_actors", "Actor processes on this page", registry=registry
        )
        self.silent = Gauge(
            "constellation_metrics_silent",
            "1 for an actor process that did not answer in time for this page: its values are "
            "those of an earlier page, if there are any",
            ["process"],
            registry=registry,
        )
        self._refused_count = 0

    def count_client_fault(self, fault: str) -> None:
        """Count what a client did wrong."""
        self.client_faults.labels(fault).inc()

    def scraped(self, book: ReportBook) -> None:
        """Record whose metrics are on the page."""
        self.actors.set(len(book.reports()) + 1)
        self.reports_refused.inc(book.refused_count - self._refused_count)
        self._refused_count = book.refused_count
        self.silent.clear()
        for name in book.silent:
            self.silent.labels(name).set(1)

    def built(self, configuration: DynamicConfiguration, build_s: float) -> None:
        """Record one build."""
        self.build_s.observe(build_s)
        self.routers.set(configuration.router_count)
        self.services.set(configuration.service_count)
        self.rejected.set(configuration.rejected_count)
        self.warned.set(configuration.warned_count)

"""The page that Prometheus scrapes: the metrics of all actors, with each family described once.

Each sample gets the label `actor`.  A label of that name is renamed to `exported_actor`, as
Prometheus does with labels that clash.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from constellation.metrics.scrape import Scrape
from messages.metrics import MetricFamily, MetricsReport

ACTORS_MAX = 2048
SAMPLES_MAX = 50_000

_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]{0,255}")
_SUFFIX = {"counter": "_total", "info": "_info"}  # appended to the name on the page
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]{0,127}")


class ReportBook:
    """The latest report of each actor.  One that is silent is shown with its last values."""

    def __init__(self) -> None:
        self._reports: dict[str, MetricsReport] = {}
        self.silent: frozenset[str] = frozenset()  # at the last scrape
        self.refused_count = 0

    def end(self, scrape: Scrape) -> None:
        """Take what a scrape has found; actors that were not asked are gone.

        The actors behind a silent parent could not be asked.
        """
        silent = set(scrape.silent)
        for name in scrape.silent & self._reports.keys():
            silent.update(set(self._reports[name].passed_on_to) - scrape.reports.keys())
        kept = {name: self._reports[name] for name in silent & self._reports.keys()}
        found = [*kept.items(), *scrape.reports.items()]
        self.refused_count += max(0, len(found) - ACTORS_MAX)
        self._reports = dict(found[:ACTORS_MAX])
        self.silent = frozenset(silent)

    def reports(self) -> tuple[MetricsReport, ...]:
        """Return the reports, by actor."""
        return tuple(self._reports[actor] for actor in sorted(self._reports))


class _Page(Collector):
    """Metrics in the form that the encoders of prometheus_client need."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = tuple(metrics)

    def collect(self) -> Iterable[Metric]:
        return self._metrics


def render(reports: Iterable[MetricsReport], accept: str) -> tuple[bytes, str]:
    """Return the page and its content type, in the format that the header `accept` requests."""
    encode, content_type = choose_encoder(accept)
    return encode(_Page(merge(reports))), content_type


def merge(reports: Iterable[MetricsReport]) -> list[Metric]:
    """Return every family once, sorted by name, with the samples of all actors.

    It leaves out names that Prometheus refuses, a family whose kind differs from that of the same
    name in an earlier report, and families beyond `SAMPLES_MAX` samples.
    """
    metrics: dict[str, Metric] = {}
    owners: dict[str, tuple[str, str]] = {}
    left_count = SAMPLES_MAX
    for report in reports:
        for family in report.families:
            own = (family.name, family.kind)
            # Text shows a counter as `x_total`, OpenMetrics as `x`: both names must be free.
            shown = {family.name, family.name + _SUFFIX.get(family.kind, "")}
            is_ours = all(owners.get(name, own) == own for name in shown)
            if not is_ours or not _NAME.fullmatch(family.name) or len(family.samples) > left_count:
                continue
            owners.update(dict.fromkeys(shown, own))
            left_count -= len(family.samples)
            metric = metrics.setdefault(family.name, Metric(family.name, family.help, family.kind))
            _add_samples(metric, family, report.actor)
    return [metrics[name] for name in sorted(metrics)]


def _add_samples(metric: Metric, family: MetricFamily, actor: str) -> None:
    for sample in family.samples:
        labels = {label.name: label.value for label in sample.labels}
        if not _NAME.fullmatch(sample.name) or not all(map(_LABEL.fullmatch, labels)):
            continue
        if "actor" in labels:
            labels["exported_actor"] = labels.pop("actor")
        metric.add_sample(sample.name, {"actor": actor, **labels}, sample.value)

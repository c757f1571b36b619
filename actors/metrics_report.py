"""The metrics of one actor as a message."""

from __future__ import annotations

import os
from collections.abc import Iterable

from prometheus_client import CollectorRegistry

from messages.metrics import MetricFamily, MetricLabel, MetricSample, MetricsReport

KINDS = frozenset({"counter", "gauge", "histogram", "summary", "info"})


def metrics_report(
    actor: str,
    registry: CollectorRegistry | None,
    *,
    number: int = 0,
    passed_on_to: Iterable[str] = (),
) -> MetricsReport:
    """Return the current values of everything in `registry`, as the answer to a request.

    An actor without metrics has no registry.
    """
    families = tuple(
        MetricFamily(
            name=family.name,
            kind=family.type if family.type in KINDS else "unknown",  # type: ignore[arg-type]
            help=family.documentation,
            samples=tuple(
                MetricSample(
                    name=sample.name,
                    labels=tuple(
                        MetricLabel(name=key, value=value) for key, value in sample.labels.items()
                    ),
                    value=float(sample.value),
                )
                for sample in family.samples
                if sample.name != f"{family.name}_created"  # when counting began: of no use
            ),
        )
        for family in (registry.collect() if registry is not None else ())
    )
    return MetricsReport(
        actor=actor,
        process_id=os.getpid(),
        families=families,
        number=number,
        passed_on_to=tuple(passed_on_to),
    )

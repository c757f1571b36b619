"""One scrape: which actors are asked for their metrics, and which have not answered yet.

A parent passes the question on to the actors that it alone knows, and its answer names them: they
are waited for too.
"""

from __future__ import annotations

from collections.abc import Iterable

from messages.metrics import MetricsReport


class Scrape:
    """The answers to one question, which has a number: an answer to an earlier one counts not."""

    def __init__(self, number: int, asked: Iterable[str]) -> None:
        self.number = number
        self.reports: dict[str, MetricsReport] = {}
        self._asked = set(asked)

    def answered(self, report: MetricsReport) -> None:
        """Take the answer of one actor."""
        if report.number == self.number:
            self.reports[report.actor] = report
            self._asked.update(report.passed_on_to)

    @property
    def silent(self) -> frozenset[str]:
        """The actors that have not answered."""
        return frozenset(self._asked - self.reports.keys())

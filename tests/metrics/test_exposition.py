"""Reports of many actors become one page that Prometheus accepts."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families as parse

from actors.metrics_report import metrics_report
from constellation.metrics import exposition
from constellation.metrics.exposition import ReportBook, merge, render
from constellation.metrics.scrape import Scrape
from messages.metrics import MetricFamily, MetricLabel, MetricSample, MetricsReport

OPENMETRICS = "application/openmetrics-text; version=1.0.0"


def report_of(actor: str, seen: int) -> MetricsReport:
    registry = CollectorRegistry()
    Counter("constellation_seen", "Things seen", ["kind"], registry=registry).labels("a").inc(seen)
    Gauge("constellation_size_bytes", "Size", registry=registry).set(seen)
    Histogram("constellation_build_seconds", "Builds", registry=registry).observe(seen)
    return metrics_report(actor, registry)


def report(actor: str, *families: MetricFamily) -> MetricsReport:
    return MetricsReport(actor=actor, process_id=1, families=families)


def family(name: str, kind: str = "gauge", /, **labels: str) -> MetricFamily:
    sample = MetricSample(
        name=name,
        labels=tuple(MetricLabel(name=key, value=value) for key, value in labels.items()),
        value=1.0,
    )
    return MetricFamily(name=name, kind=kind, help="Help", samples=(sample,))  # type: ignore[arg-type]


def test_each_family_is_described_once_with_the_samples_of_all_actors() -> None:
    page = render([report_of("gossip", 1), report_of("admin", 2)], "")[0].decode()

    assert page.count("# TYPE constellation_seen_total counter") == 1
    assert page.count("# HELP constellation_build_seconds ") == 1
    assert 'constellation_seen_total{actor="gossip",kind="a"} 1.0' in page
    assert 'constellation_seen_total{actor="admin",kind="a"} 2.0' in page
    assert 'constellation_build_seconds_bucket{actor="admin",le="2.5"} 1.0' in page


@pytest.mark.parametrize("accept", ["", "text/plain", OPENMETRICS])
def test_every_format_can_be_parsed(accept: str) -> None:
    page, content_type = render([report_of("gossip", 1), report_of("admin", 2)], accept)

    parser = parse_openmetrics if "openmetrics" in content_type else parse
    names = {sample.name for found in parser(page.decode()) for sample in found.samples}
    assert {"constellation_seen_total", "constellation_build_seconds_count"} <= names
    assert ("openmetrics" in content_type) == (accept == OPENMETRICS)


def test_a_clashing_label_is_renamed() -> None:
    page = render([report("http", family("x", actor="web"))], "")[0].decode()

    assert 'x{actor="http",exported_actor="web"} 1.0' in page


def test_a_family_has_the_kind_of_the_first_report() -> None:
    (metric,) = merge([report("a", family("x")), report("b", family("x", "counter"))])

    assert (metric.type, [sample.labels["actor"] for sample in metric.samples]) == ("gauge", ["a"])


def test_names_that_prometheus_refuses_are_omitted() -> None:
    bad = (family("no name"), family("x", **{"bad-label": "1"}), family("y"))

    assert b"y{" in render([report("a", *bad)], "")[0]
    assert [metric.name for metric in merge([report("a", *bad)]) if metric.samples] == ["y"]


def scraped(book: ReportBook, asked: set[str], *reports: MetricsReport) -> list[str]:
    """Let these answer a scrape; return the actors that the book shows then."""
    scrape = Scrape(1, asked)
    for one in reports:
        scrape.answered(one.model_copy(update={"number": 1}))
    book.end(scrape)
    return [one.actor for one in book.reports()]


def test_an_actor_that_does_not_answer_is_shown_with_its_last_values_until_it_is_gone() -> None:
    book = ReportBook()
    asked = {"gossip", "raft"}
    assert scraped(book, asked, report("gossip"), report("raft", family("x"))) == sorted(asked)
    assert not book.silent

    assert scraped(book, asked, report("gossip", family("y"))) == sorted(asked)
    assert book.silent == {"raft"}
    assert [one.families[0].name for one in book.reports()] == ["y", "x"]

    assert scraped(book, {"gossip"}, report("gossip")) == ["gossip"]


def test_actors_that_only_their_parent_knows_are_waited_for_and_kept_while_it_is_silent() -> None:
    parent = report("services").model_copy(update={"passed_on_to": ("monitor/web",), "number": 7})
    scrape = Scrape(7, {"services"})
    scrape.answered(parent)
    assert scrape.silent == {"monitor/web"}
    scrape.answered(report("monitor/web").model_copy(update={"number": 6}))  # to an earlier one
    assert scrape.silent == {"monitor/web"}
    scrape.answered(report("monitor/web").model_copy(update={"number": 7}))
    assert not scrape.silent

    book = ReportBook()
    book.end(scrape)
    assert scraped(book, {"services"}) == ["monitor/web", "services"]
    assert book.silent == {"monitor/web", "services"}


def test_actors_beyond_the_limit_are_left_out_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exposition, "ACTORS_MAX", 2)
    book = ReportBook()

    assert scraped(book, {"a", "b", "c"}, *map(report, ("a", "b", "c"))) == ["a", "b"]
    assert book.refused_count == 1


NAMES = st.sampled_from(["x", "x_total", "y_seconds", "bad name", "", "\u00e9"])
KINDS = st.sampled_from(["counter", "gauge", "histogram", "summary", "info", "unknown"])
FAMILIES = st.builds(
    lambda name, kind, label, value: family(name, kind, **{label: value}),
    NAMES,
    KINDS,
    st.sampled_from(["kind", "actor", "le", "bad-label"]),
    st.text(max_size=5),
)
REPORTS = st.builds(
    lambda actor, families: report(actor, *families),
    st.sampled_from(["a", "b"]),
    st.lists(FAMILIES, max_size=4),
)


@given(st.lists(REPORTS, max_size=4))
def test_any_reports_render_as_a_valid_page(reports: list[MetricsReport]) -> None:
    page = render(reports, "")[0].decode()

    types = [line.split()[2] for line in page.split("\n") if line.startswith("# TYPE ")]
    assert len(types) == len(set(types))
    assert all("\u00e9" not in name for name in types)


@pytest.mark.integration
@pytest.mark.needs("prometheus")
def test_promtool_accepts_the_page() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("there is no promtool: apt-get install prometheus")
    page = render([report_of("gossip", 1), report_of("admin", 2)], "")[0]

    checked = subprocess.run(
        [promtool, "check", "metrics"], input=page, capture_output=True, check=False, timeout=20
    )

    assert (checked.returncode, checked.stdout + checked.stderr) == (0, b"")

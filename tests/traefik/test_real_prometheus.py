"""A real Prometheus scrapes the listener."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from actors.http.actor import HttpActor
from constellation.settings.agent import Settings
from constellation.settings.http import HttpSettings
from constellation.settings.traefik import TraefikSettings
from rigs.prometheus import check_metrics, prometheus
from tests.harness import Harness
from tests.metrics.test_exposition import report_of
from tests.traefik.builders import on, snapshot, state
from tests.traefik.conftest import connects, free_port, wait_until

pytestmark = [pytest.mark.integration, pytest.mark.needs("prometheus"), pytest.mark.slow]


@pytest.fixture
def page_port(tmp_path: Path) -> Iterator[int]:
    port = free_port()
    settings = Settings(
        node_name="alpha",
        data_dir=str(tmp_path),
        http=HttpSettings(port=port),
        traefik=TraefikSettings(settle_s=0.2),
    )
    harness = Harness(HttpActor(), settings, name="http", neighbours=("gossip",))
    harness.deliver(snapshot(on("alpha", state())))
    wait_until(lambda: connects(port))
    ends = threading.Event()
    others = threading.Thread(target=answer_for_others, args=(harness, ends))
    others.start()
    yield port
    ends.set()
    others.join()
    harness.stop()


def answer_for_others(harness: Harness[HttpActor], ends: threading.Event) -> None:
    """Answer for the other actors of the node whenever the page asks for their metrics."""
    answered = 0
    while not ends.is_set():
        harness.pump_until(lambda: len(harness.sent_to("supervisor")) > answered or ends.is_set())  # noqa: B023
        for request in harness.sent_to("supervisor")[answered:]:
            answered += 1
            for report in (report_of("gossip", 7), report_of("supervisor", 1)):
                harness.deliver(report.model_copy(update={"number": request.number}))


def read(port: int, path: str) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().read()
    finally:
        connection.close()


def test_prometheus_scrapes_every_actor(page_port: int, tmp_path: Path) -> None:
    with prometheus(
        [f"127.0.0.1:{page_port}"], tmp_path / "server", scrape_interval_s=0.2
    ) as asked:

        def values(expression: str) -> list[str]:
            return [row["value"][1] for row in asked.query(expression)]

        wait_until(lambda: values('constellation_seen_total{actor="gossip"}') == ["7"], 20.0)
        assert values("up") == ["1"]
        assert values('constellation_traefik_routers{actor="http"}') == ["2"]
        assert float(values('process_resident_memory_bytes{actor="http"}')[0]) > 1e6


def test_promtool_accepts_the_page_of_a_node(page_port: int) -> None:
    wait_until(lambda: b'actor="gossip"' in read(page_port, "/metrics"))

    assert check_metrics(read(page_port, "/metrics").decode()) == ""

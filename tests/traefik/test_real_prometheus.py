"""A real Prometheus scrapes the listener."""

from __future__ import annotations

import http.client
import json
import shutil
import subprocess
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import pytest

from actors.http import HttpActor
from constellation.config import HttpSettings, Settings, TraefikSettings
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
    harness = Harness(HttpActor(), settings, name="http")
    harness.deliver(snapshot(on("alpha", state())))
    harness.deliver(report_of("gossip", 7))
    wait_until(lambda: connects(port))
    yield port
    harness.stop()


def read(port: int, path: str) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().read()
    finally:
        connection.close()


def test_prometheus_scrapes_every_actor(page_port: int, tmp_path: Path) -> None:
    binary = shutil.which("prometheus")
    if binary is None:
        pytest.skip("there is no prometheus: apt-get install prometheus")
    config, port = tmp_path / "prometheus.yml", free_port()
    config.write_text(
        "global: {scrape_interval: 200ms, scrape_timeout: 200ms}\n"
        "scrape_configs:\n"
        f"  - {{job_name: agent, static_configs: [{{targets: ['127.0.0.1:{page_port}']}}]}}\n"
    )
    with (tmp_path / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(
            [
                binary,
                f"--config.file={config}",
                f"--web.listen-address=127.0.0.1:{port}",
                f"--storage.tsdb.path={tmp_path / 'data'}",
            ],
            stdout=log,
            stderr=log,
        )
    try:
        wait_until(lambda: connects(port) and b"Ready" in read(port, "/-/ready"), 20.0)

        wait_until(lambda: query(port, 'constellation_seen_total{actor="gossip"}') == ["7"], 20.0)
        assert query(port, 'up{job="agent"}') == ["1"]
        assert query(port, 'constellation_traefik_routers{actor="http"}') == ["2"]
        assert float(query(port, 'process_resident_memory_bytes{actor="http"}')[0]) > 1e6
    finally:
        process.terminate()
        process.wait(20)


def test_promtool_finds_nothing_wrong_with_the_page_of_a_node(page_port: int) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("there is no promtool: apt-get install prometheus")
    wait_until(lambda: b'actor="gossip"' in read(page_port, "/metrics"))

    checked = subprocess.run(
        [promtool, "check", "metrics"],
        input=read(page_port, "/metrics"),
        capture_output=True,
        check=False,
        timeout=20,
    )

    assert (checked.returncode, checked.stdout + checked.stderr) == (0, b"")


def query(port: int, expression: str) -> list[str]:
    path = "/api/v1/query?" + urllib.parse.urlencode({"query": expression})
    found = json.loads(read(port, path) or b"{}")
    return [row["value"][1] for row in found.get("data", {}).get("result", [])]

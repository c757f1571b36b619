"""A real Prometheus server on loopback, and its promtool."""

from __future__ import annotations

import contextlib
import json
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from rigs.availability import binary
from rigs.ports import free_port
from rigs.processes import Process, assert_nothing_left, wait_until


class Prometheus:
    """A running Prometheus."""

    def __init__(self, process: Process, port: int) -> None:
        self.process = process
        self.port = port

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Return the result vector of a PromQL expression, evaluated now."""
        data = self._get("/api/v1/query?" + urllib.parse.urlencode({"query": expression}))
        return list(data["result"])

    def targets(self) -> list[dict[str, Any]]:
        """Return the active targets with `health` and `lastError`."""
        return list(self._get("/api/v1/targets?state=active")["activeTargets"])

    def rules(self) -> list[dict[str, Any]]:
        """Return all rules, alerts with their `state` and `health`."""
        return [rule for group in self._get("/api/v1/rules")["groups"] for rule in group["rules"]]

    def wait_for_targets_up(self, *, timeout_s: float = 20.0) -> None:
        """Return as soon as every target has been scraped without error."""
        wait_until(
            lambda: self.targets() and all(one["health"] == "up" for one in self.targets()),
            timeout_s=timeout_s,
            what=lambda: f"all targets up: {[one['lastError'] for one in self.targets()]}",
        )

    def _get(self, path: str) -> dict[str, Any]:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as response:
            return dict(json.load(response)["data"])


@contextlib.contextmanager
def prometheus(
    targets: Sequence[str],
    directory: Path,
    *,
    scrape_interval_s: float = 1.0,
    rule_files: Sequence[Path] = (),
) -> Iterator[Prometheus]:
    """Run Prometheus until the block ends; it scrapes `/metrics` of the `host:port` targets."""
    directory.mkdir(parents=True, exist_ok=True)
    config_file, port = directory / "prometheus.yml", free_port()
    interval = f"{round(scrape_interval_s * 1000)}ms"
    config = {
        "global": {"scrape_interval": interval, "evaluation_interval": interval},
        "rule_files": [str(path.resolve()) for path in rule_files],
        "scrape_configs": [
            {
                "job_name": "constellation",
                "scrape_timeout": interval,
                "static_configs": [{"targets": list(targets)}],
            }
        ],
    }
    config_file.write_text(yaml.safe_dump(config))
    process = Process(
        [
            binary("prometheus"),
            f"--config.file={config_file}",
            f"--storage.tsdb.path={directory / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
        ],
        log_file=directory / "prometheus.log",
    )
    try:
        process.wait_for(lambda: _is_ready(port), timeout_s=30.0, what="/-/ready")
        yield Prometheus(process, port)
    finally:
        process.stop()
    assert_nothing_left(process)


def promtool(*arguments: str | Path, stdin: str = "") -> tuple[bool, str]:
    """Run promtool; return whether it succeeds, and its output."""
    done = subprocess.run(
        [binary("promtool"), *map(str, arguments)],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    return done.returncode == 0, (done.stdout + done.stderr).strip()


def check_metrics(page: str) -> str:
    """Return the errors that promtool finds in a metrics page; "" if there are none."""
    succeeded, output = promtool("check", "metrics", stdin=page)
    return "" if succeeded and not output else output or "promtool refused it without a reason"


def _is_ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/-/ready", timeout=2) as response:
            return bool(response.status == 200)
    except OSError:
        return False

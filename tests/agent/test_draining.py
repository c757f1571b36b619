"""An agent and a container that takes its time to end: it is out of the routes while it runs."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.components.agents import Agent, agents
from tests.components.docker_engine import PrivateDocker
from tests.components.ports import free_port
from tests.components.processes import wait_until

pytestmark = [
    pytest.mark.integration,
    pytest.mark.slow,
    pytest.mark.needs("docker"),
    pytest.mark.timeout(180),
]

# Answers on, and ends 3 s after it was asked to.
PAGE = "mkdir /www; echo hello > /www/index.html; httpd -p 80 -h /www"
WAIT = "trap 'sleep 3; exit 0' TERM; while :; do sleep 0.05; done"


@pytest.fixture
def agent(docker_engine: PrivateDocker, tmp_path: Path) -> Iterator[Agent]:
    settings = {"docker": {"enabled": True, "socket": str(docker_engine.socket)}}
    with agents(tmp_path, 1, settings=settings) as (alone,):
        yield alone


def row_of(agent: Agent, service: str) -> dict[str, Any]:
    printed = json.loads(agent.run_command("services", "--json").stdout)
    return next(row for row in printed["services"] if row["service"] == service)


@pytest.mark.parametrize(
    "checked", [pytest.param(False, id="no check"), pytest.param(True, id="with a health check")]
)
def test_stopping_container_is_out_of_the_body_within_1_s_while_it_still_answers(
    agent: Agent, docker_engine: PrivateDocker, *, checked: bool
) -> None:
    check = {"test": ["CMD", "true"], "interval": 300_000_000}
    options: dict[str, Any] = {"healthcheck": check} if checked else {}
    container = docker_engine.run(
        "web",
        *("sh", "-c", f"{PAGE}; {WAIT}"),
        init=False,
        ports={"80/tcp": (agent.address, free_port(agent.address))},
        **options,
    )
    agent.wait_for_servers("web.localhost", 1)

    stop = threading.Thread(target=container.stop, daemon=True)
    began_s = time.monotonic()
    stop.start()
    wait_until(lambda: not agent.servers("web.localhost"), timeout_s=10, what="it to be out")
    out_s = time.monotonic() - began_s
    still_runs = stop.is_alive()
    row = row_of(agent, "web")
    stop.join(30)
    ended_s = time.monotonic() - began_s

    assert still_runs
    assert out_s < 1.0
    assert (row["reason"], row["routable"]) == ("draining", False)
    wait_until(lambda: row_of(agent, "web")["health"] == "stopped", timeout_s=10, what="its end")
    assert ended_s > 2.5

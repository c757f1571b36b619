"""An agent and a container that is slow to end: it is unrouted while it still runs."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rigs.agents import Agent, agents
from rigs.docker_engine import PrivateDocker
from rigs.ports import free_port
from rigs.processes import wait_until

pytestmark = [
    pytest.mark.xdist_group("docker engine"),
    pytest.mark.integration,
    pytest.mark.slow,
    pytest.mark.needs("docker"),
    pytest.mark.timeout(180),
]

# Answers on, and ends some seconds after it was asked to.
LINGER = """
mkdir /www; echo hello > /www/index.html; httpd -p 80 -h /www
trap 'sleep {linger_s}; exit 0' TERM; while :; do sleep 0.05; done
"""


@pytest.fixture
def agent(docker_engine: PrivateDocker, tmp_path: Path) -> Iterator[Agent]:
    settings = {"docker": {"enabled": True, "socket": str(docker_engine.socket)}}
    with agents(tmp_path, 1, settings=settings) as (alone,):
        yield alone


def run(agent: Agent, engine: PrivateDocker, linger_s: int, **options: Any) -> Any:
    container = engine.run(
        "web",
        *("sh", "-c", LINGER.format(linger_s=linger_s)),
        init=False,
        ports={"80/tcp": (agent.address, free_port(agent.address))},
        **options,
    )
    agent.wait_for_servers("web.localhost", 1)
    return container


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({}, id="no check"),
        pytest.param(
            {"healthcheck": {"test": ["CMD", "true"], "interval": 300_000_000}},
            id="with a health check",
        ),
    ],
)
def test_stopping_container_is_unrouted_within_1_s_while_it_still_runs(
    agent: Agent, docker_engine: PrivateDocker, options: dict[str, Any]
) -> None:
    container = run(agent, docker_engine, 3, **options)
    stop = threading.Thread(target=container.stop, daemon=True)

    began_s = time.monotonic()
    stop.start()
    wait_until(lambda: not agent.servers("web.localhost"), timeout_s=10, what="it to be out")
    out_s = time.monotonic() - began_s
    still_runs = stop.is_alive()
    stop.join(30)
    ended_s = time.monotonic() - began_s

    assert still_runs
    assert out_s < 1.0
    assert ended_s > 2.5


def test_draining_is_shown_to_the_operator_and_is_not_degraded(
    agent: Agent, docker_engine: PrivateDocker
) -> None:
    container = run(agent, docker_engine, 60)

    container.kill("SIGTERM")
    wait_until(lambda: not agent.servers("web.localhost"), timeout_s=10, what="it to be out")
    report = agent.run_command("services", "--json")
    container.kill()
    wait_until(lambda: b"exited" in printed(agent), timeout_s=20, what="its end")

    (row,) = json.loads(report.stdout)["services"]
    assert (row["reason"], row["health"], row["routable"]) == ("draining", "healthy", False)
    assert report.returncode == 0


def printed(agent: Agent) -> bytes:
    return agent.run_command("services").stdout.encode()

"""Two agents: what follows on both when the WARP gateway of one stops, and when it is back."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from rigs.agents import Agent, agents
from rigs.docker_engine import PrivateDocker
from rigs.ports import free_port
from rigs.processes import wait_until
from tests.warp.trace_page import EGRESS, trace_page

pytestmark = [
    pytest.mark.integration,
    pytest.mark.needs("docker"),
    pytest.mark.slow,
    pytest.mark.timeout(120),
    pytest.mark.xdist_group("docker engine"),
]

LABELS = {"network.warp.enabled": "true"}
UNROUTED_WITHIN_S = 2.0


def told(agent: Agent, *words: str) -> tuple[int, Any]:
    done = agent.run_command(*words, "--json")
    return done.returncode, json.loads(done.stdout)


def why_left_out(agent: Agent) -> set[str]:
    _, explained = told(agent, "explain", "web")
    return {one["why"] for route in explained["routes"] for one in route["backends"]}


def test_services_follow_the_gateway_of_their_node(
    docker_engine: PrivateDocker, tmp_path: Path
) -> None:
    gateway = docker_engine.run("gate")
    docker_engine.run("web", labels=LABELS, ports={"80/tcp": ("127.0.0.1", free_port())})
    with trace_page(str(docker_engine.subnet[1])) as page:
        warp = {"gateways": ["gate"], "trace_urls": [page.url], "address_urls": []}
        docker = {"enabled": True, "socket": str(docker_engine.socket)}
        settings: list[dict[str, Any]] = [{"warp": warp, "docker": docker}, {}]
        with agents(tmp_path, 2, settings=settings) as (alpha, beta):
            for agent in (alpha, beta):
                agent.wait_for_servers("web.localhost", 1)
            gateway.kill()
            killed_s = time.monotonic()
            for agent in (alpha, beta):
                agent.wait_for_servers("web.localhost", 0)
            unrouted_s = time.monotonic() - killed_s

            code, status = told(beta, "status")
            (trouble,) = [one for one in status["degraded"] if "the WARP gateway gate" in one]
            assert code == 2
            assert "is unhealthy on alpha: its container does not run: exited" in trouble
            assert any(
                "its container does not run" in why and why.startswith("it needs WARP")
                for why in why_left_out(beta)
            )
            assert (
                b'constellation_warp_healthy{actor="warp",gateway="gate"} 0'
                in alpha.get("/metrics")[1]
            )

            gateway.start()
            for agent in (alpha, beta):
                agent.wait_for_servers("web.localhost", 1)
            _, events = told(beta, "events")
            changes = [one for one in events["events"] if one["what"].startswith("warp_")]
            wait_until(
                lambda: not any("WARP" in one for one in told(beta, "status")[1]["degraded"]),
                timeout_s=10,
                what="status to be well again",
            )

    assert [(one["what"], one["node"], one["subject"]) for one in changes[:2]] == [
        ("warp_healthy", "alpha", "gate"),
        ("warp_unhealthy", "alpha", "gate"),
    ]
    assert changes[0]["reason"] == f"its egress is {EGRESS}"
    assert unrouted_s < UNROUTED_WITHIN_S

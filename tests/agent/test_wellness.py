"""All is well means that a request gets there: a whole agent beside its real Traefik."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from rigs.agents import Agent, agents, start_all
from rigs.http_backend import __file__ as backend_file
from rigs.ports import free_port
from rigs.processes import Process, wait_until
from rigs.traefik import traefik

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.needs("traefik")]

SHOP = {"traefik.http.routers.shop.rule": "Host(`shop.example.net`)"}
BLOG = {"traefik.http.routers.blog.rule": "Host(`blog.example.net`"}  # no closing parenthesis


def told(agent: Agent, *words: str) -> tuple[int, dict[str, Any]]:
    """Return the exit code and the report of a command."""
    ran = agent.run_command(*words, "--json")
    return ran.returncode, json.loads(ran.stdout)


def lines(agent: Agent) -> list[str]:
    """Return what `status` says must be acted on."""
    return list(told(agent, "status")[1]["degraded"])


def capabilities(agent: Agent) -> list[str]:
    (row,) = told(agent, "nodes")[1]["nodes"]
    return list(row["capabilities"])


@pytest.mark.case("O1", "O5", "O6")
def test_what_requests_get_is_what_status_and_explain_say(tmp_path: Path) -> None:
    port = free_port()
    backend = Process(
        [sys.executable, backend_file, "--name", "web", "--port", str(port)],
        log_file=tmp_path / "web.log",
        name="web",
    )
    service = {"address": f"127.0.0.1:{port}", "check": "http"}
    services = [
        {**service, "name": name, "labels": labels}
        for name, labels in (("shop", SHOP), ("blog", BLOG))
    ]
    settings: dict[str, Any] = {"static_services": services, "traefik": {"ingress_port": 7948}}
    with agents(tmp_path, 1, settings=settings, start=False) as made:
        start_all(made)
        (agent,) = made
        ingress = f"--entrypoints.constellation.address={agent.address}:7948"
        with traefik(agent.endpoint, tmp_path, arguments=[ingress]) as proxy:
            proxy.wait_for_router("shop")

            statuses = {host: proxy.get(f"{host}.example.net")[0] for host in ("shop", "blog")}
            wait_until(lambda: not _of_traefik(lines(agent)), timeout_s=20, what="Traefik found")

            assert statuses == {"shop": 200, "blog": 404}
            assert told(agent, "explain", "shop.example.net")[0] == 0
            code, blog = told(agent, "explain", "blog.example.net")
            assert (code, blog["found"]) == (2, True)
            assert "the label traefik.http.routers.blog.rule of blog" in blog["degraded"][1]
            code, status = told(agent, "status")
            assert (code, status["services_healthy"], status["services_total"]) == (2, 1, 2)
            assert capabilities(agent) == ["traefik"]

        wait_until(lambda: bool(_of_traefik(lines(agent))), timeout_s=30, what="Traefik missed")
        assert told(agent, "status")[1]["services_healthy"] == 0
        assert told(agent, "explain", "shop.example.net")[0] == 2
        wait_until(lambda: capabilities(agent) == [], timeout_s=10, what="no capability")
    backend.stop()


def _of_traefik(degraded: list[str]) -> list[str]:
    return [line for line in degraded if line.startswith("traefik on ")]

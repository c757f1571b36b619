"""What the demonstration runs: an agent and a small HTTP service on each of three nodes."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rigs import http_backend
from rigs.agents import Agent, agents
from rigs.processes import Process, wait_until
from rigs.raft_lab import lease_holders
from rigs.traefik import Traefik, traefik

NODES = 3
SERVICE = "hello"
SERVICE_PORT = 8000
HOST = f"{SERVICE}.localhost"
# Shorter than an operator's settings, so that changes are seen at once.
POLL_INTERVAL_S = 0.2
THROTTLE_S = 0.1


def agent_settings() -> dict[str, Any]:
    """Return the settings of all agents."""
    return {
        "traefik": {"version": "3.7", "settle_s": 1.0},
        "raft": {"bootstrap_expect": NODES},
    }


class Stage:
    """The agents, the services, and the Traefik that polls the first agent."""

    def __init__(self, directory: Path, nodes: list[Agent]) -> None:
        self.directory = directory
        self.agents = nodes
        self.services: dict[str, Process] = {}
        self._traefik: Traefik | None = None

    @property
    def traefik(self) -> Traefik:
        """The running Traefik."""
        assert self._traefik is not None, "Traefik was not started"
        return self._traefik

    def runs_traefik(self, running: Traefik) -> None:
        """Keep a Traefik that has been started."""
        self._traefik = running

    @property
    def url(self) -> str:
        """The URL of the service; browsers and curl resolve *.localhost to this machine."""
        return f"http://{HOST}:{self.traefik.web_port}/"

    def agent(self, name: str) -> Agent:
        """Return one node's agent."""
        return next(agent for agent in self.agents if agent.name == name)

    def start_service(self, node: str) -> None:
        """Start the service of a node, and return once it answers."""
        address = self.agent(node).address
        process = Process(
            [
                *(sys.executable, http_backend.__file__, "--name", f"{SERVICE} on {node}"),
                *("--host", address, "--port", str(SERVICE_PORT)),
            ],
            log_file=self.directory / f"service-{node}.log",
            name=f"{SERVICE} on {node}",
        )
        self.services[node] = process
        process.wait_for_port(SERVICE_PORT, address)

    def leases(self, node: Agent) -> dict[str, str]:
        """Return the holder of each lease, as reported by the operator's command on a node."""
        return lease_holders(node)

    def wait_for_holder(self, *, among: list[Agent], timeout_s: float = 30.0) -> Agent:
        """Return the node among these that holds all leases, once there is one."""
        found: list[Agent] = []

        def is_held() -> bool:
            holders = set(self.leases(among[0]).values())
            found[:] = [agent for agent in among if holders == {agent.name}]
            return bool(found)

        wait_until(
            is_held,
            timeout_s=timeout_s,
            what=lambda: f"one holder of all leases; the holders are {self.leases(among[0])}",
        )
        return found[0]

    def served_by(self) -> str:
        """Send one request through Traefik; return the instance that served it, or the error."""
        status, body = self.traefik.get(HOST)
        return str(json.loads(body)["name"]) if status == 200 else f"status {status}"

    def wait_for_routes(self, count: int, *, agents: list[Agent], timeout_s: float = 30.0) -> None:
        """Return once the body of each agent routes to `count` instances."""
        for agent in agents:
            agent.wait_for_servers(HOST, count, timeout_s=timeout_s)

    def wait_for_traefik(self, count: int, *, timeout_s: float = 30.0) -> None:
        """Return once Traefik itself routes to `count` instances."""
        wait_until(
            lambda: len(self.traefik.servers().get(HOST, ())) == count,
            timeout_s=timeout_s,
            what=lambda: f"Traefik to have {count} instances; it has {self.traefik.servers()}",
        )


@contextlib.contextmanager
def stage(directory: Path) -> Iterator[Stage]:
    """Prepare the stage without starting anything; at the end of the block stop everything."""
    with agents(directory, NODES, settings=agent_settings(), start=False) as nodes:
        made = Stage(directory, nodes)
        for agent in nodes:
            watched = {
                "name": SERVICE,
                "address": f"{agent.address}:{SERVICE_PORT}",
                "check": "http",
                "path": "/healthz",
                "interval_s": 0.25,
            }
            agent.configure({**agent.settings, "static_services": [watched]})
        try:
            yield made
        finally:
            for service in made.services.values():
                service.stop()


@contextlib.contextmanager
def traefik_on(made: Stage) -> Iterator[Traefik]:
    """Run the Traefik of the stage until the block ends."""
    with traefik(
        made.agents[0].endpoint,
        made.directory / "traefik",
        poll_interval_s=POLL_INTERVAL_S,
        throttle_s=THROTTLE_S,
    ) as running:
        made.runs_traefik(running)
        yield running

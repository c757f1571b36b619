"""One node: what it costs when nothing happens, how soon it starts, and how soon it sees a death.

    python -m bench.node            all of it, in less than five minutes
    python -m bench.node 60 docker  parts: 12, 60 or 500 services; deaths of containers

Memory is the sum of the proportional set sizes of all the agent's processes (pages that several
share are shared out), some seconds after all services are routed to; the median of some starts.
Services have TCP checks, every 5 s.  `memory_http_checks` is what is added if all have HTTP checks
instead, which need a client that other nodes do not load.

A start counts from the execution of the program until it logs `agent_started`, and until all
services are routed to.  The death of a static service counts from the refused check that makes it
unhealthy until its own node offers no route to it; that of a container from the call that kills it
until another node offers none.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import SystemRandom
from statistics import median
from typing import Any

from bench.figures import Figures, percentile
from bench.node_processes import COLUMNS, Idle, watch_idle
from bench.node_services import Routes, Services, running_services, static_death_ms
from rigs.agents import Agent, agents, process_memory_bytes
from rigs.availability import ComponentUnavailableError, missing
from rigs.docker_engine import PrivateDocker, private_docker
from rigs.ports import free_port
from rigs.processes import wait_until

MIB = 1 << 20
PARTS = ("12", "60", "500", "docker")
STARTS = {12: 5, 60: 3, 500: 3}  # by how many services the node watches
HTTP_STARTS = 3
HTTP_CHECKS_MIB_GOAL = 10
MEMORY_GOALS_MIB = {12: 110, 60: 130, 500: 200}
IDLE_SERVICES = 60
IDLE_S = 30.0
IDLE_PERCENT_GOAL = 1.0
START_MS_GOAL = 500
COMMAND_MS_GOAL = 300
ROUTED_MS_GOALS = {500: 5000}
ROUTED_TIMEOUT_S = 90.0
SETTLE_S = 3.0
DEATHS = 20
DEATH_MS_GOAL = 50  # of a static service, with 500 services as with 12
EXIT_DEGRADED = 2  # the node has no Docker and no Traefik
PHASE_S = 0.5  # drawn anew for each death, or all would fall on one phase of the gossip interval
POLL_S = 0.002


@dataclass(slots=True)
class Node:
    """What was measured of a node with so many services."""

    start_ms: list[float] = field(default_factory=list)
    routed_ms: list[float] = field(default_factory=list)
    memory_mib: list[float] = field(default_factory=list)
    http_memory_mib: list[float] = field(default_factory=list)  # with HTTP checks alone
    command_ms: list[float] = field(default_factory=list)
    deaths_ms: list[float] = field(default_factory=list)
    idle: Idle | None = None


def main(words: Sequence[str]) -> None:
    """Measure, print, write."""
    parts = words or PARTS
    if unknown := set(parts) - set(PARTS):
        raise SystemExit(f"node: no part {', '.join(unknown)}: choose from {', '.join(PARTS)}")
    with Figures("node") as figures, tempfile.TemporaryDirectory() as directory:
        for count in STARTS:
            if str(count) in parts:
                show(figures, count, measure(Path(directory), count))
        if "docker" in parts:
            show_container_deaths(figures, Path(directory) / "docker")


def show(figures: Figures, count: int, node: Node) -> None:
    """Print what was measured of a node with `count` services."""
    goal_mib = MEMORY_GOALS_MIB[count]
    figures.add(f"memory_{count}_services", median(node.memory_mib), "MiB", goal=goal_mib)
    if count == min(STARTS):
        figures.add("start", median(node.start_ms), "ms", goal=START_MS_GOAL)
        figures.add("command_nodes", median(node.command_ms), "ms", goal=COMMAND_MS_GOAL)
    if node.http_memory_mib:
        added_mib = median(node.http_memory_mib) - median(node.memory_mib)
        figures.add("memory_http_checks", added_mib, "MiB", goal=HTTP_CHECKS_MIB_GOAL)
    if goal_ms := ROUTED_MS_GOALS.get(count):
        figures.add(f"routed_{count}_services", median(node.routed_ms), "ms", goal=goal_ms)
    if node.deaths_ms:
        p50_ms = percentile(node.deaths_ms, 0.5)
        figures.add(f"static_death_{count}_p50", p50_ms, "ms", goal=DEATH_MS_GOAL)
    if node.idle is not None:
        percent = node.idle.core_percent
        figures.add(f"idle_cpu_{count}_services", percent, "%", goal=IDLE_PERCENT_GOAL)
        figures.table(COLUMNS, node.idle.rows())


def measure(directory: Path, count: int) -> Node:
    """Start a node that watches `count` services some times, and measure each; the last more."""
    node = Node()
    with running_services() as services:
        for run in range(STARTS[count]):
            settings = services.settings(count, with_victim=count != IDLE_SERVICES)
            path = directory / f"{count}-{run}"
            with agents(path, 1, settings=settings, start=False) as (agent,):
                time_start(node, agent, count)
                time.sleep(SETTLE_S)
                node.memory_mib.append(process_memory_bytes(agent.process_ids()) / MIB)
                node.command_ms.append(command_ms(agent, "nodes"))
                if run == STARTS[count] - 1:
                    measure_more(node, services, agent, count)
        if count == min(STARTS):
            for run in range(HTTP_STARTS):
                node.http_memory_mib.append(http_memory_mib(directory / f"http-{run}", services))
    return node


def http_memory_mib(directory: Path, services: Services) -> float:
    """Start a node whose few services all have HTTP checks; return its memory."""
    count = min(STARTS)
    with agents(directory, 1, settings=services.settings(count, check="http")) as (agent,):
        routes = Routes(agent)
        wait_until(lambda: routes.count() == count, timeout_s=ROUTED_TIMEOUT_S, what="all routes")
        time.sleep(SETTLE_S)
        return process_memory_bytes(agent.process_ids()) / MIB


def measure_more(node: Node, services: Services, agent: Agent, count: int) -> None:
    """Measure what takes longer: the node at rest, or deaths of a service."""
    if count == IDLE_SERVICES:
        node.idle = watch_idle(agent, IDLE_S)
    else:
        node.deaths_ms = [static_death_ms(services, agent) for _ in range(DEATHS)]


def time_start(node: Node, agent: Agent, count: int) -> None:
    """Start the agent; note when it has started, and when it routes to all services."""
    routes = Routes(agent)
    began_s, began_at = time.monotonic(), datetime.now(UTC)
    agent.start(wait=False)
    wait_until(
        lambda: routes.count() == count,
        timeout_s=ROUTED_TIMEOUT_S,
        what=lambda: f"routes to {count} services; there are {routes.count()}",
    )
    node.routed_ms.append((time.monotonic() - began_s) * 1000)
    (started,) = agent.events("agent_started")
    took = datetime.fromisoformat(started["timestamp"]) - began_at
    node.start_ms.append(took.total_seconds() * 1000)


def command_ms(agent: Agent, *words: str) -> float:
    """Return how long a command of the operator takes, from its execution to its end."""
    began_s = time.monotonic()
    done = subprocess.run(agent.command(*words), capture_output=True, timeout=20, check=False)
    took_ms = (time.monotonic() - began_s) * 1000
    assert done.returncode in {0, EXIT_DEGRADED}, done.stderr.decode()
    return took_ms


def show_container_deaths(figures: Figures, directory: Path) -> None:
    """Measure and print deaths of containers, if there is a Docker Engine."""
    if reason := missing("docker"):
        figures.absent("docker", reason)
        return
    deaths_ms = container_deaths_ms(directory)
    figures.add("death_to_absence_p50", percentile(deaths_ms, 0.5), "ms", goal=500)
    figures.add("death_to_absence_p99", percentile(deaths_ms, 0.99), "ms", goal=1000)


def container_deaths_ms(directory: Path) -> list[float]:
    """Kill a container of one node again and again; return how long the other routed to it."""
    with contextlib.ExitStack() as stack:
        try:
            engine = stack.enter_context(private_docker())
        except ComponentUnavailableError as error:
            raise SystemExit(f"node: {error}") from error
        settings: list[dict[str, Any]] = [
            {"docker": {"enabled": True, "socket": str(engine.socket)}},
            {},
        ]
        first, second = stack.enter_context(agents(directory, 2, settings=settings))
        return [death_ms(engine, first, second) for _ in range(DEATHS)]


def death_ms(engine: PrivateDocker, node: Agent, other: Agent) -> float:
    """Start a container, wait until `other` routes to it, kill it, wait until it does not."""
    name = "victim.localhost"
    ports = {"80/tcp": (node.address, free_port(node.address))}
    page = "mkdir /www; exec httpd -f -p 80 -h /www"
    container = engine.run("victim", "sh", "-c", page, ports=ports)
    other.wait_for_servers(name, 1)
    time.sleep(SystemRandom().uniform(0.0, PHASE_S))
    began_s = time.monotonic()
    container.kill()
    while other.servers(name):
        time.sleep(POLL_S)
    took_ms = (time.monotonic() - began_s) * 1000
    container.remove(force=True)
    wait_until(lambda: not has_route(node, name), timeout_s=20, what="its route to be withdrawn")
    return took_ms


def has_route(node: Agent, name: str) -> bool:
    """Return whether the node still offers a route of that name."""
    return name.encode() in node.get("/api/dynamic")[1]


if __name__ == "__main__":
    main(sys.argv[1:])

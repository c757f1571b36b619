"""One node: what it costs in memory, and how soon another node stops routing to its dead container.

Memory is the sum of the proportional set sizes of all the agent's processes (pages that several
share are shared out), once every service has been judged; the median of three starts.  A death is
counted from the call that kills the container to the first body of the other node without it.
"""

from __future__ import annotations

import contextlib
import socket
import tempfile
import time
from pathlib import Path
from random import SystemRandom
from statistics import median
from typing import Any

from bench.figures import Figures, percentile
from rigs.agents import Agent, agents, process_memory_bytes
from rigs.availability import ComponentUnavailableError, missing
from rigs.docker_engine import PrivateDocker, private_docker
from rigs.ports import free_port
from rigs.processes import wait_until

MEMORY_RUNS = 3
SERVICE_COUNTS = (12, 60)
MIB = 1 << 20
SHARED_MIB_GOAL = 60  # the interpreter and what is imported before the fork, once a node
PROCESS_MIB_GOAL = 4  # of its own, for an actor forked after the imports
FIXED_PROCESSES = 11  # the guardian, the actor system, and the actors that are always there
SETTLE_S = 3.0
DEATHS = 20
POLL_S = 0.002
PHASE_S = 0.5  # drawn anew for each death, or all would fall on one phase of the gossip interval


def main() -> None:
    """Measure, print, write."""
    with Figures("node") as figures, tempfile.TemporaryDirectory() as directory:
        for count in SERVICE_COUNTS:
            sizes = [
                memory_mib(Path(directory) / f"memory-{count}-{run}", count)
                for run in range(MEMORY_RUNS)
            ]
            goal = float(SHARED_MIB_GOAL + PROCESS_MIB_GOAL * (FIXED_PROCESSES + count))
            figures.add(f"memory_{count}_services", median(sizes), "MiB", goal=goal)
        if reason := missing("docker"):
            figures.absent("docker", reason)
            return
        deaths_ms = container_deaths_ms(Path(directory) / "deaths")
        figures.add("death_to_absence_p50", percentile(deaths_ms, 0.5), "ms", goal=500)
        figures.add("death_to_absence_p99", percentile(deaths_ms, 0.99), "ms", goal=1000)


def memory_mib(directory: Path, count: int) -> float:
    """Start an agent that watches `count` running services; return its memory."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        services = [
            {"name": f"service-{number}", "address": address, "interval_s": 5.0}
            for number in range(count)
        ]
        with agents(directory, 1, settings={"static_services": services}) as (agent,):
            wait_until(
                lambda: health_count(agent) == count, timeout_s=60, what="all services judged"
            )
            time.sleep(SETTLE_S)
            return process_memory_bytes(agent.process_ids()) / MIB


def health_count(agent: Agent) -> int:
    """Return how many services of the agent are healthy, by its metrics."""
    _, page = agent.get("/metrics")
    for line in page.decode().splitlines():
        if line.startswith("constellation_monitor_services{") and 'health="healthy"' in line:
            return int(float(line.rsplit(" ", 1)[1]))
    return 0


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
    main()

"""Ten agents: a crash and an update reach all soon, and a starved one harms no other."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rigs.agents import Agent, agents
from rigs.http_backend import __file__ as backend_file
from rigs.ports import free_port
from rigs.processes import Process, wait_until

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(300)]

NODES = 10
UPDATES = 12
CRASHES = 3
CRASH_KNOWN_WITHIN_S = 9.0
UPDATE_KNOWN_WITHIN_S = 1.0
STARVED_FOR_S = 40.0
SERVICE = "web.localhost"


@dataclass
class Lab:
    """Ten agents, and a service that the first of them watches."""

    nodes: list[Agent]
    backend: Process
    start_backend: list[str]
    log_file: Path

    def flip(self) -> None:
        """Stop the service if it runs, else start it."""
        if self.backend.is_running:
            self.backend.stop()
        else:
            self.backend = Process(self.start_backend, log_file=self.log_file, name="web")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    directory = tmp_path_factory.mktemp("ten")
    port = free_port()
    command = ["python3", backend_file, "--name", "web", "--port", str(port)]
    web = {"name": "web", "address": f"127.0.0.1:{port}", "interval_s": 0.1}
    watching = {"static_services": [web], "monitor": {"failing_count": 1}}
    log_file = directory / "web.log"
    with agents(directory, NODES, settings=[watching, *[{}] * (NODES - 1)]) as nodes:
        made = Lab(nodes, Process(command, log_file=log_file, name="web"), command, log_file)
        try:
            wait_until(
                lambda: all(len(agent.servers(SERVICE)) == 1 for agent in nodes),
                timeout_s=30,
                what="the service in every body",
            )
            yield made
        finally:
            made.backend.stop()


@pytest.mark.scenario(15)
def test_update_is_routed_on_every_node_within_1_s(lab: Lab) -> None:
    took_s = []
    with ThreadPoolExecutor(NODES) as pool:
        for _ in range(UPDATES):
            wanted = 1 - len(lab.nodes[0].servers(SERVICE))
            lab.flip()

            def told_at_s(agent: Agent, wanted: int = wanted) -> float:
                deadline_s = time.monotonic() + 20
                while len(agent.servers(SERVICE)) != wanted:
                    assert time.monotonic() < deadline_s, f"{agent.name} never heard of it"
                    time.sleep(0.02)
                return time.monotonic()

            author_s, *others_s = pool.map(told_at_s, lab.nodes)
            took_s.append(max(others_s) - author_s)

    assert sorted(took_s)[-1] < UPDATE_KNOWN_WITHIN_S, sorted(took_s)


@pytest.mark.scenario(17)
def test_starved_member_does_not_cause_false_deaths(lab: Lab) -> None:
    starved, healthy = lab.nodes[-1], lab.nodes[:-1]
    process_id = starved.process_id_of("gossip")
    before = {agent.name: len(failures(agent)) for agent in lab.nodes}

    end_s = time.monotonic() + STARVED_FOR_S
    try:
        while time.monotonic() < end_s:
            os.kill(process_id, signal.SIGSTOP)
            time.sleep(0.8)
            os.kill(process_id, signal.SIGCONT)
            time.sleep(0.2)
    finally:
        os.kill(process_id, signal.SIGCONT)

    for agent in lab.nodes:
        accused = {member for _, member in failures(agent)[before[agent.name] :]}
        assert accused <= {starved.name}, f"{agent.name} held a healthy member dead: {accused}"
    for agent in healthy:
        agent.wait_for_members(alive=NODES, timeout_s=30)


@pytest.mark.scenario(15)
def test_crash_is_known_to_all_within_9_s(lab: Lab) -> None:
    took_s = []
    for crashed in lab.nodes[1 : 1 + CRASHES]:
        others = [agent for agent in lab.nodes if agent is not crashed]
        before = {agent.name: len(failures(agent)) for agent in others}
        began_utc_s = datetime.now(UTC).timestamp()
        crashed.process.kill()
        wait_until(
            lambda: all(len(failures(agent)) > before[agent.name] for agent in others),  # noqa: B023
            timeout_s=30,
            what=f"{crashed.name} to be dead for all",
        )
        for agent in others:
            ((at_utc_s, member),) = failures(agent)[before[agent.name] :]
            assert member == crashed.name
            took_s.append(at_utc_s - began_utc_s)
        crashed.start()
        for agent in lab.nodes:
            agent.wait_for_members(alive=NODES, timeout_s=30)

    assert sorted(took_s)[-1] < CRASH_KNOWN_WITHIN_S, sorted(took_s)


def failures(agent: Agent) -> list[tuple[float, str]]:
    """Return when the agent has given up which members."""
    return [
        (datetime.fromisoformat(one["timestamp"]).timestamp(), one["member"])
        for one in agent.events("member_failed")
    ]

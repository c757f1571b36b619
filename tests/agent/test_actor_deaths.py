"""Any process of a running agent is killed: it is back within 5 s and the cluster stays whole."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rigs.agents import Agent, agents
from rigs.http_backend import __file__ as backend_file
from rigs.ports import free_port
from rigs.processes import Process, running, wait_until

pytestmark = [pytest.mark.integration, pytest.mark.slow]

BACK_WITHIN_S = 5.0
ROUTERS = 4  # of one service on three nodes: the one over all, and one for each


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Agent]]:
    """Three agents, each of which watches the same running service as its own."""
    directory = tmp_path_factory.mktemp("cluster")
    port = free_port()
    command = ["python3", backend_file, "--name", "web", "--port", str(port)]
    web = {"name": "web", "address": f"127.0.0.1:{port}", "check": "http", "interval_s": 0.3}
    with running(command, log_file=directory / "web.log") as backend:
        backend.wait_for_port(port)
        with agents(directory, 3, settings={"static_services": [web]}) as nodes:
            for agent in nodes:
                wait_until(
                    lambda agent=agent: is_whole(agent),  # type: ignore[misc]
                    timeout_s=20,
                    what="a whole cluster",
                )
            yield nodes


def is_whole(agent: Agent) -> bool:
    """All its actors run, it knows three members, and it routes to all of them."""
    health = agent.health()
    return (
        health.get("members_alive") == 3
        and health.get("routers") == ROUTERS
        and health.get("routes") == "settled"
        and bool(agent.process_id_of("services"))
    )


@pytest.mark.scenario(42)
@pytest.mark.parametrize(
    "actor",
    [
        "gossip",
        "http",
        "light",
        "supervisor",
    ],
)
def test_killed_process_is_back_within_5_s(cluster: list[Agent], actor: str) -> None:
    victim, *others = cluster
    before = victim.process_id_of(actor)
    judged = len(victim.events("service_health_changed"))

    os.kill(before, signal.SIGKILL)
    killed_at_s = time.monotonic()
    wait_until(
        lambda: victim.process_id_of(actor) not in {0, before} and victim.health(),
        timeout_s=BACK_WITHIN_S,
        what=f"another process for {actor}",
    )
    assert time.monotonic() - killed_at_s < BACK_WITHIN_S

    wait_until(lambda: is_whole(victim), timeout_s=10, what=lambda: f"whole: {victim.health()}")
    assert all(is_whole(other) for other in others)
    assert not any(other.events("member_failed") for other in others)
    assert victim.process.is_running
    if actor == "light":  # its monitors go on from what the last ones concluded
        assert len(victim.events("service_health_changed")) == judged


@pytest.mark.scenario(42)
def test_hung_process_is_detected_and_replaced(tmp_path: Path) -> None:
    impatient = {"supervisor": {"ping_interval_s": 0.3, "ping_timeout_s": 1.0}}
    with agents(tmp_path, 1, settings=impatient) as (agent,):
        for actor in ("gossip", "http", "light", "supervisor"):
            before = agent.process_id_of(actor)

            os.kill(before, signal.SIGSTOP)

            wait_until(
                lambda actor=actor, before=before: (  # type: ignore[misc]
                    agent.process_id_of(actor) not in {0, before} and agent.health()
                ),
                timeout_s=BACK_WITHIN_S,
                what=f"another process for {actor}",
            )


@pytest.mark.scenario(42)
def test_killed_agent_rejoins_at_its_next_start_and_the_cluster_is_whole_again(
    cluster: list[Agent],
) -> None:
    victim, *others = cluster
    process: Process = victim.process

    process.kill()
    wait_until(lambda: not victim.process_ids(), timeout_s=2, what="its actors to end with it")
    assert all(other.process.is_running for other in others)
    victim.start()

    for agent in cluster:
        wait_until(lambda: is_whole(agent), timeout_s=15, what=lambda: f"{agent.health()}")  # noqa: B023
    assert victim.events("agent_started")[-1]["duration_s"] < 5


def ends_of(actor: str, agent: Agent) -> list[dict[str, Any]]:
    """Return what was logged of the ends of an actor."""
    events = [*agent.events("actor_exited"), *agent.events("actor_given_up")]
    return [event for event in events if event["name"] == actor]


def test_actor_that_keeps_failing_is_given_up_with_an_error_while_the_others_work(
    tmp_path: Path,
) -> None:
    restless = {"supervisor": {"backoff_min_s": 0.05, "intensity_count_max": 3}}
    with agents(tmp_path, 1, settings=restless) as (agent,):
        for exits in range(1, 5):
            wait_until(lambda: agent.process_id_of("admin"), timeout_s=5, what="the admin actor")
            os.kill(agent.process_id_of("admin"), signal.SIGKILL)
            wait_until(
                lambda exits=exits: (  # type: ignore[misc]
                    len(ends_of("admin", agent)) == exits
                ),
                timeout_s=5,
                what="its end to be told",
            )

        given_up = ends_of("admin", agent)[-1]
        assert given_up["event"] == "actor_given_up"
        assert given_up["again_in_s"] == pytest.approx(5)
        assert agent.health()["members_alive"] == 1


def test_agent_ends_with_code_1_when_an_essential_actor_stays_down(tmp_path: Path) -> None:
    quickly = {
        "supervisor": {
            "backoff_min_s": 0.05,
            "intensity_count_max": 1,
            "retry_min_s": 1.0,
            "essential_down_timeout_s": 1.5,
        }
    }
    with agents(tmp_path, 1, settings=quickly) as (agent,):
        deadline_s = time.monotonic() + 15
        while agent.process.is_running and time.monotonic() < deadline_s:
            if process_id := agent.process_id_of("gossip"):
                os.kill(process_id, signal.SIGKILL)
            time.sleep(0.02)

        assert agent.process.returncode == 1
        assert agent.process_ids() == []
        (given_up,) = agent.events("agent_given_up")
        assert "gossip has been down for" in given_up["why"]
        assert agent.events("agent_stopped")[-1]["unended"] == []

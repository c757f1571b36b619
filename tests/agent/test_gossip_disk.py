"""A node with a full data directory stays a member, and recovers once there is space."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from rigs.agents import Agent, agents
from rigs.processes import wait_until
from rigs.small_disk import fill, small_disk

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(180)]

WHOLE_WITHIN_S = 10.0


def report(agent: Agent, command: str) -> dict[str, Any]:
    done = agent.run_command(command, "--json")
    return dict(json.loads(done.stdout)) if done.stdout else {}


def states(agent: Agent) -> dict[str, str]:
    return {row["node"]: row["state"] for row in report(agent, "nodes").get("nodes", ())}


def gossip_problems(agent: Agent) -> list[str]:
    return [text for text in report(agent, "status").get("degraded", ()) if "gossip" in text]


def incarnation_at(agent: Agent) -> int:
    return int(json.loads((agent.data_dir / "gossip.json").read_text())["incarnation"])


@pytest.mark.needs("mount")
def test_node_with_a_full_disk_stays_a_member_through_kills_joins_and_a_restart(
    tmp_path: Path,
) -> None:
    with contextlib.ExitStack() as stack, agents(tmp_path, 3, start=False) as nodes:
        alpha, beta, gamma = nodes
        stack.enter_context(small_disk(beta.data_dir))
        stack.callback(beta.stop)
        for agent in (alpha, beta):
            agent.start()
        alpha.wait_for_members(alive=2)
        filler = fill(beta.data_dir)

        # The gossip actor is killed.
        os.kill(beta.process_id_of("gossip"), signal.SIGKILL)
        wait_until(lambda: bool(gossip_problems(beta)), timeout_s=15, what="beta to report it")
        (problem,) = gossip_problems(beta)
        assert "full" in problem
        assert str(beta.data_dir) in problem

        # Another node joins.
        gamma.start()
        for agent in nodes:
            agent.wait_for_members(alive=3)

        # The agent is restarted.
        assert beta.stop() == 0
        beta.start()
        for agent in nodes:
            agent.wait_for_members(alive=3)
        time.sleep(5)
        assert set(states(alpha).values()) == {"alive"}
        assert len(beta.events("gossip_not_saved")) == 2  # once in each life of the actor

        filler.unlink()
        wait_until(
            lambda: not gossip_problems(beta) and report(beta, "status").get("nodes_alive") == 3,
            timeout_s=WHOLE_WITHIN_S,
            what=lambda: f"beta to be whole: {report(beta, 'status')}",
        )
        before = incarnation_at(beta)
        os.kill(beta.process_id_of("gossip"), signal.SIGKILL)
        wait_until(lambda: incarnation_at(beta) > before, timeout_s=10, what="a higher incarnation")
        for agent in nodes:
            agent.wait_for_members(alive=3)
        assert all(not agent.events("actor_given_up") for agent in nodes)

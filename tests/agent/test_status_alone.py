"""A whole agent whose gossip stays down: the operator learns what is wrong, and keeps the rest."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from rigs.agents import Agent, agents
from rigs.processes import wait_until
from rigs.raft_lab import lease_holders

pytestmark = [pytest.mark.integration, pytest.mark.slow]

SLOW = {
    "backoff_min_s": 0.05,
    "intensity_count_max": 1,
    "retry_min_s": 50.0,
    "essential_down_timeout_s": 300.0,
}


def document(agent: Agent, command: str, code: int) -> dict[str, Any]:
    ran = agent.run_command(command, "--json")
    assert (ran.returncode, ran.stderr) == (code, ""), ran.stdout
    return dict(json.loads(ran.stdout))


def kill(agent: Agent, actor: str) -> int:
    before = agent.process_id_of(actor)
    os.kill(before, signal.SIGKILL)
    return before


def give_up(agent: Agent, actor: str) -> None:
    """Kill `actor` until it has reached the restart limit."""
    before = kill(agent, actor)
    wait_until(
        lambda: agent.process_id_of(actor) not in {0, before}, timeout_s=5, what="its restart"
    )
    kill(agent, actor)
    wait_until(lambda: agent.events("actor_given_up"), timeout_s=5, what="the restart limit")


def test_status_names_the_actor_that_failed_and_when_it_is_tried_again(tmp_path: Path) -> None:
    settings = {"supervisor": SLOW, "raft": {"bootstrap_expect": 1}}
    with agents(tmp_path, 1, settings=settings) as (agent,):
        wait_until(
            lambda: lease_holders(agent) == {"lb-leader": "alpha"}, timeout_s=15, what="the lease"
        )
        give_up(agent, "gossip")

        stale = document(agent, "status", 2)
        leases = document(agent, "leases", 0)
        before = kill(agent, "admin")
        wait_until(
            lambda: agent.process_id_of("admin") not in {0, before}, timeout_s=5, what="admin"
        )
        alone = document(agent, "status", 2)
        table = agent.run_command("status").stdout
        nodes = agent.run_command("nodes")

    assert stale["is_cluster_known"]
    assert stale["degraded"][0].startswith("alpha knows the cluster as it was ")
    assert {lease["holder"] for lease in leases["leases"]} == {"alpha"}
    assert not alone["is_cluster_known"]
    cluster, gossip, *_ = alone["degraded"]
    assert cluster == "alpha does not know the cluster: its gossip actor is not running"
    assert gossip.startswith(
        "actor gossip on alpha keeps failing and is restarted slowly: its process ended; down for "
    )
    assert "next try in 4" in gossip
    assert table.startswith("degraded: the cluster is not known (as alpha sees it)\n")
    assert (nodes.returncode, nodes.stdout) == (1, "")
    assert "its gossip actor is not running" in nodes.stderr

"""Nodes are cut off for longer than TCP likes, and find each other again soon after."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rigs.agents import Agent, agents_on
from rigs.fixtures import MakeHosts
from rigs.netns import Network
from rigs.processes import wait_until

pytestmark = [
    pytest.mark.integration,
    pytest.mark.slow,
    pytest.mark.needs("netns"),
]

CUT_S = 12.0
HEALED_WITHIN_S = 15.0


@pytest.fixture
def cluster(make_hosts: MakeHosts, tmp_path: Path) -> Iterator[tuple[Network, list[Agent]]]:
    """Three agents, each in a host of its own."""
    hosts = make_hosts(3)
    with agents_on(hosts, tmp_path) as made:
        yield hosts, made


def status(agent: Agent) -> dict[str, Any]:
    """Return what the operator's command says on that node."""
    done = subprocess.run(
        agent.command("status", "--json"), capture_output=True, text=True, timeout=20, check=False
    )
    return dict(json.loads(done.stdout)) if done.stdout else {"error": done.stderr}


def test_cut_off_node_is_told_of_and_answers_again_soon_after_the_cut_is_healed(
    cluster: tuple[Network, list[Agent]],
) -> None:
    hosts, nodes = cluster
    wait_until(lambda: len(status(nodes[0]).get("nodes", ())) == 3, timeout_s=10, what="answers")

    hosts.cut(hosts[2])
    cut_s = time.monotonic()
    wait_until(
        lambda: any("gamma is dead" in problem for problem in status(nodes[0])["degraded"]),
        timeout_s=CUT_S,
        what=lambda: f"gamma to be dead: {status(nodes[0])['degraded']}",
    )
    time.sleep(max(0.0, CUT_S - (time.monotonic() - cut_s)))
    hosts.heal()

    wait_until(
        lambda: all(len(status(agent).get("nodes", ())) == 3 for agent in nodes),
        timeout_s=HEALED_WITHIN_S,
        what=lambda: f"all to answer again: {[status(agent) for agent in nodes]}",
    )
    assert all(status(agent)["unanswered"] == [] for agent in nodes)

"""Real agents leave, return, meet a second node of their name, and are partitioned."""

from __future__ import annotations

import contextlib
import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rigs.agents import Agent, agents, agents_on
from rigs.fixtures import MakeHosts
from rigs.loopback import loopback_addresses
from rigs.netns import Network
from rigs.processes import wait_until

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(180)]

SPLIT_S = 45.0  # longer than `dead_gossip_s`; a simulation covers ten minutes
EQUAL_WITHIN_S = 35.0
STAYS_S = 10.0


def report(agent: Agent, command: str) -> dict[str, Any]:
    """Return the output of `constellation COMMAND --json` at that node."""
    done = subprocess.run(
        agent.command(command, "--json"), capture_output=True, text=True, timeout=20, check=False
    )
    assert done.stdout, done.stderr
    return dict(json.loads(done.stdout))


def states(agent: Agent) -> dict[str, str]:
    return {row["node"]: row["state"] for row in report(agent, "nodes")["nodes"]}


def services(agent: Agent) -> set[tuple[str, str]]:
    rows = report(agent, "services")["services"]
    return {(row["service"], row["node"]) for row in rows}


def watching(*names: str) -> dict[str, Any]:
    """Return settings with services of those names, at an address where nothing listens."""
    found = [{"name": name, "address": "127.0.0.1:9"} for name in names]
    return {"static_services": found}


@pytest.fixture
def three(tmp_path: Path) -> Iterator[list[Agent]]:
    with agents(tmp_path, 3, settings=[watching("a"), watching("b"), watching("c")]) as made:
        yield made


@pytest.mark.scenario(18)
def test_leave_is_not_a_failure_and_a_restart_wins(three: list[Agent]) -> None:
    alpha, beta, gamma = three

    assert gamma.stop() == 0

    wait_until(
        lambda: states(alpha)["gamma"] == states(beta)["gamma"] == "left",
        timeout_s=5,
        what="gamma to have left",
    )
    time.sleep(3)  # long enough to suspect a failure
    assert not [text for text in report(alpha, "status")["degraded"] if "gamma" in text]
    for agent in (alpha, beta):
        assert agent.events("member_failed") == []
        assert [one["member"] for one in agent.events("member_left")] == ["gamma"]

    gamma.configure({**gamma.settings, **watching("d")})
    gamma.start()
    everything = {("a", "alpha"), ("b", "beta"), ("d", "gamma")}
    wait_until(
        lambda: all(services(agent) == everything for agent in three),
        timeout_s=20,
        what=lambda: f"what gamma says now: {[services(agent) for agent in three]}",
    )

    # Killed and restarted before it is declared dead: the records of its new life win.
    gamma.process.kill()
    gamma.configure({**gamma.settings, **watching("e")})
    gamma.start()
    everything = {("a", "alpha"), ("b", "beta"), ("e", "gamma")}
    wait_until(
        lambda: all(services(agent) == everything for agent in three),
        timeout_s=20,
        what=lambda: f"what gamma says now: {[services(agent) for agent in three]}",
    )
    assert set(states(alpha).values()) == {"alive"}


@pytest.mark.scenario(18)
def test_second_node_of_a_name_is_refused_and_reports_it(
    three: list[Agent], tmp_path: Path
) -> None:
    alpha, beta, _ = three
    (address,) = loopback_addresses(1)
    twin = Agent(tmp_path / "twin", "beta", address, {**alpha.settings, **watching("evil")})
    with contextlib.ExitStack() as stack:
        stack.callback(twin.stop)
        twin.start()
        wait_until(
            lambda: any(
                "another node" in text and "node_name" in text
                for text in report(twin, "status")["degraded"]
            ),
            timeout_s=20,
            what=lambda: f"the twin to know: {report(twin, 'status')['degraded']}",
        )
        time.sleep(3)

        for agent in three:
            assert services(agent) == {("a", "alpha"), ("b", "beta"), ("c", "gamma")}
            assert agent.events("member_failed") == []
        rows = {row["node"]: row for row in report(alpha, "nodes")["nodes"]}
        assert (rows["beta"]["state"], rows["beta"]["address"]) == ("alive", beta.address)


@pytest.fixture
def halves(make_hosts: MakeHosts, tmp_path: Path) -> Iterator[tuple[Network, list[Agent]]]:
    """Four agents, each on its own host."""
    hosts = make_hosts(4)
    with agents_on(hosts, tmp_path, watching("keep", "drop")) as made:
        yield hosts, made


@pytest.mark.needs("netns")
@pytest.mark.scenario(19)
def test_halves_agree_soon_after_a_partition_and_no_removed_record_returns(
    halves: tuple[Network, list[Agent]],
) -> None:
    hosts, nodes = halves
    names = {agent.name for agent in nodes}
    everything = {(service, name) for service in ("keep", "drop") for name in names}
    wait_until(
        lambda: all(services(agent) == everything for agent in nodes),
        timeout_s=20,
        what="all services to be known to all",
    )

    split_s = time.monotonic()
    hosts.cut_between(hosts[:2], hosts[2:])
    wait_until(
        lambda: all(
            sorted(states(agent).values()) == ["alive", "alive", "dead", "dead"] for agent in nodes
        ),
        timeout_s=30,
        what=lambda: f"both halves to notice: {[states(agent) for agent in nodes]}",
    )
    # One node of each half removes a service, and one of them adds one.
    for agent, now in ((nodes[0], ("keep",)), (nodes[3], ("keep", "new"))):
        agent.stop()
        agent.configure({**agent.settings, **watching(*now)})
        agent.start()
    time.sleep(max(0.0, SPLIT_S - (time.monotonic() - split_s)))
    hosts.heal()

    everything -= {("drop", nodes[0].name), ("drop", nodes[3].name)}
    everything |= {("new", nodes[3].name)}
    alive = dict.fromkeys(names, "alive")
    wait_until(
        lambda: all(services(agent) == everything and states(agent) == alive for agent in nodes),
        timeout_s=EQUAL_WITHIN_S,
        what=lambda: f"equal state: {[services(agent) ^ everything for agent in nodes]}",
    )
    end_s = time.monotonic() + STAYS_S
    while time.monotonic() < end_s:
        assert all(services(agent) == everything for agent in nodes)

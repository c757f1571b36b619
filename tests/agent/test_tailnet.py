"""Agents on a real tailnet, with Headscale: they meet, and report what is wrong with it."""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from rigs.agents import NAMES, Agent
from rigs.availability import ComponentUnavailableError
from rigs.needs import give_up
from rigs.processes import wait_until
from rigs.tailnet import Tailnet, tailnet

pytestmark = [
    pytest.mark.integration,
    pytest.mark.slow,
    pytest.mark.needs("tailnet"),
    pytest.mark.timeout(240),
]

TAG = "tag:constellation"
CRASH_KNOWN_WITHIN_S = 9.0


class Lab:
    """Three machines with an agent each, which have nothing but the cluster key."""

    def __init__(self, net: Tailnet, directory: Path) -> None:
        self.net = net
        shared = {
            "bind_address": "tailscale",
            "cluster_key": token_hex(32),
            "docker": {"enabled": False},
        }
        self.agents = [
            Agent(
                directory,
                name,
                "",
                {
                    **shared,
                    "http": {"bind_address": "127.0.0.1"},
                    "tailscale": {"socket": str(machine.socket), "refresh_interval_s": 0.5},
                },
                prefix=machine.host.command([]),
            )
            for name, machine in zip(NAMES, net.machines, strict=False)
        ]

    def status(self, agent: Agent) -> dict[str, Any]:
        """Return what the operator's command says on that machine."""
        done = subprocess.run(
            [*agent.prefix, *agent.command("status", "--json")],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        return dict(json.loads(done.stdout)) if done.stdout else {"error": done.stderr}

    def alive(self, agent: Agent) -> object:
        return self.status(agent).get("nodes_alive")

    def degraded(self, agent: Agent) -> str:
        return "\n".join(self.status(agent).get("degraded", ()))

    def metric(self, agent: Agent, name: str, **labels: str) -> float | None:
        """Return a sample of the agent's metrics, which are on the machine's own loopback."""
        url = "http://127.0.0.1:8081/metrics"
        done = subprocess.run(
            [*agent.prefix, "busybox", "wget", "-q", "-O", "-", url],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        return sample(done.stdout, f"constellation_tailscale_{name}", labels)


def sample(page: str, name: str, labels: dict[str, str]) -> float | None:
    """Return the first sample of that name with those labels."""
    for family in text_string_to_metric_families(page):
        for one in family.samples:
            if one.name == name and labels.items() <= one.labels.items():
                return float(one.value)
    return None


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with contextlib.ExitStack() as stack:
        try:
            net = stack.enter_context(tailnet(tmp_path, 3))
        except ComponentUnavailableError as error:
            give_up("tailnet", str(error))
        made = Lab(net, tmp_path / "agents")
        for agent in made.agents:
            stack.callback(agent.stop)
        yield made


def wait_for_alive(lab: Lab, count: int) -> None:
    for agent in lab.agents:
        wait_until(
            lambda: lab.alive(agent) == count,  # noqa: B023
            timeout_s=30,
            what=lambda: f"{count} living nodes: {lab.status(agent)}",  # noqa: B023
        )


def wait_for_state(lab: Lab, agent: Agent, state: str) -> None:
    wait_until(
        lambda: lab.metric(agent, "state", state=state) == 1,
        timeout_s=30,
        what=f"Tailscale to be {state} on {agent.name}",
    )


def test_agents_meet_on_a_tailnet_and_report_its_failures(lab: Lab) -> None:
    key = lab.net.new_key(tags=(TAG,))
    first, second, third = lab.net.machines
    # One starts before its machine is in the tailnet at all.
    waiting = lab.agents[0]
    waiting.start(wait=False)
    waiting.process.wait_for(
        lambda: waiting.events("tailnet_address_awaited"), timeout_s=20, what="it to say so"
    )
    for machine in (first, second, third):
        machine.up(key)
    waiting.process.wait_for_line("agent_started", timeout_s=30)
    for agent in lab.agents[1:]:
        agent.start()
    wait_for_alive(lab, 3)
    assert all(lab.degraded(agent) == "" for agent in lab.agents)
    for agent in lab.agents:
        wait_until(
            lambda: lab.metric(agent, "seeds") == 2,  # noqa: B023
            timeout_s=10,
            what=lambda: f"two seeds of {agent.name}: {lab.metric(agent, 'seeds')}",  # noqa: B023
        )

    # A crash is a crash here too.
    lab.agents[2].process.kill()
    wait_until(
        lambda: "gamma is dead" in lab.degraded(lab.agents[0]),
        timeout_s=CRASH_KNOWN_WITHIN_S + 3,  # and what two questions take
        what="gamma to be dead",
    )
    lab.agents[2].start()
    wait_for_alive(lab, 3)

    # A key that expires, and is renewed, with another address.
    lab.net.expire(third)
    wait_for_state(lab, lab.agents[2], "key_expired")
    assert "tailscale on gamma does not work: this machine's key has expired" in lab.degraded(
        lab.agents[2]
    )
    third.up(key, "--force-reauth")
    wait_for_state(lab, lab.agents[2], "address_changed")
    lab.agents[2].stop()
    lab.agents[2].start()  # bound to the new address
    wait_for_alive(lab, 3)
    # It is refused until its earlier life at the old address is known to be gone.
    wait_until(
        lambda: all(lab.degraded(agent) == "" for agent in lab.agents),
        timeout_s=40,
        what=lambda: f"all to be well: {[lab.degraded(agent) for agent in lab.agents]}",
    )

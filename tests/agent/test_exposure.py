"""What is reachable of an agent from outside, and what it does without the cluster key."""

from __future__ import annotations

import contextlib
import re
import socket
import struct
from collections.abc import Iterator
from pathlib import Path
from secrets import token_bytes, token_hex

import pytest

from actors.operator_client import ask_agent
from constellation.errors import AdapterError
from constellation.settings.agent import Settings
from messages.admin import StatusRequest
from rigs.agents import ACTOR_PORT, GOSSIP_PORT, HTTP_PORT, Agent, agents
from rigs.fixtures import MakeHosts
from rigs.netns import INTERFACE
from rigs.processes import wait_until

pytestmark = [pytest.mark.integration, pytest.mark.slow]


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Agent]:
    with agents(tmp_path, 1) as (made,):
        yield made


def pickle_that_runs(command: str) -> bytes:
    """Return a pickle of protocol 0 by whose decoding a shell runs `command`."""
    return f"cposix\nsystem\n(S'{command}'\ntR.".encode()


def metric(agent: Agent, name: str, **labels: str) -> float:
    """Return the sum of a metric's samples that carry all of `labels`."""
    _, page = agent.get("/metrics")
    wanted = [f'{label}="{value}"' for label, value in labels.items()]
    return sum(
        float(line.rsplit(" ", 1)[1])
        for line in page.decode().splitlines()
        if re.match(rf"{name}[ {{]", line) and all(one in line for one in wanted)
    )


def refused(agent: Agent, reason: str) -> float:
    return metric(agent, "constellation_transport_refused_total", reason=reason)


@pytest.mark.scenario(44)
@pytest.mark.parametrize("frames", [False, True], ids=["bare", "in a frame"])
def test_pickle_sent_to_the_actor_port_is_not_decoded_and_is_counted(
    agent: Agent, tmp_path: Path, frames: bool
) -> None:
    trophy = tmp_path / "decoded"
    attack = pickle_that_runs(f"touch {trophy}")
    if frames:
        attack = struct.pack(">I", len(attack)) + attack

    with socket.create_connection((agent.address, ACTOR_PORT), timeout=5) as raw:
        raw.sendall(attack)
        raw.settimeout(5)
        with contextlib.suppress(ConnectionResetError):
            while raw.recv(4096):
                pass  # the greeting, then the end: it hangs up

    wait_until(
        lambda: refused(agent, "unauthenticated") + refused(agent, "oversized") == 1,
        timeout_s=5,
        what=lambda: "the counter to go up",
    )
    assert not trophy.exists()
    assert agent.health()["members_alive"] == 1


@pytest.mark.scenario(44)
def test_garbage_on_the_gossip_port_is_dropped_and_counted(agent: Agent) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as raw:
        for size in (1, 13, 200, 1200):
            raw.sendto(token_bytes(size), (agent.address, GOSSIP_PORT))

    wait_until(
        lambda: metric(agent, "constellation_gossip_dropped_total") == 4,
        timeout_s=5,
        what="four drops to be counted",
    )
    assert agent.health()["members_alive"] == 1


@pytest.mark.scenario(44)
def test_command_with_another_key_is_refused_with_the_reason(agent: Agent, tmp_path: Path) -> None:
    settings = Settings(
        node_name="operator", data_dir=str(tmp_path / "none"), bind_address=agent.address,
        cluster_key=token_hex(32),
    )  # fmt: skip

    with pytest.raises(AdapterError, match="cluster_key"):
        ask_agent(settings, token_hex(32).encode(), StatusRequest(), timeout_s=5)

    wait_until(lambda: refused(agent, "unauthenticated") == 1, timeout_s=5, what="the counter")


@pytest.mark.scenario(44)
@pytest.mark.needs("netns")
def test_agent_listens_on_its_tailnet_address_and_on_loopback_only(
    make_hosts: MakeHosts, tmp_path: Path
) -> None:
    (host,) = make_hosts(1)
    lan_address = "192.0.2.7"  # TEST-NET-1, RFC 5737
    host.run(["ip", "addr", "add", f"{lan_address}/24", "dev", INTERFACE])
    settings = {"cluster_key": token_hex(32), "docker": {"enabled": False}}
    agent = Agent(tmp_path, "alpha", host.address, settings, prefix=host.command([]))
    try:
        agent.start()

        listening = host.run(["ss", "-Hlntu"]).splitlines()
        reached = [line.split()[4].rpartition(":") for line in listening]
        assert {address for address, _, _ in reached} == {host.address}
        assert {int(port) for _, _, port in reached} == {GOSSIP_PORT, ACTOR_PORT, HTTP_PORT}
        for port in (GOSSIP_PORT, ACTOR_PORT, HTTP_PORT):
            with socket.socket() as probe:
                assert probe.connect_ex((host.address, port)) == 0
            probe_lan = (
                f"import socket; print(socket.socket().connect_ex(('{lan_address}', {port})))"
            )
            assert host.run(["python3", "-c", probe_lan]).strip() != "0"
    finally:
        agent.stop()

"""A real Serf agent and our member in one pool: each sees the other live, die and leave."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest

from actors.adapters.gossip_transport import GossipTransport
from constellation.gossip.datagram import GossipEnvelope
from constellation.gossip.gossip_node import GossipNode
from constellation.gossip.member import Address
from constellation.gossip.outbox import OpenPushPull
from constellation.gossip.policy import GossipPolicy, SwimPolicy
from constellation.gossip.security import Keyring, derive_gossip_key
from messages.gossip import RecordPublish
from messages.monitor import ServiceState
from tests.gossip.serf_guest import SERF_VERSIONS, leave_intent
from tests.identities import identity_of

SERF = shutil.which("serf") or ""
WEB = ServiceState(service="web", health="healthy", source="static", instance="x")
KEY = derive_gossip_key(b"a key for this test only")

pytestmark = [
    pytest.mark.integration,
    pytest.mark.needs("serf"),
    pytest.mark.scenario(22),
    pytest.mark.skipif(not SERF, reason="serf is not installed: apt-get install serf"),
]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class SerfAgent:
    def __init__(self, keys: tuple[bytes, ...], log_file: Path) -> None:
        self.log_file = log_file
        self.address = Address("127.0.0.1", free_port())
        self.rpc = f"127.0.0.1:{free_port()}"
        command = [SERF, "agent", "-node=serf", f"-bind={self.address}", f"-rpc-addr={self.rpc}"]
        if keys:
            command.append(f"-encrypt={base64.b64encode(keys[0]).decode()}")
        with log_file.open("w") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)

    def members(self) -> dict[str, str]:
        command = [SERF, "members", "-format=json", f"-rpc-addr={self.rpc}"]
        done = subprocess.run(command, capture_output=True, check=False, timeout=10)
        if done.returncode:
            return {}
        return {row["name"]: row["status"] for row in json.loads(done.stdout)["members"]}

    def kill(self) -> None:
        if self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()


@pytest.fixture(params=[(), (KEY,)], ids=["plain", "encrypted"])
def serf(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[SerfAgent, Keyring]]:
    agent = SerfAgent(request.param, tmp_path / "serf.log")
    deadline_s = time.monotonic() + 10
    while not agent.members():
        assert time.monotonic() < deadline_s, "serf did not start within 10 s"
        time.sleep(0.1)
    yield agent, Keyring(request.param)
    agent.kill()


async def join(
    agent: SerfAgent, keyring: Keyring, port: int, *, name: str = "ours", records: bool = False
) -> GossipTransport:
    now_s = asyncio.get_running_loop().time()
    node = GossipNode(
        identity=identity_of(name),
        address=Address("127.0.0.1", port),
        policy=GossipPolicy(SwimPolicy(versions=SERF_VERSIONS), records=records),
        random=Random(1),
        incarnation=1,
        now_s=now_s,
    )
    node.set_seeds((agent.address,))
    transport = GossipTransport(
        node,
        GossipEnvelope(keyring),
        tcp_timeout_s=5.0,
        observe=lambda effect: None,
        stepped=lambda: None,
    )
    await transport.open_sockets(node.address)
    transport.perform(node.start(now_s))
    return transport


async def reached(condition: Callable[[], bool], timeout_s: float) -> bool:
    deadline_s = time.monotonic() + timeout_s
    while not await asyncio.to_thread(condition):
        if time.monotonic() > deadline_s:
            return False
        await asyncio.sleep(0.1)
    return True


def state_of_serf(transport: GossipTransport) -> str:
    member = transport.node.swim.members.get("serf")
    return member.state if member else "unknown"


def test_our_member_lives_and_leaves_in_a_serf_pool(serf: tuple[SerfAgent, Keyring]) -> None:
    agent, keyring = serf

    async def story() -> None:
        transport = await join(agent, keyring, free_port())
        node, loop = transport.node, asyncio.get_running_loop()
        both = {"serf": "alive", "ours": "alive"}
        assert await reached(lambda: agent.members() == both, 10)
        assert state_of_serf(transport) == "alive"

        await asyncio.sleep(8)  # longer than an unanswered probe and its suspicion
        assert agent.members() == both
        assert state_of_serf(transport) == "alive"
        assert node.swim.prober.awareness.score == 0
        assert not transport.drops

        node.swim.broadcast("leave", leave_intent("ours", 100))
        transport.perform(node.swim.end_step(loop.time()))
        assert await reached(lambda: agent.members().get("ours") == "leaving", 5)
        transport.perform(node.leave(loop.time()))
        assert await reached(lambda: node.has_left, 5)
        assert await reached(lambda: agent.members().get("ours") == "left", 5)
        await transport.close_sockets()

    asyncio.run(story())


def test_a_death_is_seen_from_both_sides(serf: tuple[SerfAgent, Keyring]) -> None:
    agent, keyring = serf

    port = free_port()

    async def story() -> None:
        transport = await join(agent, keyring, port)
        assert await reached(lambda: agent.members().get("ours") == "alive", 10)

        await transport.close_sockets()
        assert await reached(lambda: agent.members().get("ours") == "failed", 15)

        transport = await join(agent, keyring, port)
        assert await reached(lambda: agent.members().get("ours") == "alive", 15)
        agent.kill()
        assert await reached(lambda: state_of_serf(transport) == "dead", 15)
        await transport.close_sockets()

    asyncio.run(story())


def test_nodes_exchange_records_in_a_serf_pool_and_serf_receives_none(
    serf: tuple[SerfAgent, Keyring],
) -> None:
    agent, keyring = serf

    async def story() -> None:
        loop = asyncio.get_running_loop()
        first = await join(agent, keyring, free_port(), records=True)
        first.perform(first.node.publish(RecordPublish(service_states=(WEB,)), loop.time()))
        second = await join(agent, keyring, free_port(), name="also ours", records=True)
        all_alive = {"serf": "alive", "ours": "alive", "also ours": "alive"}
        assert await reached(lambda: agent.members() == all_alive, 10)
        await asyncio.sleep(1)  # time for all broadcasts, to Serf as well
        later = WEB.model_copy(update={"service": "later"})
        first.perform(first.node.publish(RecordPublish(service_states=(later,)), loop.time()))

        def known() -> set[str]:
            return {stored.record.key for stored in second.node.state.table}

        assert await reached(lambda: "later" in known(), 5)
        # A push/pull brings what was broadcast before it joined.
        second.perform([OpenPushPull(first.node.address, join=False)])
        assert await reached(lambda: known() == {"web", "later"}, 5)
        second.perform([OpenPushPull(agent.address, join=False)])
        await asyncio.sleep(1)
        assert state_of_serf(second) == "alive"
        assert not second.drops
        for transport in (first, second):
            await transport.close_sockets()

    asyncio.run(story())
    log = agent.log_file.read_text()
    assert "unknown type" not in log
    # They learn only afterwards what kind of member they joined through.
    assert log.count("[ERR]") == log.count("bad type prefix: 67") <= 2, log

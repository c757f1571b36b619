"""What is wrong between nodes is in `status` on every node: twins, copies, other keys, lost UDP."""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from itertools import cycle, product
from pathlib import Path
from secrets import token_bytes, token_hex
from typing import Any

import pytest

from constellation.gossip.datagram import GossipEnvelope
from constellation.gossip.record_codec import pack_records, sign_record
from constellation.gossip.security import Keyring, derive_gossip_key
from constellation.gossip.stream import UserStream, encode_stream, seal_stream
from messages.gossip import StateRecord
from messages.monitor import Label, ServiceState
from rigs import http_backend
from rigs.agents import GOSSIP_PORT, Agent, agents, agents_on
from rigs.availability import binary
from rigs.loopback import loopback_addresses
from rigs.netns import Network, network_hosts
from rigs.processes import Process, wait_until
from tests.identities import identity_of

pytestmark = [pytest.mark.integration, pytest.mark.slow]

WEB, BACKEND_PORT = "web.localhost", 8080
KNOWN_S = 2.0
FLOOD_S = 12.0
LABELS = tuple(Label(name=f"label-{number}", value="x" * 1000) for number in range(55))


def command(agent: Agent, *words: str) -> dict[str, Any]:
    done = subprocess.run(
        agent.command(*words, "--json"), capture_output=True, text=True, timeout=20, check=False
    )
    return dict(json.loads(done.stdout)) if done.stdout else {"error": done.stderr}


def problems(agent: Agent) -> str:
    """Return what the operator is told on that node."""
    return "\n".join(command(agent, "status").get("degraded", ["no answer"]))


def says(agent: Agent, *words: str, timeout_s: float = 40.0) -> None:
    """Wait until `status` on that node says all of it."""
    wait_until(
        lambda: all(word in problems(agent) for word in words),
        timeout_s=timeout_s,
        what=lambda: f"{words} in the status of {agent.name}: {problems(agent)}",
    )


def guest(like: Agent, directory: Path, name: str, **settings: Any) -> Agent:
    """Return another agent with the settings of `like`, which it takes for its seed."""
    (address,) = loopback_addresses(1)
    seeds = {"gossip": {"seeds": [f"{like.address}:{GOSSIP_PORT}"]}}
    return Agent(directory, name, address, {**like.settings, **seeds, **settings})


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[list[Agent]]:
    with agents(tmp_path, 3) as made:
        yield made


@pytest.mark.case("O14", "S9", "O10")
@pytest.mark.timeout(240)
def test_twin_copy_and_node_with_another_key_are_named_everywhere(
    cluster: list[Agent], tmp_path: Path
) -> None:
    alpha, beta, gamma = cluster
    twin = guest(alpha, tmp_path, "twin", node_name="beta")
    copy = guest(alpha, tmp_path, "copy", node_name="delta")
    shutil.copytree(
        gamma.data_dir, copy.data_dir, ignore=shutil.ignore_patterns("run", "agent.lock")
    )
    stranger = guest(alpha, tmp_path, "stranger", cluster_key=token_hex(32))
    others = [twin, copy, stranger]
    try:
        for one in others:
            one.start(wait=False)

        for agent in cluster:
            says(agent, "two nodes are called beta", twin.address, beta.address)
            says(agent, "delta has the identity of gamma", copy.address, gamma.address)
        says(stranger, f"{alpha.address} does not understand stranger", "cluster_key")
        assert "not a member" in problems(twin)
        assert f"gamma at {gamma.address}" in problems(copy)
        events = {one["what"] for one in command(alpha, "events")["events"]}
        assert "name_conflict" in events
        for agent in cluster:
            agent.wait_for_members(alive=3, timeout_s=2)
    finally:
        for one in others:
            one.stop()


# A service on beta, behind a firewall, and while someone with the gossip key floods all nodes.


class Watched:
    """Three agents on hosts of their own; beta watches a service that dies and comes back."""

    def __init__(self, hosts: Network, nodes: list[Agent], directory: Path) -> None:
        self.host, self.nodes = hosts[1], nodes
        self._log = directory / "web.log"
        self._service: Process | None = None

    def lives(self) -> None:
        command = (sys.executable, http_backend.__file__, "--name", "web")
        where = ("--host", self.host.address, "--port", str(BACKEND_PORT))
        self._service = self.host.start([*command, *where], log_file=self._log)
        for agent in self.nodes:
            agent.wait_for_servers(WEB, 1)

    def dies(self) -> None:
        """Kill it; its death must be known everywhere as soon as its own node knows it."""
        assert self._service is not None
        self._service.kill()
        alpha, beta, gamma = self.nodes
        beta.wait_for_servers(WEB, 0)
        since_s = time.monotonic()
        for agent in (alpha, gamma):
            agent.wait_for_servers(WEB, 0)
        took_s = time.monotonic() - since_s
        assert took_s < KNOWN_S, f"the death was known after {took_s:.1f} s"

    def drop_udp(self, *, drop: bool) -> None:
        rule = ["-A", "OUTPUT", "-p", "udp", "-j", "DROP"] if drop else ["-F", "OUTPUT"]
        self.host.run([binary("iptables"), *rule])


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    directory = tmp_path_factory.mktemp("watched")
    with network_hosts(3) as hosts:
        web = {"name": "web", "address": f"{hosts[1].address}:{BACKEND_PORT}"}
        settings: list[dict[str, Any]] = [{}, {"static_services": [web]}, {}]
        with agents_on(hosts, directory, settings) as nodes:
            yield Watched(hosts, nodes, directory)


@pytest.mark.case("S2")
@pytest.mark.needs("netns")
@pytest.mark.timeout(240)
def test_death_of_a_service_behind_a_firewall_without_udp_is_known_soon(watched: Watched) -> None:
    alpha = watched.nodes[0]
    watched.drop_udp(drop=True)
    for agent in watched.nodes:
        says(agent, "UDP does not pass between", "beta")

    watched.lives()
    watched.dies()

    watched.drop_udp(drop=False)
    wait_until(
        lambda: not any("UDP" in problems(agent) for agent in watched.nodes),
        timeout_s=20,
        what=lambda: f"UDP to pass again: {[problems(agent) for agent in watched.nodes]}",
    )
    events = {one["what"] for one in command(alpha, "events")["events"]}
    assert {"path_lost", "path_restored"} <= events


class Flood(threading.Thread):
    """Sends records of invented authors to all nodes, until it is ended."""

    def __init__(self, nodes: list[Agent]) -> None:
        super().__init__(daemon=True)
        key = derive_gossip_key(str(nodes[0].settings["cluster_key"]).encode())
        envelope = GossipEnvelope(Keyring((key,)))
        large = [[_lie(f"nobody-{n}-{m}", LABELS) for m in range(4)] for n in range(80)]
        small = [[_lie(f"tiny-{n}-{m}", ()) for m in range(50)] for n in range(10)]
        self._streams = [
            seal_stream(
                encode_stream(UserStream(pack_records(lies))), envelope, nonce=token_bytes(12)
            )
            for lies in (*large, *small)
        ]
        self._nodes = nodes
        self._over = threading.Event()
        self.sent = 0

    def run(self) -> None:
        for stream, agent in cycle(product(self._streams, self._nodes)):
            if self._over.is_set():
                return
            with contextlib.suppress(OSError):
                to = (agent.address, GOSSIP_PORT)
                with socket.create_connection(to, timeout=2) as connection:
                    connection.sendall(stream)
                self.sent += 1

    def end(self) -> None:
        self._over.set()
        self.join()


def _lie(author: str, labels: tuple[Label, ...]) -> bytes:
    value = ServiceState(
        service="x", health="healthy", source="static", instance="x", labels=labels
    )
    record = StateRecord(
        kind="service", node=author, key="x", incarnation=1, counter=1, service_state=value
    )
    return sign_record(record, identity_of(author)).encoded


@pytest.mark.case("S1")
@pytest.mark.needs("netns")
@pytest.mark.timeout(240)
def test_death_is_known_soon_while_a_holder_of_the_key_floods_all_nodes(watched: Watched) -> None:
    flood = Flood(watched.nodes)
    flood.start()
    try:
        until_s = time.monotonic() + FLOOD_S
        while time.monotonic() < until_s:
            watched.lives()
            watched.dies()
        for agent in watched.nodes:
            says(agent, "records of nodes that are no members are refused")
    finally:
        flood.end()
    assert flood.sent > 100
    watched.lives()
    watched.dies()

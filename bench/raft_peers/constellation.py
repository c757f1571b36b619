"""Ours: three whole agents, and a client that is another process, as an operator's command is.

A write is a command of the size of the peers', put to the leader's Raft actor by a message of the
actor system, and answered once it is committed and applied.  The state machine is the lease table,
which finds that the command is none of its own: the peers' stores do a little more there.
"""

from __future__ import annotations

import contextlib
import sys
import time
from pathlib import Path

from bench.raft_peers.cluster import (
    KEY_BYTES,
    MEMBERS,
    START_TIMEOUT_S,
    VALUE_BYTES,
    Sample,
)
from messages.raft_member import RaftCommitted, RaftPropose
from rigs.actor_client import ActorClient
from rigs.agents import agents, start_all
from rigs.raft_lab import client_of, wait_for_leader, wait_for_voters

COMMAND_BYTES = KEY_BYTES + VALUE_BYTES
ANSWER_TIMEOUT_S = 5.0


class Constellation:
    """Three agents with default settings, but that they begin a cluster of three."""

    name = "constellation"

    def __init__(self, directory: Path, *, program: str = "constellation.start") -> None:
        self._directory = directory / self.name
        self._program = program
        self._run = 0
        self._stack = contextlib.ExitStack()
        self._client: ActorClient | None = None
        self._number = 0

    def missing(self) -> str:
        """Nothing can be missing."""
        return ""

    def describe(self) -> str:
        """Return what is measured."""
        return (
            f"{MEMBERS} whole agents, Python {sys.version.split()[0]}, each batch synced once; "
            "the client is another process, on the leader's node"
        )

    def start(self) -> None:
        """Start the agents, and find out who leads."""
        self._run += 1
        settings = {"raft": {"bootstrap_expect": MEMBERS}}
        directory = self._directory / str(self._run)
        nodes = self._stack.enter_context(
            agents(directory, MEMBERS, settings=settings, start=False)
        )
        for agent in nodes:
            agent.program = self._program
        start_all(nodes)
        leader = wait_for_leader(nodes, timeout_s=START_TIMEOUT_S)
        wait_for_voters(nodes, [agent.name for agent in nodes])
        self._client = self._stack.enter_context(client_of(leader))

    @property
    def leader(self) -> str:
        """The address of the node that leads."""
        assert self._client is not None, "started"
        return self._client.host

    def write_one(self) -> None:
        """Write, and return once it is committed."""
        self.measure(1, 0.0)

    def measure(self, in_flight: int, seconds: float) -> Sample:
        """Keep so many proposals open."""
        client = self._client
        assert client is not None, "started"
        sent_at_s: dict[int, float] = {}
        latencies_s: list[float] = []
        begun_s = time.perf_counter()
        for _ in range(in_flight):
            self._propose(client, sent_at_s)
        while sent_at_s:
            answers = [client.receive(ANSWER_TIMEOUT_S)]
            while client.has_received:
                answers.append(client.receive(0.0))
            now_s = time.perf_counter()
            with client.reactor.sending_together():
                for answer in answers:
                    if not isinstance(answer, RaftCommitted):
                        raise SystemExit(f"a write of ours failed: {answer!r}")
                    latencies_s.append(now_s - sent_at_s.pop(answer.number))
                    if now_s - begun_s < seconds:
                        self._propose(client, sent_at_s)
        return Sample(time.perf_counter() - begun_s, tuple(latencies_s))

    def _propose(self, client: ActorClient, sent_at_s: dict[int, float]) -> None:
        self._number += 1
        command = f"{self._number:0{KEY_BYTES}}".encode() + b"v" * VALUE_BYTES
        sent_at_s[self._number] = time.perf_counter()
        client.send("raft", RaftPropose(commands=(command,), number=self._number))

    def stop(self) -> None:
        """End the agents."""
        self._client = None
        self._stack.close()

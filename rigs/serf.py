"""A real Serf agent on loopback, which uses HashiCorp memberlist."""

from __future__ import annotations

import base64
import contextlib
import json
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from rigs.availability import binary
from rigs.ports import free_port
from rigs.processes import Process, assert_nothing_left, wait_until


class SerfAgent:
    """A running agent.  The states of members are Serf's: alive, leaving, left, failed."""

    def __init__(self, process: Process, name: str, host: str, ports: tuple[int, int]) -> None:
        self.process = process
        self.name = name
        self.host = host
        self.port, self.rpc_port = ports

    @property
    def address(self) -> str:
        """Where other members reach it, host:port."""
        return f"{self.host}:{self.port}"

    def members(self) -> dict[str, str]:
        """Return the state of each member by name; empty if the agent does not answer."""
        said = self._command("members", "-format=json", check=False)
        if not said:
            return {}
        return {row["name"]: row["status"] for row in json.loads(said)["members"] or ()}

    def wait_for_member(self, name: str, state: str, *, timeout_s: float = 15.0) -> None:
        """Return as soon as the agent sees `name` in `state`."""
        wait_until(
            lambda: self.members().get(name) == state,
            timeout_s=timeout_s,
            what=lambda: f"{name} {state} at {self.name}; its members are {self.members()}",
        )

    def join(self, address: str) -> None:
        """Join the pool through the member at host:port."""
        self._command("join", address)

    def leave(self) -> None:
        """Leave the pool; the agent exits."""
        self._command("leave")

    def kill(self) -> None:
        """Kill it, as a crash does."""
        self.process.kill()

    def _command(self, verb: str, *arguments: str, check: bool = True) -> str:
        done = subprocess.run(
            [binary("serf"), verb, f"-rpc-addr={self.host}:{self.rpc_port}", *arguments],
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
        assert not (check and done.returncode), f"serf {verb}: {done.stdout}{done.stderr}"
        return "" if done.returncode else done.stdout


@contextlib.contextmanager
def serf_agent(
    directory: Path,
    *,
    name: str = "serf",
    host: str = "127.0.0.1",
    join: Sequence[str] = (),
    encrypt_key: bytes = b"",
    profile: str = "local",
) -> Iterator[SerfAgent]:
    """Run an agent until the block ends.

    Args:
        directory: for its log.
        name: its name in the pool.
        host: a loopback address to listen on.
        join: host:port of members through which it joins.
        encrypt_key: 16, 24 or 32 bytes; empty: plain.
        profile: Serf's timing: lan, wan or local, the fastest.
    """
    ports = (free_port(host), free_port(host))
    command = [
        binary("serf"),
        "agent",
        f"-node={name}",
        f"-bind={host}:{ports[0]}",
        f"-rpc-addr={host}:{ports[1]}",
        f"-profile={profile}",
        *(f"-join={address}" for address in join),
    ]
    if encrypt_key:
        command.append(f"-encrypt={base64.b64encode(encrypt_key).decode()}")
    process = Process(command, log_file=directory / f"serf-{name}.log", name=f"serf {name}")
    agent = SerfAgent(process, name, host, ports)
    try:
        process.wait_for(agent.members, timeout_s=15.0, what="its own member list")
        yield agent
    finally:
        process.stop()
    assert_nothing_left(process)

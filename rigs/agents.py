"""Whole agents on this machine, each with its own loopback address and directory.

    with agents(tmp_path, 3) as nodes:
        nodes[0].wait_for_nodes(alive=3)
        nodes[2].process.kill()

All share one cluster key and are one another's seeds.  Each block gets new addresses of
127.0.0.0/8, so the agents keep their default ports and simultaneous runs do not meet.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from secrets import token_hex
from typing import Any

from rigs.loopback import loopback_addresses
from rigs.netns import Host
from rigs.processes import Process, session_processes, wait_until

ROOT = Path(__file__).parent.parent
NAMES = ("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa")
HTTP_PORT = 8081
GOSSIP_PORT = 7946
ACTOR_PORT = 7947


class Agent:
    """One agent: its settings, and its process once started.

    `prefix` precedes its command, e.g. to run it in a network namespace.
    """

    def __init__(
        self,
        directory: Path,
        name: str,
        address: str,
        settings: Mapping[str, Any],
        prefix: Sequence[str] = (),
    ) -> None:
        self.name = name
        self.address = address
        self.directory = directory / name
        self.data_dir = self.directory / "data"
        self.config = self.directory / "agent.yaml"
        self.log_file = self.directory / "agent.log"
        self.directory.mkdir(parents=True, exist_ok=True)
        self.configure(settings)
        self.prefix = tuple(prefix)
        self.program = "constellation.start"
        self.environment: dict[str, str] = {}
        self._process: Process | None = None

    @property
    def process(self) -> Process:
        """The agent's first process; all its others are in the same session."""
        assert self._process is not None, f"{self.name} was never started"
        return self._process

    @property
    def endpoint(self) -> str:
        """The URL that Traefik polls."""
        return f"http://{self.address}:{HTTP_PORT}/api/dynamic"

    def configure(self, settings: Mapping[str, Any]) -> None:
        """Write the settings file that the next start reads."""
        self.settings = settings
        own = {
            "node_name": self.name,
            "bind_address": self.address,
            "data_dir": str(self.data_dir),
            "http": {"bind_address": self.address, "port": HTTP_PORT},
            "log": {"form": "json"},
        }
        self.config.write_text(json.dumps(_merged(own, settings), indent=2))  # JSON is YAML
        self.config.chmod(0o600)  # it holds the cluster key

    def start(self, *, wait: bool = True) -> None:
        """Start it, and return once all its actors work."""
        lines_before = self.log().count("\n") if self.log_file.exists() else 0
        self._process = Process(
            [*self.prefix, sys.executable, "-m", self.program, "--config", self.config],
            log_file=self.log_file,
            name=f"agent {self.name}",
            env={"PYTHONPATH": str(ROOT), **self.environment},
        )
        if wait:
            self.process.wait_for(
                lambda: "agent_started" in "\n".join(self.log().split("\n")[lines_before:]),
                timeout_s=20.0,
                what="agent_started",
            )

    def log(self) -> str:
        """Return everything that the agent has logged since its first start."""
        return self.log_file.read_text(errors="replace")

    def events(self, name: str) -> list[dict[str, Any]]:
        """Return the logged events of one name."""
        lines = [json.loads(line) for line in self.log().splitlines() if line.startswith("{")]
        return [line for line in lines if line.get("event") == name]

    def process_ids(self) -> list[int]:
        """Return all its living processes."""
        return session_processes(self.process.pid)

    def process_id_of(self, actor: str) -> int:
        """Return the process of `actor`, e.g. 'gossip' or 'light'; 0 if it does not run.

        That of an actor in a host is the host's.
        """
        for process_id in self.process_ids():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                command = Path(f"/proc/{process_id}/cmdline").read_bytes()
                title = command.rstrip(b"\0").decode(errors="replace")
                if actor in _actors_in(title, self.name):
                    return process_id
        return 0

    def get(self, path: str) -> tuple[int, bytes]:
        """Return status and body of a page of the agent's listener; status 0 if it is down."""
        connection = http.client.HTTPConnection(self.address, HTTP_PORT, timeout=5)
        with contextlib.closing(connection):
            try:
                connection.request("GET", path)
                response = connection.getresponse()
                return response.status, response.read()
            except (OSError, http.client.HTTPException):
                return 0, b""

    def health(self) -> dict[str, Any]:
        """Return the content of `/health`; empty if the listener is down."""
        _, body = self.get("/health")
        return dict(json.loads(body)) if body else {}

    def servers(self, service: str) -> list[str]:
        """Return the server URLs of a Traefik service in this agent's body."""
        status, body = self.get("/api/dynamic")
        if status != 200:
            return []
        services = json.loads(body).get("http", {}).get("services", {})
        balancer = services.get(service, {}).get("loadBalancer", {})
        return sorted(server["url"] for server in balancer.get("servers", ()))

    def wait_for_members(self, *, alive: int, timeout_s: float = 20.0) -> None:
        """Return once this agent knows `alive` living members, including itself."""
        wait_until(
            lambda: self.health().get("members_alive") == alive,
            timeout_s=timeout_s,
            what=lambda: f"{alive} living members at {self.name}; /health is {self.health()}",
        )

    def wait_for_servers(self, service: str, count: int, *, timeout_s: float = 20.0) -> None:
        """Return once this agent's body routes `service` to `count` servers."""
        wait_until(
            lambda: len(self.servers(service)) == count,
            timeout_s=timeout_s,
            what=lambda: f"{count} of {service} at {self.name}; it has {self.servers(service)}",
        )

    def command(self, *words: str) -> list[str]:
        """Return the command line of `constellation ...` for this agent."""
        return [sys.executable, "-m", "constellation.cli", "--config", str(self.config), *words]

    def run_command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run `constellation ...` for this agent, and return its result."""
        return subprocess.run(
            self.command(*words), capture_output=True, text=True, timeout=20, check=False
        )

    def stop(self) -> int:
        """Stop it as systemd would; return its exit code."""
        return self.process.stop()


@contextlib.contextmanager
def agents(
    directory: Path,
    count: int,
    *,
    settings: Sequence[Mapping[str, Any]] | Mapping[str, Any] = (),
    start: bool = True,
) -> Iterator[list[Agent]]:
    """Run `count` agents that are one another's seeds, until the block ends.

    Args:
        directory: the parent of their directories.
        count: how many agents, at most as many as there are `NAMES`.
        settings: one mapping for all, or one for each; they override the defaults of this module.
        start: start them and wait until each knows all others.
    """
    addresses = loopback_addresses(count)
    shared = {
        "cluster_key": token_hex(32),
        "gossip": {"seeds": [f"{address}:{GOSSIP_PORT}" for address in addresses]},
        "docker": {"enabled": False},
    }
    each = [settings] * count if isinstance(settings, Mapping) else [*settings]
    made = [
        Agent(directory, name, address, _merged(shared, own))
        for name, address, own in zip(NAMES, addresses, each or [{}] * count, strict=False)
    ]
    try:
        if start:
            start_all(made)
        yield made
    finally:
        for agent in made:
            if agent._process is not None:
                agent.process.stop()
    for agent in made:
        if agent._process is not None:
            left = agent.process.leftovers + tuple(agent.process_ids())
            assert not left, f"{agent.name} left processes behind: {left}"


@contextlib.contextmanager
def agents_on(
    hosts: Sequence[Host],
    directory: Path,
    settings: Sequence[Mapping[str, Any]] | Mapping[str, Any] = (),
    *,
    start: bool = True,
) -> Iterator[list[Agent]]:
    """Run an agent on each host until the block ends; they are one another's seeds.

    `settings` are one mapping for all, or one for each.
    """
    shared = {
        "cluster_key": token_hex(32),
        "gossip": {"seeds": [f"{host.address}:{GOSSIP_PORT}" for host in hosts]},
        "docker": {"enabled": False},
        "tailscale": {"enabled": False},
    }
    each = [settings] * len(hosts) if isinstance(settings, Mapping) else [*settings]
    made = [
        Agent(directory, name, host.address, _merged(shared, own), prefix=host.command([]))
        for name, host, own in zip(NAMES, hosts, each or [{}] * len(hosts), strict=False)
    ]
    with contextlib.ExitStack() as stack:
        for agent in made:
            stack.callback(_stop_if_started, agent)
        if start:
            start_all(made)
        yield made


def _stop_if_started(agent: Agent) -> None:
    if agent._process is not None:
        agent.stop()


def start_all(made: Sequence[Agent]) -> None:
    """Start agents together; return once each knows all others."""
    for agent in made:
        agent.start(wait=False)
    for agent in made:
        agent.process.wait_for_line("agent_started", timeout_s=20.0)
    for agent in made:
        agent.wait_for_members(alive=len(made))


def _actors_in(title: str, node_name: str) -> list[str]:
    """Return who lives in a process: 'constellation: NODE HOST (ACTOR ACTOR)', or one actor."""
    prefix = f"constellation: {node_name} "
    return re.split(r"[ ()]+", title.removeprefix(prefix)) if title.startswith(prefix) else []


def process_memory_bytes(process_ids: Sequence[int]) -> int:
    """Return the sum of the processes' proportional set sizes, which count shared pages once."""
    total = 0
    for process_id in process_ids:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            for line in Path(f"/proc/{process_id}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
    return total


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        old = merged.get(key)
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            merged[key] = _merged(old, value)
        else:
            merged[key] = value
    return merged

"""etcd: three members with its defaults, which sync the log before they answer.

The client is a small program in Go with etcd's own client module: gRPC over one connection, to the
leader itself, so that no member has to pass a write on.  Eight connections were not faster.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

from bench.programs import BUILD_DIRECTORY, Program, go_program_missing, start
from bench.raft_peers.cluster import MEMBERS, START_TIMEOUT_S, Sample, sample_of
from rigs.availability import binary
from rigs.loopback import loopback_addresses
from rigs.ports import free_ports
from rigs.processes import Process

CLIENT_SOURCES = Path(__file__).parent / "etcd_client"
CLIENT = BUILD_DIRECTORY / "etcd_client"


class Place(NamedTuple):
    """Where a member listens."""

    host: str
    peer_port: int
    client_port: int

    @property
    def peer_url(self) -> str:
        """For the other members."""
        return f"http://{self.host}:{self.peer_port}"

    @property
    def client_url(self) -> str:
        """For clients."""
        return f"http://{self.host}:{self.client_port}"


class Etcd:
    """A cluster of it."""

    name = "etcd"

    def __init__(self, directory: Path) -> None:
        self._directory = directory / self.name
        self._members: list[Process] = []
        self._client: Program | None = None

    def missing(self) -> str:
        """Return why it cannot be measured here."""
        if not binary("etcd"):
            return "not installed: etcd-server (Debian)"
        return go_program_missing(CLIENT_SOURCES, CLIENT)

    def describe(self) -> str:
        """Return version and client."""
        said = subprocess.run(
            [binary("etcd"), "--version"], capture_output=True, text=True, check=True
        )
        version = said.stdout.splitlines()[0].rpartition(" ")[2]
        return f"etcd {version}, its client in Go, one connection to the leader"

    def start(self) -> None:
        """Start the members; return when all follow one leader."""
        places = [Place(host, *free_ports(2, host)) for host in loopback_addresses(MEMBERS)]
        for place in places:
            self._members.append(
                Process(
                    member_command(self._directory / place.host, place, places),
                    log_file=self._directory / f"{place.host}.log",
                    name=f"etcd {place.host}",
                )
            )
        for member, place in zip(self._members, places, strict=True):
            member.wait_for_port(place.client_port, place.host, timeout_s=START_TIMEOUT_S)
        endpoints = [f"{place.host}:{place.client_port}" for place in places]
        self._client = start("the client of etcd", [str(CLIENT), *endpoints])
        self._client.ask("leads")

    def measure(self, in_flight: int, seconds: float) -> Sample:
        """Write through the leader."""
        assert self._client is not None
        return sample_of(self._client.ask(f"measure {in_flight} {seconds}"))

    def stop(self) -> None:
        """End the client and the members, at once: what they hold is thrown away."""
        if self._client is not None:
            self._client.end()
            self._client = None
        while self._members:
            member = self._members.pop()
            member.kill()
            member.stop()
        shutil.rmtree(self._directory, ignore_errors=True)


def member_command(data: Path, place: Place, places: list[Place]) -> list[str]:
    """Return what starts a member; whatever is not named here is etcd's default."""
    options = {
        "name": place.host,
        "data-dir": str(data),
        "listen-peer-urls": place.peer_url,
        "initial-advertise-peer-urls": place.peer_url,
        "listen-client-urls": place.client_url,
        "advertise-client-urls": place.client_url,
        "initial-cluster": ",".join(f"{other.host}={other.peer_url}" for other in places),
        "initial-cluster-state": "new",
    }
    return [binary("etcd"), *(f"--{key}={value}" for key, value in options.items())]

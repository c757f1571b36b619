"""Runs an agent with an additional actor, which publishes records of services.

    python -m bench.provider_programs.publisher --config FILE

It publishes its node's share of as many services as PUBLISHER_SERVICES says, and then what it is
told by datagrams to the socket `SOCKET_NAME` in the agent's data_dir: `NUMBER HEALTH`.
"""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from typing import cast

from actors import node
from actors.shell import ShellActor
from bench.provider_programs import cluster
from constellation import registry
from constellation.start import main
from messages.gossip import RecordPublish
from messages.monitor import Health

SERVICES_VARIABLE = "PUBLISHER_SERVICES"
SOCKET_NAME = "publish.sock"
DATAGRAM_BYTES_MAX = 100
BATCH = 50  # records in one message


class PublisherActor(ShellActor):
    """Publishes all records at the start, and then single changes."""

    def on_start(self) -> None:
        self._node = node.settings().node_name
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(Path(node.settings().data_dir) / SOCKET_NAME))

    def watched_files(self) -> list[int]:
        return [self._socket.fileno()] if hasattr(self, "_socket") else []

    def on_readable(self, ready: list[int]) -> None:
        number, health = self._socket.recv(DATAGRAM_BYTES_MAX).decode().split()
        item = cluster.instance(int(number), self._node, health=cast("Health", health))
        self.post("gossip", RecordPublish(service_states=(item.state,)))

    def on_actor_up(self, name: str) -> None:
        if name == "gossip":
            everything = cluster.instances(int(os.environ[SERVICES_VARIABLE]))
            own = [item.state for item in everything if item.node == self._node]
            for begin in range(0, len(own), BATCH):
                states = tuple(own[begin : begin + BATCH])
                self.post("gossip", RecordPublish(service_states=states))


if __name__ == "__main__":
    registry.ACTORS += (
        registry.ActorSpec(
            name="publisher", purpose="publishes", actor=f"{__spec__.name}:PublisherActor"
        ),
    )
    sys.exit(main())

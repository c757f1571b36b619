"""Runs the HTTP actor of one node, with a cluster of a number of services.

    python -m bench.provider_programs.http_node SERVICES DIRECTORY

It answers lines on stdin: `port`; `memory`, in bytes; `work`, the CPU time so far in seconds; and
`change SECONDS`, which changes the health of an instance every 50 ms for this time, with the number
of changes.
"""

from __future__ import annotations

import os
import sys
import time

from actors.http.actor import HttpActor
from bench.provider_programs import cluster
from constellation.log import configure_logging
from constellation.settings.agent import Settings
from constellation.settings.http import HttpSettings
from rigs.agents import process_memory_bytes
from rigs.ports import free_port
from tests.harness import Harness

CHANGE_INTERVAL_S = 0.05
CONNECTIONS_MAX = 128


class HttpNode:
    """The actor, with the node that it needs."""

    def __init__(self, services: int, directory: str) -> None:
        self.services = services
        self.port = free_port("127.0.0.1")
        settings = Settings(
            node_name=cluster.NODES[0],
            data_dir=directory,
            http=HttpSettings(port=self.port, requests_max=CONNECTIONS_MAX),
            traefik=cluster.SETTINGS,
        )
        self._harness = Harness(HttpActor(), settings, name="http")
        self._version = 1
        self._harness.deliver(cluster.snapshot(services))

    def answer(self, words: list[str]) -> float:
        """Execute one command."""
        match words:
            case ["port"]:
                return self.port
            case ["memory"]:
                return process_memory_bytes([os.getpid()])
            case ["work"]:
                return time.process_time()
            case ["change", seconds]:
                return self._change(float(seconds))
            case _:
                raise ValueError(f"no such command: {words}")

    def _change(self, seconds: float) -> int:
        began_s, count = time.monotonic(), 0
        while time.monotonic() < began_s + seconds:
            self._version += 1
            number = self._version // 2 * cluster.STRIDE % self.services
            self._harness.deliver(cluster.flipped(self._version, number))
            count += 1
            time.sleep(max(0.0, began_s + count * CHANGE_INTERVAL_S - time.monotonic()))
        return count


def main() -> None:
    """Run until stdin ends."""
    configure_logging(form="console", level="warning", node=cluster.NODES[0])
    node = HttpNode(int(sys.argv[1]), sys.argv[2])
    for line in sys.stdin:
        print(node.answer(line.split()), flush=True)


if __name__ == "__main__":
    main()

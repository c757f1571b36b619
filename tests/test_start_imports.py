"""What an agent loads: each module costs every process of a node memory, and the start time."""

from __future__ import annotations

import subprocess
import sys

# What only a command, only Docker, or only tests need.
UNWANTED = ("aiohttp", "docker", "pytest", "requests", "typer", "unittest")
PROGRAM = """
import sys
import constellation.start
from constellation.registry import ACTORS, load
for spec in ACTORS:
    if spec.name != "docker":
        load(spec.actor)
print(*sys.modules)
"""


def test_an_agent_without_docker_loads_neither_its_client_nor_what_commands_need() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True
    )

    loaded = set(done.stdout.split())
    assert "actors.http.actor" in loaded
    assert loaded.isdisjoint(UNWANTED)


CHECKS = """
import socket, sys
from actors.checks import ChecksActor
from messages.monitor import ServicesObserved
from tests.harness import Harness, messages_of
from tests.monitor.builders import settings

listener = socket.create_server(("127.0.0.1", 0))
address = f"127.0.0.1:{listener.getsockname()[1]}"
for check in ("tcp", "http"):
    service = {"name": "web", "address": address, "check": check, "timeout_s": 0.05}
    harness = Harness(ChecksActor(), settings(static_services=[service]), name="checks",
                      neighbours=("services",))
    seen = lambda: [one.observations[0].check for one in messages_of(ServicesObserved, harness.sent)]
    harness.pump_until(lambda: set(seen()) > {"starting"})
    print(check, seen()[-1], "aiohttp" in sys.modules)
    harness.stop()
"""


def test_only_http_checks_load_their_client() -> None:
    done = subprocess.run(
        [sys.executable, "-c", CHECKS], capture_output=True, text=True, check=True
    )

    assert done.stdout.splitlines() == ["tcp passing False", "http failing True"]

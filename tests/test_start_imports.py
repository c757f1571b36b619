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

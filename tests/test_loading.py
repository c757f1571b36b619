"""What an agent loads, and in which process: each module costs time at the start, and memory."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from constellation.registry import ACTORS

ROOT = Path(__file__).parent.parent

# Large, and of use to none of these processes: Docker's client is loaded when Docker is found,
# aiohttp for HTTP checks, and dnspython ("dns") by the process that talks to a name server.
NEVER = {
    "aiohttp",
    "attr",
    "click",
    "dns",
    "docker",
    "pytest",
    "requests",
    "rich",
    "typer",
    "unittest",
}
NEVER |= {"urllib3"}
OF_SETTINGS = {"msgspec", "pydantic"}  # first of use to the settings
# What the actors decide with.  All are loaded before the first fork, after the checks of the start.
CORES = {
    "constellation.gossip.gossip_node",
    "constellation.leases.holder",
    "constellation.monitor.roster",
    "constellation.raft.member",
    "constellation.traefik.provider",
}


def loaded_by(code: str) -> set[str]:
    """Return the modules that are loaded after `code`."""
    script = f"{code}\nimport json, sys; print(json.dumps(sorted(sys.modules)))"
    ran = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    return set(json.loads(ran.stdout))


def packages(modules: set[str]) -> set[str]:
    return {one.partition(".")[0] for one in modules}


@pytest.mark.slow
def test_flags_are_read_before_anything_is_loaded() -> None:
    modules = loaded_by("import constellation.start")

    assert packages(modules) & {*NEVER, *OF_SETTINGS, "thespian", "structlog", "actors"} == set()


@pytest.mark.slow
def test_settings_are_checked_before_the_agent_is_loaded() -> None:
    modules = loaded_by("import constellation.settings.source, constellation.settings.agent")

    assert packages(modules) & {*NEVER, "thespian", "structlog", "actors", "yaml"} == set()


@pytest.mark.slow
def test_machine_is_checked_before_the_actors_are_loaded() -> None:
    modules = loaded_by("import constellation.start, actors.start")

    assert packages(modules) & NEVER == set()
    assert modules & (CORES | {spec.actor.partition(":")[0] for spec in ACTORS}) == set()


@pytest.mark.slow
def test_actors_load_their_cores_and_none_of_the_large_libraries() -> None:
    modules = loaded_by(
        "import actors.start\n"
        "from constellation.registry import ACTORS, load\n"
        "for spec in ACTORS: load(spec.actor)"
    )

    assert modules >= CORES
    assert packages(modules) & NEVER == set()


# Two checks actors, one after the other: what each service was found to be, and what was loaded.
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
    reports = lambda: messages_of(ServicesObserved, harness.sent)
    seen = lambda: [report.observations[0].check for report in reports()]
    harness.pump_until(lambda: set(seen()) > {"starting"})
    print(check, seen()[-1], "aiohttp" in sys.modules)
    harness.stop()
"""


@pytest.mark.slow
def test_only_http_checks_load_their_client() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", CHECKS],
        cwd=ROOT, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip

    assert ran.stdout.splitlines() == ["tcp passing False", "http failing True"]

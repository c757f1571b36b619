"""The operator's command as a program: whatever its output is connected to, and its weight."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.admin.answering import answering
from tests.admin.builders import cluster_in_trouble, nodes_report
from tests.admin.conftest import KEY

ROOT = Path(__file__).parent.parent.parent

pytestmark = pytest.mark.slow


def program(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "constellation.cli", *arguments],
        cwd=ROOT, stderr=subprocess.PIPE, text=True, check=False, timeout=30, **options,
    )  # fmt: skip


def test_every_generated_key_is_new_and_64_digits_long() -> None:
    keys = {program("keygen", stdout=subprocess.PIPE).stdout for _ in range(2)}

    assert len(keys) == 2
    assert all(re.fullmatch(r"[0-9a-f]{64}\n", key) for key in keys)


def test_closed_pipe_is_no_error() -> None:
    reads, writes = os.pipe()
    os.close(reads)

    ran = program("keygen", stdout=writes)
    os.close(writes)

    assert (ran.returncode, ran.stderr) == (0, "")


@pytest.mark.parametrize("arguments", [["keygen"], ["--help"]], ids=" ".join)
def test_output_to_a_full_disk_is_one_line(arguments: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        ran = program(*arguments, stdout=full)

    assert ran.returncode == 1
    assert "No space left on device" in ran.stderr
    assert ran.stderr.count("\n") == 1


def test_closed_output_does_not_change_the_exit_code() -> None:
    ran = subprocess.run(
        ["/bin/sh", "-c", 'exec "$0" -m constellation.cli.main keygen >&-', sys.executable],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=30,
    )  # fmt: skip

    assert (ran.returncode, ran.stderr) == (0, "")


# What a command must not load: each costs it a tenth of a second or more.
HEAVY = {"aiohttp", "asyncio", "attr", "cryptography", "docker", "logging", "prometheus_client"}
HEAVY |= {"structlog", "thespian", "typer", "uvloop", "yaml"}
# All settings, with the cores whose limits they name, and what belongs to other features.
NOT_OF_NODES = {"constellation.settings.agent", "constellation.monitor.inventory"}
NOT_OF_NODES |= {"actors.shell", "constellation.cli.keys", "messages.keyring", "messages.routes"}


def loaded_by(*arguments: str) -> tuple[subprocess.CompletedProcess[str], set[str]]:
    """Run the program; return how it ended, and the modules that it had loaded by then."""
    script = (
        "import json, sys\n"
        "from constellation.cli.main import run\n"
        "code = run(sys.argv[1:])\n"
        "sys.stderr.write('\\n' + json.dumps(sorted(sys.modules)))\n"
        "sys.exit(code)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=30,
    )  # fmt: skip
    return ran, set(json.loads(ran.stderr.splitlines()[-1]))


@pytest.mark.parametrize("arguments", [["--help"], ["keys", "rotate", "-h"]], ids=" ".join)
def test_help_loads_nothing_but_the_manual(arguments: list[str]) -> None:
    ran, modules = loaded_by(*arguments)

    assert ran.returncode == 0
    assert {one.partition(".")[0] for one in modules} & (
        HEAVY | {"msgspec", "pydantic", "rich"}
    ) == set()


def test_nodes_loads_only_what_it_needs(tmp_path: Path) -> None:
    report = nodes_report(cluster_in_trouble(), {})
    with answering(KEY.encode(), report) as address:
        config = tmp_path / "agent.toml"
        config.write_text(f'bind_address = "{address}"\ncluster_key = "{KEY}"\n')
        config.chmod(0o600)
        ran, modules = loaded_by("--config", str(config), "nodes")

    assert (ran.returncode, ran.stderr.splitlines()[:-1]) == (2, [""])
    assert "alpha" in ran.stdout
    assert {one.partition(".")[0] for one in modules} & HEAVY == set()
    assert modules & NOT_OF_NODES == set()


def test_help_names_the_exit_codes() -> None:
    said = program("--help", stdout=subprocess.PIPE).stdout

    for line in ("0  all is well", "1  not answered", "2  answered, and something is degraded"):
        assert line in said

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


def test_help_names_the_exit_codes_and_loads_nothing_heavy() -> None:
    script = (
        "import atexit, json, sys\n"
        "atexit.register(lambda: sys.stderr.write(json.dumps(sorted(sys.modules))))\n"
        "sys.argv = ['constellation', '--help']\n"
        "from constellation.cli.main import main; main()"
    )

    ran = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT, capture_output=True, text=True, check=True, timeout=30,
    )  # fmt: skip

    for line in ("0  all is well", "1  not answered", "2  answered, and something is degraded"):
        assert line in ran.stdout
    loaded = {name.partition(".")[0] for name in json.loads(ran.stderr)}
    assert loaded & {"rich", "thespian", "docker", "aiohttp", "cryptography", "yaml"} == set()

"""Time is given, never read: a wall clock that jumps can change nothing."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import constellation

ROOT = Path(constellation.__file__).parent
CORES = sorted([*(ROOT / "raft").glob("*.py"), *(ROOT / "leases").glob("*.py")])
CLOCKS = {"time", "datetime", "asyncio", "threading", "os", "signal", "uuid", "secrets"}


def imported(source: str) -> set[str]:
    """Return the names of all that is imported, at any place."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.partition(".")[0])
            if node.module == "random":  # a generator that is given, not the one of the process
                names |= {f"random.{alias.name}" for alias in node.names} - {"random.Random"}
    return names


@pytest.mark.scenario(7)
@pytest.mark.parametrize("path", CORES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_core_reads_no_clock_and_rolls_no_dice_of_its_own(path: Path) -> None:
    names = imported(path.read_text())

    assert not names & CLOCKS
    assert not any(name.startswith("random.") for name in names)


def test_search_for_clocks_finds_them() -> None:
    assert imported("def f():\n    import time") & CLOCKS
    assert imported("from datetime import datetime as d") & CLOCKS
    assert imported("from random import random") == {"random", "random.random"}

"""Time limits that grow with the slowness of the machine: for the demo, not for tests.

A test measures what it waits for, so its limits are fixed.  The demo only waits: on a slow or busy
machine everything takes longer, and a limit that is fixed would fail without a fault.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parent.parent
NORMAL_START_S = 0.3  # of the program below, on the idle machine for which limits were chosen
FACTOR_MAX = 10.0
_GROWTH = 1.1  # less is noise


def measured_slowness() -> float:
    """Return how many times longer than normal it takes now to load an agent."""
    began_s = time.monotonic()
    subprocess.run([sys.executable, "-c", "import actors.start"], cwd=ROOT, check=True, timeout=120)
    return (time.monotonic() - began_s) / NORMAL_START_S


class Patience:
    """The factor of all time limits.  It only grows."""

    def __init__(self, measure: Callable[[], float] | None = None) -> None:
        self.factor = 1.0
        self._measure = measure
        self.grow()

    def grow(self) -> bool:
        """Measure again; return whether there is more patience now."""
        if self._measure is None or self.factor >= FACTOR_MAX:
            return False
        factor = min(self._measure(), FACTOR_MAX)
        if factor < self.factor * _GROWTH:
            return False
        self.factor = factor
        return True


current = Patience()


def be_patient(measure: Callable[[], float] = measured_slowness) -> Patience:
    """Let all limits of `rigs.processes` grow with the machine from now on."""
    global current  # noqa: PLW0603 - one machine, one patience
    current = Patience(measure)
    return current


def be_strict() -> None:
    """Let all limits be as they are written."""
    global current  # noqa: PLW0603 - as above
    current = Patience()

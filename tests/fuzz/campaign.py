"""Feeds many inputs to one target: counts refusals, measures the slowest, finds failures."""

from __future__ import annotations

import resource
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random

from constellation.errors import WireError
from tests.fuzz.mutation import mutated
from tests.fuzz.targets import Target

BLOCK_RUNS = (
    500  # then the target starts anew, so a failure is replayed from the start of its block
)
INPUT_CPU_S_MAX = 0.5
MEMORY_GROWTH_BYTES_MAX = 256 << 20
PROGRESS_INTERVAL_S = 2.0


class FuzzFailure(Exception):  # noqa: N818 - it is what was looked for
    """An input that made the target fail."""

    def __init__(self, target: str, seed: int, number: int, data: bytes, why: str) -> None:
        super().__init__(why)
        self.target, self.seed, self.number, self.data, self.why = target, seed, number, data, why

    @property
    def text(self) -> str:
        """The failure, and the command that replays it."""
        first = self.number - self.number % BLOCK_RUNS
        shown = self.data.hex()
        return (
            f"{self.target}: input {self.number} of seed {self.seed}: {self.why}\n"
            f"  input ({len(self.data)} bytes): {shown[:4000]}{'...' if shown[4000:] else ''}\n"
            f"  again: make fuzz TARGET={self.target} SEED={self.seed} FROM={first} "
            f"RUNS={self.number - first + 1}"
        )


@dataclass(slots=True)
class Findings:
    """The result of a campaign."""

    runs: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    slowest_s: float = 0.0
    took_s: float = 0.0

    @property
    def taken(self) -> int:
        """The number of inputs that were accepted."""
        return self.runs - self.refused.total()


def run_campaign(
    target: Target,
    *,
    runs: int,
    seed: int,
    first: int = 0,
    progress: Callable[[Findings], None] = lambda _: None,
) -> Findings:
    """Feed `runs` inputs; seed and number determine each of them.

    Raises:
        FuzzFailure: the target raised anything but WireError, was slow, or used much memory.
    """
    findings, began_s = Findings(), time.monotonic()
    told_s, memory_bytes = began_s, _memory_bytes()
    feed = target.new()
    for number in range(first, first + runs):
        if number % BLOCK_RUNS == 0:
            feed = target.new()
        random = Random(f"{seed}/{target.name}/{number}")
        data = mutated(_inputs(target, number), random)
        cpu_s = time.process_time()
        try:
            feed(data, random)
        except WireError as error:
            findings.refused[error.reason] += 1
        except BaseException as error:
            why = f"{type(error).__name__}: {error}"
            raise FuzzFailure(target.name, seed, number, data, why) from error
        cpu_s = time.process_time() - cpu_s
        findings.runs += 1
        findings.slowest_s = max(findings.slowest_s, cpu_s)
        if cpu_s > INPUT_CPU_S_MAX:
            why = f"it took {cpu_s:.2f} s of the processor; {INPUT_CPU_S_MAX:g} s are allowed"
            raise FuzzFailure(target.name, seed, number, data, why)
        if _memory_bytes() - memory_bytes > MEMORY_GROWTH_BYTES_MAX:
            why = f"memory grew by over {MEMORY_GROWTH_BYTES_MAX >> 20} MiB"
            raise FuzzFailure(target.name, seed, number, data, why)
        now_s = time.monotonic()
        findings.took_s = now_s - began_s
        if now_s - told_s >= PROGRESS_INTERVAL_S:
            told_s = now_s
            progress(findings)
    return findings


def _inputs(target: Target, number: int) -> Sequence[bytes]:
    """Return the material of an input; the last of each block is a hostile one, in rotation."""
    if not target.hostile or (number + 1) % BLOCK_RUNS:
        return target.inputs
    return [target.hostile[number // BLOCK_RUNS % len(target.hostile)]]


def _memory_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

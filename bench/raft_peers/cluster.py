"""What every measured cluster offers, ours and the peers'."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from bench.figures import percentile

MEMBERS = 3
KEY_BYTES = 16  # decimal digits of a running number
VALUE_BYTES = 64
START_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class Sample:
    """What one client saw: how long it ran, and how long each committed write took."""

    elapsed_s: float
    latencies_s: tuple[float, ...]

    @property
    def rate_per_s(self) -> float:
        """Commits a second."""
        return len(self.latencies_s) / self.elapsed_s

    def latency_ms(self, share: float) -> float:
        """Return the time that `share` of the writes took at most."""
        return 1000 * percentile(list(self.latencies_s), share)


class Cluster(Protocol):
    """Three members on loopback, each with a data directory of its own on the same disk.

    A cluster can be started and stopped again and again, each time with empty directories.
    """

    @property
    def name(self) -> str:
        """One word, for the figures."""
        ...

    def missing(self) -> str:
        """Return why it cannot be measured here, "" if it can; called before all else."""
        ...

    def describe(self) -> str:
        """Return in one line which version is measured, and how."""
        ...

    def start(self) -> None:
        """Start the members; return when they have a leader and all have joined."""
        ...

    def measure(self, in_flight: int, seconds: float) -> Sample:
        """Write from one client that has `in_flight` requests open until the time is over.

        A write that fails ends the benchmark: what was measured so would mean nothing.
        """
        ...

    def stop(self) -> None:
        """End all processes and remove the directories.  Safe to repeat, and after a failure."""
        ...


def sample_of(answer: list[float]) -> Sample:
    """Return the sample in a client's answer: the seconds, then each latency in seconds.

    Raises:
        ValueError: nothing was committed.
    """
    elapsed_s, *latencies_s = answer
    if not latencies_s or elapsed_s <= 0:
        raise ValueError("the client committed nothing")
    return Sample(elapsed_s, tuple(latencies_s))

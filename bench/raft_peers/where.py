"""Where the time of one commit goes: `python -m bench.raft_peers.where`.

Three agents note when each step of a commit begins and ends (`traced`), and a client has one
proposal open.  The path of a commit is followed through the leader and through the follower that
answers first.  What is printed are medians, so that the sum of the spans is less than the whole.
"""

from __future__ import annotations

import bisect
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from statistics import median

from bench.programs import BUILD_DIRECTORY
from bench.raft_peers import traced
from bench.raft_peers.constellation import Constellation

SECONDS = 4.0
LEADER, FOLLOWER = "leader", "follower"
# Each span ends at the first such note after the span before: of whom, which, and what it is.
SPANS = (
    (LEADER, "receive begins", "client sends, leader wakes up"),
    (LEADER, "message begins", "leader receives, authenticates, decodes"),
    (LEADER, "step ends", "leader steps"),
    (LEADER, "send begins", "leader encodes the first append"),
    (FOLLOWER, "receive begins", "follower wakes up"),
    (FOLLOWER, "message begins", "follower receives, authenticates, decodes"),
    (FOLLOWER, "step ends", "follower steps"),
    (FOLLOWER, "store begins", "follower's saving thread wakes up"),
    (FOLLOWER, "store ends", "follower encodes the record, writes, syncs"),
    (FOLLOWER, "save ends", "follower wakes up again"),
    (FOLLOWER, "send begins", "follower encodes its answer"),
    (LEADER, "receive begins", "leader wakes up, or ends its own sync"),
    (LEADER, "message begins", "leader receives, authenticates, decodes the answer"),
    (LEADER, "step ends", "leader steps, commits, applies"),
    (LEADER, "send begins", "leader encodes its answer"),
)
ANSWER = 10  # the span at whose end the follower answers
LAST = "client wakes up, decodes"

Notes = list[tuple[int, str]]  # of one process: when, and what


def main() -> None:
    """Measure and print."""
    BUILD_DIRECTORY.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="raft-", dir=BUILD_DIRECTORY) as name:
        directory = Path(name)
        cluster = Constellation(directory, program=traced.__name__)
        with traced.directory(directory / "notes") as notes:
            try:
                cluster.start()
                windows = commits(cluster)
                leader = cluster.leader
            finally:
                cluster.stop()
            report(windows, leader, {path.name: read(path) for path in notes.iterdir()})


def commits(cluster: Constellation) -> list[tuple[int, int]]:
    """Commit one after another; return when each was sent and answered."""
    windows = []
    cluster.measure(1, SECONDS / 4)
    end_s = time.perf_counter() + SECONDS
    while time.perf_counter() < end_s:
        sent_ns = time.perf_counter_ns()
        cluster.write_one()
        windows.append((sent_ns, time.perf_counter_ns()))
    return windows


def read(path: Path) -> Notes:
    """Return the notes of one process."""
    notes: Notes = []
    for at_ns, number in traced.NOTE.iter_unpack(path.read_bytes()):
        if not at_ns:
            break
        name, edge = traced.STEPS[number // 2][0], "ends" if number % 2 else "begins"
        notes.append((at_ns, f"{name} {edge}"))
    return notes


def report(windows: list[tuple[int, int]], leader: str, notes: dict[str, Notes]) -> None:
    """Print the medians of the spans."""
    spans: dict[int, list[float]] = defaultdict(list)
    for sent_ns, answered_ns in windows:
        paths = [
            path_of({LEADER: notes[leader], FOLLOWER: one}, sent_ns, answered_ns)
            for name, one in notes.items()
            if name != leader
        ]
        whole = [list(path) for path in paths if path]
        if whole:
            for place, span_ns in enumerate(min(whole, key=_until_the_answer)):
                spans[place].append(span_ns / 1000)
    print(f"{len(spans[0])} of {len(windows)} commits; medians in microseconds")
    for place, label in enumerate([*(label for *_, label in SPANS), LAST]):
        print(f"{median(spans[place]):8.0f}  {label}")
    total = median((answered_ns - sent_ns) / 1000 for sent_ns, answered_ns in windows)
    print(f"{total:8.0f}  in all, of every commit")


def _until_the_answer(path: Iterable[int]) -> int:
    return sum(tuple(path)[: ANSWER + 1])


def path_of(notes: dict[str, Notes], sent_ns: int, answered_ns: int) -> list[int]:
    """Return the spans of one commit; none if it went another way."""
    at_ns, spans = sent_ns, []
    for who, what, _ in SPANS:
        start = bisect.bisect_left(notes[who], (at_ns, ""))
        found = next((at for at, name in notes[who][start : start + 64] if name == what), 0)
        if not found or found > answered_ns:
            return []
        spans.append(found - at_ns)
        at_ns = found
    return [*spans, answered_ns - at_ns]


if __name__ == "__main__":
    main()

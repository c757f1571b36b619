"""Measures how fast the provider of a cluster of five nodes builds, serves, and follows changes.

The body is rebuilt after one change, with 1,000 services, and with 100 and 10,000 to see that the
cost grows linearly.  The HTTP actor, in its own process, serves it on persistent connections to
`bench.provider_programs.poller`.  Five agents with default settings and 1,000 services show how
soon a change on one node is in the bodies of the others.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.figures import Figures, percentile
from bench.programs import Program, start
from bench.provider_programs import visible
from rigs.processes import wait_until

SERVICES = 1000
SIZES = (100, SERVICES, 10_000)
CHANGES = {100: 200, SERVICES: 200, 10_000: 20}
RUNS = 3
RUNS_LARGEST = 1  # long enough for a stable result
RUN_TIMEOUT_S = 120
CONNECTIONS = 4
POLL_S = 3.0
VISIBLE_CHANGES = 40
VISIBLE_CHECKS = 12

REBUILD_MS_GOAL = 10
FULL_MS_GOAL = 1000
RATE_GOAL = 3000
POLL_P99_MS_GOAL = 5
VISIBLE_MS_GOAL = 500
KIB_PER_SERVICE_GOAL = 16
LINEAR_GOAL = 11.0  # for ten times as many services, because of cache misses
FIRST_BUILD_S_GOAL = 6.0  # of the largest cluster, beside polls
POLL_WHILE_BUILDING_MS_GOAL = 100
POLL_PAUSE_S = 0.02

Took = Sequence[Sequence[float]]  # [ms, CPU ms] each
Times = dict[str, Took]


@dataclass(frozen=True, slots=True)
class Served:
    """The result of one round of polling."""

    rate_per_s: float
    p50_ms: float
    p99_ms: float
    body_bytes: float
    work_us: float  # CPU time for each request


def main() -> None:
    """Measure everything, print and write the figures."""
    with Figures("provider") as figures:
        figures.note(f"of times to build, each is the median of {RUNS} runs")
        report_builds(figures, {size: builds(size, CHANGES[size]) for size in SIZES})
        report_memory(figures, {size: memory_bytes(size) for size in (0, *SIZES)})
        report_first_build(figures, first_build(max(SIZES)))
        figures.note(f"{CONNECTIONS} connections, each with one request open; medians of {RUNS}")
        report_served(figures, "", poll(SERVICES))
        report_served(figures, "_10_services", poll(10))
        changing = poll(SERVICES, is_changing=True)
        report_served(figures, "_while_changing", changing, with_goals=False)
        with tempfile.TemporaryDirectory() as directory:
            report_visible(
                figures,
                visible.measure(
                    Path(directory),
                    services=SERVICES,
                    changes=VISIBLE_CHANGES,
                    checks=VISIBLE_CHECKS,
                ),
            )


# Building.


def builds(services: int, changes: int) -> Times:
    """Return the median of each time over several runs."""
    count = RUNS if services < max(SIZES) else RUNS_LARGEST
    runs = [build_times(services, changes) for _ in range(count)]
    return {
        kind: [medians(took) for took in zip(*(run[kind] for run in runs), strict=True)]
        for kind in runs[0]
    }


def medians(took: Sequence[Sequence[float]]) -> list[float]:
    """Return the medians of wall time and CPU time over several runs."""
    return [median(values) for values in zip(*took, strict=True)]


def build_times(services: int, changes: int) -> Times:
    """Build in a new process."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.provider_programs.build_times", str(services), str(changes)],
        capture_output=True,
        text=True,
        timeout=RUN_TIMEOUT_S,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"provider: building ended with {done.returncode}: {done.stderr[-2000:]}")
    return dict(json.loads(done.stdout))


def report_builds(figures: Figures, times: dict[int, Times]) -> None:
    """Print build times, in total and per service."""
    for kind in ("health", "label", "cordon"):
        took = [one[0] for one in times[SERVICES][kind]]
        goal = REBUILD_MS_GOAL if kind != "cordon" else FULL_MS_GOAL
        figures.add(f"rebuild_{kind}_p50", percentile(took, 0.5), "ms", goal=goal)
        figures.add(f"rebuild_{kind}_p99", percentile(took, 0.99), "ms", goal=goal)
    figures.add("full_build", times[SERVICES]["full"][0][0], "ms", goal=FULL_MS_GOAL)
    largest = times[max(SIZES)]["full"][0][0] / 1000
    figures.add("full_build_10000", largest, "s", goal=FIRST_BUILD_S_GOAL)
    rows: list[list[str | float]] = []
    for size, of_size in times.items():
        for kind, of_kind in of_size.items():
            wall, work = ([one[which] for one in of_kind] for which in (0, 1))
            middle = percentile(wall, 0.5)
            rows.append(
                [
                    str(size),
                    kind,
                    middle,
                    percentile(wall, 0.99),
                    percentile(work, 0.5),
                    percentile(work, 0.99),
                    1000 * percentile(work, 0.5) / size,
                ]
            )
    columns = ["services", "change", "p50 ms", "p99 ms", "p50 CPU ms", "p99 CPU ms"]
    figures.table([*columns, "CPU us per service"], rows)
    for kind in ("full", "health", "label", "cordon"):
        grown = growth({size: percentile([t[1] for t in times[size][kind]], 0.5) for size in times})
        figures.add(f"{kind}_10000_to_1000", grown, "times", goal=LINEAR_GOAL)


def growth(values: dict[int, float]) -> float:
    """Return the ratio of the value for the largest size to that for the next smaller one."""
    before, largest = sorted(values)[-2:]
    return values[largest] / values[before]


# Memory.


def memory_bytes(services: int) -> float:
    """Return the memory of an HTTP actor's process that follows this number of services."""
    with http_node(services) as node:
        if services:
            node.ask("change 0.2")
        return node.ask("memory")[0]


def report_memory(figures: Figures, sizes: dict[int, float]) -> None:
    """Print the memory of the process, in total and per service."""
    grown = {size: (value - sizes[0]) / 1024 for size, value in sizes.items() if size}
    rows: list[list[str | float]] = [
        [str(size), sizes[size] / (1 << 20), of_services / size]
        for size, of_services in grown.items()
    ]
    rows.insert(0, ["0", sizes[0] / (1 << 20), ""])
    figures.table(["services", "HTTP actor MiB", "KiB per service"], rows)
    largest = max(grown)
    goal = KIB_PER_SERVICE_GOAL
    figures.add("memory_per_service", grown[largest] / largest, "KiB", goal=goal)
    figures.add("memory_10000_to_1000", growth(grown), "times", goal=LINEAR_GOAL)


# The first build, in a thread beside the loop.


@dataclass(frozen=True, slots=True)
class FirstBuild:
    """How long it took, and how long each poll waited for its answer meanwhile."""

    took_s: float
    polls_ms: Sequence[float]


def first_build(services: int) -> FirstBuild:
    """Let an HTTP actor build its first body, and poll it until it has one."""
    with tempfile.TemporaryDirectory() as directory:
        program = start_http_node(services, directory)
        try:
            port = int(program.ask("port")[0])
            polls_ms: list[float] = []
            began_s = time.monotonic()
            is_built = False
            while not is_built:
                if time.monotonic() > began_s + RUN_TIMEOUT_S:
                    raise SystemExit(f"provider: {services} services have no body in time")
                asked_s = time.monotonic()
                is_built = has_body(port)
                polls_ms.append((time.monotonic() - asked_s) * 1000)
                time.sleep(POLL_PAUSE_S)
            return FirstBuild(time.monotonic() - began_s, polls_ms)
        finally:
            program.end()


def report_first_build(figures: Figures, build: FirstBuild) -> None:
    """Print how long it took, and how long polls waited for their answer."""
    figures.add("first_build_10000", build.took_s, "s", goal=FIRST_BUILD_S_GOAL)
    figures.add(
        "first_build_poll_p99",
        percentile([*build.polls_ms], 0.99),
        "ms",
        goal=POLL_WHILE_BUILDING_MS_GOAL,
    )


# Serving.


def start_http_node(services: int, directory: str) -> Program:
    """Start a process with an HTTP actor, which has the state of the cluster when it answers."""
    command = [sys.executable, "-m", "bench.provider_programs.http_node", str(services), directory]
    return start("HTTP actor", command)


@contextlib.contextmanager
def http_node(services: int) -> Iterator[Program]:
    """Run an HTTP actor for the duration of the block; it has a body already."""
    with tempfile.TemporaryDirectory() as directory:
        program = start_http_node(services, directory)
        try:
            port = int(program.ask("port")[0])
            if services:
                wait_until(lambda: has_body(port), timeout_s=RUN_TIMEOUT_S, what="a body")
            yield program
        finally:
            program.end()


def has_body(port: int) -> bool:
    """Return whether the listener serves a body."""
    with contextlib.suppress(OSError):
        url = f"http://127.0.0.1:{port}/api/dynamic"
        with urllib.request.urlopen(url, timeout=5) as response:
            return bool(response.read())
    return False


def poll(services: int, *, is_changing: bool = False) -> list[Served]:
    """Poll for several rounds, optionally during changes."""
    with http_node(services) as node:
        port = int(node.ask("port")[0])
        command = [sys.executable, "-m", "bench.provider_programs.poller", str(port)]
        poller = start("poller", command)
        try:
            poller.ask(f"poll 0.5 {CONNECTIONS}")
            rounds = []
            for _ in range(RUNS):
                (before_s,) = node.ask("work")
                if is_changing:
                    node.tell(f"change {POLL_S}")
                answer = poller.ask(f"poll {POLL_S} {CONNECTIONS}")
                if is_changing:
                    node.answer()
                rounds.append(served(answer, node.ask("work")[0] - before_s))
            return rounds
        finally:
            poller.end()


def served(answer: Sequence[float], work_s: float) -> Served:
    """Return the result from the poller's answer and the CPU time of the server."""
    count, seconds, body_bytes, *times_ms = answer
    p50_ms, p99_ms = (percentile(times_ms, share) for share in (0.5, 0.99))
    return Served(count / seconds, p50_ms, p99_ms, body_bytes, 1e6 * work_s / count)


def report_served(
    figures: Figures, which: str, rounds: Sequence[Served], *, with_goals: bool = True
) -> None:
    """Print the medians of all rounds; figures with goals only if wanted."""
    rate = median(one.rate_per_s for one in rounds)
    p50_ms, p99_ms, work_us = (
        median(getattr(one, name) for one in rounds) for name in ("p50_ms", "p99_ms", "work_us")
    )
    body_bytes = rounds[-1].body_bytes
    if with_goals:
        figures.add(f"served{which}", rate, "requests/s", goal=RATE_GOAL, better="higher")
        figures.add(f"served{which}_p99", p99_ms, "ms", goal=POLL_P99_MS_GOAL)
    figures.table(
        [f"served{which}", "requests/s", "MB/s", "bytes", "p50 ms", "p99 ms", "CPU us"],
        [["", rate, rate * body_bytes / 1e6, str(int(body_bytes)), p50_ms, p99_ms, work_us]],
    )


# Following.


def report_visible(figures: Figures, times: visible.Visible) -> None:
    """Print how soon changes were visible."""
    figures.add("visible_p50", percentile(times.others, 0.5), "ms", goal=VISIBLE_MS_GOAL)
    figures.add("visible_p99", percentile(times.others, 0.99), "ms", goal=VISIBLE_MS_GOAL)
    # A change is first noticed at the next check; a failure needs two checks.  With a dozen
    # checks, p99 is the longest wait for one: an accident of their phase.
    noticed_ms = 1000 * visible.CHECK_INTERVAL_S
    for name, values, checks in (("failing", times.failing, 2), ("passing", times.passing, 1)):
        goal = checks * noticed_ms + VISIBLE_MS_GOAL
        figures.add(f"visible_{name}_check_p99", percentile(values, 0.99), "ms", goal=goal)
    p99_ms = percentile(times.noticed, 0.99)
    figures.add("visible_noticed_check_p99", p99_ms, "ms", goal=VISIBLE_MS_GOAL)
    named = {
        "its own body": times.own,
        "others' bodies": times.others,
        "failing check to others' bodies": times.failing,
        "passing check to others' bodies": times.passing,
        "the check that tells to others' bodies": times.noticed,
    }
    figures.table(
        ["from the change to", "times", "p50 ms", "p99 ms"],
        [
            [name, str(len(values)), percentile(values, 0.5), percentile(values, 0.99)]
            for name, values in named.items()
        ],
    )


if __name__ == "__main__":
    main()

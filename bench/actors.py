"""Actor messages: this project's transport beside the one that Thespian ships, and within a host.

Three runs of each, taking turns; the figures are the medians of the runs.  Thespian's listens on
every interface and unpickles what arrives there, so it runs in a network namespace of its own.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from statistics import median
from typing import Any

from bench.figures import Figures, Peer, percentile

RUNS = 3
RUN_TIMEOUT_S = 40
OURS, NEIGHBOURS, PEER = "constellation", "neighbours", "thespian"
NEIGHBOURS_FASTER = 5.0  # than actors in processes of their own, at least
ISOLATED = ("unshare", "--user", "--map-root-user", "--net", "sh", "-c", 'ip link set lo up; "$@"')


def main() -> None:
    """Measure, print, write."""
    with Figures("actors") as figures:
        reason = isolation_missing()
        if reason:
            figures.absent(PEER, reason)
        names = (OURS, NEIGHBOURS) if reason else (OURS, NEIGHBOURS, PEER)
        runs: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
        for _ in range(RUNS):
            for name in names:
                runs[name].append(run(name, isolated=not reason))
        for share, label in ((0.5, "p50"), (0.99, "p99")):
            values = {name: round_trip_ms(runs[name], share) for name in names}
            add(figures, f"round_trip_{label}", values, "ms", better="lower", goal_alone=0.75)
        rates = {name: median(one["messages_per_s"] for one in runs[name]) for name in names}
        add(figures, "message_rate", rates, "messages/s", better="higher", goal_alone=1800.0)
        figures.add(
            "neighbour_message_rate",
            rates[NEIGHBOURS],
            "messages/s",
            goal=NEIGHBOURS_FASTER * rates[OURS],
            better="higher",
            peer=Peer("own_processes", rates[OURS]),
        )


def add(
    figures: Figures,
    name: str,
    values: dict[str, float],
    unit: str,
    *,
    better: Any,
    goal_alone: float,
) -> None:
    """Print one figure; the goal is the peer's own value, not to be worse."""
    peer = Peer(PEER, values[PEER]) if PEER in values else None
    goal = values.get(PEER, goal_alone)
    figures.add(name, values[OURS], unit, goal=goal, better=better, peer=peer)


def round_trip_ms(runs: list[dict[str, Any]], share: float) -> float:
    """Return the median over runs of a percentile of the round trips."""
    return 1000 * median(percentile(list(one["round_trips_s"]), share) for one in runs)


def isolation_missing() -> str:
    """Return why Thespian's transport cannot be kept off the network here; "" if it can."""
    if (
        shutil.which("unshare") is None
        or shutil.which("ip", path="/usr/sbin:/sbin:/usr/bin") is None
    ):
        return "needs unshare and ip to keep it off the network"
    tried = subprocess.run([*ISOLATED, "sh", "true"], capture_output=True, text=True, check=False)
    return f"no network namespace for it: {tried.stderr.strip()}" if tried.returncode else ""


def run(name: str, *, isolated: bool) -> dict[str, Any]:
    """Run one system in a process of its own; both in such a namespace, so that they are equal."""
    prefix = [*ISOLATED, "sh"] if isolated else []
    done = subprocess.run(
        [*prefix, sys.executable, "-c", "from bench.actor_pair import main; main()", name],
        capture_output=True,
        text=True,
        timeout=RUN_TIMEOUT_S,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"actors: {name} failed with {done.returncode}: {done.stderr[-2000:]}")
    return dict(json.loads(done.stdout.splitlines()[-1]))


if __name__ == "__main__":
    main()

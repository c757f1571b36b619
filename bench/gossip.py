"""Gossip: our members and as many of HashiCorp memberlist, measured at the same time.

Each kind runs in one process (`bench.gossip_members`, `bench/memberlist_peer`).  It answers each
line of `start`, `update MEMBER`, `kill MEMBER` and `idle SECONDS` with one line, and measures by
itself.  Both use memberlist's settings for a LAN, our packet size, and AES-256-GCM.  Both are idle
and lose members at the same time, so that a busy machine disturbs both, and take turns at updates.

- An update is a broadcast of one member; it ends when the last other member has it.  memberlist's
  members relay a broadcast as Serf's do.  About one broadcast in a hundred misses one of 50
  members; such a trial counts as 3 s.
- A kill closes the sockets of one member, so that its host refuses connections; it ends when all
  others have declared it dead.
- Idle lasts one push/pull interval, and begins when both kinds do the same number of exchanges in
  it.

`--long` measures only deaths, at least 30 for each figure: see `bench.gossip_pairs`.
"""

from __future__ import annotations

import argparse
import time
from statistics import median

from bench.figures import Figures, Peer
from bench.gossip_pairs import PAIRS_MIN, measure_pairs
from bench.gossip_programs import OURS, PEER, Measured, at_once, pause, peer_missing, programs
from bench.programs import Program

UPDATES = 15
KILLS = {10: 7, 50: 5}  # the time until the first probe is random: a median needs several
UPDATE_PAUSE_S = (
    0.7,
    0.9,
)  # earlier broadcasts are finished, at a random phase of the gossip interval
KILL_PAUSE_S = (1.0, 2.0)
IDLE_BEGINS_S = 30.0  # memberlist begins push/pull one interval later than our members
IDLE_S = {10: 30, 50: 60}  # one push/pull interval, which grows with the members

CPU_PERCENT_GOAL = 0.5
FACTORS = {"update": 0.5, "kill": 1.0, "bytes": 1.2}  # the goal, as a factor of the peer's value
ALONE = {  # the known values of memberlist 0.7.0, for when the peer is absent
    10: {"update": 250.0, "kill": 5.8, "bytes": 176.0},
    50: {"update": 410.0, "kill": 8.9, "bytes": 186.0},
}


def main() -> None:
    """Measure, print, write."""
    arguments = argparse.ArgumentParser(description="Gossip beside memberlist.")
    arguments.add_argument("--long", action="store_true", help="many deaths, as pairs")
    arguments.add_argument(
        "--kills", type=int, default=PAIRS_MIN, help="pairs to add with --long in this run"
    )
    chosen = arguments.parse_args()
    if chosen.long:
        measure_pairs(chosen.kills)
    else:
        measure_all()


def measure_all() -> None:
    """Measure each figure once."""
    with Figures("gossip") as figures:
        reason = peer_missing()
        if reason:
            figures.absent(PEER, reason)
        for count in IDLE_S:
            with programs(count, peer=not reason) as running:
                measure(figures, count, running)


def measure(figures: Figures, count: int, running: list[Program]) -> None:
    """Print the figures of `count` members of each kind."""
    for program in running:
        program.ask("start")
    idle_at_s = time.monotonic() + IDLE_BEGINS_S
    took = medians(updates_ms(count, running))
    add(figures, f"n{count}_update_to_all_p50", took, "ms", goal=goal_of("update", count, took))
    time.sleep(max(0.0, idle_at_s - time.monotonic()))
    idle = at_once(running, f"idle {IDLE_S[count]}")
    sent = {name: bytes_s for name, (bytes_s, _) in idle.items()}
    add(figures, f"n{count}_idle_bytes_out", sent, "bytes/s", goal=goal_of("bytes", count, sent))
    cpu = {name: 100 * share for name, (_, share) in idle.items()}
    add(figures, f"n{count}_idle_cpu", cpu, "%", goal=CPU_PERCENT_GOAL)
    took = medians(kills_s(count, running))
    add(figures, f"n{count}_kill_to_dead_p50", took, "s", goal=goal_of("kill", count, took))


def updates_ms(count: int, running: list[Program]) -> Measured:
    """Publish repeatedly, each time at another member."""
    took_ms: Measured = {program.name: [] for program in running}
    for trial in range(UPDATES):
        for program in running:
            pause(UPDATE_PAUSE_S)
            took_ms[program.name] += [1000 * s for s in program.ask(f"update {trial % count}")]
    return took_ms


def kills_s(count: int, running: list[Program]) -> Measured:
    """Kill some members, one after another."""
    took_s: Measured = {program.name: [] for program in running}
    for trial in range(KILLS[count]):
        pause(KILL_PAUSE_S)
        for name, seconds in at_once(running, f"kill {count - 1 - trial}").items():
            took_s[name] += seconds
    return took_s


def medians(values: Measured) -> dict[str, float]:
    """Return the median of each kind's values."""
    return {name: median(of_kind) for name, of_kind in values.items()}


def add(figures: Figures, name: str, values: dict[str, float], unit: str, *, goal: float) -> None:
    """Print one figure beside that of the peer."""
    peer = Peer(PEER, values[PEER]) if PEER in values else None
    figures.add(name, values[OURS], unit, goal=goal, peer=peer)


def goal_of(what: str, count: int, values: dict[str, float]) -> float:
    """Return the goal: derived from what the peer reached here, or its known value."""
    return FACTORS[what] * values.get(PEER, ALONE[count][what])


if __name__ == "__main__":
    main()

"""Measure gossip in clusters of up to 1,000 simulated members, and draw it.

    python -m scripts.plot_gossip            # measures, which takes some minutes, and draws
    python -m scripts.plot_gossip --draw     # draws again what was measured last

writes docs/gossip-scale.json, docs/gossip-scale.svg and docs/gossip-scale.md.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from math import log10
from pathlib import Path
from typing import Any

from constellation.gossip.policy import SwimPolicy
from tests.simulation.scale import IDLE_S, TRIP_S, Scale, Spread, measure

DOCS = Path(__file__).parent.parent / "docs"
DATA, PICTURE, PAGE = (DOCS / f"gossip-scale.{suffix}" for suffix in ("json", "svg", "md"))
SIZES = (10, 30, 100, 300, 1000)
SEED = 1
SUSPICION = SwimPolicy().suspicion_multiplier


def main() -> int:
    """Measure unless only drawing is asked for, then write picture and page."""
    parser = argparse.ArgumentParser(prog="python -m scripts.plot_gossip", description=__doc__)
    parser.add_argument("--draw", action="store_true", help="measure nothing")
    if not parser.parse_args().draw:
        DATA.write_text(json.dumps([asdict(scale) for scale in measured()], indent=2) + "\n")
    scales = [_scale(row) for row in json.loads(DATA.read_text())]
    draw(scales)
    PAGE.write_text(page(scales))
    for file in (DATA, PICTURE, PAGE):
        sys.stdout.write(f"{file.relative_to(DOCS.parent)} written\n")
    return 0


def measured() -> list[Scale]:
    """Return the figures of every size, saying how it goes."""
    scales = []
    for members in SIZES:
        began_s = time.monotonic()
        sys.stdout.write(f"{members:5} members ... ")
        sys.stdout.flush()
        scales.append(measure(members, seed=SEED))
        sys.stdout.write(f"{time.monotonic() - began_s:.0f} s\n")
    return scales


def _scale(row: dict[str, Any]) -> Scale:
    spreads = {name: Spread(**value) for name, value in row.items() if isinstance(value, dict)}
    return Scale(**{**row, **spreads})


def page(scales: Sequence[Scale]) -> str:
    """Return docs/gossip-scale.md."""
    rows = "\n".join(
        f"| {scale.members:,} | {scale.idle_packets_per_s.mean:.2f} | "
        f"{scale.idle_bytes_per_s.mean:.0f} | {scale.idle_bytes_per_s.median:.0f} | "
        f"{scale.idle_bytes_per_s.p99:.0f} | {scale.update_to_all_s:.2f} s | "
        f"{scale.kill_to_dead_everywhere_s:.1f} s |"
        for scale in scales
    )
    return f"""# Gossip in clusters of any size

Written by `make plot-gossip`, which takes some minutes: the gossip of the agent, in virtual
time, with {1000 * TRIP_S:g} ms from member to member and back and the default settings.

| Members | Packets/s | Bytes/s, mean | median | p99 | Update to all | Kill to dead everywhere |
|---|---|---|---|---|---|---|
{rows}

![Cost of an idle member, time of an update, time of a death, by members](gossip-scale.svg)

- Packets and bytes are what one member sends while nothing happens, over {IDLE_S:g} s, by UDP
  and TCP, as they travel.
- An update is a record of one service, until the last member has it: the median of five.
- A kill is a member that falls silent, until all others hold it for dead: the median of three.
  Most of it is the time in which a suspect may refute, {SUSPICION} s x log10 of the members.
- An idle member costs the same in any cluster, because two members whose states are the same
  tell each other so and exchange nothing (`constellation/gossip/sameness.py`).
"""


def draw(scales: Sequence[Scale]) -> None:
    """Write docs/gossip-scale.svg, the same for the same figures."""
    import matplotlib as mpl  # noqa: PLC0415 - only `make plot-gossip` has it

    mpl.use("svg")
    from matplotlib import pyplot  # noqa: PLC0415 - after the choice of what it draws with

    mpl.rcParams["svg.hashsalt"] = "constellation"
    members = [scale.members for scale in scales]
    figure, (cost, update, death) = pyplot.subplots(1, 3, figsize=(12, 3.6))
    sent = [scale.idle_bytes_per_s for scale in scales]
    cost.plot(members, [one.mean for one in sent], "o-", label="bytes/s, mean")
    cost.plot(members, [one.p99 for one in sent], ".:", label="bytes/s, p99")
    packets = [100 * scale.idle_packets_per_s.mean for scale in scales]
    cost.plot(members, packets, "s-", label="packets per 100 s")
    cost.set(title="Cost of an idle member", ylim=(0, None))
    update.plot(members, [scale.update_to_all_s for scale in scales], "o-")
    update.set(title="Update to all", ylabel="s", ylim=(0, None))
    took_s = [scale.kill_to_dead_everywhere_s for scale in scales]
    death.plot(members, took_s, "o-", label="measured")
    suspicion_s = [SwimPolicy().suspicion_multiplier * max(1.0, log10(count)) for count in members]
    death.plot(members, suspicion_s, "--", label="time to refute, 4 s x log10 n")
    death.set(title="Kill to dead everywhere", ylabel="s", ylim=(0, None))
    for axes in (cost, update, death):
        axes.set(xscale="log", xlabel="members")
        axes.set_xticks(members, [f"{count:,}" for count in members])
        axes.minorticks_off()
        axes.grid(visible=True, alpha=0.3)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(fontsize="small")
    figure.tight_layout()
    figure.savefig(PICTURE, metadata={"Date": None, "Creator": None})


if __name__ == "__main__":
    sys.exit(main())

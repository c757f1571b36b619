"""Three agents on a machine that is busy with something else: they must stay as they are.

    python -m tests.agent.overload_campaign --load 30 --seconds 60

It starts the agents, then as many busy processes as asked for, and counts what the agents did about
it: restarts of actors, and changes of the leader.  Both must be none.  It is no test of the suite,
because the busy processes would disturb the tests beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rigs.agents import Agent, agents
from rigs.processes import wait_until

BURN = "import time; end = time.monotonic() + {seconds}\nwhile time.monotonic() < end: pass"


@contextmanager
def busy_processes(count: int, seconds: float) -> Iterator[None]:
    """Run `count` processes that only use the processor, for at most `seconds`."""
    burning = [
        subprocess.Popen([sys.executable, "-c", BURN.format(seconds=seconds)]) for _ in range(count)
    ]
    try:
        yield
    finally:
        for process in burning:
            process.kill()
            process.wait()


def leadership(agent: Agent) -> tuple[str, int]:
    """Return the leader and its term as an agent knows them; an empty leader: none."""
    done = agent.run_command("raft", "--json")
    report = json.loads(done.stdout) if done.stdout.strip() else {}
    return str(report.get("leader") or ""), int(report.get("term") or 0)


def events(made: Sequence[Agent], name: str) -> int:
    """Return how often the agents logged an event."""
    return sum(len(agent.events(name)) for agent in made)


def main() -> int:
    """Run the campaign; 1 if an actor was restarted or the leader changed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--load", type=int, default=30, help="busy processes")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long they run")
    asked = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as directory,
        agents(Path(directory), 3, settings={"raft": {"bootstrap_expect": 3}}) as made,
    ):
        wait_until(lambda: bool(leadership(made[0])[0]), timeout_s=60, what="a leader")
        time.sleep(5.0)  # a preferred node may still take over
        before = leadership(made[0])
        with busy_processes(asked.load, asked.seconds + 60):
            time.sleep(asked.seconds)
            load = os.getloadavg()[0]
        wait_until(lambda: bool(leadership(made[0])[0]), timeout_s=60, what="a leader")
        figures = {
            "load": round(load, 1),
            "before": before,
            "after": leadership(made[0]),
            "actors_hung": events(made, "actor_hung"),
            "actors_exited": events(made, "actor_exited"),
        }
    sys.stdout.write(json.dumps(figures) + "\n")
    return 0 if figures["after"] == before and not figures["actors_exited"] else 1


if __name__ == "__main__":
    sys.exit(main())

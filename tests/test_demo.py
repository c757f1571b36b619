"""The demonstration, run by a program."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.integration
@pytest.mark.slow
@pytest.mark.needs("traefik")
def test_the_demo_survives_a_killed_service_and_a_killed_node_without_failed_requests() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "demo", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    *steps, last = done.stdout.splitlines()
    told = [re.sub(r" \d+ ms.*", "", step) for step in steps]
    # Only if the leader is the node that Traefik polls, because that one must not die.
    assert [step for step in told if step != "step leader_handed_over"] == [
        f"step {name}"
        for name in (
            "services_start",
            "agents_start",
            "agents_meet",
            "leader_elected",
            "routes_ready",
            "traefik_ready",
            "served_in_turn",
            "service_killed",
            "service_out_of_traefik",
            "service_healed",
            "node_killed",
            "leases_moved",
            "node_leaves_nothing",
            "node_out_of_traefik",
            "node_healed",
        )
    ]
    requests = re.match(r"demo: ok requests=(\d+) failed=0 ", last)
    assert requests, last
    assert int(requests[1]) > 50
